//! How a run ended, in the few words of a headline: what happened, where in the program, how far it had come.
//!
//! The report, the list of runs, the summary and messages have these words from here, so that one end has one name. Only
//! what the run's events say is used; what is unknown is left out.

use super::figures::Summary;
use crate::event::{ErrorEvent, Finish, Frame};
use crate::judging::verdict::{Kind, Outcome};
use crate::knowledge::python::stack_classes::{StackClass, class_of};

impl Kind {
    /// What an engineer calls such an end.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Success => "Finished",
            Self::ExitNonzero | Self::Exception => "Failed",
            Self::OomCgroup => "Out of memory (job's limit)",
            Self::OomHost => "Out of memory",
            Self::OomDaemon => "Killed by a memory daemon",
            Self::OomGpu => "Out of GPU memory",
            Self::ShmFull => "Out of shared memory",
            Self::Segfault => "Segmentation fault",
            Self::Abort => "Aborted",
            Self::IllegalInstruction => "Illegal instruction",
            Self::FloatingPointError => "Arithmetic error",
            Self::BusError => "Bus error",
            Self::NcclTimeout => "NCCL timeout",
            Self::CollectiveTimeout => "Collective timeout",
            Self::CollectiveMismatch => "Collective mismatch",
            Self::RendezvousFailed => "Rendezvous failed",
            Self::PeerLost => "Another process was lost",
            Self::GpuFault => "GPU fault",
            Self::Hang => "Hung",
            Self::TimeLimit => "Time limit reached",
            Self::PreemptedOrCancelled => "Preempted or cancelled",
            Self::SignalledByUser => "Stopped by you",
            Self::Terminated => "Terminated",
            Self::HungUp => "Terminal closed",
            Self::KilledUnknown => "Killed",
            Self::OtherSignal => "Ended by a signal",
            Self::Lost => "End not seen",
        }
    }
}

impl Finish<String> {
    /// How it ended, in a few words: `Out of GPU memory`.
    pub fn title(&self) -> String {
        let kind = self.kind();
        if self.is_success()
            && let Some(not_finite) = &self.not_finite
            && let (Some(metric), Some(repr)) = (&not_finite.metric, &not_finite.repr)
        {
            return format!("Finished, but {metric} {repr}");
        }
        if kind == Some(Kind::ExitNonzero)
            && let Some(code) = self.exit_code
        {
            return format!("Exit code {code}");
        }
        if kind == Some(Kind::OtherSignal)
            && let Some(signal) = &self.signal
        {
            return format!("Ended by {signal}");
        }
        let title = kind.map(Kind::title).or_else(|| {
            Some(match Outcome::parse(self.outcome_word())? {
                Outcome::Success => Kind::Success.title(),
                Outcome::Error => "Failed",
                Outcome::Signal => Kind::OtherSignal.title(),
                Outcome::Lost => Kind::Lost.title(),
            })
        });
        title.unwrap_or("End unknown").to_owned()
    }

    fn kind(&self) -> Option<Kind> {
        Kind::parse(self.verdict.as_ref()?.kind.as_ref()?)
    }
}

impl Summary {
    /// `Failed: KeyError while loading data, step 99 of 720`. `own_class` is the exception's own name, where the page
    /// is for the run's owner.
    pub fn headline(&self, own_class: Option<&str>) -> String {
        let Some(finish) = &self.finish else {
            return "End unknown".to_owned();
        };
        let mut headline = match finish.not_finite_words() {
            Some(words) if finish.is_success() => format!("Finished, but {words}"),
            _ => finish.title(),
        };
        let kind = finish.kind();
        if !finish.is_success()
            && let Some(error) = &self.error
        {
            if kind == Some(Kind::Exception)
                && let Some(class) = own_class.or(error.class_name())
            {
                headline.push_str(&format!(": {class}"));
            }
            if let Some(rank) = error.rank {
                headline.push_str(&format!(" on rank {rank}"));
            }
            headline.push_str(error.place());
        } else if kind == Some(Kind::Hang)
            && let Some(rank) = self.suspect_rank(finish)
        {
            headline.push_str(&format!(": rank {rank} differs from the others"));
        }
        match (self.step, self.total_steps) {
            (Some(step), Some(total)) if step < total => {
                headline.push_str(&format!(", step {step} of {total}"));
            }
            (Some(step), Some(total)) if step == total && !finish.is_success() => {
                headline.push_str(", after the last step");
            }
            (Some(step), None) if !finish.is_success() => {
                headline.push_str(&format!(", step {step}"));
            }
            _ => {}
        }
        headline
    }
}

impl Summary {
    /// Of a run that stood still, the rank that did something else than all others.
    fn suspect_rank(&self, finish: &Finish<String>) -> Option<u64> {
        let judged = finish.verdict.as_ref().and_then(|verdict| verdict.rank);
        judged.or(self.standstill.and_then(|seen| seen.suspect_rank))
    }
}

impl ErrorEvent<String> {
    /// `JSONDecodeError`; None where its class is not public.
    fn class_name(&self) -> Option<&str> {
        let class = self.class()?.rsplit('.').next()?;
        (!class.starts_with('<')).then_some(class)
    }

    /// What the program was doing, where a frame tells.
    fn place(&self) -> &'static str {
        let mut frames: Vec<Frame<String>> = self.frames.clone().unwrap_or_default();
        frames.reverse();
        match class_of(&frames).0 {
            StackClass::Data => " while loading data",
            StackClass::Saving => " while saving a checkpoint",
            StackClass::Compilation => " while compiling",
            StackClass::Evaluation => " during the evaluation",
            StackClass::Collective => " in a collective",
            StackClass::ChildProcess | StackClass::Other => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FinishVerdict;
    use crate::event::finish::NotFinite;

    fn finish(outcome: &str, kind: &str) -> Finish<String> {
        Finish {
            outcome: Some(outcome.to_owned()),
            verdict: Some(FinishVerdict {
                kind: Some(kind.to_owned()),
                ..FinishVerdict::default()
            }),
            exit_code: Some(3),
            signal: Some("SIGUSR1".to_owned()),
            ..Finish::default()
        }
    }

    fn loader_error(class: &str, rank: Option<u64>) -> ErrorEvent<String> {
        let frame = |file: Option<&str>| Frame {
            file: file.map(str::to_owned),
            ..Frame::default()
        };
        ErrorEvent {
            exception_type: Some(class.to_owned()),
            rank,
            frames: Some(vec![
                frame(Some("torch/utils/data/dataloader.py")),
                frame(None),
            ]),
            ..ErrorEvent::default()
        }
    }

    #[test]
    fn an_end_has_its_name_its_place_and_its_step() {
        let not_finite = Finish {
            not_finite: Some(NotFinite {
                metric: Some("loss".to_owned()),
                repr: Some("nan".to_owned()),
                since_step: Some(41),
            }),
            ..finish("success", "success")
        };
        let private = || Some(loader_error("<private>", None));
        for (finish, error, own_class, step, expected) in [
            (finish("success", "success"), None, None, 9, "Finished"),
            (
                finish("success", "success"),
                private(),
                None,
                5,
                "Finished, step 5 of 9",
            ),
            (
                not_finite,
                None,
                None,
                9,
                "Finished, but loss was nan from step 41 on",
            ),
            (
                finish("error", "exception"),
                private(),
                None,
                5,
                "Failed while loading data, step 5 of 9",
            ),
            (
                finish("error", "exception"),
                private(),
                Some("FormatError"),
                5,
                "Failed: FormatError while loading data, step 5 of 9",
            ),
            (
                finish("error", "exception"),
                Some(loader_error("json.decoder.JSONDecodeError", Some(2))),
                None,
                9,
                "Failed: JSONDecodeError on rank 2 while loading data, after the last step",
            ),
            (
                finish("error", "exit_nonzero"),
                None,
                None,
                5,
                "Exit code 3, step 5 of 9",
            ),
            (
                finish("signal", "signal"),
                None,
                None,
                5,
                "Ended by SIGUSR1, step 5 of 9",
            ),
            (
                finish("signal", "made up"),
                None,
                None,
                5,
                "Ended by a signal, step 5 of 9",
            ),
        ] {
            let summary = Summary {
                finish: Some(finish),
                error,
                step: Some(step),
                total_steps: Some(9),
                ..Summary::default()
            };
            assert_eq!(summary.headline(own_class), expected);
        }
        assert_eq!(Summary::default().headline(None), "End unknown");
    }

    #[test]
    fn every_end_has_a_name_of_its_own_words() {
        for kind in Kind::ALL {
            let title = kind.title();
            assert!(title.len() <= 27 && !title.contains('_'), "{title}");
        }
    }
}
