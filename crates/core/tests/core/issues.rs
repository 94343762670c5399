//! Failures as issues of PostHog's Error tracking: the same failure is one issue, two failures are two.
//!
//! The failures are those of the corpora (`tests/corpus`, `tests/wild`), each with what its labels say of it. Each is also
//! printed as another user would have seen it: another release of the packages (other line numbers), another place of
//! installation, other sizes in the message. `-- issues --nocapture` prints how many groups they fall into.

use crate::documents::{path, read};
use crate::posthog_rules;
use axolotl_run_core::event::EventName;
use axolotl_run_core::judging::explanation::Explanation;
use axolotl_run_core::limits;
use axolotl_run_core::status::End;
use regex::{Captures, Regex};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A stream of a corpus.
struct Failure {
    name: String,
    log: Vec<u8>,
    end: Option<End>,
    label: Label,
}

/// What the labels of a stream say of its failure.
#[derive(Debug)]
struct Label {
    /// Its type, any of these; else the signal or the verdict.
    kinds: Vec<String>,
    /// File and function of its innermost public frame.
    place: Option<String>,
}

impl Label {
    /// `kinds`: the first of these that says anything.
    fn new(kinds: &[&Value], frames: &Value) -> Self {
        let frames = frames.as_array();
        let innermost = frames.and_then(|frames| frames.last());
        let mut label = Self {
            kinds: Vec::new(),
            place: innermost.map(|frame| format!("{} {}", frame["file"], frame["function"])),
        };
        for kind in kinds {
            match kind {
                Value::Array(kinds) => label.kinds.extend(kinds.iter().map(Value::to_string)),
                Value::Null => continue,
                kind => label.kinds.push(kind.to_string()),
            }
            break;
        }
        label
    }
}

fn end(code: &Value, signal: &Value) -> Option<End> {
    let number = |value: &Value| value.as_u64().filter(|number| *number > 0);
    let killed = number(signal).and_then(|signal| i32::try_from(signal).ok());
    let exited = number(code).and_then(|code| u8::try_from(code).ok());
    killed.map(End::Signaled).or(exited.map(End::Exited))
}

/// The files below a folder whose names end so, in order.
fn named(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(folder)).unwrap();
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(ending) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names
}

fn failures() -> Vec<Failure> {
    let mut failures = Vec::new();
    for name in named("tests/corpus/cases", ".stderr") {
        let labels: Value =
            serde_json::from_str(&read(&format!("tests/corpus/cases/{name}.json"))).unwrap();
        failures.push(Failure {
            log: std::fs::read(path(&format!("tests/corpus/cases/{name}.stderr"))).unwrap(),
            end: end(&labels["exit_code"], &labels["signal"]),
            label: Label::new(&[&labels["exception_type"]], &labels["must_keep_frames"]),
            name,
        });
    }
    for name in named("tests/wild", "") {
        let folder = format!("tests/wild/{name}");
        let Ok(log) = std::fs::read(path(&format!("{folder}/input"))) else {
            continue;
        };
        let case: Value = serde_json::from_str(&read(&format!("{folder}/case.json"))).unwrap();
        let expect = &case["expect"];
        failures.push(Failure {
            log,
            end: end(&case["exit"]["code"], &case["exit"]["signal"]),
            label: Label::new(
                &[&expect["exception_type"], &expect["verdict_kind"]],
                &expect["frames_contain"],
            ),
            name,
        });
    }
    failures
}

/// The properties of its `$exception`.
fn issue(log: &[u8], end: Option<End>) -> Option<Value> {
    let explained = Explanation::of(log, end).json();
    let events = explained["events"].as_array().unwrap();
    let event = events
        .iter()
        .find(|event| event["event"] == EventName::Exception.as_str())?;
    Some(event["properties"].clone())
}

/// The same failure as others print it.
fn variants(log: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(log).into_owned();
    let line = Regex::new(r"(line |\.py:)(\d+)").unwrap();
    let moved = line.replace_all(&text, |found: &Captures<'_>| {
        let number: u64 = found[2].parse().unwrap_or(1);
        format!("{}{}", &found[1], (number + 13).min(9999))
    });
    let size = Regex::new(r"\b\d+\.\d\d (GiB|MiB)").unwrap();
    let larger = size.replace_all(&text, "7.25 $1");
    let place = Regex::new(r#""[^"\s]*/site-packages/"#).unwrap();
    let elsewhere = place.replace_all(&text, "\"/srv/x/lib/python3.12/site-packages/");
    vec![
        moved.into_owned(),
        larger.into_owned(),
        elsewhere.into_owned(),
    ]
}

/// Whether labels of two failures say that they differ: what a label does not say contradicts nothing.
fn contradict(one: &Label, other: &Label) -> bool {
    let kinds = (one.kinds.is_empty(), other.kinds.is_empty());
    let share = one.kinds.iter().any(|kind| other.kinds.contains(kind));
    let places = (one.place.as_ref(), other.place.as_ref());
    (kinds == (false, false) && !share)
        || matches!(places, (Some(one), Some(other)) if one != other)
}

/// Failures that share class and innermost frame, and are different all the same: of each issue the first.
const APART: [&str; 4] = [
    // Too many open files, and a message of another process that came torn.
    "c16-too-many-open-files",
    "c16b-ancdata",
    // Out of memory in a training step, and in a trainer that has none.
    "B-srun-label-bar",
    "c67-windows-paths",
];

#[test]
fn the_same_failure_is_one_issue_and_two_are_two() {
    let mut groups = BTreeMap::<String, Vec<Failure>>::new();
    let mut torn = Vec::new();
    let mut printed = 0;
    for failure in failures() {
        let Some(event) = issue(&failure.log, failure.end) else {
            continue;
        };
        let fingerprint = event["$exception_fingerprint"].as_str().unwrap().to_owned();
        let others = variants(&failure.log);
        printed += 1 + others.len();
        for other in others {
            let other = issue(other.as_bytes(), failure.end).unwrap_or_default();
            if other["$exception_fingerprint"] != *fingerprint {
                torn.push(failure.name.clone());
            }
        }
        groups.entry(fingerprint).or_default().push(failure);
    }
    let mut impure = Vec::new();
    let mut split = BTreeMap::<String, BTreeSet<&str>>::new();
    for (fingerprint, failures) in &groups {
        for (index, failure) in failures.iter().enumerate() {
            for earlier in &failures[..index] {
                if contradict(&failure.label, &earlier.label) {
                    impure.push((&failure.name, &earlier.name));
                }
            }
            if failure.label.place.is_some() {
                let label = format!("{:?}", failure.label);
                split.entry(label).or_default().insert(fingerprint);
            }
        }
    }
    let total: usize = groups.values().map(Vec::len).sum();
    println!(
        "{total} failures, printed in {printed} ways, are {} issues",
        groups.len()
    );
    println!(
        "{} are impure, {} failures are torn",
        impure.len(),
        torn.len()
    );
    let mut apart = BTreeSet::new();
    for fingerprints in split.values().filter(|fingerprints| fingerprints.len() > 1) {
        for fingerprint in fingerprints {
            apart.insert(groups[*fingerprint][0].name.as_str());
        }
    }
    println!("in several issues: {apart:?}");
    assert_eq!(apart, BTreeSet::from(APART));
    assert_eq!((impure, torn), (Vec::new(), Vec::<String>::new()));
    assert!(
        total >= 110 && groups.len() >= 80,
        "{total} {}",
        groups.len()
    );
}

#[test]
fn what_posthog_would_reject_or_group_wrongly_is_not_made() {
    for failure in failures() {
        let Some(event) = issue(&failure.log, failure.end) else {
            continue;
        };
        let mut complaints = Vec::new();
        posthog_rules::exception(event.as_object().unwrap(), &mut complaints);
        assert_eq!(
            complaints,
            Vec::<String>::new(),
            "{}: {event}",
            failure.name
        );
        assert!(
            event.to_string().len() < limits::EVENT_BYTES_MAX,
            "{}",
            failure.name
        );
    }
}
