//! Recorded runs in a state directory of their own.

use crate::delivery::{Answer, AttemptOutcome, Disposition};
use crate::store::{Importance, Sending, Store, StoreProblem, UnsentPage, Written};
use axolotl_run_core::event::wire::{Member, timestamp};
use axolotl_run_core::event::{Event, Finish, Progress, Start};
use axolotl_run_core::public::PublicStr;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;
use uuid::Uuid;

pub const NONE: [Uuid; 0] = [];

/// A state directory of its own.
pub struct Home(pub TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn store(&self) -> Store {
        store(self.0.path()).unwrap()
    }

    pub fn run(&self, run: Uuid) -> PathBuf {
        self.0.path().join("axolotl-run/runs").join(run.to_string())
    }

    pub fn text(&self, run: Uuid, file: &str) -> String {
        fs::read_to_string(self.run(run).join(file)).unwrap()
    }

    /// A finished run of the given events, whose observer has gone.
    pub fn recorded(&self, sending: Sending, events: &[Event]) -> (Uuid, Vec<String>) {
        self.recorded_at(SystemTime::now(), sending, events)
    }

    /// The same, with events that happened at this time.
    pub fn recorded_at(
        &self,
        time: SystemTime,
        sending: Sending,
        events: &[Event],
    ) -> (Uuid, Vec<String>) {
        let run = Uuid::new_v4();
        let mut journal = self.store().begin(run, sending);
        let lines: Vec<_> = events.iter().map(|event| line(run, event, time)).collect();
        for line in &lines {
            assert_eq!(journal.append(line, Importance::Ordinary), Written::Disk);
        }
        (run, lines)
    }
}

/// What waits, page by page, as one process takes it.
pub fn pages(store: &Store, now: SystemTime) -> Vec<UnsentPage> {
    let mut waiting = store.waiting(now);
    std::iter::from_fn(|| waiting.next(store, now)).collect()
}

/// The lines of all that waits.
pub fn waiting(store: &Store, now: SystemTime) -> Vec<String> {
    pages(store, now)
        .into_iter()
        .flat_map(|page| page.lines)
        .collect()
}

pub fn store(home: &Path) -> Result<Store, StoreProblem> {
    let home = home.to_owned().into_os_string();
    Store::open(&|name| (name == "XDG_STATE_HOME").then(|| OsString::from(&home)))
}

pub fn line(run: Uuid, event: &Event, now: SystemTime) -> String {
    serde_json::to_string(&Member::new(Uuid::now_v7(), run, event, now, 1.5)).unwrap()
}

pub fn start() -> Event {
    Event::Start(Box::new(Start {
        cpu_count: Some(8),
        ..Start::default()
    }))
}

pub fn progress(step: u64) -> Event {
    Event::Progress(Box::new(Progress {
        step: Some(step),
        ..Progress::default()
    }))
}

pub fn finish() -> Event {
    Event::Finish(Box::new(Finish {
        outcome: Some(PublicStr::constant("success")),
        total_steps: Some(9),
        ..Finish::default()
    }))
}

pub fn delivered(line: &str) -> AttemptOutcome {
    let Member { uuid, .. } = serde_json::from_str(line).unwrap();
    AttemptOutcome {
        answer: Answer {
            time: timestamp(SystemTime::now()),
            disposition: Disposition::Delivered,
            status: Some(200),
            cause: None,
        },
        uuids: vec![uuid],
        repeated: false,
    }
}
