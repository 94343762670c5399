//! Main memory: how close it came to its limit, whether it grows, and what is taken for use that is none.

use super::note::Note;
use crate::judging::summary::Summary;

/// Share of the limit from which on it is close.
const NEAR_SHARE: f64 = 0.9;
/// Share of what is charged from which on the page cache is much of it.
const CACHE_SHARE: f64 = 0.3;
/// Bytes by which memory has to grow while it is watched, and the part of what is in use: less is noise.
const GROWTH_BYTES: f64 = 256.0 * 1024.0 * 1024.0;
const GROWTH_SHARE: f64 = 0.05;
/// Bytes that may be swapped out: what was never used again.
const SWAPPED_BYTES: u64 = 512 << 20;
/// Share of the shared memory from which on it is almost full.
const SHARED_SHARE: f64 = 0.9;

/// Highest bytes in use, and those that the run may use, where somebody set a limit.
pub fn used_and_limit(summary: &Summary) -> Option<(u64, u64)> {
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

/// Whether it grew from step to step, to the end, and when it meets its limit.
pub fn grows(summary: &Summary) -> Option<Note> {
    let slope = summary.measured.track.growth()?;
    if slope.growth < GROWTH_BYTES.max(GROWTH_SHARE * slope.at_bytes) {
        return None;
    }
    let measured_limit = summary.measured.allowance.memory_bytes;
    let limit_bytes = measured_limit.or(summary.start.memory_total);
    let mut full_at_step = None;
    if let Some(limit) = limit_bytes
        && limit as f64 > slope.at_bytes
    {
        let steps = (limit as f64 - slope.at_bytes) / slope.bytes_a_step;
        // A float's cast saturates.
        let step = (slope.at_step + steps) as u64;
        // Whoever knows how far it goes knows whether that matters.
        full_at_step =
            Some(step).filter(|step| summary.total_steps.is_none_or(|total| *step < total));
    }
    Some(Note::MemoryGrows {
        bytes_per_1000_steps: (1000.0 * slope.bytes_a_step) as u64,
        full_at_step,
        limit_bytes,
    })
}

/// Whether the shared memory was almost full.
pub fn shared_full(summary: &Summary) -> Option<Note> {
    let used_share = summary.measured.shared_memory_used?;
    (used_share >= SHARED_SHARE).then_some(Note::SharedMemoryFull { used_share })
}

/// Whether memory of the run was swapped out.
pub fn swapped(summary: &Summary) -> Option<Note> {
    let swapped_bytes = summary.measured.swapped_bytes?;
    (swapped_bytes >= SWAPPED_BYTES).then_some(Note::Swapped { swapped_bytes })
}

/// Whether what is charged was close to the limit for the page cache's sake.
pub fn page_cache(summary: &Summary) -> Option<Note> {
    let (charged_bytes, cache_bytes) = summary.measured.group_peak?;
    let limit_bytes = summary.measured.allowance.memory_bytes?;
    let is_near = charged_bytes as f64 >= NEAR_SHARE * limit_bytes as f64;
    let is_cache = cache_bytes as f64 >= CACHE_SHARE * charged_bytes as f64;
    (is_near && is_cache).then_some(Note::PageCache {
        charged_bytes,
        cache_bytes,
        limit_bytes,
    })
}
