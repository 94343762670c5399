//! A run as a state machine: observations in, events out.
//!
//! Whatever the observer sees of a run goes in here, and whatever may be said about it comes out: the start
//! first, progress now and then, an error at most once, the finish exactly once, and nothing after it. The
//! machine is pure: every observation brings its own time, in seconds since the command's spawn, so that a
//! recorded run gives the same events as a live one. What is not known is left out of an event.

mod resources;
#[cfg(test)]
mod tests;

use crate::event::value::{Number, Spread, non_finite};
use crate::event::{Dropped, Event, Finish, Progress, Start, finish};
use crate::judging::hang::HangWatch;
use crate::judging::verdict::{Verdict, judge};
use crate::limits::{PROGRESS_GAP, PROGRESS_PERIOD};
use crate::observation::{Ending, Hang, Sample, Stream, SupervisorLoss, TrainerState};
use crate::output::lines::{Line, LineCutter, inner_lines};
use crate::output::progress::{Point, ProgressReader, Training, rate};
use crate::output::traceback::{Judgement, TraceReader};
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::{End, signal_name};
use resources::Resources;

/// What is known of a run beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunFacts {
    /// Epochs that the configuration plans; None where it limits the steps instead.
    pub planned_epochs: Option<f64>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Before,
    Started,
    Ended,
}

/// The progress event that was sent last.
#[derive(Clone, Copy, Debug)]
struct Report {
    at: f64,
    /// The last step it knew, and when that was seen.
    point: Option<Point>,
    /// Tenths of the total that were done.
    tenth: u64,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    facts: RunFacts,
    phase: Phase,
    progress: ProgressReader,
    trace: TraceReader,
    resources: Resources,
    hang: HangWatch,
    /// The next report is not to wait for its time.
    urgent: bool,
    report: Option<Report>,
    verdict: Option<Verdict>,
}

impl Run {
    /// A run of which nothing was observed yet.
    #[must_use]
    pub fn new(facts: RunFacts) -> Self {
        Self {
            facts,
            ..Self::default()
        }
    }

    /// What was found out about the plan after the beginning.
    pub const fn plan(&mut self, facts: RunFacts) {
        self.facts = facts;
    }

    /// The command is known to train nothing.
    pub fn expect_no_training(&mut self) {
        self.progress.expect_no_training();
    }

    /// What is known of the training by now.
    #[must_use]
    pub const fn training(&self) -> &Training {
        self.progress.training()
    }

    /// Why the run ended, once it has.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The command was spawned. Comes before every other event, and may come after the first observations.
    pub fn start(&mut self, start: Start) -> Event {
        if self.phase == Phase::Before {
            self.phase = Phase::Started;
        }
        Event::Start(Box::new(start))
    }

    /// The command printed a line.
    pub fn line(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        if self.phase != Phase::Ended {
            self.progress.line(stream, at, line);
            self.trace.line(stream, at, line);
            self.note_life(at);
        }
    }

    /// The command printed these bytes; their lines are cut here, because tracebacks are looked for in a quiet log as a
    /// whole, and its lines are then read for progress alone.
    pub fn bytes(&mut self, stream: Stream, at: f64, cutter: &mut LineCutter, bytes: &[u8]) {
        let (head, middle, tail) = inner_lines(bytes).unwrap_or((bytes, &[], &[]));
        cutter.push(head, |line| self.line(stream, at, &line));
        let quiet = self.phase != Phase::Ended && self.trace.skip(stream, middle);
        cutter.push(middle, |line| {
            if quiet {
                self.progress.line(stream, at, &line)
            } else {
                self.line(stream, at, &line)
            }
        });
        cutter.push(tail, |line| self.line(stream, at, &line));
    }

    /// The command has printed this much of a line that has not ended
    /// ([`LineCutter::peek`](crate::output::lines::LineCutter::peek)).
    pub fn peek(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        if self.phase != Phase::Ended {
            self.progress.peek(stream, at, line);
            self.note_life(at);
        }
    }

    /// The training wrote a line into a log of its own.
    pub fn metrics(&mut self, line: &Line<'_>) {
        if self.phase != Phase::Ended {
            self.progress.metrics(line);
        }
    }

    /// The trainer wrote down where it was.
    pub fn recorded(&mut self, state: &TrainerState) {
        if self.phase != Phase::Ended {
            self.progress.recorded(state);
        }
    }

    /// The process tree and the accelerators were measured.
    pub fn sample(&mut self, sample: Sample) {
        if self.phase != Phase::Ended {
            // Where the steps come from a file of the trainer's, no line tells of them.
            self.note_life(sample.at);
            self.hang.sample(&sample);
            self.resources.take(sample);
        }
    }

    /// Whether the training stands still now.
    pub fn hang(&mut self, at: f64) -> Option<Hang> {
        self.hang
            .look(at)
            .filter(|_| self.phase == Phase::Started && !self.progress.training().finished)
    }

    /// Whether the training may stand still, so that it is worth measuring closely.
    #[must_use]
    pub fn is_suspicious(&self, at: f64) -> bool {
        self.hang.is_suspicious(at)
    }

    /// Says which rank does something else than all others while the training stands still. It is reported next.
    pub fn blame(&mut self, rank: Option<u64>) {
        self.hang.blame(rank);
        self.urgent = true;
    }

    fn note_life(&mut self, at: f64) {
        if let Some(moved) = self.progress.moved_at() {
            self.hang.moved(moved);
        }
        if let Some(step) = self.progress.training().step {
            self.hang.step(step, at);
        }
    }

    /// The progress event that is due, if one is; to be asked whenever something was observed, and at the
    /// latest once a second.
    pub fn due(&mut self, at: f64) -> Option<Event> {
        let training = self.progress.training();
        let begun = training.step.is_some_and(|step| step > 0) || training.log_dictionaries > 0;
        if self.phase != Phase::Started || !begun || !at.is_finite() {
            return None;
        }
        let tenth = tenths(training);
        if let Some(last) = &self.report {
            let waited = at - last.at;
            let passed = tenth > last.tenth && waited >= PROGRESS_GAP.as_secs_f64();
            if !passed && !self.urgent && waited < PROGRESS_PERIOD.as_secs_f64() {
                // A training that begins anew has its tenths before it again.
                if tenth < last.tenth {
                    self.report = Some(Report { tenth, ..*last });
                }
                return None;
            }
        }
        self.urgent = false;
        let event = self.progress_event(at);
        self.report = Some(Report {
            at,
            point: self.progress.training().pace.last(),
            tenth,
        });
        Some(Event::Progress(Box::new(event)))
    }

    /// The command has ended. The error, if there was one, and the finish; nothing where that was said before.
    pub fn end(&mut self, mut ending: Ending) -> Vec<Event> {
        if self.phase == Phase::Ended {
            return Vec::new();
        }
        let mut events = Vec::with_capacity(3);
        if self.phase == Phase::Before {
            events.push(Event::Start(Box::default()));
        }
        ending.hang = self.hang(ending.at);
        self.phase = Phase::Ended;
        let mut judgement = self.trace.finish(ending.end);
        if ending.is_worker && !judgement.has_word_of_the_first() {
            // What only other ranks said, in the output that they share with it, is not what it exited for.
            (judgement.error, judgement.first_rank) = (None, None);
        }
        if ending.end == Some(End::Exited(0)) {
            self.doubt(&mut judgement);
        }
        let verdict = judge(&ending, &judgement, self.training());
        let finish = self.finish_event(&ending, &verdict);
        // What a program prints and survives is no error.
        if let Some(error) = judgement.error.take() {
            events.push(Event::Error(Box::new(error)));
        }
        events.push(Event::Finish(Box::new(finish)));
        self.verdict = Some(verdict);
        events
    }

    /// An exit code of 0 may be another program's: that of `tee` behind the training, or of a script that goes on.
    ///
    /// A traceback as the last word of a training that had steps to do is what ended it. Where no step was seen, it only
    /// makes the success doubtful.
    fn doubt(&self, judgement: &mut Judgement) {
        let training = self.training();
        let unfinished = match (training.step, training.total_steps) {
            (Some(step), Some(total)) => step < total && !training.finished,
            _ => false,
        };
        let unseen = training.step.is_none() && training.log_dictionaries == 0;
        if !unfinished && !unseen {
            return;
        }
        let otherwise = self.trace.finish(None);
        if !otherwise.is_last_word {
            return;
        }
        if unfinished {
            *judgement = otherwise;
        } else {
            judgement.is_last_word = true;
        }
    }

    fn progress_event(&mut self, at: f64) -> Progress {
        let training = self.progress.training();
        let usage = self.resources.report();
        let hang = self.hang.current();
        Progress {
            step: training.step,
            total_steps: training.total_steps,
            epoch: training.epoch.and_then(Number::new),
            progress: self.share().and_then(Number::new),
            steps_per_second: self.recent_rate().and_then(Number::new),
            time_since_last_report: self.report.map(|last| at - last.at).and_then(Number::new),
            loss: training.loss.and_then(Number::new),
            loss_repr: training.loss.and_then(non_finite),
            ppl: training.ppl.and_then(Number::new),
            learning_rate: training.learning_rate.and_then(Number::new),
            grad_norm: training.grad_norm.and_then(Number::new),
            grad_norm_repr: training.grad_norm.and_then(non_finite),
            eval_loss: training.eval_loss.and_then(Number::new),
            eval_ppl: training.eval_ppl.and_then(Number::new),
            eval_accuracy: training.eval_accuracy.and_then(Number::new),
            tokens_total: training.tokens_total,
            tokens_trainable: training.tokens_trainable,
            tokens_per_second_per_gpu: training.tokens_per_second_per_gpu.and_then(Number::new),
            memory: usage.memory,
            cpu_cores_used: usage.cpu_cores_used.and_then(Number::new),
            gpu: usage.gpu,
            stalled_seconds: hang.map(|hang| at - hang.since).and_then(Number::new),
            suspect_rank: hang.and_then(|hang| hang.suspect),
        }
    }

    /// The share of the training that is done.
    fn share(&self) -> Option<f64> {
        let training = self.progress.training();
        let ratio = |done: Option<f64>, planned: Option<f64>| {
            done.zip(planned.filter(|planned| *planned > 0.0))
                .map(|(done, planned)| (done / planned).clamp(0.0, 1.0))
        };
        let steps = ratio(
            training.step.map(|step| step as f64),
            training.total_steps.map(|total| total as f64),
        );
        // The trainer's own announcement is rounded up where only the steps are limited.
        let planned = || ratio(training.epoch, training.planned_epochs);
        ratio(training.epoch, self.facts.planned_epochs)
            .or(steps)
            .or_else(planned)
    }

    /// Steps per second since the last report: between the last steps that the two reports knew, because the
    /// reports themselves fall anywhere between two slow steps.
    fn recent_rate(&self) -> Option<f64> {
        let pace = &self.progress.training().pace;
        let (from, to) = (
            self.report
                .and_then(|last| last.point)
                .or_else(|| pace.first())?,
            pace.last()?,
        );
        // A training that stands still makes no steps, and that is known.
        let still = self.report.is_some() && from.step == to.step;
        if still { Some(0.0) } else { rate(from, to) }
    }

    fn finish_event(&self, ending: &Ending, verdict: &Verdict) -> Finish {
        let training = self.progress.training();
        let epochs: Vec<_> = training
            .steps_per_epoch(self.facts.planned_epochs)
            .map(|steps| training.pace.epochs(steps))
            .unwrap_or_default();
        let mean = epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / epochs.len() as f64;
        let seconds = epochs
            .iter()
            .filter_map(|epoch| Some((epoch.number.try_into().ok()?, Number::new(epoch.seconds)?)));
        let (exit_code, signal) = match ending.end {
            Some(End::Exited(code)) => (Some(u64::from(code)), None),
            Some(End::Signaled(signal)) => (None, Some(name_of(signal))),
            None => (None, None),
        };
        let gpu_peaks = self.resources.gpu_peaks();
        Finish {
            outcome: Some(verdict.outcome.public()),
            verdict: Some(verdict.into()),
            exit_code,
            signal,
            total_time_seconds: Number::new(ending.at),
            total_steps: training.step,
            steps_per_second: training.steps_per_second().and_then(Number::new),
            epochs_completed: training.epochs_completed(self.facts.planned_epochs),
            epoch_times: (!epochs.is_empty()).then(|| finish::EpochTimes {
                seconds: Some(Spread(seconds.collect())),
            }),
            average_epoch_time_seconds: Number::new(mean),
            peak_cpu_memory_bytes: self
                .resources
                .peak_process_bytes()
                .max(ending.max_rss_bytes),
            gpu_memory: (!gpu_peaks.0.is_empty()).then_some(finish::GpuMemory {
                peak: Some(gpu_peaks),
            }),
            gpu_energy_joules: self.resources.gpu_energy_joules().and_then(Number::new),
            gpu_ecc_errors: self.resources.gpu_ecc_errors(),
            gpu_xids: (!ending.gpu.xids.is_empty())
                .then(|| ending.gpu.xids.iter().map(|xid| xid.code).collect()),
            gpu_lost_at: ending.gpu.lost_at.and_then(Number::new),
            gpu_driver_unresponsive: ending.gpu.unresponsive.then_some(true),
            cpu_seconds: ending
                .cpu_seconds
                .or_else(|| self.resources.cpu_seconds())
                .and_then(Number::new),
            loss: training.loss.and_then(Number::new),
            loss_repr: training.loss.and_then(non_finite),
            learning_rate: training.learning_rate.and_then(Number::new),
            eval_loss: training.eval_loss.and_then(Number::new),
            oom_kills: ending.oom_kills_cgroup,
            supervisor_lost: ending.supervisor.map(|loss| {
                PublicStr::constant(match loss {
                    SupervisorLoss::Crashed => "crashed",
                    SupervisorLoss::Killed => "killed",
                    SupervisorLoss::OutOfMemory => "out_of_memory",
                })
            }),
            dropped: self.dropped(&ending.dropped),
        }
    }

    /// What was missed, if anything was.
    fn dropped(&self, dropped: &Dropped) -> Option<Dropped> {
        let failures = self.resources.failures();
        let samples = Some(dropped.samples.unwrap_or(0).saturating_add(failures))
            .filter(|missed| *missed > 0);
        Some(Dropped {
            samples,
            ..dropped.clone()
        })
        .filter(|missed| *missed != Dropped::default())
    }
}

/// The finish of a run of whose output nothing is known; `steps`: what was last reported of them.
#[must_use]
pub fn unobserved_finish(ending: &Ending, steps: Option<u64>) -> Finish {
    let run = Run::default();
    let verdict = judge(ending, &Judgement::default(), run.training());
    Finish {
        total_steps: steps,
        ..run.finish_event(ending, &verdict)
    }
}

/// Tenths of the total that are done.
fn tenths(training: &Training) -> u64 {
    let ratio = training
        .step
        .zip(training.total_steps.filter(|total| *total > 0));
    ratio.map_or(0, |(step, total)| (step.saturating_mul(10) / total).min(10))
}

/// A signal's name, or its number where it has none.
fn name_of(signal: i32) -> PublicStr {
    signal_name(signal).map_or_else(
        || {
            PublicText::new()
                .constant("signal ")
                .integer(signal.unsigned_abs().into())
                .clone()
                .finish()
        },
        PublicStr::constant,
    )
}
