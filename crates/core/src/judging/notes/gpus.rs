//! The GPUs: whether they had something to do, and room.

use super::note::Note;
use crate::judging::summary::{GpuShares, Summary};

/// Share of the training in which GPUs may run nothing: loading, evaluating and saving take some of it.
const IDLE_SHARE: f64 = 0.4;
/// Measurements that it takes: one minute of them.
const MEASUREMENTS_MIN: u32 = 12;
/// Share of the time in which a GPU was busy up to which the run did not use it.
const USED_SHARE: f64 = 0.01;
/// A GPU that is busy for less than this part of the usual is another than the others.
const DIFFERENT_PART: f64 = 0.6;
/// What is usual has to be much, or the difference is none.
const USUAL_MIN: f64 = 0.5;
/// Share of the training in which clocks may be lowered.
const SLOWED_SHARE: f64 = 0.1;
/// Share of a GPU's memory from which on it is almost full, and up to which it is mostly free.
const FULL_SHARE: f64 = 0.95;
const FREE_SHARE: f64 = 0.4;
/// Seconds after which a run has shown what it needs.
const SHOWN_SECONDS: f64 = 120.0;

/// What is known of a GPU's load while the training made steps.
fn busy(shares: GpuShares) -> Option<f64> {
    let busy = shares.busy.get()?;
    (shares.busy.count >= MEASUREMENTS_MIN).then_some(busy.min(1.0))
}

/// Each GPU that the training used, with the share of the time in which it was busy.
fn used(summary: &Summary) -> Vec<(u32, f64)> {
    let mut used = Vec::new();
    for (gpu, shares) in summary.measured.training_loads() {
        used.extend(busy(shares).map(|busy| (gpu, busy)));
    }
    used.retain(|(_, busy)| *busy > USED_SHARE);
    used
}

/// Whether the GPUs that the training used were idle for much of it.
pub fn idle(summary: &Summary) -> Option<Note> {
    let used = used(summary);
    let busy: f64 = used.iter().map(|(_, busy)| busy).sum();
    let idle_share = 1.0 - busy / used.len() as f64;
    // Of no GPU it is no number, and not more.
    (idle_share >= IDLE_SHARE).then_some(Note::GpusIdle {
        gpus: used.len() as u64,
        idle_share,
    })
}

/// Whether one was far less busy than the others, which wait for it or leave it out.
pub fn differs(summary: &Summary) -> Option<Note> {
    let mut used = used(summary);
    used.sort_by(|(_, busy), (_, other)| busy.total_cmp(other));
    let (gpu, busy_share) = *used.first()?;
    let (_, usual_share) = *used.get(used.len() / 2)?;
    let is_different = usual_share >= USUAL_MIN && busy_share < DIFFERENT_PART * usual_share;
    is_different.then_some(Note::GpuDiffers {
        gpu,
        busy_share,
        usual_share,
    })
}

/// Whether one lowered its clocks, but for the power that it may draw: a busy GPU does.
pub fn slowed(summary: &Summary) -> Option<Note> {
    let mut worst = None;
    for (gpu, shares) in summary.measured.training_loads() {
        if let Some(slowed_share) = shares.slowed.get()
            && shares.slowed.count >= MEASUREMENTS_MIN
            && slowed_share >= SLOWED_SHARE
            && worst.is_none_or(|(_, known)| slowed_share > known)
        {
            worst = Some((gpu, slowed_share));
        }
    }
    let (gpu, slowed_share) = worst?;
    Some(Note::GpuSlowed { gpu, slowed_share })
}

/// Each GPU's highest use, and the memory that it has.
fn memory(summary: &Summary) -> Vec<(u32, u64, u64)> {
    let accelerators = summary
        .start
        .accelerator_info
        .as_deref()
        .unwrap_or_default();
    let mut known = Vec::new();
    for (index, gpu) in &summary.gpus {
        let accelerator = usize::try_from(*index)
            .ok()
            .and_then(|index| accelerators.get(index));
        if let Some(used_bytes) = gpu.peak_bytes
            && let Some(memory_bytes) = accelerator.and_then(|one| one.memory)
            && (1..=memory_bytes).contains(&used_bytes)
        {
            known.push((*index, used_bytes, memory_bytes));
        }
    }
    known
}

/// Whether the memory of one was almost full.
pub fn memory_full(summary: &Summary) -> Option<Note> {
    let share = |(_, used, whole): &(u32, u64, u64)| *used as f64 / *whole as f64;
    let known = memory(summary);
    let fullest = known
        .iter()
        .max_by(|one, other| share(one).total_cmp(&share(other)))?;
    let (gpu, used_bytes, memory_bytes) = *fullest;
    (share(fullest) >= FULL_SHARE).then_some(Note::GpuMemoryFull {
        gpu,
        used_bytes,
        memory_bytes,
    })
}

/// Whether the memory of all that were used was mostly free, of a training that came to its end.
pub fn memory_free(summary: &Summary) -> Option<Note> {
    let is_success = summary.finish.as_ref()?.is_success();
    if !is_success || summary.seconds? < SHOWN_SECONDS || summary.step.is_none() {
        return None;
    }
    let known = memory(summary);
    let (_, used_bytes, memory_bytes) = *known.iter().max_by_key(|(_, used, _)| *used)?;
    (used_bytes as f64 <= FREE_SHARE * memory_bytes as f64).then_some(Note::GpuMemoryFree {
        used_bytes,
        memory_bytes,
    })
}
