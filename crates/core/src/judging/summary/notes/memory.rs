//! Main memory: asked for and used.

use super::Note;
use crate::judging::summary::Summary;

/// Share of the limit from which on it is close.
const NEAR_SHARE: f64 = 0.9;
/// Share of what was asked for up to which most of it was not used.
const UNUSED_SHARE: f64 = 0.3;
/// Bytes below which nobody else could have used what was not.
const UNUSED_BYTES: u64 = 8 << 30;
/// Seconds after which a run has shown what it needs.
const SHOWN_SECONDS: f64 = 120.0;

/// Highest bytes in use, and those that the run may use, where somebody set a limit.
fn used_and_limit(summary: &Summary) -> Option<(u64, u64)> {
    let measured = &summary.measured;
    let used_bytes = measured.peak_bytes.max(summary.peak_process_bytes)?;
    Some((used_bytes, measured.allowance.memory_bytes?)).filter(|(_, limit)| *limit > 0)
}

/// Whether the run came close to its limit.
pub fn near_limit(summary: &Summary) -> Option<Note> {
    let (used_bytes, limit_bytes) = used_and_limit(summary)?;
    // Pages that processes share count more than once in a sum: beyond the limit it is none of what is charged.
    if used_bytes > limit_bytes || (used_bytes as f64) < NEAR_SHARE * limit_bytes as f64 {
        return None;
    }
    Some(Note::MemoryNearLimit {
        used_bytes,
        limit_bytes,
    })
}

/// Whether most of what was asked for was not needed, by a run that came to its end.
pub fn unused(summary: &Summary) -> Option<Note> {
    let (used_bytes, limit_bytes) = used_and_limit(summary)?;
    let is_success = summary.finish.as_ref()?.is_success();
    let is_shown = is_success && summary.seconds? >= SHOWN_SECONDS;
    let is_unused = used_bytes as f64 <= UNUSED_SHARE * limit_bytes as f64
        && limit_bytes - used_bytes >= UNUSED_BYTES;
    (is_shown && is_unused).then_some(Note::MemoryUnused {
        used_bytes,
        limit_bytes,
    })
}
