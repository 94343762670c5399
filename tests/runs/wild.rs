//! The wild cases: what people posted in public threads, with invented names, is told rightly by the real program.
//!
//! `tests/wild/README.md` says what a case is. Those that fail today are listed in `tests/wild/known.txt` with the
//! reason; the list may only become shorter. `BLESS=1 cargo test --test runs wild` writes it.

use serde_json::Value;
use std::collections::BTreeMap;
use support::documents::{path, read};
use support::{has, launch_path};

/// How a case on the list ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Fails,
    /// Chance decides, as in a race.
    MayFail,
}

fn known() -> BTreeMap<String, Known> {
    let mut known = BTreeMap::new();
    for line in read("tests/wild/known.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, reason) = line.split_once(": ").expect("NAME: REASON");
        assert!(!reason.trim().is_empty(), "{line}");
        match name.strip_prefix("? ") {
            Some(name) => known.insert(name.to_owned(), Known::MayFail),
            None => known.insert(name.to_owned(), Known::Fails),
        };
    }
    known
}

#[test]
fn what_people_posted_is_told_rightly() {
    if !has("python3") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let answers = place.path().join("answers.json");
    let output = support::program("python3")
        .arg(path("tests/wild/wild.py"))
        .arg("--binary")
        .arg(launch_path())
        .arg(path("tests/wild"))
        .args(["--jobs", "2", "--json"])
        .arg(&answers)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let answers = std::fs::read(answers).unwrap_or_else(|error| panic!("{error}\n{complaints}"));
    let answers: Vec<Value> = serde_json::from_slice(&answers).unwrap();
    assert!(answers.len() >= 132, "{} cases", answers.len());
    let known = known();
    let mut wrong = Vec::new();
    for case in &answers {
        let name = case["name"].as_str().unwrap();
        let failures = case["failures"].as_array().unwrap();
        match known.get(name) {
            _ if !case["skipped"].is_null() => {}
            None if !failures.is_empty() => wrong.push(format!("{name} fails: {failures:?}")),
            Some(Known::Fails) if failures.is_empty() => {
                wrong.push(format!("{name} passes: take it from known.txt"));
            }
            _ => {}
        }
    }
    for name in known.keys() {
        if !answers.iter().any(|case| case["name"] == **name) {
            wrong.push(format!("{name} on known.txt is no case"));
        }
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path("tests/wild/known.txt"), list(&answers)).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}\n{said}", wrong.join("\n"));
}

/// The list as it should be: who is on it keeps the reason that is there, who is new gets what was not told.
fn list(answers: &[Value]) -> String {
    let old = read("tests/wild/known.txt");
    let mut list = String::new();
    for line in old.lines().take_while(|line| line.starts_with('#')) {
        list.push_str(&format!("{line}\n"));
    }
    for case in answers {
        let name = case["name"].as_str().unwrap();
        let is_of_case = |line: &&str| {
            let line = line.strip_prefix("? ").unwrap_or(line);
            line.split_once(": ")
                .is_some_and(|(known, _)| known == name)
        };
        let listed = old.lines().find(is_of_case);
        let failure = case["failures"][0].as_str();
        match (listed, failure) {
            (Some(line), Some(_)) => list.push_str(&format!("{line}\n")),
            (Some(line), None) if line.starts_with('?') || !case["skipped"].is_null() => {
                list.push_str(&format!("{line}\n"));
            }
            (None, Some(failure)) => list.push_str(&format!("{name}: {failure}\n")),
            _ => {}
        }
    }
    list
}
