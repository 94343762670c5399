//! The runs on disk, through the store's own interface: what a crash, a full disk, another launcher or a
//! hostile file can do to them.

use axolotl_run::event::{Event, Finish, Progress, Start};
use axolotl_run::limits;
use axolotl_run::public::PublicStr;
use axolotl_run::store::{Durability, Journal, Outcome, Sending, Store, StoreProblem, Stored};
use axolotl_run::wire::Member;
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use uuid::Uuid;

const NONE: [Uuid; 0] = [];

/// A state directory of its own.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self) -> Store {
        store(self.0.path()).unwrap()
    }

    fn run(&self, run: Uuid) -> PathBuf {
        self.0.path().join("axolotl-run/runs").join(run.to_string())
    }

    fn text(&self, run: Uuid, file: &str) -> String {
        fs::read_to_string(self.run(run).join(file)).unwrap()
    }

    /// A finished run of the given events, whose observer has gone.
    fn recorded(&self, sending: Sending, events: &[Event]) -> (Uuid, Vec<String>) {
        let run = Uuid::new_v4();
        let mut journal = self.store().begin(run, sending);
        let lines: Vec<_> = events.iter().map(|event| line(run, event, SystemTime::now())).collect();
        for line in &lines {
            assert_eq!(journal.append(line, Durability::Buffered), Stored::Disk);
        }
        (run, lines)
    }
}

fn store(home: &Path) -> Result<Store, StoreProblem> {
    let home = home.to_owned().into_os_string();
    Store::open(move |name| (name == "XDG_STATE_HOME").then(|| OsString::from(&home)))
}

fn line(run: Uuid, event: &Event, now: SystemTime) -> String {
    serde_json::to_string(&Member::new(run, event, now, 1.5)).unwrap()
}

fn start() -> Event {
    Event::Start(Box::new(Start { cpu_count: Some(8), ..Start::default() }))
}

fn progress(step: u64) -> Event {
    Event::Progress(Box::new(Progress { step: Some(step), ..Progress::default() }))
}

fn finish() -> Event {
    Event::Finish(Box::new(Finish {
        outcome: Some(PublicStr::constant("success")),
        total_steps: Some(9),
        ..Finish::default()
    }))
}

fn delivered(line: &str) -> String {
    let member: Member = serde_json::from_str(line).unwrap();
    serde_json::json!({"time": "2026-11-22T13:16:54.100Z", "outcome": "delivered", "status": 200, "uuids": [member.uuid]})
        .to_string()
}

#[test]
fn everything_is_the_owners_alone() {
    let home = Home::new();
    let (run, _) = home.recorded(Sending::Permitted, &[start()]);
    let mut directory = home.run(run);
    for name in ["events.jsonl", "live", "consent"] {
        assert_eq!(directory.join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    for _ in 0..3 {
        assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", directory.display());
        directory.pop();
    }
}

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(3), finish()]);
    let mut found = Vec::new();
    let summary = home.store().events(run, SystemTime::now(), |record| found.push(record.line.to_owned())).unwrap();
    assert_eq!(found, lines);
    assert_eq!((summary.outcome, summary.steps, summary.events, summary.waiting), (Outcome::Success, Some(9), 3, 3));
    assert_eq!((summary.damaged_lines, summary.truncated), (0, false));
}

#[test]
fn what_waits_is_what_was_consented_to_and_not_answered() {
    let home = Home::new();
    let (_, _) = home.recorded(Sending::Forbidden, &[start(), finish()]);
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(3), finish()]);
    {
        let mut waiting = home.store().waiting(SystemTime::now());
        assert_eq!(waiting.runs.len(), 1);
        assert_eq!((waiting.runs[0].run, &waiting.runs[0].lines), (run, &lines));
        assert!(home.store().waiting(SystemTime::now()).runs.is_empty(), "two processes never send the same run");
        waiting.runs[0].append_delivery(&delivered(&lines[0]));
    }
    let waiting = home.store().waiting(SystemTime::now());
    assert_eq!(waiting.runs[0].lines, lines[1..]);
    drop(waiting);
    let later = SystemTime::now() + limits::UNSENT_AGE_MAX;
    assert!(home.store().waiting(later).runs.is_empty(), "what is too old is not sent");
}

#[test]
fn a_living_run_is_left_to_its_observer() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let mut journal = home.store().begin(run, Sending::Permitted);
    journal.append(&line(run, &start(), SystemTime::now()), Durability::Buffered);
    let store = home.store();
    let much_later = SystemTime::now() + limits::RUNS_AGE_MAX * 2;
    assert_eq!(store.recover(much_later), NONE);
    assert!(store.waiting(SystemTime::now()).runs.is_empty());
    store.prune(much_later);
    assert_eq!(store.runs(SystemTime::now())[0].outcome, Outcome::Running);
    drop(journal);
    assert_eq!(store.recover(SystemTime::now()), [run]);
}

#[test]
fn a_run_that_nobody_finished_is_lost_exactly_once() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(7)]);
    let (finished, _) = home.recorded(Sending::Permitted, &[start(), finish()]);
    let (never_began, _) = home.recorded(Sending::Permitted, &[]);
    let recovered: Vec<Uuid> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| home.store().recover(SystemTime::now()))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    // Eight at once may all have found it locked by a ninth look; then the next one finds it.
    let recovered = [recovered, home.store().recover(SystemTime::now())].concat();
    assert_eq!(recovered, [run]);
    let text = home.text(run, "events.jsonl");
    let last: Member = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let before: Member = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!((last.event.as_str(), &last.properties["outcome"]), ("finish", &"lost".into()));
    assert_eq!((last.timestamp, last.properties["elapsed_time"].as_f64()), (before.timestamp, Some(1.5)));
    assert_eq!(home.store().waiting(SystemTime::now()).events(), 5);
    assert_eq!(home.text(finished, "events.jsonl").lines().count(), 2);
    assert_eq!(home.text(never_began, "live").len(), 36);
    assert_eq!(home.store().summary(run, SystemTime::now()).unwrap().steps, Some(7));
}

#[test]
fn a_run_of_another_boot_is_lost_only_after_long_silence() {
    let home = Home::new();
    let (run, _) = home.recorded(Sending::Permitted, &[start()]);
    for boot in ["00000000-0000-0000-0000-000000000000", "", "\u{fffd}"] {
        fs::write(home.run(run).join("live"), boot).unwrap();
        assert_eq!(home.store().recover(SystemTime::now()), NONE, "{boot:?}");
        assert!(home.store().waiting(SystemTime::now()).runs.is_empty());
    }
    fs::remove_file(home.run(run).join("live")).unwrap();
    assert_eq!(home.store().recover(SystemTime::now()), NONE);
    assert_eq!(home.store().recover(SystemTime::now() + limits::FOREIGN_SILENCE * 2), [run]);
}

#[test]
fn damage_costs_what_is_damaged_and_nothing_else() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(1), finish()]);
    let long = "x".repeat(limits::EVENT_BYTES_MAX + 1);
    let mut text: Vec<u8> = format!("\n\0\0\0\n{{\"event\":\n{}\n[]\n{long}\n", lines[0]).into();
    text.extend_from_slice(b"\xff\xfe\n");
    // The same event twice: a write that was cut off before its newline and repeated.
    text.extend_from_slice(format!("{}\n{}\n{}\n{}", lines[1], lines[1], lines[2], &lines[2][..40]).as_bytes());
    fs::write(home.run(run).join("events.jsonl"), text).unwrap();
    let summary = home.store().summary(run, SystemTime::now()).unwrap();
    assert_eq!((summary.events, summary.damaged_lines, summary.outcome), (3, 6, Outcome::Success));
    assert_eq!(home.store().waiting(SystemTime::now()).runs[0].lines, lines);
}

#[test]
fn a_torn_last_line_does_not_spoil_the_next() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(5)]);
    let path = home.run(run).join("events.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    assert_eq!(home.store().recover(SystemTime::now()), [run]);
    let waiting = home.store().waiting(SystemTime::now());
    assert_eq!(waiting.runs[0].lines.len(), 2, "start and the lost finish");
    assert_eq!(waiting.runs[0].lines[0], lines[0]);
}

#[test]
fn what_stands_in_place_of_a_file_hangs_and_misleads_nobody() {
    for plant in ["fifo", "directory", "link", "device"] {
        let home = Home::new();
        let (run, _) = home.recorded(Sending::Permitted, &[start()]);
        let elsewhere = home.0.path().join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        for name in ["events.jsonl", "delivery.jsonl", "samples.jsonl", "live", "consent"] {
            let path = home.run(run).join(name);
            let _ = fs::remove_file(&path);
            match plant {
                "fifo" => nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
                "directory" => fs::create_dir(&path).unwrap(),
                "link" => symlink(&elsewhere, &path).unwrap(),
                _ => symlink("/dev/zero", &path).unwrap(),
            }
        }
        let store = home.store();
        let much_later = SystemTime::now() + Duration::from_secs(7200);
        assert_eq!(store.recover(much_later), NONE, "{plant}");
        assert!(store.waiting(much_later).runs.is_empty(), "{plant}");
        assert_eq!(store.runs(much_later).len(), 1, "{plant}");
        let _ = store.forget(run, much_later);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious", "{plant}");
    }
}

#[test]
fn a_planted_link_is_not_written_through() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let elsewhere = home.0.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    let mut journal = home.store().begin(run, Sending::Permitted);
    symlink(&elsewhere, home.run(run).join("events.jsonl")).unwrap();
    assert_eq!(journal.append(&line(run, &start(), SystemTime::now()), Durability::Synced), Stored::Memory);
    assert_eq!(journal.events_unwritten(), 1);
    fs::remove_file(home.run(run).join("events.jsonl")).unwrap();
    assert!(journal.flush());
    assert_eq!((fs::read_to_string(&elsewhere).unwrap().as_str(), journal.events_unwritten()), ("precious", 0));

    let linked = tempfile::tempdir().unwrap();
    symlink(home.0.path().join("axolotl-run"), linked.path().join("axolotl-run")).unwrap();
    assert!(matches!(store(linked.path()), Err(StoreProblem::Io(..))));
}

#[test]
fn a_giant_file_is_read_to_a_bound() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start()]);
    for name in ["events.jsonl", "delivery.jsonl"] {
        let file = fs::OpenOptions::new().append(true).create(true).open(home.run(run).join(name)).unwrap();
        file.set_len(1 << 40).unwrap();
    }
    let summary = home.store().summary(run, SystemTime::now()).unwrap();
    assert!(summary.truncated);
    assert_eq!(summary.events, 1);
    assert_eq!(home.store().waiting(SystemTime::now()).runs[0].lines, lines);
}

#[test]
fn a_line_that_was_tampered_with_is_refused_and_not_sent() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(1)]);
    let path = home.run(run).join("events.jsonl");
    fs::write(&path, format!("{}\n{}\n", lines[0].replace("\"cpu_count\"", "\"canary\""), lines[1])).unwrap();
    let waiting = home.store().waiting(SystemTime::now());
    assert_eq!(waiting.runs[0].lines, lines[1..]);
    let first: Member = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(waiting.runs[0].refused, [first.uuid]);
}

#[test]
fn of_too_much_that_waits_the_newest_is_kept() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let mut journal = home.store().begin(run, Sending::Permitted);
    let names = (0..900).map(|_| PublicStr::constant("a public constant of thirty-two bytes")).collect();
    let event = Event::Error(Box::new(axolotl_run::event::ErrorEvent { chain: Some(names), ..Default::default() }));
    let lines: Vec<_> = (0..400).map(|_| line(run, &event, SystemTime::now())).collect();
    for line in &lines {
        assert_eq!(journal.append(line, Durability::Buffered), Stored::Disk);
    }
    drop(journal);
    let waiting = home.store().waiting(SystemTime::now());
    let bytes: usize = waiting.runs[0].lines.iter().map(String::len).sum();
    assert!(bytes as u64 <= limits::UNSENT_BYTES_MAX && bytes + lines[0].len() > limits::UNSENT_BYTES_MAX as usize);
    assert_eq!(waiting.runs[0].lines.last(), lines.last());
    assert_eq!(waiting.left_out as usize + waiting.runs[0].lines.len(), lines.len());
}

#[test]
fn pruning_keeps_the_newest_and_the_living() {
    let home = Home::new();
    let living = Uuid::new_v4();
    let mut journal = home.store().begin(living, Sending::Permitted);
    journal.append(&line(living, &start(), SystemTime::now()), Durability::Buffered);
    let runs: Vec<_> = (0..limits::RUNS_MAX + 5).map(|_| home.recorded(Sending::Permitted, &[start()]).0).collect();
    let now = SystemTime::now();
    for (age, run) in (1..).zip(&runs) {
        touch(&home.run(*run), now - Duration::from_secs(60 * age));
    }
    touch(&home.run(living), now - Duration::from_secs(1_000_000));
    fs::create_dir(home.0.path().join("axolotl-run/runs/not-a-run")).unwrap();
    let store = home.store();
    store.prune(now);
    let left = store.runs(now);
    assert_eq!(left.len(), limits::RUNS_MAX + 1);
    assert!(left.iter().any(|summary| summary.run == living));
    assert!(runs[..limits::RUNS_MAX].iter().all(|run| home.run(*run).exists()));

    let big = home.run(runs[10]).join("samples.jsonl");
    fs::File::create(&big).unwrap().set_len(limits::RUNS_BYTES_MAX).unwrap();
    touch(&home.run(runs[10]), now - Duration::from_secs(60 * 11));
    store.prune(now);
    assert!(!home.run(runs[10]).exists() && home.run(runs[9]).exists() && home.run(runs[11]).exists());

    store.prune(now + limits::RUNS_AGE_MAX);
    assert_eq!(store.runs(now).iter().map(|summary| summary.run).collect::<Vec<_>>(), [living]);
    assert!(home.0.path().join("axolotl-run/runs/not-a-run").exists());
}

fn touch(run: &Path, time: SystemTime) {
    for file in fs::read_dir(run).unwrap() {
        fs::File::options().append(true).open(file.unwrap().path()).unwrap().set_modified(time).unwrap();
    }
}

#[test]
fn samples_beyond_their_room_lose_every_second_one() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let mut journal = home.store().begin(run, Sending::Forbidden);
    let filler = "x".repeat(4000);
    let count = limits::RUN_SAMPLES_BYTES_MAX / 3200;
    for index in 0..count {
        assert_eq!(journal.append_sample(&format!("{index} {filler}")), Stored::Disk);
    }
    let text = home.text(run, "samples.jsonl");
    let indices: Vec<u64> = text.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(text.len() as u64 <= limits::RUN_SAMPLES_BYTES_MAX + 5000);
    assert!(indices.is_sorted() && indices[..100].windows(2).all(|pair| pair[1] - pair[0] == 2));
    assert_eq!((indices[0], indices.last()), (0, Some(&(count - 1))));
}

#[test]
fn without_a_place_the_journal_stays_in_bounded_memory() {
    assert!(matches!(Store::open(|_| None), Err(StoreProblem::NoHome)));
    let mut journal = Journal::in_memory(Uuid::new_v4());
    let long = "x".repeat(limits::EVENT_BYTES_MAX);
    let stored: Vec<_> = (0..100).map(|_| journal.append(&long, Durability::Buffered)).collect();
    let held = stored.iter().filter(|stored| **stored == Stored::Memory).count();
    assert_eq!(held, limits::HELD_BYTES_MAX / long.len());
    assert_eq!(journal.append("finish", Durability::Synced), Stored::Memory, "finish finds room");
    assert_eq!(journal.append("two\nlines", Durability::Synced), Stored::Nowhere);
    assert!(!journal.flush());
    assert_eq!(journal.events_unwritten(), 102);
}

#[test]
fn a_journal_moves_to_disk_when_its_directory_can_be_made() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let store = home.store();
    fs::write(home.run(run), "in the way").unwrap();
    let mut journal = store.begin(run, Sending::Permitted);
    let lines = [line(run, &start(), SystemTime::now()), line(run, &finish(), SystemTime::now())];
    assert_eq!(journal.append(&lines[0], Durability::Buffered), Stored::Memory);
    fs::remove_file(home.run(run)).unwrap();
    assert_eq!(journal.append(&lines[1], Durability::Synced), Stored::Disk);
    drop(journal);
    assert_eq!(store.waiting(SystemTime::now()).runs[0].lines, lines);
}

#[test]
fn a_directory_that_somebody_else_made_is_not_used() {
    let home = Home::new();
    let ours = home.0.path().join("axolotl-run");
    fs::create_dir(&ours).unwrap();
    if std::os::unix::fs::chown(&ours, Some(4242), None).is_err() {
        return; // Only root can give a directory away.
    }
    assert!(matches!(store(home.0.path()), Err(StoreProblem::Foreign(_))));
    std::os::unix::fs::chown(home.0.path(), Some(4242), None).unwrap();
    assert!(store(home.0.path()).is_ok(), "the home's own owner made it");
    assert_eq!(ours.metadata().unwrap().uid(), 4242);
}

// --- several processes -------------------------------------------------------------------------------------

const CHILD: &str = "AXOLOTL_RUN_TEST_STATE";

/// Runs one test of this file again in a process of its own, through a shell that can lower its limits.
fn child(test: &str, before: &str, home: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{before}\nexec \"$0\" --exact {test} --nocapture --ignored")])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_writes_and_tidies() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let store = store(Path::new(&home)).unwrap();
    let run = Uuid::new_v4();
    let mut journal = store.begin(run, Sending::Permitted);
    for step in 0..200 {
        assert_eq!(journal.append(&line(run, &progress(step), SystemTime::now()), Durability::Buffered), Stored::Disk);
        if step % 20 == 0 {
            store.recover(SystemTime::now());
            store.prune(SystemTime::now());
            drop(store.waiting(SystemTime::now()));
        }
    }
}

#[test]
fn launchers_at_once_lose_no_line_and_finish_nothing_twice() {
    let home = Home::new();
    let (lost, _) = home.recorded(Sending::Permitted, &[start()]);
    let children: Vec<_> =
        (0..4).map(|_| child("role_writes_and_tidies", "", home.0.path()).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let store = home.store();
    store.recover(SystemTime::now());
    assert_eq!(store.recover(SystemTime::now()), NONE);
    let runs = store.runs(SystemTime::now());
    assert_eq!(runs.len(), 5);
    for summary in runs {
        let expected = if summary.run == lost { 2 } else { 201 };
        assert_eq!((summary.events, summary.outcome, summary.damaged_lines), (expected, Outcome::Lost, 0));
        let finishes = home.text(summary.run, "events.jsonl").matches("\"event\":\"finish\"").count();
        assert_eq!(finishes, 1);
    }
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_fills_the_disk() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Some(home) = std::env::var_os(CHILD) else { return };
    let run = Uuid::new_v4();
    let mut journal = store(Path::new(&home)).unwrap().begin(run, Sending::Permitted);
    let mut kept = Vec::new();
    for step in 0..100 {
        kept.push(journal.append(&line(run, &progress(step), SystemTime::now()), Durability::Buffered));
    }
    assert!(kept.starts_with(&[Stored::Disk; 8]) && kept.ends_with(&[Stored::Memory; 8]), "{kept:?}");
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    assert_eq!(journal.append(&line(run, &finish(), SystemTime::now()), Durability::Synced), Stored::Disk);
    assert_eq!(journal.events_unwritten(), 0);
}

#[test]
fn a_full_disk_delays_lines_and_loses_none() {
    let home = Home::new();
    // The signal that comes with the refusal is ignored, as it is blocked in the observer.
    let output = child("role_fills_the_disk", "trap '' XFSZ; ulimit -S -f 16", home.0.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let summary = home.store().runs(SystemTime::now()).remove(0);
    assert_eq!((summary.events, summary.outcome, summary.waiting), (101, Outcome::Success, 101));
    assert!(summary.damaged_lines <= 1, "at most the torn line");
    let mut steps = Vec::new();
    home.store()
        .events(summary.run, SystemTime::now(), |record| steps.push(record.member.properties.get("step").cloned()));
    let expected: Vec<_> = (0..100_u64).map(|step| Some(step.into())).chain([None]).collect();
    assert_eq!(steps, expected, "in order, each once");
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_dies_while_it_observes() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let run = Uuid::new_v4();
    let mut journal = store(Path::new(&home)).unwrap().begin(run, Sending::Permitted);
    journal.append(&line(run, &start(), SystemTime::now()), Durability::Buffered);
    println!("\nready");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_killed_observer_lets_go_of_its_run() {
    let home = Home::new();
    let mut observer = child("role_dies_while_it_observes", "", home.0.path()).spawn().unwrap();
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
    assert_eq!(home.store().waiting(SystemTime::now()).events(), 2);
    let _ = std::io::stdout().flush();
}
