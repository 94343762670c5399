//! A run as a state machine: observations in, events out.
//!
//! Whatever the observer sees of a run goes in here, and whatever may be said about it comes out: the start
//! first, progress now and then, an error at most once, the finish exactly once, and nothing after it. The
//! machine is pure: every observation brings its own time, in seconds since the command's spawn, so that a
//! recorded run gives the same events as a live one. What is not known is left out of an event.

mod parts;
mod resources;
#[cfg(test)]
mod tests;

use crate::config::Vetted;
use crate::event::value::{Number, non_finite};
use crate::event::{
    CollectiveReport, Dropped, ErrorEvent, Event, Finish, ModelFacts, Phases, Progress, Setup,
    Start, finish,
};
use crate::judging::edges::{EdgeWatch, RunEdge};
use crate::judging::hang::HangWatch;
use crate::judging::issue::issue;
use crate::judging::profile::{Profile, Progressing};
use crate::judging::verdict::{Verdict, judge};
use crate::observation::{
    Ending, Hang, Sample, StackFindings, StacksRefused, Stream, SupervisorLoss, TrainerState,
};
use crate::output::lines::{Line, LineCutter, inner_lines};
use crate::output::progress::{Metric, Point, ProgressReader, RATE_SECONDS_MIN, Training, rate};
use crate::output::tail::OutputTail;
use crate::output::traceback::{Judgement, TraceReader};
use crate::status::End;
use parts::{name_of, not_finite, number, ratio, tenths};
use resources::Resources;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two progress events.
const PROGRESS_PERIOD: Duration = Duration::from_secs(60);
/// Shortest time between two progress events: a fast run passes its tenths in moments.
const PROGRESS_GAP: Duration = Duration::from_secs(1);

/// The progress event that was sent last.
#[derive(Clone, Copy)]
struct ReportedProgress {
    seconds_since_start: f64,
    /// The last step it knew, and when that was seen.
    point: Option<Point>,
    /// Tenths of the total that were done.
    tenth: u64,
}

/// One run.
#[derive(Default)]
pub struct Run {
    /// Epochs that the configuration plans; None where it limits the steps instead.
    planned_epochs: Option<f64>,
    /// Whether the start event was made.
    started: bool,
    /// How many ranks there are, where all of them are on this machine.
    world_size: Option<u64>,
    progress: ProgressReader,
    trace: TraceReader,
    resources: Resources,
    hang: HangWatch,
    edges: EdgeWatch,
    profile: Profile,
    /// Whether a launcher is to start several workers.
    has_workers: bool,
    /// Where its processes were when it stood still, and when that was.
    stacks: Option<(StackFindings, f64)>,
    /// The next report is not to wait for its time.
    urgent: bool,
    report: Option<ReportedProgress>,
    /// What is known of the training before its first step, until that was told.
    setup: Option<Setup>,
    is_set_up: bool,
    /// The last of the output, where the run is recorded for its owner. No event is made of it.
    pub tail: Option<OutputTail>,
}

impl Run {
    /// How many epochs the configuration plans.
    pub fn plan(&mut self, epochs: Option<f64>) {
        self.planned_epochs = epochs;
    }

    /// The command is known to train nothing.
    pub fn expect_no_training(&mut self) {
        self.progress.expect_no_training();
    }

    /// Keeps what is printed for the run's owner: the last of it, and the error ([`Self::end_told`]).
    pub fn keep_output(&mut self) {
        self.trace.keep_printed();
        self.tail = Some(OutputTail::default());
    }

    /// What is known of the training by now.
    pub fn training(&self) -> &Training {
        &self.progress.training
    }

    /// The command was spawned. Comes before every other event, and may come after the first observations.
    pub fn start(&mut self, start: Start) -> Event {
        self.started = true;
        let is_several = |count: Option<u64>| count.is_some_and(|count| count > 1);
        self.has_workers = is_several(start.nodes) || is_several(start.processes_per_node);
        if start.nodes.is_none_or(|nodes| nodes == 1) {
            self.world_size = start.processes_per_node;
        }
        Event::Start(Box::new(start))
    }

    /// The command printed a line.
    pub fn line(&mut self, stream: Stream, seconds_since_start: f64, line: &Line<'_>) {
        self.progress.line(stream, seconds_since_start, line);
        self.edges.moved(seconds_since_start);
        self.trace.set_time(seconds_since_start);
        self.trace.line(stream, line);
        self.note_life(seconds_since_start);
    }

    /// The command printed these bytes; their lines are cut here, because tracebacks are looked for in a quiet log as a
    /// whole, and its lines are then read for progress alone.
    pub fn bytes(
        &mut self,
        stream: Stream,
        seconds_since_start: f64,
        cutter: &mut LineCutter,
        bytes: &[u8],
    ) {
        if let Some(tail) = &mut self.tail {
            tail.bytes(stream, seconds_since_start, bytes);
        }
        self.edges.moved(seconds_since_start);
        let (head, middle, tail) = inner_lines(bytes).unwrap_or((bytes, &[], &[]));
        cutter.push(head, |line| self.line(stream, seconds_since_start, &line));
        let quiet = self.trace.skip(stream, middle);
        cutter.push(middle, |line| {
            if quiet {
                self.progress.line(stream, seconds_since_start, &line)
            } else {
                self.line(stream, seconds_since_start, &line)
            }
        });
        cutter.push(tail, |line| self.line(stream, seconds_since_start, &line));
    }

    /// Of what the command printed bytes are missing here.
    pub fn gap(&mut self, stream: Stream) {
        if let Some(tail) = &mut self.tail {
            tail.gap(stream);
        }
        self.trace.gap(stream);
    }

    /// The command has printed this much of a line that has not ended
    /// ([`LineCutter::peek`](crate::output::lines::LineCutter::peek)).
    pub fn peek(&mut self, stream: Stream, seconds_since_start: f64, line: &Line<'_>) {
        self.progress.peek(stream, seconds_since_start, line);
        self.note_life(seconds_since_start);
    }

    /// The configuration that the training has printed; its caller vets it.
    pub fn take_configuration(&mut self) -> Option<String> {
        self.progress.take_configuration()
    }

    /// What the training's printed configuration came to.
    pub fn configured(&mut self, vetted: Vetted) {
        if self.planned_epochs.is_none() {
            self.planned_epochs = vetted.planned.epochs();
        }
        let setup = self.setup.get_or_insert_default();
        setup.config = Some(vetted.value);
        setup.config_unknown_keys = Some(vetted.unknown_keys);
    }

    /// What the model's own configuration says.
    pub fn model(&mut self, facts: ModelFacts) {
        self.setup.get_or_insert_default().model = Some(facts);
    }

    /// The setup event, once, when the first step was taken.
    pub fn set_up(&mut self) -> Option<Event> {
        if self.lacks_setup() {
            return self.setup_event();
        }
        None
    }

    /// Whether the first step was taken, and the setup not told.
    pub fn lacks_setup(&self) -> bool {
        self.started && !self.is_set_up && self.has_begun()
    }

    fn setup_event(&mut self) -> Option<Event> {
        self.is_set_up = true;
        let metrics = &self.progress.training.metrics;
        let setup = Setup {
            setup_seconds: number(self.training().pace.first().map(|first| first.at)),
            num_parameters: metrics.count(Metric::ParametersAll),
            trainable_parameters: metrics.count(Metric::ParametersTrainable),
            ..self.setup.take().unwrap_or_default()
        };
        (setup != Setup::default()).then(|| Event::Setup(Box::new(setup)))
    }

    /// Whether a step was taken.
    pub fn has_begun(&self) -> bool {
        let training = self.training();
        training.step.is_some_and(|step| step > 0) || training.log_dictionaries > 0
    }

    /// The training wrote a line into a log of its own.
    pub fn metrics(&mut self, line: &Line<'_>) {
        self.progress.metrics(line);
    }

    /// The trainer wrote down where it was.
    pub fn recorded(&mut self, state: &TrainerState) {
        self.progress.recorded(state);
    }

    /// The process tree and the accelerators were measured.
    pub fn sample(&mut self, sample: Sample) {
        // Where the steps come from a file of the trainer's, no line tells of them.
        self.note_life(sample.at);
        self.hang.sample(&sample);
        self.edges.sample(&sample);
        let progressing = self.progressing();
        self.profile.measured(&sample, progressing);
        for stacks in &sample.stacks {
            self.profile.take(stacks, progressing);
        }
        self.resources.take(sample);
    }

    fn progressing(&self) -> Progressing {
        if self.has_begun() {
            Progressing::Steps
        } else {
            Progressing::BeforeFirstStep
        }
    }

    /// Whether samples of its stacks say what the training is slow for: it takes steps, or is about to.
    pub fn is_worth_sampling(&self, seconds_since_start: f64) -> bool {
        let training = self.training();
        let is_training = training.total_steps.is_some() || self.has_begun();
        is_training && !training.finished && !self.is_late(seconds_since_start)
    }

    /// Whether the training stands still now.
    pub fn hang(&mut self, seconds_since_start: f64) -> Option<Hang> {
        let hang = self.hang.look(seconds_since_start)?;
        if !self.started || self.training().finished {
            return None;
        }
        Some(hang)
    }

    /// Whether the training may stand still, so that it is worth measuring closely.
    pub fn is_suspicious(&self, seconds_since_start: f64) -> bool {
        self.hang.is_suspicious(seconds_since_start)
    }

    /// Whether a step is late, so that it is worth a look where its processes are.
    pub fn is_late(&self, seconds_since_start: f64) -> bool {
        self.hang.is_late(seconds_since_start)
    }

    /// Says which rank does something else than all others while the training stands still. It is reported next.
    pub fn blame(&mut self, rank: Option<u64>) {
        self.hang.blame(rank);
        self.urgent = true;
    }

    /// Says where its processes are, which stand still. It is told at the end, unless something moves until then.
    pub fn found_stacks(&mut self, findings: StackFindings, seconds_since_start: f64) {
        self.stacks = Some((findings, seconds_since_start));
    }

    fn note_life(&mut self, seconds_since_start: f64) {
        if let Some(moved) = self.progress.moved_at {
            self.hang.moved(moved);
        }
        if let Some(step) = self.training().step {
            self.hang.step(step, seconds_since_start);
        }
    }

    /// The progress event that is due, if one is; to be asked whenever something was observed, and at the
    /// latest once a second.
    pub fn due(&mut self, seconds_since_start: f64) -> Option<Event> {
        let training = self.training();
        if !self.started || !self.has_begun() || !seconds_since_start.is_finite() {
            return None;
        }
        let tenth = tenths(training);
        if let Some(last_report) = &self.report {
            let waited = seconds_since_start - last_report.seconds_since_start;
            let passed = tenth > last_report.tenth && waited >= PROGRESS_GAP.as_secs_f64();
            if !passed && !self.urgent && waited < PROGRESS_PERIOD.as_secs_f64() {
                // A training that begins anew has its tenths before it again.
                if tenth < last_report.tenth {
                    self.report = Some(ReportedProgress {
                        tenth,
                        ..*last_report
                    });
                }
                return None;
            }
        }
        self.urgent = false;
        let event = self.progress_event(seconds_since_start);
        let point = self.training().pace.last;
        self.report = Some(ReportedProgress {
            seconds_since_start,
            point,
            tenth,
        });
        Some(Event::Progress(Box::new(event)))
    }

    /// The command has ended: the error, if there was one, and the finish.
    pub fn end(self, ending: Ending) -> Vec<Event> {
        self.end_told(ending).0
    }

    /// The same, and the error as it was printed, which is for the run's owner and in no event.
    pub fn end_told(mut self, mut ending: Ending) -> (Vec<Event>, Option<String>) {
        let mut events = Vec::new();
        if !self.started {
            events.push(Event::Start(Box::default()));
        }
        if !self.is_set_up {
            events.extend(self.setup_event());
        }
        ending.hang = self.hang(ending.at);
        if let Some((findings, at)) = self.stacks.take()
            && self.hang.stood_since(at)
            && (ending.hang.is_some() || !ending.requests.is_empty())
        {
            ending.stacks = Some(findings);
        }
        ending.world_size = self.world_size;
        let edge = RunEdge {
            has_begun: self.has_begun(),
            is_finished: self.training().finished,
            phase: self.progress.phase,
            awaits_workers: self.has_workers && !ending.has_seen_ranks,
        };
        ending.edge_wait = self.edges.wait(ending.at, edge);
        let mut judgement = self.trace.finish_knowing(ending.end, ending.first_failure);
        if ending.is_worker && !judgement.has_word_of_the_first() {
            // What only other ranks said, in the output that they share with it, is not what it exited for.
            judgement.error = None;
            judgement.exceptions.clear();
            judgement.first_rank = None;
        }
        if ending.end == Some(End::Exited(0)) {
            self.doubt(&mut judgement);
        }
        let verdict = judge(&ending, &judgement, self.training());
        self.progress.training.finish(ending.at);
        let finish = self.finish_event(&ending, &verdict);
        let exception = issue(&judgement, &verdict);
        let printed = self.trace.printed(&judgement);
        // What a program prints and survives is no error.
        if let Some(mut error) = judgement.error {
            error.collective = verdict.collective.as_ref().map(CollectiveReport::from);
            events.push(Event::Error(Box::new(error)));
        }
        if let Some(exception) = exception {
            events.push(Event::Exception(Box::new(exception)));
        }
        events.push(Event::Finish(Box::new(finish)));
        (events, printed)
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

    fn progress_event(&mut self, seconds_since_start: f64) -> Progress {
        let measured = self.resources.report();
        let profile = self.profile.take_news();
        let training = self.training();
        let metrics = &training.metrics;
        let hang = self.hang.current();
        Progress {
            step: training.step,
            total_steps: training.total_steps,
            epoch: training.epoch_index(),
            progress: number(training.epoch),
            share: number(self.share()),
            steps_per_second: number(self.recent_rate()),
            time_since_last_report: number(
                self.report
                    .map(|last_report| seconds_since_start - last_report.seconds_since_start),
            ),
            loss: number(metrics.get(Metric::Loss)),
            loss_repr: metrics.get(Metric::Loss).and_then(non_finite),
            ppl: number(metrics.get(Metric::Ppl)),
            learning_rate: number(metrics.get(Metric::LearningRate)),
            grad_norm: number(metrics.get(Metric::GradNorm)),
            grad_norm_repr: metrics.get(Metric::GradNorm).and_then(non_finite),
            eval_loss: number(metrics.get(Metric::EvalLoss)),
            eval_ppl: number(metrics.get(Metric::EvalPpl)),
            eval_accuracy: number(metrics.get(Metric::EvalAccuracy)),
            tokens_total: metrics.count(Metric::TokensTotal),
            tokens_trainable: metrics.count(Metric::TokensTrainable),
            tokens_per_second_per_gpu: number(metrics.get(Metric::TokensPerSecondPerGpu)),
            profile,
            stalled_seconds: number(hang.map(|hang| seconds_since_start - hang.since)),
            suspect_rank: hang.and_then(|hang| hang.suspect_rank),
            ..measured
        }
    }

    /// The share of the training that is done.
    fn share(&self) -> Option<f64> {
        let training = self.training();
        let steps = training.step.map(|step| step as f64);
        let total = training.total_steps.map(|total| total as f64);
        // The trainer's own announcement of epochs is rounded up where only the steps are limited.
        ratio(training.epoch, self.planned_epochs)
            .or_else(|| ratio(steps, total))
            .or_else(|| ratio(training.epoch, training.planned_epochs))
    }

    /// Steps per second since the last report: between the last steps that the two reports knew, because the
    /// reports themselves fall anywhere between two slow steps.
    fn recent_rate(&self) -> Option<f64> {
        let pace = &self.training().pace;
        let known = self.report.and_then(|last_report| last_report.point);
        let to = pace.last?;
        let from = known.or_else(|| pace.first())?;
        // A training that stands still makes no steps, and that is known.
        if self.report.is_some() && from.step == to.step {
            return Some(0.0);
        }
        if to.at - from.at < RATE_SECONDS_MIN {
            return pace.steps_per_second();
        }
        rate(from, to)
    }

    fn finish_event(&self, ending: &Ending, verdict: &Verdict) -> Finish {
        let training = self.training();
        let epochs = match training.steps_per_epoch(self.planned_epochs) {
            Some(steps) => training.pace.epochs(steps),
            None => Vec::new(),
        };
        let mean = epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / epochs.len() as f64;
        let metrics = &training.metrics;
        let mut seconds = BTreeMap::new();
        for epoch in &epochs {
            if let (Ok(number), Some(time)) = (epoch.number.try_into(), Number::new(epoch.seconds))
            {
                seconds.insert(number, time);
            }
        }
        let mut finish = Finish {
            outcome: Some(verdict.outcome.public()),
            verdict: Some(verdict.into()),
            total_time_seconds: Number::new(ending.at),
            total_steps: training.step,
            steps_per_second: number(training.steps_per_second()),
            epochs_completed: training.epochs_completed(self.planned_epochs),
            average_epoch_time_seconds: Number::new(mean),
            peak_cpu_memory_bytes: self.resources.peak_process_bytes.max(ending.max_rss_bytes),
            cpu_energy_joules: number(self.resources.cpu_energy_joules),
            gpu_energy_joules: number(self.resources.gpu_energy_joules()),
            gpu_ecc_errors: self.resources.gpu_ecc_errors(),
            gpu_lost_at: number(ending.gpu.lost_at),
            gpu_driver_unresponsive: ending.gpu.unresponsive.then_some(true),
            cpu_seconds: number(ending.cpu_seconds.or(self.resources.cpu_seconds())),
            loss: number(metrics.get(Metric::Loss)),
            loss_repr: metrics.get(Metric::Loss).and_then(non_finite),
            ppl: number(metrics.get(Metric::Ppl)),
            learning_rate: number(metrics.get(Metric::LearningRate)),
            grad_norm: number(metrics.get(Metric::GradNorm)),
            grad_norm_repr: metrics.get(Metric::GradNorm).and_then(non_finite),
            eval_loss: number(metrics.get(Metric::EvalLoss)),
            tokens_total: metrics.count(Metric::TokensTotal),
            tokens_trainable: metrics.count(Metric::TokensTrainable),
            tokens_per_second_per_gpu: number(metrics.get(Metric::TokensPerSecondPerGpu)),
            epoch: training.epoch_index(),
            progress: number(training.epoch),
            phases: Phases::of(training),
            not_finite: not_finite(training),
            profile: self.profile.whole(),
            oom_kills: ending.oom_kills_cgroup,
            supervisor_lost: ending.supervisor.map(SupervisorLoss::public),
            dropped: self.dropped(&ending.dropped),
            ..Finish::default()
        };
        match ending.end {
            Some(End::Exited(code)) => finish.exit_code = Some(code.into()),
            Some(End::Signaled(signal)) => finish.signal = Some(name_of(signal)),
            None => {}
        }
        if !epochs.is_empty() {
            finish.epoch_times = Some(finish::EpochTimes {
                seconds: Some(seconds),
            });
        }
        let peak = self.resources.gpu_peaks();
        if peak.is_some() {
            finish.gpu_memory = Some(finish::GpuMemory { peak });
        }
        if let Some(findings) = &ending.stacks
            && !findings.groups.is_empty()
        {
            finish.stacks = Some(findings.groups.clone());
            finish.stacks_refused = findings.refused.map(StacksRefused::public);
        }
        if !ending.gpu.xids.is_empty() {
            finish.gpu_xids = Some(ending.gpu.xids.iter().map(|xid| xid.code).collect());
        }
        finish
    }

    /// What was missed, if anything was.
    fn dropped(&self, dropped: &Dropped) -> Option<Dropped> {
        let mut dropped = dropped.clone();
        if self.resources.failures > 0 {
            dropped.samples = Some(dropped.samples.unwrap_or(0) + self.resources.failures);
        }
        if dropped == Dropped::default() {
            return None;
        }
        Some(dropped)
    }
}

/// The error and the finish of a run that nobody observed to its end. `steps`: what was last reported of them; `trace` has
/// read what is left of its output, where that is a file.
pub fn unobserved_end(
    ending: &Ending,
    steps: Option<u64>,
    trace: Option<&TraceReader>,
) -> (Option<ErrorEvent>, Finish) {
    let run = Run::default();
    let judgement = match trace {
        Some(trace) => trace.finish(ending.end),
        None => Judgement::default(),
    };
    let verdict = judge(ending, &judgement, run.training());
    let finish = Finish {
        total_steps: steps,
        ..run.finish_event(ending, &verdict)
    };
    (judgement.error, finish)
}
