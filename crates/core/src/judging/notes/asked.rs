//! What was asked for and not used, by a run that came to its end.

use super::memory::used_and_limit;
use super::note::Note;
use crate::judging::summary::Summary;

/// Share of what was asked for up to which most of it was not used.
const UNUSED_SHARE: f64 = 0.3;
/// Bytes below which nobody else could have used what was not.
const UNUSED_BYTES: u64 = 8 << 30;
/// Processors below which it is not worth a word.
const UNUSED_CORES: f64 = 4.0;
/// Seconds below which it is not.
const UNUSED_SECONDS: f64 = 3600.0;
/// Seconds after which a run has shown what it needs.
const SHOWN_SECONDS: f64 = 120.0;

/// Seconds of a run that came to its end.
fn shown_seconds(summary: &Summary) -> Option<f64> {
    let is_success = summary.finish.as_ref()?.is_success();
    summary
        .seconds
        .filter(|seconds| is_success && *seconds >= SHOWN_SECONDS)
}

/// Whether most of the memory was not needed.
pub fn memory(summary: &Summary) -> Option<Note> {
    shown_seconds(summary)?;
    let (used_bytes, limit_bytes) = used_and_limit(summary)?;
    let is_unused = used_bytes as f64 <= UNUSED_SHARE * limit_bytes as f64
        && limit_bytes - used_bytes >= UNUSED_BYTES;
    is_unused.then_some(Note::MemoryUnused {
        used_bytes,
        limit_bytes,
    })
}

/// Whether most of the processors were idle, where fewer than the machine's were given.
pub fn cores(summary: &Summary) -> Option<Note> {
    shown_seconds(summary)?;
    let usable = summary.start.cpu_count_usable?;
    let is_asked = usable < summary.start.cpu_count?;
    let used = summary.cores_used()?;
    let is_unused = used <= UNUSED_SHARE * usable as f64 && usable as f64 - used >= UNUSED_CORES;
    (is_asked && is_unused).then_some(Note::CoresUnused { used, usable })
}

/// Whether most of the time was not needed.
pub fn time(summary: &Summary) -> Option<Note> {
    let used_seconds = shown_seconds(summary)?;
    let limit_seconds = summary.measured.allowance.seconds?;
    let is_unused = used_seconds <= UNUSED_SHARE * limit_seconds
        && limit_seconds - used_seconds >= UNUSED_SECONDS;
    is_unused.then_some(Note::TimeUnused {
        used_seconds,
        limit_seconds,
    })
}
