//! Reads how far a training is from what it prints: progress bars and log dictionaries.
//!
//! The problem: nothing inside the training tells us anything, and what it prints is made for eyes: bars that
//! overwrite each other, evaluation bars that look like the training's, prefixes of every launcher, terminals
//! that cut what does not fit. The rule: only numbers are taken, under names known in advance, and a number
//! that makes no sense is as good as none. Of standard output itself nothing is taken but the known metrics
//! of a log dictionary and the counts of bars that name their epoch (Lightning draws them there); all other bars and
//! counts come from standard error, or from where both are one.
//!
//! Pure: time is given, in seconds since the command's spawn. [`run`](crate::judging::run) makes events of the state.

mod bar;
mod choice;
mod dictionary;
mod guess;
mod loops;
mod pace;
mod postfix;
mod role;
mod seen;
#[cfg(test)]
mod tests;

pub(crate) use pace::rate;
pub use pace::{Epoch, Pace, Point};

use crate::observation::{Stream, TrainerState};
use crate::output::lines::Line;
use crate::output::prefix::{self, Collector};
use bar::Bar;
use choice::{Change, Choice};
use dictionary::LogDictionary;
use role::Role;

/// What is known of the training. Unknown is None, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// Optimizer steps done, as its bar says.
    pub step: Option<u64>,
    /// Optimizer steps planned.
    pub total_steps: Option<u64>,
    /// Epochs done, as last logged.
    pub epoch: Option<f64>,
    /// Epochs planned, as the trainer announced them; rounded up where only the steps are limited.
    pub planned_epochs: Option<f64>,
    /// Training loss last logged; may be NaN or infinite.
    pub loss: Option<f64>,
    /// Learning rate last logged.
    pub learning_rate: Option<f64>,
    /// Gradient norm last logged; may be NaN or infinite.
    pub grad_norm: Option<f64>,
    /// Perplexity last logged.
    pub ppl: Option<f64>,
    /// Tokens seen.
    pub tokens_total: Option<u64>,
    /// Trainable tokens seen.
    pub tokens_trainable: Option<u64>,
    /// Tokens per second and GPU.
    pub tokens_per_second_per_gpu: Option<f64>,
    /// Evaluation loss last logged.
    pub eval_loss: Option<f64>,
    /// Mean training loss, logged at the training's end.
    pub train_loss: Option<f64>,
    /// Seconds that the training says it took, or has taken so far.
    pub train_runtime: Option<f64>,
    /// Log dictionaries seen.
    pub log_dictionaries: u64,
    /// Whether the training itself came to its end; what comes after (saving, evaluating) can still fail.
    pub finished: bool,
    /// The steps over time.
    pub pace: Pace,
    /// The step at which the epoch was logged.
    pub epoch_step: Option<u64>,
}

impl Training {
    /// Steps per epoch, as the planned epochs say, else as the last logged epoch does once one is complete
    /// (before that the rounding of the printed epoch is too coarse).
    #[must_use]
    pub fn steps_per_epoch(&self, planned_epochs: Option<f64>) -> Option<f64> {
        let planned = planned_epochs
            .filter(|epochs| *epochs > 0.0)
            .zip(self.total_steps);
        let logged = || {
            self.epoch
                .filter(|epoch| *epoch >= 1.0)
                .zip(self.epoch_step)
        };
        // At the end both are final, however far apart their files were read.
        let whole = || {
            self.epoch
                .filter(|epoch| self.finished && *epoch >= 1.0)
                .zip(self.total_steps)
        };
        let (epochs, steps) = planned.or_else(whole).or_else(logged)?;
        Some(steps as f64 / epochs).filter(|steps| steps.is_finite() && *steps >= 1.0)
    }

    /// Whole epochs done.
    #[must_use]
    pub fn epochs_completed(&self, planned_epochs: Option<f64>) -> Option<u64> {
        let counted = self
            .step
            .zip(self.steps_per_epoch(planned_epochs))
            .map(|(step, per)| step as f64 / per);
        let done = self.epoch.into_iter().chain(counted).reduce(f64::max)?;
        // A float's cast saturates, and the epoch is bounded already.
        Some((done + 1e-9).floor() as u64)
    }
}

/// Takes a run's lines and keeps its [`Training`].
#[derive(Clone, Debug, Default)]
pub struct ProgressReader {
    training: Training,
    choice: Choice,
    /// The finished training before this one, until it is sure that this one is none.
    before: Option<Box<Training>>,
    /// What the last bar showed, and when a bar last showed something new.
    bar: Option<(u64, Option<u64>)>,
    moved_at: Option<f64>,
    /// What stands before the lines of each stream.
    collectors: [Collector; 3],
}

/// Blanks that are more than the end of a line: those that take a bar away are as many as it was long.
const CLEARED_MIN: usize = 12;

/// What a trainer says at the log level `info` before a bar that is none of a training.
const EVALUATIONS: [&str; 2] = [
    "***** Running Evaluation *****",
    "***** Running Prediction *****",
];

impl ProgressReader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The command trains nothing: its bars are none of a training.
    pub fn expect_no_training(&mut self) {
        self.choice.expect_none();
    }

    /// What is known by now.
    #[must_use]
    pub const fn training(&self) -> &Training {
        &self.training
    }

    /// When any bar, of whatever phase, last showed another count.
    #[must_use]
    pub const fn moved_at(&self) -> Option<f64> {
        self.moved_at
    }

    fn note_bar(&mut self, bar: &Bar<'_>, at: f64) {
        let shown = Some((bar.step, bar.total));
        if self.bar != shown {
            self.bar = shown;
            self.moved_at = Some(at);
        }
    }

    fn collector(&mut self, stream: Stream) -> &mut Collector {
        let [stdout, stderr, both] = &mut self.collectors;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
            Stream::Both => both,
        }
    }

    /// Takes one line that came `at` seconds after the spawn.
    pub fn line(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        let mut text = self.collector(stream).strip(line);
        if text.is_empty() {
            let is_blank = line.text.bytes().all(|byte| byte == b' ');
            if is_blank && line.text.len() >= CLEARED_MIN && stream != Stream::Stdout {
                self.choice.cleared();
            }
            return;
        }
        while let Some((bar, rest)) = Bar::find(text) {
            self.note_bar(&bar, at);
            if stream != Stream::Stdout || matches!(bar.role, Role::Epoch(_)) {
                let change = self.choice.offer(&bar, line.cursor_up);
                self.changed(change, Some(&bar), at);
            }
            // What was printed while the bar stood there continues on its line.
            text = prefix::strip(rest);
        }
        if let Some(log) = LogDictionary::parse(text) {
            self.logged(&log, Some(at));
        } else if stream != Stream::Stdout && !text.is_empty() {
            self.choice.other_line();
            self.announced(text);
        }
    }

    /// Takes a line of the training's own log: metrics, as from standard output.
    pub fn metrics(&mut self, line: &Line<'_>) {
        if let Some(log) = LogDictionary::parse(prefix::strip(line.text)) {
            self.logged(&log, None);
        }
    }

    /// Takes what a trainer wrote down at a checkpoint. What was printed is newer, and finer.
    pub fn recorded(&mut self, state: &TrainerState) {
        let training = &mut self.training;
        // A bar that came to another end than the trainer's own was that of something else.
        let end = self.choice.finished().filter(|_| state.step.is_some());
        let other = state
            .total_steps
            .filter(|total| end.is_some_and(|end| end != *total));
        if let Some(total) = other {
            self.choice.announce(total);
            (training.step, training.pace, training.finished) = (None, Pace::default(), false);
        }
        if (!self.choice.has_bar() || other.is_some()) && state.step > training.step {
            training.step = state.step;
            training.total_steps = state.total_steps.or(training.total_steps);
            if let Some(step) = state.step {
                training.pace.note(step, state.at);
            }
        }
        if training.log_dictionaries == 0 {
            training.loss = state.loss.or(training.loss);
            training.grad_norm = state.grad_norm.or(training.grad_norm);
            training.learning_rate = state.learning_rate.or(training.learning_rate);
            training.eval_loss = state.eval_loss.or(training.eval_loss);
            if state.epoch.is_some() {
                training.epoch = state.epoch;
                training.epoch_step = state.step;
            }
        }
    }

    /// Looks at a line that has not ended yet, which may be half a line.
    ///
    /// Only a whole bar is taken from it: the bar of a slow step ends when the next step does.
    pub fn peek(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        let Some((bar, _)) = Bar::find(prefix::strip(line.text)) else {
            return;
        };
        // The last bar of a training that hangs is never ended; its end, with the command's, is no sign of life.
        self.note_bar(&bar, at);
        if stream != Stream::Stdout || matches!(bar.role, Role::Epoch(_)) {
            let change = self.choice.peek(&bar, line.cursor_up);
            self.changed(change, Some(&bar), at);
        }
    }

    fn changed(&mut self, change: Change, bar: Option<&Bar<'_>>, at: f64) {
        if matches!(change, Change::Began(_)) {
            self.before = self
                .training
                .finished
                .then(|| Box::new(self.training.clone()));
        }
        let training = &mut self.training;
        if matches!(change, Change::Began(_) | Change::Retracted) {
            training.pace = Pace::default();
            training.finished = false;
            training.epoch_step = None;
            training.step = None;
            training.total_steps = self.choice.announced();
            training.epoch = training.epoch.filter(|_| training.log_dictionaries > 0);
        }
        if let Change::Began(position) | Change::Stepped(position) = change {
            training.step = Some(position.step);
            // What was one training turns out to be one of its epochs.
            let beyond = training
                .total_steps
                .is_some_and(|total| position.step > total);
            training.total_steps = position.total.or(training.total_steps.filter(|_| !beyond));
            training.finished =
                (training.finished && !beyond) || position.total == Some(position.step);
            training.pace.note(position.step, at);
            // What a trainer logs is more exact, and says when it was so.
            if training.log_dictionaries == 0 {
                let shown = bar.map(postfix::metrics).unwrap_or_default();
                training.loss = shown.loss.or(training.loss);
                training.learning_rate = shown.learning_rate.or(training.learning_rate);
                training.grad_norm = shown.grad_norm.or(training.grad_norm);
                training.ppl = shown.ppl.or(training.ppl);
                if let Some(epoch) = self.choice.epoch() {
                    training.epoch = Some(epoch);
                    training.epoch_step = Some(position.step);
                }
            }
        }
    }

    /// `at`: when it was printed, where that is known; a log on disk is read some time later.
    fn logged(&mut self, log: &LogDictionary, at: Option<f64>) {
        if log.is_trainers() {
            let change = self.choice.has_trainer();
            self.changed(change, None, at.unwrap_or_default());
        }
        if log.loss.is_some() {
            match at {
                Some(at) => {
                    let change = self.choice.was_training();
                    self.changed(change, None, at);
                }
                None => self.choice.confirm(),
            }
            self.before = None;
        } else if log.eval_loss.is_some() && self.training.finished && self.choice.was_evaluation()
        {
            // Only the bar was taken for another training's; what was logged stays.
            if let Some(before) = self.before.take() {
                self.training.step = before.step;
                self.training.total_steps = before.total_steps;
                self.training.epoch_step = before.epoch_step;
                self.training.pace = before.pace;
            }
        }
        let never_trained = self.training.loss.is_none() && self.training.train_loss.is_none();
        if log.eval_loss.is_some() && log.loss.is_none() && never_trained {
            let change = self.choice.was_evaluation_alone();
            self.changed(change, None, at.unwrap_or_default());
        }
        let training = &mut self.training;
        training.log_dictionaries = training.log_dictionaries.saturating_add(1);
        if log.epoch.is_some() {
            training.epoch = log.epoch;
            training.epoch_step = training.step;
        }
        for (known, logged) in [
            (&mut training.loss, log.loss),
            (&mut training.learning_rate, log.learning_rate),
            (&mut training.grad_norm, log.grad_norm),
            (&mut training.ppl, log.ppl),
            (
                &mut training.tokens_per_second_per_gpu,
                log.tokens_per_second_per_gpu,
            ),
            (&mut training.eval_loss, log.eval_loss),
            (&mut training.train_loss, log.train_loss),
            (&mut training.train_runtime, log.train_runtime),
        ] {
            *known = logged.or(*known);
        }
        training.tokens_total = log.tokens_total.or(training.tokens_total);
        training.tokens_trainable = log.tokens_trainable.or(training.tokens_trainable);
        // The mean over all steps is only logged at the end; the run time also in between, if tokens are counted.
        training.finished |= log.train_loss.is_some();
    }

    /// What the trainer says before it begins, at the log level `info`.
    fn announced(&mut self, text: &str) {
        if let Some(total) = announcement(text, "Total optimization steps = ") {
            self.choice.announce(total);
            self.training.total_steps.get_or_insert(total);
        } else if let Some(epochs) = announcement(text, "Num Epochs = ") {
            self.training.planned_epochs = Some(epochs as f64);
        } else if EVALUATIONS.iter().any(|phrase| text.contains(phrase)) {
            self.choice.announce_evaluation();
        } else if let Some(steps) = announcement(text, "`Trainer.fit` stopped: `max_steps=") {
            // Lightning's bars count batches, of which several may make a step.
            self.training.step = Some(steps);
            self.training.total_steps = Some(steps);
            self.training.finished = true;
            self.choice.expect_none();
        }
    }
}

/// The number after a phrase, written as `1,900`.
fn announcement(text: &str, phrase: &str) -> Option<u64> {
    let (_, number) = text.split_once(phrase)?;
    let number = number.trim().trim_end_matches("` reached.");
    let digits: String = number
        .chars()
        .filter(|character| *character != ',')
        .take(16)
        .collect();
    digits
        .parse()
        .ok()
        .filter(|number| (1..=crate::limits::STEP_MAX).contains(number))
}
