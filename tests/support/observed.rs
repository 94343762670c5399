//! Runs of the real program under observation: what it needs to report, what it wrote, what it sent.

use crate::documents::path;
use crate::posthog::Server;
use crate::{Launch, poll_until};
use axolotl_run_core::event::EventName;
use axolotl_run_core::event::schema::check;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Begins a Python program that lives until its run's start is recorded, as every training does: a command that ends at
/// once gives the observer no time to find anything out.
pub const STARTED: &str = "
import glob, os, sys, time
runs = os.environ.get('XDG_STATE_HOME', os.environ['HOME'] + '/.local/state') + '/axolotl-run/runs/*/'
def until_recorded(file, text):
    end = time.monotonic() + 60
    while not any(text in open(path).read() for path in glob.glob(runs + file)) and time.monotonic() < end:
        time.sleep(0.02)
until_recorded('events.jsonl', '\"event\":\"start\"')
";

/// Where a launch with this home keeps its runs.
pub fn state(home: &Path) -> PathBuf {
    home.join(".local/state")
}

/// A file of the repository's examples.
pub fn example(name: &str) -> String {
    let path = path("examples").join(name);
    path.to_str().expect("a path that is text").to_owned()
}

/// A launch whose user has consented, and that reports to the server.
pub fn reporting(launch: Launch, server: &Server) -> Launch {
    launch
        .env("AXOLOTL_DO_NOT_TRACK", "0")
        .env("AXOLOTL_RUN_POSTHOG_KEY", "phc_test0123456789")
        .env("AXOLOTL_RUN_POSTHOG_HOST", server.url())
}

/// One run as it stands on disk.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its directory.
    pub directory: PathBuf,
    /// The exact lines of its events, in order.
    pub lines: Vec<String>,
    /// The same, read.
    pub events: Vec<Value>,
}

/// The runs below a state directory.
pub fn runs(state: &Path) -> Vec<Recorded> {
    let entries = fs::read_dir(state.join("axolotl-run/runs"))
        .map(|entries| entries.flatten().collect::<Vec<_>>());
    entries
        .unwrap_or_default()
        .iter()
        .map(|entry| Recorded::read(entry.path()))
        .collect()
}

/// Polls until the only run below a state directory is as it should be.
#[track_caller]
pub fn until_recorded(state: &Path, condition: impl Fn(&Recorded) -> bool) -> Recorded {
    assert!(
        poll_until(|| runs(state).first().is_some_and(&condition)),
        "not recorded: {:#?}",
        runs(state)
    );
    Recorded::only(state)
}

/// Every file below a directory, with what is in it.
pub fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => {
                drop(found.insert(path.clone(), fs::read(&path).unwrap_or_default()))
            }
            _ => {}
        }
    }
    found
}

impl Recorded {
    fn read(directory: PathBuf) -> Self {
        let text = fs::read_to_string(directory.join("events.jsonl")).unwrap_or_default();
        // A line that is being written is none yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        let events = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or(Value::Null))
            .collect();
        Self {
            directory,
            lines,
            events,
        }
    }

    /// The one run below a state directory.
    #[track_caller]
    pub fn only(state: &Path) -> Self {
        let mut runs = runs(state);
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs.remove(0)
    }

    /// The properties of the events of a name.
    pub fn named(&self, name: &str) -> Vec<&Map<String, Value>> {
        self.events
            .iter()
            .filter(|event| event["event"] == name)
            .filter_map(|e| e["properties"].as_object())
            .collect()
    }

    /// Whether it has its finish.
    pub fn is_finished(&self) -> bool {
        !self.named("finish").is_empty()
    }

    /// The finish's properties.
    #[track_caller]
    pub fn finish(&self) -> &Map<String, Value> {
        let found = self.named("finish");
        assert_eq!(found.len(), 1, "{self:#?}");
        found[0]
    }

    /// Polls until the run's observer has gone: a run that has one is left to it by every other launcher.
    #[track_caller]
    pub fn until_released(&self) {
        let word = format!(
            "\"run\":\"{}\"",
            self.directory.file_name().unwrap_or_default().display()
        );
        let observes = |arguments: String| {
            arguments.starts_with("axolotl-run-observer") && arguments.contains(&word)
        };
        let is_observed = || {
            let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
            processes
                .into_iter()
                .any(|one| fs::read_to_string(one.path().join("cmdline")).is_ok_and(observes))
        };
        assert!(
            poll_until(|| !is_observed()),
            "the observer does not go: {self:#?}"
        );
    }

    /// The identities that the server has taken, as the run's own log says.
    pub fn delivered(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.join("delivery.jsonl")).unwrap_or_default();
        let outcomes = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let delivered = outcomes.filter(|outcome| outcome["outcome"] == "delivered");
        delivered
            .flat_map(|outcome| outcome["uuids"].as_array().cloned().unwrap_or_default())
            .map(text_of)
            .collect()
    }

    /// Start first, an error and its issue at most once before the finish, the finish once and last, and nothing unlisted.
    #[track_caller]
    pub fn assert_ordered(&self, what: &str) {
        let names: Vec<_> = self
            .events
            .iter()
            .map(|event| text_of(event["event"].clone()))
            .collect();
        let rank = |name: &String| {
            [
                "start",
                "setup",
                "progress",
                "error",
                "$exception",
                "finish",
            ]
            .iter()
            .position(|known| known == name)
        };
        let count = |name: &str| names.iter().filter(|known| *known == name).count();
        assert!(names.is_sorted_by_key(rank), "{what}: {names:?}");
        assert_eq!(
            (count("start"), count("finish")),
            (1, 1),
            "{what}: {names:?}"
        );
        for once in ["setup", "error", "$exception"] {
            assert!(count(once) <= 1, "{what}: {names:?}");
        }
        let elapsed: Vec<_> = self
            .events
            .iter()
            .map(|event| event["properties"]["elapsed_time"].as_f64())
            .collect();
        assert!(
            elapsed.is_sorted() && elapsed.iter().all(Option::is_some),
            "{what}: {elapsed:?}"
        );
        for event in &self.events {
            let name = EventName::ALL
                .iter()
                .copied()
                .find(|name| event["event"] == name.as_str());
            let properties = event["properties"].as_object().expect("properties");
            assert_eq!(
                check(name.expect("a published event"), properties),
                Ok(()),
                "{what}: {event}"
            );
            assert_eq!(
                event["distinct_id"], self.events[0]["distinct_id"],
                "{what}"
            );
        }
    }

    /// The server has exactly this run's events, each byte for byte as it was written down, and no complaint.
    #[track_caller]
    pub fn assert_arrived(&self, what: &str, server: &Server) {
        let run = &self.events[0]["distinct_id"];
        let of_run = |events: &[Value]| {
            events
                .iter()
                .filter(|event| event["distinct_id"] == *run)
                .count()
        };
        let all = server.wait_until(|_, stored| of_run(stored) == self.lines.len());
        assert!(
            all,
            "{what}: {} of {} arrived: {self:#?}",
            of_run(&server.stored()),
            self.lines.len()
        );
        let uuids = |events: &[Value]| -> Vec<Value> {
            events.iter().map(|event| event["uuid"].clone()).collect()
        };
        let arrived: Vec<_> = server
            .stored()
            .into_iter()
            .filter(|event| event["distinct_id"] == *run)
            .collect();
        assert_eq!(
            uuids(&arrived),
            uuids(&self.events),
            "{what}: the same events in the same order"
        );
        let bodies: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.body)
            .collect();
        for line in &self.lines {
            let sent = bodies
                .iter()
                .any(|body| body.windows(line.len()).any(|part| part == line.as_bytes()));
            assert!(sent, "{what}: sent in other bytes than written: {line}");
        }
        // How fresh the stamp is that is made before the connection depends on the load here; src/delivery/tests has it.
        let complaints: Vec<_> = server
            .complaints()
            .into_iter()
            .filter(|text| !text.contains("fresh"))
            .collect();
        assert_eq!(complaints, [] as [&str; 0], "{what}");
    }
}

fn text_of(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
