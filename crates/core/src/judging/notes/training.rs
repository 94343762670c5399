//! The training itself: its numbers, its pace, and what its time went on.

use super::note::Note;
use crate::event::Phases;
use crate::event::value::Number;
use crate::judging::summary::Summary;

/// By how much longer a step takes that is slow.
const SLOWER: f64 = 1.25;
/// Seconds of evaluations or checkpoints below which nothing is gained.
const WORTH_SECONDS: f64 = 30.0;
/// Share of the training's time that checkpoints may take.
const CHECKPOINTS_SHARE: f64 = 0.1;

/// Whether loss or gradient norm was no number at the end.
pub fn not_finite(summary: &Summary) -> Option<Note> {
    let not_finite = summary.finish.as_ref()?.not_finite.as_ref()?;
    Some(Note::NotFinite {
        metric: not_finite.metric.clone()?,
        repr: not_finite.repr.clone()?,
        since_step: not_finite.since_step,
    })
}

/// Whether the usual step took longer at the end than at the beginning.
pub fn slows_down(summary: &Summary) -> Option<Note> {
    let (first_seconds, last_seconds) = summary.measured.track.step_seconds()?;
    (last_seconds >= SLOWER * first_seconds).then_some(Note::StepsSlowDown {
        first_seconds,
        last_seconds,
    })
}

fn phases(summary: &Summary) -> Option<&Phases> {
    summary.finish.as_ref()?.phases.as_ref()
}

/// Whether evaluating took longer than training.
pub fn evaluation_long(summary: &Summary) -> Option<Note> {
    let phases = phases(summary)?;
    let evaluation_seconds = phases.evaluation?.get();
    let training_seconds = phases.training?.get();
    let is_long = evaluation_seconds >= WORTH_SECONDS.max(training_seconds);
    is_long.then_some(Note::EvaluationLong {
        evaluation_seconds,
        training_seconds,
    })
}

/// Whether checkpoints took much of the training's time.
pub fn checkpoints_long(summary: &Summary) -> Option<Note> {
    let phases = phases(summary)?;
    let checkpoint_seconds = phases.checkpoint?.get();
    let evaluation_seconds = phases.evaluation.map_or(0.0, Number::get);
    let all_seconds = checkpoint_seconds + evaluation_seconds + phases.training?.get();
    let share = checkpoint_seconds / all_seconds;
    let is_long = checkpoint_seconds >= WORTH_SECONDS && share >= CHECKPOINTS_SHARE;
    is_long.then_some(Note::CheckpointsLong {
        checkpoint_seconds,
        share,
    })
}
