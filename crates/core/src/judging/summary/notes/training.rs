//! The training itself: its numbers, and what it kept busy.

use super::Note;
use crate::judging::summary::Summary;

/// Share of the training in which GPUs may run nothing: loading, evaluating and saving take some of it.
const IDLE_SHARE: f64 = 0.4;
/// Measurements that it takes: one minute of them.
const MEASUREMENTS_MIN: u32 = 12;
/// Share of the time in which a GPU was busy up to which the run did not use it.
const USED_SHARE: f64 = 0.01;

/// Whether loss or gradient norm was no number at the end.
pub fn not_finite(summary: &Summary) -> Option<Note> {
    let not_finite = summary.finish.as_ref()?.not_finite.as_ref()?;
    Some(Note::NotFinite {
        metric: not_finite.metric.clone()?,
        repr: not_finite.repr.clone()?,
        since_step: not_finite.since_step,
    })
}

/// Whether the GPUs that the training used were idle for much of it.
pub fn gpus_idle(summary: &Summary) -> Option<Note> {
    let (mut gpus, mut idle) = (0, 0.0);
    for (_, load) in summary.measured.training_loads() {
        let busy = load.get().filter(|_| load.count >= MEASUREMENTS_MIN);
        if let Some(busy) = busy
            && busy > USED_SHARE
        {
            gpus += 1;
            idle += 1.0 - busy.min(1.0);
        }
    }
    let idle_share = idle / gpus as f64;
    // Of no GPU it is no number, and not more.
    (idle_share >= IDLE_SHARE).then_some(Note::GpusIdle { gpus, idle_share })
}
