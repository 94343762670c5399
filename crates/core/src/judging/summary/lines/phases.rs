//! What the time of a run was spent on, in numbers and in words.

use crate::event::Phases;
use crate::event::value::Number;
use crate::judging::summary::units;
use crate::output::progress::{Phase, Training};

/// Share of the time below which a phase is not told by its share as well.
const SHARE_MIN: f64 = 0.01;

impl Phases {
    /// Those of a training that is over; None where nothing showed them.
    pub fn of(training: &Training) -> Option<Self> {
        let clock = &training.phases;
        let first_step = training
            .pace
            .first()
            .and_then(|first| Number::new(first.at));
        let mut phases = Self {
            first_step,
            ..Self::default()
        };
        if clock.current().is_some() {
            for (phase, seconds) in [
                (Phase::Startup, &mut phases.startup),
                (Phase::Download, &mut phases.download),
                (Phase::Data, &mut phases.data),
                (Phase::Model, &mut phases.model),
                (Phase::Training, &mut phases.training),
                (Phase::Evaluation, &mut phases.evaluation),
                (Phase::Checkpoint, &mut phases.checkpoint),
                (Phase::Saving, &mut phases.saving),
                (Phase::End, &mut phases.end),
            ] {
                let known = Some(clock.seconds_of(phase)).filter(|known| *known > 0.0);
                *seconds = known.and_then(Number::new);
            }
        }
        (phases != Self::default()).then_some(phases)
    }

    /// `start-up 12s (16 %), model 52s (69 %), training 11s (15 %; evaluation 2.0s); first step after 1m 04s`.
    pub fn words(&self) -> String {
        let [
            start,
            download,
            data,
            model,
            training,
            evaluation,
            checkpoint,
            saving,
            end,
        ] = [
            self.startup,
            self.download,
            self.data,
            self.model,
            self.training,
            self.evaluation,
            self.checkpoint,
            self.saving,
            self.end,
        ]
        .map(|seconds| seconds.map_or(0.0, Number::get));
        let within = [("evaluation", evaluation), ("checkpoints", checkpoint)];
        let told = [
            ("start-up", start),
            ("download", download),
            ("data", data),
            ("model", model),
            ("training", training + evaluation + checkpoint),
            ("saving", saving),
            ("end", end),
        ];
        let total: f64 = told.iter().map(|(_, seconds)| seconds).sum();
        let mut phrases = Vec::new();
        for (name, seconds) in told {
            let mut details = Vec::new();
            if seconds >= SHARE_MIN * total {
                details.push(units::percent(seconds / total));
            }
            if name == "training" {
                let parts = within.iter().filter(|(_, seconds)| *seconds > 0.0);
                details.extend(
                    parts.map(|(part, seconds)| format!("{part} {}", units::duration(*seconds))),
                );
            }
            if seconds > 0.0 {
                let mut phrase = format!("{name} {}", units::duration(seconds));
                if !details.is_empty() {
                    phrase.push_str(&format!(" ({})", details.join("; ")));
                }
                phrases.push(phrase);
            }
        }
        let mut words = phrases.join(", ");
        if let Some(first_step) = self.first_step {
            let separator = if words.is_empty() { "" } else { "; " };
            let seconds = units::duration(first_step.get());
            words.push_str(&format!("{separator}first step after {seconds}"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_told_with_their_shares() {
        let seconds = Number::new;
        let phases = Phases {
            first_step: seconds(64.0),
            startup: seconds(12.0),
            model: seconds(52.0),
            training: seconds(9.0),
            evaluation: seconds(2.0),
            end: seconds(0.2),
            ..Phases::default()
        };
        assert_eq!(
            phases.words(),
            "start-up 12s (16 %), model 52s (69 %), training 11s (15 %; evaluation 2.0s), end 0.2s; first step after 1m 04s"
        );
        let only_steps = Phases {
            first_step: seconds(3.0),
            ..Phases::default()
        };
        assert_eq!(only_steps.words(), "first step after 3.0s");
    }
}
