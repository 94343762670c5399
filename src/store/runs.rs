//! The recorded runs: their directory, and each as it can be told from its files.
//!
//! A [`RecordedRun`] walks the events once and keeps figures, never the events: a month of training has tens of
//! thousands of them. Every figure is read from a file that may hold anything, so strings are mapped to closed
//! enums and numbers stay numbers.
//!
//! The queries read it; recovery, sending and pruning are built on it.

pub mod job;

use super::gate::{self, LineRefusal};
use super::journal::Journal;
use super::layout::{self, NOTIFICATIONS, OURS, RUNS, StoreProblem};
use super::lock::{self, RunLock};
use super::read;
use crate::delivery::notify::NotificationLine;
use crate::delivery::{Answer, Disposition};
use axolotl_run_core::consent::Sending;
use axolotl_run_core::event::Event;
use axolotl_run_core::event::finish::NotFinite;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::judging::verdict::Outcome;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use axolotl_run_sys::files::{Access, Directory, Missing};
use job::{JobRecord, together};
use std::cmp::Reverse;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;
use uuid::Uuid;

/// Runs that are looked at; 50 are kept, but a shared home that other versions filled may have thousands.
const RUNS_LISTED_MAX: usize = 100_000;

/// How far a run is, as its journal knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RunState {
    /// Its observer lives.
    Running,
    /// The command ended.
    Ended(Outcome),
    /// The journal does not say.
    #[default]
    Unknown,
}

impl RunState {
    /// The word for it, as in the finish event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended(outcome) => outcome.as_str(),
            Self::Unknown => "unknown",
        }
    }
}

impl RecordedRun {
    /// How it ended, or that it runs, in a few words.
    pub fn title(&self) -> &str {
        match (&self.title, self.state) {
            (_, RunState::Running) => "Running",
            (Some(title), _) => title,
            (None, _) => "End unknown",
        }
    }
}

/// The figures of one run.
#[derive(Default)]
pub struct RecordedRun {
    /// Its identity.
    pub run_id: Uuid,
    /// When its first event happened.
    pub started: Option<SystemTime>,
    /// How it ended, or that it runs.
    pub state: RunState,
    /// Its end in a few words, where it has ended.
    pub title: Option<String>,
    /// The number of a finished training that was none any more.
    pub not_finite: Option<NotFinite<String>>,
    /// Optimizer steps done, as last reported.
    pub steps: Option<u64>,
    /// What started the training, as the start event says.
    pub launcher: Option<String>,
    /// Seconds from the spawn to the last event.
    pub seconds: Option<f64>,
    /// Whether it may be sent.
    pub sending: Sending,
    /// Events in the journal.
    pub events: u64,
    /// Of these, accepted by the server.
    pub delivered: u64,
    /// Of these, never to be sent.
    pub refused: u64,
    /// Of these, still to be sent.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// The gate refuses some that are not known as refused yet.
    pub(super) has_new_refusals: bool,
    /// Lines of the journal that can't be read.
    pub damaged_lines: u64,
    /// The journal goes on beyond what is read.
    pub truncated: bool,
    /// When anything was last written.
    pub activity: Option<SystemTime>,
    /// What the server said last.
    pub last_answer: Option<Answer>,
    /// Its place in a job of several processes.
    pub job: Option<JobRecord>,
    pub(super) last_event: Option<LastEvent>,
    pub(super) is_finished: bool,
}

/// What is known of a run's last event, for the finish that nobody wrote.
pub(super) struct LastEvent {
    pub time: SystemTime,
    pub elapsed_seconds: f64,
}

/// One event of a run, with what became of it.
pub struct RecordedEvent {
    /// The line, exactly as it is sent.
    pub line: String,
    /// The same, parsed.
    pub member: Member,
    /// What it says, where it is an event of the published list; anything else says nothing about the run.
    pub event: Option<Event<String>>,
    /// Seconds from the spawn to the event, as it says.
    pub elapsed_seconds: Option<f64>,
    /// The server's answer.
    pub answer: Option<Answer>,
    /// Whether its run may be sent.
    pub sending: Sending,
    is_too_old: bool,
    /// Why it may not be sent, where it may not.
    pub refusal: Option<LineRefusal>,
}

/// The directory of recorded runs.
pub struct Store {
    pub(super) runs: Directory,
}

impl Store {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    /// Why there is none; the text reads after "failed to".
    pub fn open(environment: Environment<'_>) -> Result<Self, StoreProblem> {
        Self::below(&layout::state_home(environment)?, Missing::Create)
    }

    /// Opens the directory to look into it; None where nothing was ever recorded.
    ///
    /// # Errors
    /// Why it can't be opened; the text reads after "failed to".
    pub fn existing(environment: Environment<'_>) -> Result<Option<Self>, StoreProblem> {
        match Self::below(&layout::state_home(environment)?, Missing::Fail) {
            Err(StoreProblem::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Opens runs that were copied from elsewhere: a state directory, the runs in it, or one of these; None where there
    /// are none.
    pub fn copied(path: &Path) -> Option<Self> {
        let parent = path.parent().unwrap_or(path).to_owned();
        for place in [
            path.join(OURS).join(RUNS),
            path.join(RUNS),
            path.to_owned(),
            parent,
        ] {
            if let Ok(runs) = Directory::open(&place, Missing::Fail) {
                let store = Self { runs };
                if !store.identities().is_empty() {
                    return Some(store);
                }
            }
        }
        None
    }

    fn below(state_home: &Path, missing: Missing) -> Result<Self, StoreProblem> {
        let our_path = state_home.join(OURS);
        let runs_path = our_path.join(RUNS);
        let problem = |path: &Path| {
            let path = path.to_owned();
            move |error| match error {
                _ if path.is_symlink() => StoreProblem::Link(path),
                error => StoreProblem::Io(path, error),
            }
        };
        let base = Directory::open(state_home, missing)
            .map_err(|error| StoreProblem::Io(state_home.to_owned(), error))?;
        let ours = base.below(OURS, missing).map_err(problem(&our_path))?;
        if !ours.is_ours(&base).map_err(problem(&our_path))? {
            return Err(StoreProblem::Foreign(our_path));
        }
        // Where descriptors are few, the next one is needed.
        drop(base);
        ours.make_private();
        let runs = ours.below(RUNS, missing).map_err(problem(&runs_path))?;
        runs.make_private();
        Ok(Self { runs })
    }

    /// Begins the journal of a run. It always begins: what can't be written is kept in memory.
    ///
    /// The journal outlives the store, and has a handle of its own.
    pub fn begin(&self, run_id: Uuid, sending: Sending) -> Journal {
        Journal::begin(self.runs.try_clone().ok(), run_id, sending)
    }

    /// Where the runs are, for messages.
    pub fn path(&self) -> &Path {
        self.runs.path()
    }

    /// The runs' identities, in no order. Names that no launcher gives are not ours to touch.
    pub(super) fn identities(&self) -> Vec<Uuid> {
        let mut runs = Vec::new();
        for name in self.runs.names(RUNS_LISTED_MAX) {
            if let Ok(run_id) = Uuid::parse_str(&name)
                && run_id.to_string() == name
            {
                runs.push(run_id);
            }
        }
        runs
    }

    /// The directory of a run.
    ///
    /// # Errors
    /// The kernel's, where there is none.
    pub fn run_directory(&self, run_id: Uuid) -> io::Result<Directory> {
        self.runs.below(&run_id.to_string(), Missing::Fail)
    }

    /// A run whose observer is dead, and the right to change it; None where there is no such run.
    pub(super) fn take(&self, run_id: Uuid, now: SystemTime) -> Option<(Directory, RunLock)> {
        let run_directory = self.run_directory(run_id).ok()?;
        let lock = lock::take(&run_directory, now)?;
        Some((run_directory, lock))
    }

    /// The recorded runs, the latest first.
    pub fn runs(&self, now: SystemTime) -> Vec<RecordedRun> {
        let identities = self.identities().into_iter();
        let mut runs: Vec<_> = identities
            .filter_map(|run_id| self.summary(run_id, now))
            .collect();
        runs.sort_by_key(|recorded_run| {
            Reverse((
                recorded_run.started.or(recorded_run.activity),
                recorded_run.run_id,
            ))
        });
        runs
    }

    /// The figures of one run; None where there is no such run.
    pub fn summary(&self, run_id: Uuid, now: SystemTime) -> Option<RecordedRun> {
        self.events(run_id, now, |_| {})
    }

    /// Calls `each` with every event of a run in order, and returns the figures; None where there is none.
    pub fn events(
        &self,
        run_id: Uuid,
        now: SystemTime,
        visit: impl FnMut(RecordedEvent),
    ) -> Option<RecordedRun> {
        let run_directory = self.run_directory(run_id).ok()?;
        let living = lock::is_living(&run_directory, now);
        let mut recorded_run = summarize(&run_directory, run_id, now, visit);
        if living && !recorded_run.is_finished {
            recorded_run.state = RunState::Running;
        }
        Some(recorded_run)
    }

    /// The latest run; of a job its main process. Of all others only the beginning is read.
    pub fn latest(&self, now: SystemTime) -> Option<Uuid> {
        let first_event_time = |run_id: &Uuid| {
            let time = match self.run_directory(*run_id) {
                Ok(found_directory) => read::first_event_time(&found_directory, *run_id)
                    .or_else(|| lock::activity(&found_directory, now)),
                Err(_) => None,
            };
            (time, *run_id)
        };
        let latest = self.identities().into_iter().max_by_key(first_event_time)?;
        Some(self.main_of_job(latest))
    }

    /// The runs whose job has this key, in no order.
    pub fn runs_of_key(&self, key: &str) -> Vec<(Uuid, JobRecord)> {
        let mut runs = Vec::new();
        for run_id in self.identities() {
            if let Ok(run_directory) = self.run_directory(run_id)
                && let Some(record) = JobRecord::read(&run_directory)
                && record.place.key == key
            {
                runs.push((run_id, record));
            }
        }
        runs
    }

    /// The main process of a run's job, as far as it is here; the run itself where it is of no job.
    fn main_of_job(&self, run_id: Uuid) -> Uuid {
        let run_directory = self.run_directory(run_id).ok();
        let Some(own) = run_directory.as_ref().and_then(JobRecord::read) else {
            return run_id;
        };
        let runs = self.runs_of_key(&own.place.key);
        let mut jobs = together(runs, |(_, record)| Some(record)).into_iter();
        let job = jobs.find(|job| job.iter().any(|(other, _)| *other == run_id));
        let main = job.as_ref().and_then(|job| job.first());
        main.map_or(run_id, |(main, _)| *main)
    }

    /// The runs whose identity begins so, in order.
    pub fn named(&self, id_prefix: &str) -> Vec<Uuid> {
        let id_prefix = id_prefix.to_ascii_lowercase();
        let mut found_directory = self.identities();
        found_directory.retain(|run_id| run_id.to_string().starts_with(&id_prefix));
        found_directory.sort_unstable();
        found_directory
    }

    /// Calls `each` with a run's measurements in order; it says whether the measurement makes sense. Returns how many
    /// lines are none.
    pub fn samples(&self, run_id: Uuid, visit: impl FnMut(SeriesLine) -> bool) -> u64 {
        match self.run_directory(run_id) {
            Ok(run_directory) => read::samples(&run_directory, visit).lines,
            Err(_) => 0,
        }
    }

    /// What became of a run's messages to its user.
    pub fn notifications(&self, run_id: Uuid) -> Vec<NotificationLine> {
        let run_directory = self.run_directory(run_id);
        run_directory.map_or(Vec::new(), |run_directory| {
            read::notifications(&run_directory)
        })
    }

    /// Writes down what became of them, where the run's observer has died.
    pub fn note_notifications(&self, run_id: Uuid, lines: &[String], now: SystemTime) {
        if let Some((run_directory, _lock)) = self.take(run_id, now)
            && let Ok(mut file) = run_directory.file(NOTIFICATIONS, Access::Append)
        {
            let _ = file.write_all(format!("{}\n", lines.join("\n")).as_bytes());
        }
    }
}

/// Walks a run's events once.
pub(super) fn summarize(
    run_directory: &Directory,
    run_id: Uuid,
    now: SystemTime,
    mut visit: impl FnMut(RecordedEvent),
) -> RecordedRun {
    let (answers, last_answer, damage_of_answers) = read::deliveries(run_directory);
    let sending = layout::sending(run_directory);
    let mut recorded_run = RecordedRun {
        run_id,
        sending,
        activity: lock::activity(run_directory, now),
        last_answer,
        job: JobRecord::read(run_directory),
        ..RecordedRun::default()
    };
    let damage_of_events = read::events(run_directory, |line, member| {
        let mut recorded_event = RecordedEvent {
            line: line.to_owned(),
            answer: answers.get(&member.uuid).cloned(),
            event: None,
            elapsed_seconds: None,
            sending,
            is_too_old: gate::time_of_event(&member).is_none_or(|time| {
                now.duration_since(time).unwrap_or_default() >= limits::UNSENT_AGE_MAX
            }),
            refusal: gate::judge(run_id, line, &member).err(),
            member,
        };
        // What may not be sent for a text alone is still this machine's own record.
        if matches!(recorded_event.refusal, None | Some(LineRefusal::Privacy(_)))
            && let Some((event, elapsed_seconds)) = recorded_event.member.read()
        {
            recorded_event.event = Some(event);
            recorded_event.elapsed_seconds = elapsed_seconds;
        }
        recorded_run.count(&recorded_event);
        visit(recorded_event);
    });
    for damage in [damage_of_answers, damage_of_events] {
        recorded_run.damaged_lines += damage.lines;
        recorded_run.truncated |= damage.truncated;
    }
    recorded_run
}

impl RecordedEvent {
    /// Whether it still may and should be sent.
    pub fn is_waiting(&self) -> bool {
        let is_settled = self.answer.is_some() || self.refusal.is_some() || self.is_too_old;
        self.sending == Sending::Permitted && !is_settled
    }
}

impl RecordedRun {
    fn count(&mut self, recorded_event: &RecordedEvent) {
        self.events += 1;
        match &recorded_event.answer {
            Some(answer) if answer.disposition == Disposition::Delivered => self.delivered += 1,
            Some(_) => self.refused += 1,
            None if recorded_event.is_waiting() => {
                self.waiting += 1;
                self.waiting_bytes += recorded_event.line.len() as u64;
            }
            None => self.has_new_refusals |= recorded_event.refusal.is_some(),
        }
        let Some(event) = &recorded_event.event else {
            return;
        };
        let time_of_event = gate::time_of_event(&recorded_event.member);
        self.started = self.started.or(time_of_event);
        match event {
            Event::Start(start) => self.launcher.clone_from(&start.launcher),
            Event::Progress(progress) => self.steps = progress.step.or(self.steps),
            Event::Finish(finish) => {
                self.is_finished = true;
                self.steps = finish.total_steps.or(self.steps);
                self.title = Some(finish.title());
                self.not_finite.clone_from(&finish.not_finite);
                let outcome = finish.outcome.as_deref().and_then(Outcome::parse);
                self.state = outcome.map_or(RunState::Unknown, RunState::Ended);
            }
            Event::Setup(_) | Event::Error(_) | Event::Exception(_) => {}
        }
        let elapsed_seconds = recorded_event.elapsed_seconds.unwrap_or(0.0);
        self.seconds = Some(elapsed_seconds);
        if let Some(time) = time_of_event {
            self.last_event = Some(LastEvent {
                time,
                elapsed_seconds,
            });
        }
    }
}
