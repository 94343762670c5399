//! The runs on disk, where several processes share them, one of them dies, or the disk is full.

use super::recorded::{Home, NONE, finish, line, progress, start, store};
use crate::store::{Importance, RunState, Sending, Written};
use axolotl_run_core::judging::verdict::Outcome;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use uuid::Uuid;

const CHILD: &str = "AXOLOTL_RUN_TEST_STATE";

/// Runs one test of this file again in a process of its own, through a shell that can lower its limits.
fn child(test: &str, before: &str, home: &Path) -> Command {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("{before}\nexec \"$0\" --exact {module}::{test} --nocapture --ignored"),
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_writes_and_tidies() {
    let Some(home) = std::env::var_os(CHILD) else {
        return;
    };
    let store = store(Path::new(&home)).unwrap();
    let run = Uuid::new_v4();
    let mut journal = store.begin(run, Sending::Permitted);
    for step in 0..200 {
        assert_eq!(
            journal.append(
                &line(run, &progress(step), SystemTime::now()),
                Importance::Ordinary
            ),
            Written::Disk
        );
        if step % 20 == 0 {
            store.recover(SystemTime::now());
            store.prune(SystemTime::now());
            drop(super::recorded::pages(&store, SystemTime::now()));
        }
    }
}

#[test]
fn launchers_at_once_lose_no_line_and_finish_nothing_twice() {
    let home = Home::new();
    let (lost, _) = home.recorded(Sending::Permitted, &[start()]);
    let children: Vec<_> = (0..4)
        .map(|_| {
            child("role_writes_and_tidies", "", home.0.path())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    let store = home.store();
    store.recover(SystemTime::now());
    assert_eq!(store.recover(SystemTime::now()), NONE);
    let runs = store.runs(SystemTime::now());
    assert_eq!(runs.len(), 5);
    for summary in runs {
        let expected = if summary.run_id == lost { 2 } else { 201 };
        assert_eq!(
            (summary.events, summary.state, summary.damaged_lines),
            (expected, RunState::Ended(Outcome::Lost), 0)
        );
        let finishes = home
            .text(summary.run_id, "events.jsonl")
            .matches("\"event\":\"finish\"")
            .count();
        assert_eq!(finishes, 1);
    }
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_fills_the_disk() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Some(home) = std::env::var_os(CHILD) else {
        return;
    };
    let run = Uuid::new_v4();
    let mut journal = store(Path::new(&home))
        .unwrap()
        .begin(run, Sending::Permitted);
    let mut kept = Vec::new();
    for step in 0..100 {
        kept.push(journal.append(
            &line(run, &progress(step), SystemTime::now()),
            Importance::Ordinary,
        ));
    }
    assert!(
        kept.starts_with(&[Written::Disk; 8]) && kept.ends_with(&[Written::Memory; 8]),
        "{kept:?}"
    );
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    assert_eq!(
        journal.append(
            &line(run, &finish(), SystemTime::now()),
            Importance::Essential
        ),
        Written::Disk
    );
    assert_eq!(journal.events_unwritten(), 0);
}

#[test]
fn a_full_disk_delays_lines_and_loses_none() {
    let home = Home::new();
    // The signal that comes with the refusal is ignored, as it is blocked in the observer.
    let output = child(
        "role_fills_the_disk",
        "trap '' XFSZ; ulimit -S -f 16",
        home.0.path(),
    )
    .output()
    .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let summary = home.store().runs(SystemTime::now()).remove(0);
    assert_eq!(
        (summary.events, summary.state, summary.waiting),
        (101, RunState::Ended(Outcome::Success), 101)
    );
    assert!(summary.damaged_lines <= 1, "at most the torn line");
    let mut steps = Vec::new();
    home.store()
        .events(summary.run_id, SystemTime::now(), |record| {
            steps.push(record.member.properties.get("step").cloned())
        });
    let expected: Vec<_> = (0..100_u64)
        .map(|step| Some(step.into()))
        .chain([None])
        .collect();
    assert_eq!(steps, expected, "in order, each once");
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_dies_while_it_observes() {
    let Some(home) = std::env::var_os(CHILD) else {
        return;
    };
    let run = Uuid::new_v4();
    let mut journal = store(Path::new(&home))
        .unwrap()
        .begin(run, Sending::Permitted);
    journal.append(
        &line(run, &start(), SystemTime::now()),
        Importance::Ordinary,
    );
    println!("\nready");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_killed_observer_lets_go_of_its_run() {
    let home = Home::new();
    let mut observer = child("role_dies_while_it_observes", "", home.0.path())
        .spawn()
        .unwrap();
    let mut output = observer.stdout.take().unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"ready\n") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        text.extend_from_slice(&byte);
    }
    assert_eq!(home.store().recover(SystemTime::now()), NONE);
    observer.kill().unwrap();
    observer.wait().unwrap();
    assert_eq!(home.store().recover(SystemTime::now()).len(), 1);
    assert_eq!(
        super::recorded::waiting(&home.store(), SystemTime::now()).len(),
        2
    );
}
