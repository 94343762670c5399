//! The observer's loop: reads, measures, judges, reports, on one thread, until the run is over.
//!
//! Everything that may take long is somewhere else (drivers, file systems, the network), and each turn of the
//! loop takes what has come. The start event waits a moment for facts about the machine; whatever happens
//! first, a command's end included, it goes out before anything else does.

use super::eyes::Eyes;
use super::link::{News, tell};
use super::reporter::Reporter;
use super::{Birth, surroundings};
use crate::config::{self, Vetted};
use crate::env;
use crate::event::{Dropped, Start};
use crate::limits;
use crate::machine::{Gathering, Sampler, ranks};
use crate::observation::{Ending, Request};
use crate::privacy::Gate;
use crate::protocol::messages::ToSupervisor;
use crate::run::{Run, RunFacts};
use crate::sys::clock;
use crate::sys::deaths::Wake;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

/// Signals that a verdict wants to know about, at the most.
const REQUESTS_MAX: usize = 8;

/// The loop's state.
struct Work {
    birth: Birth,
    run: Run,
    eyes: Eyes,
    sampler: Option<Sampler>,
    gathering: Gathering,
    configuration: Receiver<Vetted>,
    reporter: Option<Reporter>,
    /// The gate of a reporter that is not opened before a worker's rank is known.
    undecided: Option<Gate>,
    facts: Facts,
    ending: Ending,
    /// Wakes when a process of the run has ended.
    deaths: Option<Wake>,
    /// When the batch system ends the job, in seconds since 1970.
    deadline: Option<f64>,
}

/// What is known for the start event, and whether it is out.
#[derive(Default)]
struct Facts {
    start: Start,
    gathered: bool,
    configured: bool,
    accelerators: bool,
    sent: bool,
    /// Another machine's rank 0 reports; we stay silent.
    silent: bool,
}

/// Observes until the command has ended and what is to be sent was sent, or cannot be.
pub fn run(birth: Birth, directory: PathBuf, channel: &Arc<OwnedFd>, mut news: UnboundedReceiver<News>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        // Without a loop nothing is observed; the link goes on.
        return;
    };
    runtime.block_on(async {
        // Nothing is written before the command runs: one that could not be started leaves no trace.
        if news.recv().await != Some(News::Started) {
            return;
        }
        let mut work = Work::begin(birth, directory);
        work.observe(&mut news).await;
        work.finish();
        tell(channel, ToSupervisor::Journaled(work.reporter.as_ref().is_some_and(Reporter::is_worth_waiting_for)));
        work.linger(channel).await;
    });
    // A thread that a driver or a file system holds up must not hold us up.
    runtime.shutdown_background();
}

impl Work {
    fn begin(birth: Birth, directory: PathBuf) -> Self {
        let settings = &birth.settings;
        let gate = surroundings::gate(&birth.command, &directory);
        let configuration = surroundings::configuration(birth.command.clone(), birth.config.clone(), directory.clone());
        let gathering = Gathering::begin(birth.command.clone(), std::env::vars_os().collect());
        let nvml = std::env::var_os(env::AXOLOTL_RUN_NVML_PATH).filter(|path| !path.is_empty());
        let sampler = u32::try_from(settings.command).ok().map(|command| Sampler::begin(command, nvml));
        let (mut eyes, lost) = Eyes::open(&settings.streams, directory, settings.spawned_at_ms);
        eyes.follow_records(config::output_directory(&birth.command).as_deref());
        let unobserved = settings.unobserved + lost;
        let ending = Ending {
            dropped: Dropped { streams: (unobserved > 0).then_some(unobserved), ..Dropped::default() },
            limits_time: birth.command.first().is_some_and(|program| limits_time(program)),
            ..Ending::default()
        };
        let deaths = sampler.as_ref().and_then(Sampler::wake);
        let deadline = std::env::var(env::SLURM_JOB_END_TIME).ok().and_then(|end| end.trim().parse().ok());
        let (reporter, undecided) = match settings.rank_deferred {
            true => (None, Some(gate)),
            false => (Some(Reporter::open(settings.run, settings.sending, gate)), None),
        };
        let mut work = Self {
            run: Run::new(RunFacts::default()),
            eyes,
            sampler,
            gathering,
            configuration,
            reporter,
            undecided,
            facts: Facts::default(),
            ending,
            deaths,
            deadline: deadline.filter(|end: &f64| end.is_finite()),
            birth,
        };
        work.measure();
        work
    }

    /// Seconds since the command's spawn.
    fn now(&self) -> f64 {
        let milliseconds = clock::monotonic_ms().saturating_sub(self.birth.settings.spawned_monotonic_ms);
        Duration::from_millis(milliseconds).as_secs_f64()
    }

    /// Until the command has ended.
    async fn observe(&mut self, news: &mut UnboundedReceiver<News>) {
        let mut tick = interval(limits::FOLLOW_PERIOD);
        let mut measure = interval(limits::SAMPLE_PERIOD);
        let mut hurry = interval(limits::START_LOOK);
        for interval in [&mut tick, &mut measure, &mut hurry] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let reporter = self.reporter.as_mut();
            let deaths = self.deaths.as_ref();
            tokio::select! {
                heard = news.recv() => {
                    if !heard.is_some_and(|heard| self.hear(heard)) {
                        return;
                    }
                }
                () = self.eyes.ready() => self.read(),
                () = send(reporter) => {}
                () = somebody_ended(deaths) => self.look(),
                _ = hurry.tick(), if !self.facts.sent && !self.facts.silent => self.begin_report(false),
                _ = tick.tick() => self.tick(),
                _ = measure.tick() => self.measure(),
            }
        }
    }

    /// Takes a piece of news; false: the command has ended.
    fn hear(&mut self, news: News) -> bool {
        match news {
            News::Requested { signal, sender } if self.ending.requests.len() < REQUESTS_MAX => {
                let (at, seconds_left) = (self.now(), self.deadline.map(|end| end - seconds_since_1970()));
                self.ending.requests.push(Request { signal, sender, at, seconds_left });
            }
            News::Missed(bytes) => self.ending.dropped.copy_bytes = Some(bytes),
            News::SupervisorLost(loss) => self.ending.supervisor = Some(loss),
            News::Ended { end, max_rss_bytes, cpu_microseconds } => {
                self.ending.end = end;
                self.ending.max_rss_bytes = max_rss_bytes.filter(|bytes| *bytes > 0);
                self.ending.cpu_seconds = cpu_microseconds.map(|us| Duration::from_micros(us).as_secs_f64());
                return false;
            }
            News::Started | News::ExecFailed | News::Requested { .. } => {}
        }
        true
    }

    fn read(&mut self) {
        let at = self.now();
        self.eyes.read(&mut self.run, at);
        self.progress(at);
    }

    /// Who has ended, and how short memory is.
    fn look(&mut self) {
        let at = self.now();
        if let Some(sampler) = &mut self.sampler {
            sampler.look(at);
        }
    }

    fn tick(&mut self) {
        let at = self.now();
        if let Some(sampler) = self.sampler.as_mut().filter(|_| at < limits::TREE_HURRY.as_secs_f64()) {
            sampler.meet();
        }
        self.look();
        self.eyes.look_at_files(&mut self.run, at);
        self.progress(at);
        if !self.facts.sent
            && self.facts.start.python_version.is_none()
            && at >= limits::PYTHON_LOOK_AFTER.as_secs_f64()
        {
            // The command's first word leads to no Python; a process of it may be one by now.
            self.measure();
            self.gathering.look_at(&self.sampler.as_ref().map(Sampler::pids).unwrap_or_default());
        }
        if at >= limits::HOUSEKEEPING_AFTER.as_secs_f64()
            && let Some(reporter) = &mut self.reporter
        {
            reporter.keep_house();
        }
    }

    fn measure(&mut self) {
        let at = self.now();
        let Some(sampler) = &mut self.sampler else { return };
        let sample = sampler.sample(at);
        if let Some(reporter) = &mut self.reporter {
            reporter.sample(&super::series::line(&sample, self.run.training()));
        }
        self.run.sample(sample);
    }

    fn progress(&mut self, at: f64) {
        if !self.facts.sent {
            return;
        }
        if let (Some(event), Some(reporter)) = (self.run.due(at), &mut self.reporter) {
            reporter.report(&event, SystemTime::now(), at);
        }
    }

    /// Sends the start event as soon as it is complete, or has waited for long enough, or must go now.
    fn begin_report(&mut self, must: bool) {
        self.gather();
        let waited = self.now();
        self.settle_rank(must || waited > limits::RANK_WAIT.as_secs_f64());
        if self.reporter.is_none() {
            return;
        }
        let facts = &mut self.facts;
        let patience =
            if facts.start.python_version.is_some() { limits::START_WAIT } else { limits::START_WAIT_PYTHON };
        let complete = facts.gathered && facts.configured && facts.accelerators && facts.start.python_version.is_some();
        if facts.sent || !(must || complete || waited >= patience.as_secs_f64()) {
            return;
        }
        facts.sent = true;
        let event = self.run.start(std::mem::take(&mut facts.start));
        let spawned = SystemTime::UNIX_EPOCH + Duration::from_millis(self.birth.settings.spawned_at_ms);
        if let Some(reporter) = &mut self.reporter {
            reporter.report(&event, spawned, 0.0);
        }
    }

    /// Where only a worker's rank can tell whether this machine reports: looks whether there is one by now.
    fn settle_rank(&mut self, must: bool) {
        let Some(gate) = &self.undecided else { return };
        let pids = self.sampler.as_ref().map(Sampler::pids).unwrap_or_default();
        let settings = &self.birth.settings;
        match ranks::lowest(&pids) {
            Some(0) => {}
            // Rank 0 is another machine's, and so is the report.
            Some(_) => self.facts.silent = true,
            None if must => {}
            None => return,
        }
        if !self.facts.silent {
            self.reporter = Some(Reporter::open(settings.run, settings.sending, gate.clone()));
        }
        self.undecided = None;
    }

    /// A command may die of its configuration before that was read: at the end the facts have a last moment.
    fn await_facts(&mut self) {
        let deadline = Instant::now() + limits::FACTS_TAIL_WAIT;
        while !(self.facts.sent || self.facts.gathered && self.facts.configured) && Instant::now() < deadline {
            self.gather();
            std::thread::sleep(limits::FACTS_TAIL_WAIT / 50);
        }
    }

    fn gather(&mut self) {
        if let Some(found) = self.gathering.try_facts() {
            // What was found about the machine takes the place of all but the parts that come from elsewhere.
            let known = std::mem::replace(&mut self.facts.start, found);
            let start = &mut self.facts.start;
            (start.config, start.config_unknown_keys) = (known.config, known.config_unknown_keys);
            (start.accelerator_type, start.accelerator_count, start.accelerator_info) =
                (known.accelerator_type, known.accelerator_count, known.accelerator_info);
            self.facts.gathered = true;
        }
        match self.configuration.try_recv() {
            Ok(vetted) => {
                self.facts.configured = true;
                self.reporter.iter_mut().for_each(|reporter| reporter.withhold(&vetted.withheld));
                self.undecided.iter_mut().for_each(|gate| gate.withhold(&vetted.withheld));
                self.run.plan(RunFacts { planned_epochs: vetted.planned.epochs() });
                self.facts.start.config = Some(vetted.value);
                self.facts.start.config_unknown_keys = Some(vetted.unknown_keys);
                self.eyes.follow_records(vetted.output_directory.as_deref());
            }
            Err(std::sync::mpsc::TryRecvError::Disconnected) => self.facts.configured = true,
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
        }
        if let Some(accelerators) = self.sampler.as_mut().and_then(Sampler::accelerators) {
            accelerators.apply(&mut self.facts.start);
            self.facts.accelerators = true;
        }
    }

    /// After the command's end: the rest of the output, the last events.
    fn finish(&mut self) {
        let at = self.now();
        self.eyes.read_the_rest(&mut self.run, at);
        self.await_facts();
        self.begin_report(true);
        self.look();
        // A training that ended before its first report has taken a step all the same.
        self.progress(at);
        if let Some(sampler) = self.sampler.take() {
            let kills = sampler.oom_kills();
            (self.ending.oom_kills_cgroup, self.ending.oom_kills_host) = (kills.cgroup, kills.host);
            self.ending.first_failure = sampler.first_failure(at);
            self.ending.shortage = sampler.shortage();
        }
        self.ending.at = at;
        let dropped = &mut self.ending.dropped;
        let some = |count: u64| (count > 0).then_some(count);
        dropped.long_lines = some(self.eyes.long_lines());
        let Some(reporter) = &mut self.reporter else { return };
        dropped.events_refused = some(reporter.refused());
        dropped.events_unwritten = some(reporter.unwritten());
        let now = SystemTime::now();
        for event in self.run.end(std::mem::take(&mut self.ending)) {
            reporter.report(&event, now, at);
        }
    }

    /// Sends what is left. The launcher waits for a moment of this, or not at all.
    async fn linger(&mut self, channel: &Arc<OwnedFd>) {
        let Some(reporter) = &mut self.reporter else { return };
        let deadline = tokio::time::sleep(limits::OBSERVER_LINGER);
        tokio::pin!(deadline);
        let mut told = false;
        loop {
            if !told && !reporter.is_worth_waiting_for() {
                tell(channel, ToSupervisor::Uploaded);
                told = true;
                reporter.keep_house();
            }
            if told && !reporter.is_busy() {
                break;
            }
            tokio::select! {
                () = reporter.send() => {}
                () = tokio::time::sleep(limits::FIRST_ANSWER_WAIT), if !told => {}
                () = &mut deadline => break,
            }
        }
        reporter.finish();
    }
}

/// Waits until a process of the run has ended. Never returns where that cannot be told.
async fn somebody_ended(deaths: Option<&Wake>) {
    match deaths {
        Some(deaths) => deaths.next().await,
        None => std::future::pending().await,
    }
}

/// Whether a program ends what takes too long, and says so by its exit code.
fn limits_time(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "timeout" || name == "gtimeout")
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

async fn send(reporter: Option<&mut Reporter>) {
    match reporter {
        Some(reporter) => reporter.send().await,
        None => std::future::pending().await,
    }
}
