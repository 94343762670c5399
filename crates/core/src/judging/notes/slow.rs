//! What made a training slow, as its profile says.

use super::note::Note;
use super::training;
use crate::event::ProfileReport;
use crate::event::value::Number;
use crate::judging::profile::{DataCause, SlowCause};
use crate::judging::summary::Summary;
use crate::knowledge::python::stack_classes::StackClass;

/// Seconds from which on the compilation before the first step is worth a word.
const COMPILATION_SECONDS: f64 = 120.0;

/// The profile, where it names this cause.
fn slow_because(summary: &Summary, cause: SlowCause) -> Option<&ProfileReport<String>> {
    let profile = summary.profile.as_ref()?;
    let mut causes = profile.slow_because.iter().flatten();
    causes.any(|word| word == cause.as_str()).then_some(profile)
}

/// Whether it waited for data.
pub fn data_bound(summary: &Summary) -> Option<Note> {
    let profile = slow_because(summary, SlowCause::DataBound)?;
    let because = profile.data_because.as_deref();
    Some(Note::DataBound {
        data_share: profile.data_share?.get(),
        because: because.and_then(DataCause::parse),
        data_workers: profile.data_workers,
        gpu_busy_share: profile.gpu_busy_share.map(Number::get),
    })
}

/// Whether all ranks waited for one.
pub fn straggler(summary: &Summary) -> Option<Note> {
    let profile = slow_because(summary, SlowCause::Straggler)?;
    Some(Note::Straggler {
        rank: profile.straggler_rank?,
        does: StackClass::parse(profile.straggler_does.as_deref()?)?,
        confidence: profile.straggler_confidence.clone()?,
    })
}

/// Whether others had the processors that it wanted.
pub fn processors_taken(summary: &Summary) -> Option<Note> {
    let profile = slow_because(summary, SlowCause::ProcessorsTaken)?;
    Some(Note::ProcessorsTaken {
        waited_share: profile.processor_waited_share?.get(),
    })
}

/// Whether it mostly evaluated, wrote checkpoints or compiled, where its phases do not say so in seconds.
pub fn mostly_else(summary: &Summary) -> Option<Note> {
    let profile = summary.profile.as_ref()?;
    if training::evaluation_long(summary).is_some() || training::checkpoints_long(summary).is_some()
    {
        return None;
    }
    for (cause, does, share) in [
        (
            SlowCause::Evaluation,
            StackClass::Evaluation,
            profile.evaluation_share,
        ),
        (SlowCause::Saving, StackClass::Saving, profile.saving_share),
        (
            SlowCause::Compilation,
            StackClass::Compilation,
            profile.compilation_share,
        ),
    ] {
        if slow_because(summary, cause).is_some() {
            return Some(Note::MostlyElse {
                does,
                share: share?.get(),
            });
        }
    }
    None
}

/// How long it compiled before its first step.
pub fn compilation(summary: &Summary) -> Option<Note> {
    let seconds = summary.profile.as_ref()?.compilation_seconds?.get();
    (seconds >= COMPILATION_SECONDS).then_some(Note::FirstCompilation { seconds })
}
