//! What a run spends its time on: starting up, preparing data, loading the model, training, saving.
//!
//! The problem: a run that took 75 seconds may have spent 64 of them before its first step, and no program says so. The
//! rule: a phase lasts from its first sign to the first sign of another one, so that all seconds are somewhere. Signs are
//! bars, by their descriptions, lines of known programs (`knowledge/progress`), and steps. What comes before the first
//! sign is the start. Evaluations and checkpoints interrupt a training until its next step. Where there was no sign, there
//! are no phases.

use super::knowledge::About;
use crate::knowledge::lists::{DOWNLOAD_WORDS, EVALUATION_WORDS, PREPARATION_WORDS, SAVING_WORDS};
use crate::public::words::words;

words! {
    /// What a run does.
    Phase {
        /// Nothing yet that has a sign: starting up, importing.
        Startup => "startup",
        /// Fetching files.
        Download => "download",
        /// Reading, mapping, tokenizing or writing examples.
        Data => "data",
        /// Loading the model.
        Model => "model",
        /// Training.
        Training => "training",
        /// Evaluating.
        Evaluation => "evaluation",
        /// Writing a checkpoint while the training goes on.
        Checkpoint => "checkpoint",
        /// Saving what came of it.
        Saving => "saving",
        /// After the training, or after it was saved.
        End => "end",
    }
}

/// Longer than any description that is meant here, and not worth reading.
const DESCRIPTION_BYTES_MAX: usize = 80;

impl Phase {
    /// Reads what stands before a bar.
    pub fn of_bar(description: &str) -> Option<Self> {
        if description.len() > DESCRIPTION_BYTES_MAX {
            return None;
        }
        let lowercase = description.to_ascii_lowercase();
        // Data that is saved is prepared.
        for (words, phase) in [
            (DOWNLOAD_WORDS, Self::Download),
            (PREPARATION_WORDS, Self::Data),
            (EVALUATION_WORDS, Self::Evaluation),
            (SAVING_WORDS, Self::Saving),
        ] {
            if words.iter().any(|word| lowercase.contains(word)) {
                return Some(phase);
            }
        }
        None
    }

    /// What a line of a known program is a sign of.
    pub const fn of_line(says: About) -> Option<Self> {
        match says {
            About::Progress | About::Model => None,
            About::Data => Some(Self::Data),
            About::Loading => Some(Self::Model),
            About::Plan => Some(Self::Training),
            About::Evaluation => Some(Self::Evaluation),
            About::Checkpoint => Some(Self::Checkpoint),
            About::Saving => Some(Self::Saving),
            About::End => Some(Self::End),
        }
    }

    /// Whether it belongs before a training.
    const fn is_setup(self) -> bool {
        matches!(
            self,
            Self::Startup | Self::Download | Self::Data | Self::Model
        )
    }
}

/// Seconds of each phase so far.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseClock {
    seconds: [f64; Phase::ALL.len()],
    /// The phase that goes on, and since when.
    current: Phase,
    since: f64,
    has_signs: bool,
    /// What was known before the training began, until it is sure that it did.
    before: Option<Box<Self>>,
}

impl Default for PhaseClock {
    fn default() -> Self {
        Self {
            seconds: Default::default(),
            current: Phase::Startup,
            since: 0.0,
            has_signs: false,
            before: None,
        }
    }
}

impl PhaseClock {
    /// There is a sign of a phase at a time.
    pub fn sign(&mut self, phase: Phase, at: f64) {
        let has_trained = self.seconds_of(Phase::Training) > 0.0 || !self.current.is_setup();
        // What an evaluation or a saver does with data is its own.
        if has_trained && phase.is_setup() {
            return;
        }
        let phase = match phase {
            Phase::Checkpoint if matches!(self.current, Phase::Saving | Phase::End) => return,
            Phase::Saving if self.is_training() => Phase::Checkpoint,
            phase => phase,
        };
        self.enter(phase, at);
    }

    const fn is_training(&self) -> bool {
        matches!(
            self.current,
            Phase::Training | Phase::Evaluation | Phase::Checkpoint
        )
    }

    /// The training has ended and what came of it is saved now.
    pub fn save(&mut self, at: f64) {
        self.enter(Phase::Saving, at);
    }

    /// A training begins.
    pub fn train(&mut self, at: f64) {
        if self.before.is_none() && self.current != Phase::Training {
            self.before = Some(Box::new(self.clone()));
        }
        self.enter(Phase::Training, at);
    }

    /// What was taken for the training's beginning was none.
    pub fn retract(&mut self) {
        if let Some(before) = self.before.take() {
            *self = *before;
        }
    }

    /// It was the training's.
    pub fn confirm(&mut self) {
        self.before = None;
    }

    /// A step was made.
    pub fn step(&mut self, at: f64) {
        self.enter(Phase::Training, at);
    }

    fn enter(&mut self, phase: Phase, at: f64) {
        if !at.is_finite() {
            return;
        }
        self.has_signs = true;
        if phase == self.current {
            return;
        }
        self.seconds[self.current as usize] += (at - self.since).max(0.0);
        self.since = self.since.max(at);
        self.current = phase;
    }

    /// The phase that goes on; None where there was no sign of any.
    pub fn current(&self) -> Option<Phase> {
        self.has_signs.then_some(self.current)
    }

    /// Seconds of a phase that are over.
    pub const fn seconds_of(&self, phase: Phase) -> f64 {
        self.seconds[phase as usize]
    }

    /// The run is over; `trained_until`: when the last step was made of a training that came to its end.
    pub fn finish(&mut self, at: f64, trained_until: Option<f64>) {
        if let Some(trained_until) = trained_until
            && self.current == Phase::Training
        {
            self.enter(Phase::End, trained_until.max(self.since));
        }
        let goes_on = self.current;
        self.seconds[goes_on as usize] += (at - self.since).max(0.0);
        self.since = self.since.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(clock: &PhaseClock) -> Vec<(&'static str, f64)> {
        let seconds = Phase::ALL
            .iter()
            .map(|phase| (phase.as_str(), clock.seconds_of(*phase)));
        seconds.filter(|(_, seconds)| *seconds > 0.0).collect()
    }

    #[test]
    fn every_second_is_in_a_phase() {
        let mut clock = PhaseClock::default();
        assert_eq!(clock.current(), None);
        clock.sign(Phase::Data, 10.0);
        clock.sign(Phase::Model, 30.0);
        clock.sign(Phase::Data, 35.0);
        clock.train(60.0);
        clock.step(64.0);
        clock.sign(Phase::Evaluation, 100.0);
        // Nested in the evaluation.
        clock.sign(Phase::Data, 105.0);
        clock.step(120.0);
        clock.sign(Phase::Saving, 150.0);
        clock.step(155.0);
        assert_eq!(clock.current(), Some(Phase::Training));
        clock.step(200.0);
        clock.save(201.0);
        clock.sign(Phase::Checkpoint, 202.0);
        clock.sign(Phase::End, 206.0);
        clock.finish(210.0, Some(200.0));
        let expected = [
            ("startup", 10.0),
            ("data", 45.0),
            ("model", 5.0),
            ("training", 116.0),
            ("evaluation", 20.0),
            ("checkpoint", 5.0),
            ("saving", 5.0),
            ("end", 4.0),
        ];
        assert_eq!(told(&clock), expected);
    }

    #[test]
    fn what_was_no_training_is_taken_back() {
        let mut clock = PhaseClock::default();
        clock.sign(Phase::Data, 10.0);
        clock.train(20.0);
        clock.step(25.0);
        clock.retract();
        clock.train(40.0);
        clock.confirm();
        clock.retract();
        clock.finish(50.0, None);
        assert_eq!(
            told(&clock),
            [("startup", 10.0), ("data", 30.0), ("training", 10.0)]
        );
    }

    #[test]
    fn after_the_last_step_of_a_finished_training_it_ends() {
        for (trained_until, expected) in [
            (
                Some(8.0),
                [("startup", 5.0), ("training", 3.0), ("end", 2.0)].as_slice(),
            ),
            (None, &[("startup", 5.0), ("training", 5.0)]),
        ] {
            let mut clock = PhaseClock::default();
            clock.train(5.0);
            clock.step(8.0);
            clock.finish(10.0, trained_until);
            assert_eq!(told(&clock), expected);
        }
    }

    #[test]
    fn bars_say_what_they_count() {
        for (description, expected) in [
            ("Tokenizing Prompts (num_proc=2):", Some(Phase::Data)),
            ("Saving the dataset (0/2 shards):", Some(Phase::Data)),
            ("Fetching 3 files:", Some(Phase::Download)),
            ("Evaluating:", Some(Phase::Evaluation)),
            ("Validation DataLoader 0:", Some(Phase::Evaluation)),
            ("Writing model shards:", Some(Phase::Saving)),
            ("Epoch 3:", None),
            ("", None),
        ] {
            assert_eq!(Phase::of_bar(description), expected, "{description}");
        }
    }
}
