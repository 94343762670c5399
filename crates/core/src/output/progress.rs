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

#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "every place in a line was found in it a moment before; property tests read any line"
    )
)]

mod bar;
mod choice;
mod dictionary;
mod formats;
mod guess;
mod knowledge;
mod loops;
mod metrics;
mod pace;
mod phases;
mod role;
#[cfg(test)]
mod tests;

pub use metrics::{Metric, Metrics};
pub use pace::{Epoch, Pace, Point};
pub(crate) use pace::{RATE_SECONDS_MIN, rate};
pub use phases::{Phase, PhaseClock};

use crate::observation::{Stream, TrainerState};
use crate::output::configuration::ConfigurationReader;
use crate::output::lines::Line;
use crate::output::prefix::{self, Collector};
use bar::ProgressBar;
use choice::{BarChoice, TrainingChange};
use formats::{LineReader, ProgressLine};
use knowledge::About;
use role::BarRole;

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
    /// The other numbers, as last printed.
    pub metrics: Metrics,
    /// Log dictionaries seen.
    pub log_dictionaries: u64,
    /// Whether the training itself came to its end; what comes after (saving, evaluating) can still fail.
    pub finished: bool,
    /// The steps over time.
    pub pace: Pace,
    /// The step at which the epoch was logged.
    pub epoch_step: Option<u64>,
    /// What the run spends its time on.
    pub phases: PhaseClock,
    /// Since when a number that has to be finite is not, and still is not.
    pub not_finite: Option<NotFiniteSince>,
}

/// A number of the training that is none any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotFiniteSince {
    /// Which.
    pub metric: Metric,
    /// The step that was known when it was first seen so.
    pub step: Option<u64>,
}

impl Training {
    /// Takes the numbers that are no counts of steps.
    fn take(&mut self, metrics: &Metrics) {
        self.metrics = metrics.clone().or(&self.metrics);
        self.note_not_finite();
    }

    /// Notes that loss or gradient norm is no number any more. A loss of 0 beside it is what the Trainer prints then.
    fn note_not_finite(&mut self) {
        let is_broken = |metric| {
            let number: Option<f64> = self.metrics.get(metric);
            number.is_some_and(|number| !number.is_finite())
        };
        let broken = [Metric::GradNorm, Metric::Loss]
            .into_iter()
            .find(|metric| is_broken(*metric));
        self.not_finite = match (broken, self.not_finite) {
            (None, _) => None,
            (Some(_), Some(known)) => Some(known),
            (Some(metric), None) => Some(NotFiniteSince {
                metric,
                step: self.step,
            }),
        };
    }

    /// The run is over.
    pub fn finish(&mut self, at: f64) {
        let last_step = self.pace.last.filter(|_| self.finished);
        self.phases.finish(at, last_step.map(|last| last.at));
    }

    /// Takes how many epochs are done, after the step that is known.
    fn take_epoch(&mut self, metrics: &Metrics) {
        if metrics.has(Metric::Epoch) {
            self.epoch = metrics.get(Metric::Epoch);
            self.epoch_step = self.step;
        }
    }

    /// Steps per second: by our own clock, else as the training says it (what is printed at once has no pace).
    pub fn steps_per_second(&self) -> Option<f64> {
        let measured = self.pace.steps_per_second();
        let step_seconds = self.metrics.get(Metric::StepSeconds);
        let step_seconds = step_seconds.filter(|seconds| *seconds > 0.0);
        measured.or(step_seconds.map(f64::recip))
    }

    /// Steps per epoch, as the planned epochs say, else as the last logged epoch does once one is complete
    /// (before that the rounding of the printed epoch is too coarse).
    pub fn steps_per_epoch(&self, planned_epochs: Option<f64>) -> Option<f64> {
        let planned = planned_epochs.filter(|epochs| *epochs > 0.0);
        let logged = self.epoch.filter(|epoch| *epoch >= 1.0);
        let (epochs, steps) = match (planned, self.total_steps) {
            (Some(epochs), Some(planned_steps)) => (epochs, planned_steps),
            // At the end both are final, however far apart their files were read.
            (None, Some(planned_steps)) if self.finished => (logged?, planned_steps),
            _ => (logged?, self.epoch_step?),
        };
        let steps_per_epoch = steps as f64 / epochs;
        Some(steps_per_epoch).filter(|steps| steps.is_finite() && *steps >= 1.0)
    }

    /// The number of the epoch under way, from 0: the one that has just ended is under way until the next one begins.
    pub fn epoch_index(&self) -> Option<u64> {
        let epochs = self.epoch?;
        // A float's cast saturates, and the epoch is bounded already.
        Some((epochs.ceil() as u64).saturating_sub(1))
    }

    /// Whole epochs done.
    pub fn epochs_completed(&self, planned_epochs: Option<f64>) -> Option<u64> {
        let mut epochs = self.epoch;
        if let Some(step) = self.step
            && let Some(steps_per_epoch) = self.steps_per_epoch(planned_epochs)
        {
            let counted = step as f64 / steps_per_epoch;
            epochs = Some(counted.max(epochs.unwrap_or(0.0)));
        }
        // A float's cast saturates, and the epoch is bounded already.
        Some((epochs? + 1e-9) as u64)
    }
}

/// What says how many steps are done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum StepSource {
    /// Its bar, if anything.
    #[default]
    Bar,
    /// The lines of the format of this number: bars are none of the training then.
    Lines(usize),
    /// Its log dictionaries.
    Dictionaries,
}

/// Takes a run's lines and keeps its [`Training`].
#[derive(Clone, Debug, Default)]
pub struct ProgressReader {
    /// What is known by now.
    pub training: Training,
    bar_choice: BarChoice,
    lines: LineReader,
    step_source: StepSource,
    /// The finished training before this one, until it is sure that this one is none.
    before: Option<Box<Training>>,
    /// What the last bar showed.
    shown: Option<(u64, Option<u64>)>,
    /// When any bar, of whatever phase, last showed another count.
    pub moved_at: Option<f64>,
    /// What the last bar counts that was none of the training, unless that came to its end.
    pub phase: Option<Phase>,
    /// What stands before the lines of each stream.
    collectors: [Collector; 3],
    configuration: ConfigurationReader,
}

/// Blanks that are more than the end of a line: those that take a bar away are as many as it was long.
const CLEARED_MIN: usize = 12;

impl ProgressReader {
    /// The command trains nothing: its bars are none of a training.
    pub fn expect_no_training(&mut self) {
        self.bar_choice.trains_nothing = true;
    }

    fn note_bar(&mut self, progress_bar: &ProgressBar<'_>, seconds_since_start: f64) {
        let shown = Some((progress_bar.step, progress_bar.total));
        if self.shown != shown {
            self.shown = shown;
            self.moved_at = Some(seconds_since_start);
            let is_at_end = progress_bar.total == Some(progress_bar.step);
            let bar_phase = Phase::of_bar(progress_bar.description);
            self.phase = bar_phase.filter(|_| !is_at_end);
            let sign = match progress_bar.role {
                BarRole::Loading => Some(Phase::Model),
                BarRole::Phase => bar_phase,
                _ => None,
            };
            self.note_sign(sign, seconds_since_start);
        }
    }

    fn note_sign(&mut self, phase: Option<Phase>, seconds_since_start: f64) {
        let clock = &mut self.training.phases;
        match phase {
            Some(Phase::Training) => clock.train(seconds_since_start),
            Some(Phase::Saving) if self.training.finished => clock.save(seconds_since_start),
            Some(phase) => clock.sign(phase, seconds_since_start),
            None => {}
        }
    }

    /// Takes one line that came so many seconds after the spawn.
    pub fn line(&mut self, stream: Stream, seconds_since_start: f64, line: &Line<'_>) {
        let is_stdout = stream == Stream::Stdout;
        let mut text = self.collectors[stream as usize].strip(line);
        if text.is_empty() {
            let is_blank = line.text.bytes().all(|byte| byte == b' ');
            if is_blank && line.text.len() >= CLEARED_MIN && !is_stdout {
                self.bar_choice.loop_guesses.cleared = true;
            }
            return;
        }
        while let Some((progress_bar, behind_bar)) = ProgressBar::find(text) {
            self.note_bar(&progress_bar, seconds_since_start);
            if !is_stdout || progress_bar.names_epoch() {
                self.take_bar(&progress_bar, line.cursor_up, seconds_since_start);
            }
            // What was printed while the bar stood there continues on its line.
            text = prefix::strip(behind_bar);
        }
        if text.is_empty() {
            return;
        }
        if let Some(log_metrics) =
            dictionary::parse(text).or_else(|| dictionary::parse_logged(text))
        {
            return self.take_log(&log_metrics, Some(seconds_since_start));
        }
        let progress_line = self.lines.read(text);
        if let Some(progress_line) = &progress_line {
            self.note_sign(Phase::of_line(progress_line.says), seconds_since_start);
            match progress_line.says {
                About::Progress => return self.take_progress(progress_line, seconds_since_start),
                About::Model => return self.training.take(&progress_line.metrics),
                _ => {}
            }
        }
        self.configuration.line(text);
        if is_stdout {
            return;
        }
        self.bar_choice.other_line();
        if let Some(progress_line) = &progress_line {
            self.take_announcement(progress_line);
        }
    }

    /// Takes a line of the training's own log: metrics, as from standard output, and what it prints once.
    pub fn metrics(&mut self, line: &Line<'_>) {
        let text = prefix::strip(line.text);
        if let Some(log_metrics) = dictionary::parse(text) {
            return self.take_log(&log_metrics, None);
        }
        match knowledge::find(text) {
            Some((number, metrics)) if knowledge::FORMATS[number].says == About::Model => {
                self.training.take(&metrics);
            }
            _ => self.configuration.line(text),
        }
    }

    /// The configuration that the training has printed, once.
    pub fn take_configuration(&mut self) -> Option<String> {
        self.configuration.take()
    }

    /// Takes what a trainer wrote down at a checkpoint. What was printed is newer, and finer.
    pub fn recorded(&mut self, state: &TrainerState) {
        let training = &mut self.training;
        let mut is_other_training = false;
        // A bar that came to another end than the trainer's own was that of something else.
        if let Some(bar_total) = self.bar_choice.finished()
            && let Some(planned_steps) = state.total_steps
            && state.step.is_some()
            && bar_total != planned_steps
        {
            is_other_training = true;
            self.bar_choice.announce(planned_steps);
            training.step = None;
            training.pace = Pace::default();
            training.finished = false;
        }
        let has_no_bar = self.bar_choice.chosen_bar.is_none() || is_other_training;
        if let Some(step) = state.step
            && has_no_bar
            && state.step > training.step
        {
            training.step = state.step;
            training.total_steps = state.total_steps.or(training.total_steps);
            training.pace.note(step, state.at);
        }
        if training.log_dictionaries == 0 {
            for (metric, number) in [
                (Metric::Loss, state.loss),
                (Metric::GradNorm, state.grad_norm),
                (Metric::LearningRate, state.learning_rate),
                (Metric::EvalLoss, state.eval_loss),
            ] {
                if let Some(number) = number {
                    training.metrics.put(metric, number);
                }
            }
            if state.epoch.is_some() {
                training.epoch = state.epoch;
                training.epoch_step = state.step;
            }
        }
    }

    /// Looks at a line that has not ended yet, which may be half a line.
    ///
    /// Only a whole bar is taken from it: the bar of a slow step ends when the next step does.
    pub fn peek(&mut self, stream: Stream, seconds_since_start: f64, line: &Line<'_>) {
        let Some((progress_bar, _)) = ProgressBar::find(prefix::strip(line.text)) else {
            return;
        };
        // The last bar of a training that hangs is never ended; its end, with the command's, is no sign of life.
        self.note_bar(&progress_bar, seconds_since_start);
        if self.step_source == StepSource::Bar
            && (stream != Stream::Stdout || progress_bar.names_epoch())
        {
            let training_change = self.bar_choice.peek(&progress_bar, line.cursor_up);
            self.change(training_change, Some(&progress_bar), seconds_since_start);
        }
    }

    /// Takes a bar of an ended line.
    fn take_bar(
        &mut self,
        progress_bar: &ProgressBar<'_>,
        cursor_up: bool,
        seconds_since_start: f64,
    ) {
        if self.step_source == StepSource::Bar {
            let training_change = self.bar_choice.offer(progress_bar, cursor_up);
            if self.bar_choice.is_nesting {
                self.training
                    .phases
                    .sign(Phase::Evaluation, seconds_since_start);
            }
            return self.change(training_change, Some(progress_bar), seconds_since_start);
        }
        // The bar beside the lines has the total that they do not say.
        let training = &mut self.training;
        if progress_bar.role == BarRole::Steps && training.step == Some(progress_bar.step) {
            training.total_steps = training.total_steps.or(progress_bar.total);
        }
    }

    /// Takes a line in which a program says how far it is.
    fn take_progress(&mut self, line: &ProgressLine, seconds_since_start: f64) {
        let metrics = &line.metrics;
        self.take_steps(StepSource::Lines(line.format), metrics, seconds_since_start);
        // What a trainer logs is more exact, and says when it was so.
        if self.training.log_dictionaries > 0 {
            return;
        }
        self.training.take(metrics);
        self.training.take_epoch(metrics);
        if metrics.has(Metric::Epochs) {
            self.training.planned_epochs = metrics.get(Metric::Epochs);
        }
    }

    /// Takes the steps that a line or a dictionary counts, unless the training's own bar does.
    fn take_steps(&mut self, step_source: StepSource, metrics: &Metrics, seconds_since_start: f64) {
        let Some(step) = metrics.count(Metric::Step) else {
            return;
        };
        let training = &mut self.training;
        let planned_steps = metrics
            .count(Metric::Total)
            .filter(|planned_steps| *planned_steps >= step);
        if self.step_source == StepSource::Bar {
            if self.bar_choice.chosen_bar.is_some() {
                if step_source == StepSource::Dictionaries
                    || !self.bar_choice.yields_to(planned_steps)
                {
                    return;
                }
                training.step = None;
                training.total_steps = None;
                training.pace = Pace::default();
            }
            self.step_source = step_source;
        }
        if training.step > Some(step) {
            // Another format says it later, or less often; the same one begins anew.
            if self.step_source != step_source {
                return;
            }
            training.pace = Pace::default();
        }
        self.step_source = step_source;
        if training.step != Some(step) {
            training.phases.step(seconds_since_start);
            self.moved_at = Some(seconds_since_start);
        }
        training.step = Some(step);
        let known_total = training
            .total_steps
            .filter(|planned_steps| *planned_steps >= step);
        training.total_steps = planned_steps.or(known_total);
        training.finished = training.total_steps == Some(step);
        training.pace.note(step, seconds_since_start);
    }

    fn change(
        &mut self,
        training_change: Option<TrainingChange>,
        progress_bar: Option<&ProgressBar<'_>>,
        seconds_since_start: f64,
    ) {
        let Some(training_change) = training_change else {
            return;
        };
        if training_change == TrainingChange::Began {
            let is_second = self.training.finished;
            self.before = is_second.then(|| Box::new(self.training.clone()));
        }
        self.note_training(training_change, seconds_since_start);
        let training = &mut self.training;
        if training_change != TrainingChange::Stepped {
            training.pace = Pace::default();
            training.finished = false;
            training.epoch_step = None;
            training.step = None;
            training.total_steps = self.bar_choice.announced_total;
            if training.log_dictionaries == 0 {
                training.epoch = None;
            }
        }
        let Some(bar_position) = self.bar_choice.chosen_bar else {
            return;
        };
        training.step = Some(bar_position.step);
        // What was one training turns out to be one of its epochs.
        let is_beyond = training.total_steps.is_some() && training.step > training.total_steps;
        if is_beyond {
            training.total_steps = None;
            training.finished = false;
        }
        training.total_steps = bar_position.total.or(training.total_steps);
        training.finished |= bar_position.is_end();
        training.pace.note(bar_position.step, seconds_since_start);
        // What a trainer logs is more exact, and says when it was so.
        if training.log_dictionaries == 0 {
            if let Some(progress_bar) = progress_bar {
                training.take(&dictionary::of_bar(progress_bar));
            }
            if bar_position.epoch.is_some() {
                training.epoch = bar_position.epoch;
                training.epoch_step = training.step;
            }
        }
    }

    /// Notes in the phases what a bar says of the training.
    fn note_training(&mut self, training_change: TrainingChange, seconds_since_start: f64) {
        let training = &mut self.training;
        let clock = &mut training.phases;
        if training.metrics.has(Metric::Loss) {
            clock.confirm();
        }
        match training_change {
            TrainingChange::Began => {
                clock.retract();
                clock.train(seconds_since_start);
            }
            TrainingChange::Stepped => {
                let chosen_bar = self.bar_choice.chosen_bar;
                // A bar is drawn anew for a line that is printed, whatever goes on.
                if chosen_bar.is_some_and(|bar| training.step < Some(bar.step)) {
                    clock.step(seconds_since_start);
                }
            }
            TrainingChange::Retracted => clock.retract(),
        }
    }

    /// Takes a log dictionary; `printed_at` is unknown of a log on disk, which is read some time later.
    fn take_log(&mut self, log_metrics: &Metrics, printed_at: Option<f64>) {
        let seconds_since_start = printed_at.unwrap_or_default();
        let has_loss = log_metrics.has(Metric::Loss);
        let is_evaluation = log_metrics.has(Metric::EvalLoss);
        if dictionary::is_trainers(log_metrics) {
            let training_change = self.bar_choice.has_trainer();
            self.change(training_change, None, seconds_since_start);
        }
        if has_loss {
            if printed_at.is_some() {
                let training_change = self.bar_choice.was_training();
                self.change(training_change, None, seconds_since_start);
                self.take_steps(StepSource::Dictionaries, log_metrics, seconds_since_start);
            } else {
                self.bar_choice.confirm();
            }
            self.before = None;
            self.training.phases.confirm();
            if let Some(at) = printed_at {
                self.training.phases.step(at);
            }
        } else if is_evaluation && self.training.finished && self.bar_choice.was_evaluation() {
            // Only the bar was taken for another training's; what was logged stays.
            if let Some(before) = self.before.take() {
                self.training.step = before.step;
                self.training.total_steps = before.total_steps;
                self.training.epoch_step = before.epoch_step;
                self.training.pace = before.pace;
                self.training.phases = before.phases;
            }
        }
        let losses = [Metric::Loss, Metric::TrainLoss];
        let has_trained = self.training.metrics.has_any(&losses);
        if is_evaluation && !has_loss && !has_trained {
            let training_change = self.bar_choice.was_evaluation_alone();
            self.change(training_change, None, seconds_since_start);
        }
        let training = &mut self.training;
        if let Some(at) = printed_at
            && log_metrics.has(Metric::TrainLoss)
        {
            training.phases.sign(Phase::End, at);
        }
        training.log_dictionaries = training.log_dictionaries.saturating_add(1);
        training.take_epoch(log_metrics);
        training.take(log_metrics);
        // The mean over all steps is only logged at the end; the run time also in between, if tokens are counted.
        training.finished |= log_metrics.has(Metric::TrainLoss);
    }

    /// What a trainer says before it begins, evaluates, or ends.
    fn take_announcement(&mut self, line: &ProgressLine) {
        let positive = |metric| line.metrics.count(metric).filter(|count| *count > 0);
        let training = &mut self.training;
        match line.says {
            About::Plan => {
                if let Some(planned_steps) = positive(Metric::Total) {
                    self.bar_choice.announce(planned_steps);
                    training.total_steps.get_or_insert(planned_steps);
                }
                let epochs = line.metrics.get(Metric::Epochs);
                training.planned_epochs = epochs.or(training.planned_epochs);
            }
            About::Evaluation => self.bar_choice.awaits_evaluation = true,
            About::End => {
                // Lightning's bars count batches, of which several may make a step.
                if let Some(step) = positive(Metric::Step) {
                    training.step = Some(step);
                    training.total_steps = Some(step);
                    training.finished = true;
                    self.bar_choice.trains_nothing = true;
                }
            }
            _ => {}
        }
    }
}
