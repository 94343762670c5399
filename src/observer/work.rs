//! The observer's loop: reads, measures, judges, reports, on one thread, until the run is over.
//!
//! Everything that may take long is somewhere else (drivers, file systems, the network), and each turn of the
//! loop takes what has come. The start event waits a moment for facts about the machine; whatever happens
//! first, a command's end included, it goes out before anything else does.

mod deadline;
mod facts;
mod kept;
mod linger;
mod part;
mod schedule;
mod setup;
mod stacks;
mod standstill;

use super::link::{News, tell};
use super::or_never::or_never;
use super::output_reader::OutputReader;
use super::owner::Owner;
use super::reporter::Reporter;
use super::surroundings;
use crate::metrics::disk::DiskWatch;
use crate::metrics::processes::{DeathWatch, ranks};
use crate::metrics::{Sampler, allowance};
use crate::protocol::messages::{ToSupervisor, Upload};
use crate::protocol::observer_config::{ObserverArguments, ObserverConfig};
use crate::protocol::run_request::{FirstEvent, OwnerSide};
use axolotl_run_core::config::Vetted;
use axolotl_run_core::event::{Event, Start};
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::job::JobPart;
use axolotl_run_core::launch::rank;
use axolotl_run_core::limits;
use axolotl_run_core::observation::{Ending, Request};
use axolotl_run_core::series::SeriesLine;
use axolotl_run_core::status::signal::{SIGUSR1, SIGUSR2};
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::wake::Wake;
use axolotl_run_sys::{clock, memory};
use facts::{Facts, StartStage};
use kept::Kept;
use linger::linger;
use part::{Looked, RANK_WAIT, Undecided};
use schedule::{
    FOLLOW_PERIOD, HOUSEKEEPING_AFTER, PYTHON_LOOK_AFTER, SAMPLE_PERIOD_FIRST, Schedule,
    TREE_HURRY, TREE_HURRY_PERIOD,
};
use setup::SetupFacts;
use stacks::Stacks;
use standstill::Standstill;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

/// How long a start event that goes out at the command's end waits for facts that are being read.
const FACTS_TAIL_WAIT: Duration = Duration::from_millis(100);
/// Signals that a verdict wants to know about, at the most.
const REQUESTS_MAX: usize = 8;

/// The loop's state.
struct Work {
    config: ObserverConfig,
    run: Run,
    output_reader: OutputReader,
    sampler: Sampler,
    disk: DiskWatch,
    gathering: Option<Background<Vec<u32>, Start>>,
    configuration: Option<Background<(), Result<Vetted, surroundings::Unread>>>,
    reporter: Option<Reporter>,
    /// The gate of a reporter that is not opened before a worker's rank is known.
    undecided: Option<Undecided>,
    kept: Kept,
    facts: Facts,
    setup: SetupFacts,
    ending: Ending,
    /// Wakes when a process of the run has ended.
    deaths: Option<Wake>,
    /// When the batch system ends the job, in seconds since 1970.
    deadline: Option<f64>,
    stacks: Stacks,
    standstill: Standstill,
}

/// Observes until the command has ended and what is to be sent was sent, or cannot be.
pub fn run(
    arguments: ObserverArguments,
    directory: PathBuf,
    channel: &Arc<OwnedFd>,
    mut news: UnboundedReceiver<News>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        // Without a loop nothing is observed; the link goes on.
        return;
    };
    runtime.block_on(async {
        // Nothing is written before the command runs: one that could not be started leaves no trace. A signal may be
        // told of before that.
        let mut early_news = Vec::new();
        loop {
            match news.recv().await {
                Some(News::Started) => break,
                Some(News::ExecFailed) | None => return,
                Some(other) if early_news.len() < REQUESTS_MAX => early_news.push(other),
                Some(_) => {}
            }
        }
        let mut work = Work::begin(arguments, directory, channel.clone());
        if early_news.into_iter().all(|heard| work.hear(heard)) {
            work.observe(&mut news).await;
        }
        let Some(mut reporter) = work.finish() else {
            return tell(channel, ToSupervisor::Journaled(Upload::NotExpected));
        };
        reporter.tell_owner();
        let upload = if reporter.is_worth_waiting_for() {
            Upload::Expected
        } else {
            Upload::NotExpected
        };
        tell(channel, ToSupervisor::Journaled(upload));
        linger(reporter, channel).await;
    });
    // A thread that a driver or a file system holds up must not hold us up.
    runtime.shutdown_background();
}

impl Work {
    fn begin(arguments: ObserverArguments, directory: PathBuf, channel: Arc<OwnedFd>) -> Self {
        let ObserverArguments {
            config,
            training_config,
            command,
        } = arguments;
        let command_line = CommandLine::read(&command);
        let part = config.settings.part;
        let mut owner = None;
        if part == JobPart::Main {
            owner = Owner::wishing(&config, &command_line, &directory);
        }
        let named = training_config.as_deref();
        let kept = Kept::begin(&config, &command, &command_line, named, &directory);
        let gate = surroundings::gate(&command, &directory);
        // Before everything that opens files: where descriptors are few the journal comes first.
        let (mut reporter, mut undecided) = (None, None);
        if config.settings.first_event == FirstEvent::AfterRank {
            undecided = Some(Undecided { gate, owner });
        } else {
            reporter = Some(Reporter::open(config.settings, gate, owner));
        }
        let Looked {
            configuration,
            gathering,
            gpus,
            facts,
        } = Looked::begin(part, &command, training_config, &directory);
        let sampler = Sampler::begin(config.command.cast_unsigned(), gpus);
        let setup = SetupFacts::begin(directory.clone(), command.clone());
        let environment = |name: &str| std::env::var_os(name);
        let mut disk = DiskWatch::begin(&environment, &directory, config.spawned_at);
        let (mut output_reader, lost_streams) =
            OutputReader::open(&config.streams, directory, config.spawned_at);
        if part != JobPart::Main {
            output_reader.leave_records();
        }
        let output = command_line.output_directory();
        disk.writes_to(output_reader.follow_records(output.as_deref()));
        let unobserved = config.unobserved + lost_streams;
        let mut ending = Ending {
            is_worker: std::env::var_os(rank::LOCAL_RANK).is_some(),
            limits_time: command_line.limits_time(),
            ..Ending::default()
        };
        if unobserved > 0 {
            ending.dropped.streams = Some(unobserved);
        }
        let mut run = Run::default();
        if config.settings.owner_side == OwnerSide::FactsAndOutput {
            run.keep_output();
        }
        if command_line.trains_nothing() {
            run.expect_no_training();
        }
        let mut work = Self {
            config,
            run,
            output_reader,
            deaths: sampler.deaths.as_ref().and_then(DeathWatch::wake),
            sampler,
            disk,
            gathering,
            configuration,
            reporter,
            undecided,
            kept,
            facts,
            setup,
            ending,
            deadline: deadline::of_job(),
            stacks: Stacks::new(channel),
            standstill: Standstill::default(),
        };
        work.begin_series();
        work.measure();
        work
    }

    /// What the series begins with. At once, for whoever must finish the run in our place: the observer may be gone when memory is short.
    fn begin_series(&mut self) {
        if let Some(reporter) = &mut self.reporter {
            let kill_watch = &self.sampler.kill_watch;
            let environment = |name: &str| std::env::var_os(name);
            let allowance = allowance(kill_watch.group.as_ref(), &environment);
            reporter.measured(&SeriesLine::first(kill_watch.before, allowance));
        }
    }

    /// Sends the start event as soon as it is complete, or has waited for long enough, or must go now.
    fn begin_report(&mut self, must_go_now: bool) {
        let is_task = self.config.settings.part == JobPart::Task;
        self.gather();
        // After the facts: what they say of the command's program is true of one that has entered its group by now.
        self.sampler.regroup();
        self.settle_rank(must_go_now);
        if let Some(reporter) = &mut self.reporter
            && let Some(start) = self.facts.take(must_go_now || is_task)
        {
            let event = self.run.start(start);
            reporter.report(&event, self.config.spawned_at, 0.0);
        }
    }

    /// Where only a worker's rank can tell whether this machine reports: looks whether there is one by now.
    fn settle_rank(&mut self, must_go_now: bool) {
        if self.undecided.is_none() {
            return;
        }
        let lowest_rank = ranks::lowest(&self.sampler.tree.pids());
        let is_time = lowest_rank.is_some() || must_go_now || self.age() > RANK_WAIT;
        if let Some(undecided) = self.undecided.take_if(|_| is_time) {
            let settings = &mut self.config.settings;
            self.reporter = Some(undecided.open(settings, lowest_rank));
            self.begin_series();
        }
    }

    /// A command may die of its configuration before that was read: at the end the facts have a last moment.
    fn await_facts(&mut self) {
        if self.facts.has_files() {
            return;
        }
        let deadline = Instant::now() + FACTS_TAIL_WAIT;
        let left = || deadline.saturating_duration_since(Instant::now());
        // Asleep, not by looking again and again: on a busy machine the threads need the processor.
        if self.facts.machine.is_none()
            && let Some(gathering) = &mut self.gathering
            && let Arrived::Message(machine) = gathering.wait(left())
        {
            self.facts.machine = Some(machine);
        }
        if self.facts.configuration.is_none()
            && let Some(configuration) = &mut self.configuration
        {
            let arrived = configuration.wait(left());
            self.take_configuration(arrived);
        }
        self.gather();
    }

    /// Takes what has been found out since.
    fn gather(&mut self) {
        if let Some(gathering) = &mut self.gathering {
            while let Arrived::Message(machine) = gathering.take() {
                self.facts.machine = Some(machine);
            }
        }
        let arrived = match &mut self.configuration {
            Some(configuration) => configuration.take(),
            None => Arrived::Closed,
        };
        self.take_configuration(arrived);
        self.facts.accelerators = self.sampler.gpus.facts();
    }

    fn take_configuration(&mut self, arrived: Arrived<Result<Vetted, surroundings::Unread>>) {
        match arrived {
            Arrived::Message(Ok(vetted)) => self.configured(vetted),
            Arrived::Message(Err(_)) | Arrived::Closed => {
                self.facts.configuration.get_or_insert(None);
            }
            Arrived::Nothing => {}
        }
    }

    /// Adds texts that may not leave to what the gate looks for.
    fn withhold(&mut self, texts: &[String]) {
        if let Some(reporter) = &mut self.reporter {
            reporter.gate.withhold(texts);
        }
        if let Some(undecided) = &mut self.undecided {
            undecided.gate.withhold(texts);
        }
    }

    /// Looks at what is known for the setup event.
    fn set_up(&mut self, elapsed_seconds: f64, at_most: Duration) {
        // The configuration that was printed may name the model.
        for _ in 0..2 {
            let withheld = self.setup.look(&mut self.run, elapsed_seconds, at_most);
            self.withhold(&withheld);
        }
    }

    fn configured(&mut self, vetted: Vetted) {
        self.withhold(&vetted.withheld);
        self.setup.configured(&vetted.value);
        self.run.plan(vetted.planned.epochs());
        let output = vetted.output_directory.as_deref();
        let output_directory = self.output_reader.follow_records(output);
        self.disk.writes_to(output_directory);
        self.facts.configuration = Some(Some(vetted));
    }

    /// As long as the run is old: one that soon ends has curves too.
    fn sample_period(&self) -> Duration {
        let longest = part::sample_period(self.config.settings.part);
        self.age().clamp(SAMPLE_PERIOD_FIRST, longest)
    }

    /// Each second where something may happen between two measurements that nobody tells us of.
    fn look_period(&self) -> Duration {
        let is_early = self.age() < TREE_HURRY;
        let is_memory_short = self.sampler.pressure.is_near();
        if is_early || is_memory_short || self.output_reader.follow_files(self.elapsed_seconds()) {
            FOLLOW_PERIOD
        } else {
            limits::SAMPLE_PERIOD
        }
    }

    /// Since the command's spawn.
    fn age(&self) -> Duration {
        let age_ms = clock::monotonic_ms().saturating_sub(self.config.spawned_monotonic_ms);
        Duration::from_millis(age_ms)
    }

    /// The same in seconds.
    fn elapsed_seconds(&self) -> f64 {
        self.age().as_secs_f64()
    }

    /// The time of what happens now. A clock that is set back puts nothing before the spawn.
    fn time(&self) -> SystemTime {
        SystemTime::now().max(self.config.spawned_at + self.age())
    }

    /// Until the command has ended.
    async fn observe(&mut self, news: &mut UnboundedReceiver<News>) {
        let mut has_settled = false;
        let mut schedule = Schedule::begin(SAMPLE_PERIOD_FIRST);
        let mut start_event_interval = interval(limits::START_LOOK);
        let mut new_process_interval = interval(TREE_HURRY_PERIOD);
        for interval in [&mut start_event_interval, &mut new_process_interval] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let is_early = self.age() < TREE_HURRY;
            let sending = or_never(self.reporter.as_mut().map(Reporter::send));
            let somebody_ended = or_never(self.deaths.as_ref().map(Wake::next));
            if !is_early && !has_settled {
                has_settled = true;
                memory::give_back_text();
            }
            tokio::select! {
                heard = news.recv() => {
                    let Some(heard) = heard else { return };
                    if !self.hear(heard) {
                        return;
                    }
                }
                () = self.output_reader.ready() => self.read(),
                () = sending => {}
                () = somebody_ended => self.sampler.look(self.elapsed_seconds()),
                _ = start_event_interval.tick(), if self.facts.stage == StartStage::Waits => self.begin_report(false),
                _ = new_process_interval.tick(), if is_early => self.sampler.meet(),
                due = schedule.due() => {
                    if due.look {
                        self.output_reader.ask_files(self.elapsed_seconds());
                    }
                    if due.measure {
                        self.measure();
                    }
                    if due.look {
                        self.tick();
                    }
                    schedule.done(due, self.look_period(), self.sample_period());
                }
            }
        }
    }

    /// Takes a piece of news; false: the command has ended.
    fn hear(&mut self, news: News) -> bool {
        match news {
            News::Requested { signal, sender } if self.ending.requests.len() < REQUESTS_MAX => {
                self.ending.requests.push(Request {
                    signal,
                    sender,
                    at: self.elapsed_seconds(),
                    seconds_left: self.deadline.map(deadline::seconds_until),
                });
                if !matches!(signal, SIGUSR1 | SIGUSR2) {
                    self.stacks.stop();
                }
            }
            News::Memory(pid, memory) => {
                self.stacks.take_memory(pid, memory);
                self.standstill.begin_anew();
            }
            News::Missed(bytes) => self.ending.dropped.copy_bytes = Some(bytes),
            News::SupervisorLost(loss) => self.ending.supervisor = Some(loss),
            News::Ended { end, usage } => {
                self.ending.end = end;
                if let Some(usage) = usage {
                    self.ending.used(usage);
                }
                return false;
            }
            News::Started | News::ExecFailed | News::Requested { .. } => {}
        }
        true
    }

    fn read(&mut self) {
        let elapsed_seconds = self.elapsed_seconds();
        self.output_reader.read(&mut self.run, elapsed_seconds);
        self.progress(elapsed_seconds);
    }

    fn tick(&mut self) {
        let elapsed_seconds = self.elapsed_seconds();
        self.sampler.look(elapsed_seconds);
        self.output_reader.take_from_files(&mut self.run);
        if !self.run.has_begun() {
            self.set_up(elapsed_seconds, Duration::ZERO);
        }
        self.progress(elapsed_seconds);
        if self.facts.lacks_python() && elapsed_seconds >= PYTHON_LOOK_AFTER.as_secs_f64() {
            // The command's first word leads to no Python; a process of it may be one by now.
            self.measure();
            if let Some(gathering) = &mut self.gathering {
                gathering.ask(self.sampler.tree.pids());
            }
        }
        if elapsed_seconds >= HOUSEKEEPING_AFTER.as_secs_f64()
            && let Some(reporter) = &mut self.reporter
        {
            reporter.begin_maintenance();
        }
    }

    fn measure(&mut self) {
        let elapsed_seconds = self.elapsed_seconds();
        let mut sample = self
            .sampler
            .sample(elapsed_seconds, self.run.is_suspicious(elapsed_seconds));
        let pids = self.sampler.tree.pids();
        // Before that it is measured more often, and nothing has gone on for long.
        if self.age() >= limits::SAMPLE_PERIOD && self.run.is_worth_sampling(elapsed_seconds) {
            sample.stacks = self.stacks.sample(pids.clone());
        }
        let mut line = SeriesLine::of(&sample, self.run.training());
        if let Some(look) = self.disk.take(elapsed_seconds) {
            look.tell(&mut line);
        }
        if let Some(reporter) = &mut self.reporter {
            reporter.measured(&line);
        }
        let (part, tail) = (self.config.settings.part, self.run.tail.as_ref());
        self.kept.look(self.reporter.as_ref(), tail, part, &pids);
        self.run.sample(sample);
        if self
            .standstill
            .watch(&mut self.run, &mut self.stacks, pids, elapsed_seconds)
        {
            self.progress(elapsed_seconds);
        }
    }

    fn progress(&mut self, elapsed_seconds: f64) {
        if self.facts.stage != StartStage::Sent {
            return;
        }
        if let Some(reporter) = &mut self.reporter {
            reporter.look(self.run.training());
        }
        let now = self.time();
        if self.run.lacks_setup() {
            // What was printed before the first step is there by now, or never.
            self.output_reader.catch_up(&mut self.run, elapsed_seconds);
            self.set_up(elapsed_seconds, FACTS_TAIL_WAIT);
        }
        let set_up = self.run.set_up();
        let due = self.run.due(elapsed_seconds);
        if let Some(reporter) = &mut self.reporter {
            for event in set_up.iter().chain(&due) {
                reporter.report(event, now, elapsed_seconds);
            }
        }
    }

    /// After the command's end: the rest of the output, the last events. What is left to be done is the reporter's.
    fn finish(mut self) -> Option<Reporter> {
        let elapsed_seconds = self.elapsed_seconds();
        // The configuration says where else to read.
        self.await_facts();
        self.disk.ask_last();
        let uncopied = self.ending.dropped.copy_bytes.unwrap_or(0);
        self.output_reader
            .read_the_rest(&mut self.run, elapsed_seconds, uncopied > 0);
        self.begin_report(true);
        self.set_up(elapsed_seconds, FACTS_TAIL_WAIT);
        self.sampler.look(elapsed_seconds);
        // A training that ended before its first report has taken a step all the same.
        self.progress(elapsed_seconds);
        let sample = self.sampler.last_sample(elapsed_seconds);
        // How far the training came is known now, for the owner's curves.
        if let Some(reporter) = &mut self.reporter {
            reporter.measured(&SeriesLine::of(&sample, self.run.training()));
        }
        if !sample.gpus.is_empty() {
            self.run.sample(sample);
        }
        let mut tail = self.run.tail.take();
        if let Some(tail) = &mut tail {
            tail.finish(elapsed_seconds);
        }
        let now = self.time();
        let mut ending = self.ending;
        ending.at = elapsed_seconds;
        let kills = self.sampler.kill_watch.kills();
        ending.oom_kills_cgroup = kills.cgroup;
        ending.oom_kills_host = kills.host;
        // Where the kernel does not tell of processes, none that was not seen says anything.
        ending.has_seen_ranks = true;
        if let Some(deaths) = &self.sampler.deaths {
            ending.first_failure = deaths.first_failure(elapsed_seconds);
            ending.has_seen_ranks = deaths.has_seen_ranks;
        }
        ending.memory_pressure = self.sampler.pressure.figures();
        ending.gpu = self.sampler.troubles;
        let mut reporter = self.reporter?;
        let part = self.config.settings.part;
        self.kept
            .end_job(&reporter, part, elapsed_seconds, ending.first_failure);
        reporter.leave_line_open(self.output_reader.leaves_line_open());
        let unless_zero = |count: u64| (count > 0).then_some(count);
        ending.dropped.copy_bytes =
            unless_zero(uncopied.saturating_add(self.output_reader.missed_bytes()));
        ending.dropped.long_lines = unless_zero(self.output_reader.long_lines());
        ending.dropped.events_refused = unless_zero(reporter.refused);
        ending.dropped.events_unwritten = unless_zero(reporter.journal.events_unwritten());
        let (events, printed_error) = self.run.end_told(ending);
        let stood_still =
            |event: &Event| matches!(event, Event::Finish(finish) if finish.stacks.is_some());
        let stood_still = events.iter().any(stood_still);
        for event in events {
            reporter.report(&event, now, elapsed_seconds);
        }
        if let Some(look) = self.disk.await_last() {
            let mut line = SeriesLine {
                at: elapsed_seconds,
                ..SeriesLine::default()
            };
            look.tell(&mut line);
            reporter.measured(&line);
        }
        if let Some(writer) = &mut self.kept.writer
            && let Some(run_directory) = reporter.journal.directory()
        {
            writer.take_error(printed_error);
            if stood_still {
                writer.take_stacks(&self.standstill.for_owner);
            }
            if let Some(last) = &self.disk.last {
                writer.take_checkpoint(&last.path, last.step, last.form);
            }
            writer.write(run_directory, tail.as_ref());
        }
        Some(reporter)
    }
}
