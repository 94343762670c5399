//! The runs on disk, through the store's own interface: what a crash, an old or a hostile file can do to them.

mod many;
mod processes;
pub(crate) mod recorded;

use crate::store::{
    Forgotten, Importance, Journal, RunState, Sending, Store, StoreProblem, Written,
};
use axolotl_run_core::event::value::Number;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::event::{Event, Finish, finish::EpochTimes};
use axolotl_run_core::judging::verdict::Outcome;
use axolotl_run_core::limits;
use recorded::{Home, NONE, delivered, finish, line, pages, progress, start, store, waiting};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

const NOTHING: [String; 0] = [];

#[test]
fn a_finished_run_can_be_forgotten_whoever_still_holds_it() {
    let home = Home::new();
    let store = home.store();
    let now = SystemTime::now();
    for (sending, forgotten) in [
        (Sending::Forbidden, Forgotten::Deleted),
        (Sending::Permitted, Forgotten::DeletedWhileSent),
    ] {
        // Its observer lives, as one that uploads does.
        let held = Uuid::new_v4();
        let mut journal = store.begin(held, sending);
        assert!(store.forget(held, now) == Forgotten::Living, "it runs");
        for event in [start(), finish()] {
            journal.append(&line(held, &event, now), Importance::Essential);
        }
        assert_eq!(store.forget(held, now), forgotten);
        assert!(
            !home.run(held).exists() && !journal.may_be_sent() || sending == Sending::Forbidden
        );
        // It was recorded on another machine, or before this one was started anew.
        let events = [start(), finish()];
        let (foreign, _) = home.recorded(sending, &events);
        std::fs::write(home.run(foreign).join("live"), "another boot").unwrap();
        assert_eq!(store.forget(foreign, now), forgotten);
        assert!(!home.run(foreign).exists());
    }
}

#[test]
fn everything_is_the_owners_alone() {
    let home = Home::new();
    let (run, _) = home.recorded(Sending::Permitted, &[start()]);
    let mut directory = home.run(run);
    for name in ["events.jsonl", "live", "consent"] {
        assert_eq!(
            directory
                .join(name)
                .metadata()
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o600,
            "{name}"
        );
    }
    for _ in 0..3 {
        assert_eq!(
            directory.metadata().unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            directory.display()
        );
        directory.pop();
    }
}

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(3), finish()]);
    let mut found = Vec::new();
    let summary = home
        .store()
        .events(run, SystemTime::now(), |record| {
            found.push(record.line.to_owned())
        })
        .unwrap();
    assert_eq!(found, lines);
    assert_eq!(
        (
            summary.state,
            summary.steps,
            summary.events,
            summary.waiting
        ),
        (RunState::Ended(Outcome::Success), Some(9), 3, 3)
    );
    assert_eq!((summary.damaged_lines, summary.truncated), (0, false));
}

#[test]
fn what_waits_is_what_was_consented_to_and_not_answered() {
    let home = Home::new();
    let (_, _) = home.recorded(Sending::Forbidden, &[start(), finish()]);
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(3), finish()]);
    {
        let mut found = pages(&home.store(), SystemTime::now());
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].runs, &found[0].lines), (&vec![run], &lines));
        assert_eq!(
            waiting(&home.store(), SystemTime::now()),
            NOTHING,
            "two processes never send the same run"
        );
        assert!(
            found[0].keep(&delivered(&lines[0])) && !found[0].keep(&delivered(&lines[0])),
            "it is settled once"
        );
        assert!(!found[0].is_settled());
    }
    assert_eq!(waiting(&home.store(), SystemTime::now()), lines[1..]);
    let later = SystemTime::now() + limits::UNSENT_AGE_MAX;
    assert_eq!(
        waiting(&home.store(), later),
        NOTHING,
        "what is too old is not sent"
    );
}

#[test]
fn a_living_run_is_left_to_its_observer() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let mut journal = home.store().begin(run, Sending::Permitted);
    journal.append(
        &line(run, &start(), SystemTime::now()),
        Importance::Ordinary,
    );
    let store = home.store();
    let much_later = SystemTime::now() + limits::RUNS_AGE_MAX * 2;
    assert_eq!(store.recover(much_later), NONE);
    assert_eq!(waiting(&store, SystemTime::now()), NOTHING);
    store.prune(much_later);
    assert_eq!(store.runs(SystemTime::now())[0].state, RunState::Running);
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
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| home.store().recover(SystemTime::now())))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    // Eight at once may all have found it locked by a ninth look; then the next one finds it.
    let mut recovered = [recovered, home.store().recover(SystemTime::now())].concat();
    let mut expected = [run, never_began];
    recovered.sort_unstable();
    expected.sort_unstable();
    assert_eq!(recovered, expected);
    let text = home.text(run, "events.jsonl");
    let last: Member = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let before: Member = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!(
        (last.event.as_str(), &last.properties["outcome"]),
        ("finish", &"lost".into())
    );
    assert!(
        last.timestamp >= before.timestamp && last.properties["elapsed_time"].as_f64() >= Some(1.5),
        "{last:?}"
    );
    assert!(
        !last.properties.contains_key("total_time_seconds"),
        "nobody knows how long it ran"
    );
    assert_eq!(waiting(&home.store(), SystemTime::now()).len(), 5 + 2);
    assert_eq!(home.text(finished, "events.jsonl").lines().count(), 2);
    assert_eq!(home.text(never_began, "live").len(), 36);
    assert_eq!(
        home.store().summary(run, SystemTime::now()).unwrap().steps,
        Some(7)
    );
}

#[test]
fn a_run_of_another_boot_is_lost_only_after_long_silence() {
    let home = Home::new();
    let (run, _) = home.recorded(Sending::Permitted, &[start()]);
    for boot in ["00000000-0000-0000-0000-000000000000", "", "\u{fffd}"] {
        fs::write(home.run(run).join("live"), boot).unwrap();
        assert_eq!(home.store().recover(SystemTime::now()), NONE, "{boot:?}");
        assert_eq!(waiting(&home.store(), SystemTime::now()), NOTHING);
    }
    fs::remove_file(home.run(run).join("live")).unwrap();
    assert_eq!(home.store().recover(SystemTime::now()), NONE);
    assert_eq!(
        home.store()
            .recover(SystemTime::now() + limits::FOREIGN_SILENCE * 2),
        [run]
    );
}

#[test]
fn damage_costs_what_is_damaged_and_nothing_else() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(1), finish()]);
    let long = "x".repeat(limits::EVENT_BYTES_MAX + 1);
    let mut text: Vec<u8> = format!("\n\0\0\0\n{{\"event\":\n{}\n[]\n{long}\n", lines[0]).into();
    text.extend_from_slice(b"\xff\xfe\n");
    // The same event twice: a write that was cut off before its newline and repeated.
    text.extend_from_slice(
        format!(
            "{}\n{}\n{}\n{}",
            lines[1],
            lines[1],
            lines[2],
            &lines[2][..40]
        )
        .as_bytes(),
    );
    fs::write(home.run(run).join("events.jsonl"), text).unwrap();
    let summary = home.store().summary(run, SystemTime::now()).unwrap();
    assert_eq!(
        (summary.events, summary.damaged_lines, summary.state),
        (3, 6, RunState::Ended(Outcome::Success))
    );
    assert_eq!(waiting(&home.store(), SystemTime::now()), lines);
}

#[test]
fn a_torn_last_line_does_not_spoil_the_next() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(5)]);
    let path = home.run(run).join("events.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    assert_eq!(home.store().recover(SystemTime::now()), [run]);
    let waiting = waiting(&home.store(), SystemTime::now());
    assert_eq!(waiting.len(), 2, "start and the lost finish");
    assert_eq!(waiting[0], lines[0]);
}

#[test]
fn what_stands_in_place_of_a_file_hangs_and_misleads_nobody() {
    for plant in ["fifo", "directory", "link", "device"] {
        let home = Home::new();
        let (run, _) = home.recorded(Sending::Permitted, &[start()]);
        let elsewhere = home.0.path().join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        for name in [
            "events.jsonl",
            "delivery.jsonl",
            "samples.jsonl",
            "live",
            "consent",
        ] {
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
        assert_eq!(waiting(&store, much_later), NOTHING, "{plant}");
        assert_eq!(store.runs(much_later).len(), 1, "{plant}");
        let _ = store.forget(run, much_later);
        assert_eq!(
            fs::read_to_string(&elsewhere).unwrap(),
            "precious",
            "{plant}"
        );
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
    assert_eq!(
        journal.append(
            &line(run, &start(), SystemTime::now()),
            Importance::Essential
        ),
        Written::Memory
    );
    assert_eq!(journal.events_unwritten(), 1);
    fs::remove_file(home.run(run).join("events.jsonl")).unwrap();
    assert!(journal.flush());
    assert_eq!(
        (
            fs::read_to_string(&elsewhere).unwrap().as_str(),
            journal.events_unwritten()
        ),
        ("precious", 0)
    );

    let linked = tempfile::tempdir().unwrap();
    symlink(
        home.0.path().join("axolotl-run"),
        linked.path().join("axolotl-run"),
    )
    .unwrap();
    assert!(matches!(store(linked.path()), Err(StoreProblem::Link(..))));
}

#[test]
fn a_link_that_is_swapped_in_after_the_store_was_opened_leads_nowhere() {
    let home = Home::new();
    let store = home.store();
    let ours = home.0.path().join("axolotl-run");
    let elsewhere = home.0.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join(Uuid::new_v4().to_string())).unwrap();
    fs::rename(ours.join("runs"), ours.join("moved")).unwrap();
    symlink(&elsewhere, ours.join("runs")).unwrap();
    let run = Uuid::new_v4();
    let mut journal = store.begin(run, Sending::Permitted);
    let start_line = line(run, &start(), SystemTime::now());
    assert_eq!(
        journal.append(&start_line, Importance::Essential),
        Written::Disk
    );
    drop(journal);
    assert_eq!(store.runs(SystemTime::now()).len(), 1);
    assert!(ours.join("moved").join(run.to_string()).is_dir());
    assert_eq!(elsewhere.read_dir().unwrap().count(), 1);
}

#[test]
fn a_giant_file_is_read_to_a_bound() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start()]);
    for name in ["events.jsonl", "delivery.jsonl"] {
        let file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(home.run(run).join(name))
            .unwrap();
        file.set_len(1 << 40).unwrap();
    }
    let summary = home.store().summary(run, SystemTime::now()).unwrap();
    assert!(summary.truncated);
    assert_eq!(summary.events, 1);
    assert_eq!(waiting(&home.store(), SystemTime::now()), lines);
}

#[test]
fn a_line_that_was_tampered_with_is_refused_and_not_sent() {
    let home = Home::new();
    let (run, lines) = home.recorded(Sending::Permitted, &[start(), progress(1)]);
    let path = home.run(run).join("events.jsonl");
    fs::write(
        &path,
        format!(
            "{}\n{}\n",
            lines[0].replace("\"cpu_count\"", "\"canary\""),
            lines[1]
        ),
    )
    .unwrap();
    let found = pages(&home.store(), SystemTime::now());
    assert_eq!((&found[0].lines[..], found[0].refused), (&lines[1..], 1));
    drop(found);
    let first: Member = serde_json::from_str(&lines[0]).unwrap();
    assert!(
        home.text(run, "delivery.jsonl")
            .contains(&first.uuid.to_string()),
        "and it is written down as refused"
    );
    assert_eq!(
        pages(&home.store(), SystemTime::now())[0].refused,
        0,
        "once"
    );
}

#[test]
fn of_too_much_that_waits_the_newest_is_kept() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let mut journal = home.store().begin(run, Sending::Permitted);
    // Large, and read back quickly: numbers need no look at their words.
    let second = Number::new(1.0 / 7.0).unwrap();
    let seconds = (0..1000).map(|epoch| (epoch, second));
    let event = Event::Finish(Box::new(Finish {
        epoch_times: Some(EpochTimes {
            seconds: Some(seconds.collect()),
        }),
        ..Default::default()
    }));
    let lines: Vec<_> = (0..400)
        .map(|_| line(run, &event, SystemTime::now()))
        .collect();
    for line in &lines {
        assert_eq!(journal.append(line, Importance::Ordinary), Written::Disk);
    }
    drop(journal);
    let left_out = home.store().waiting(SystemTime::now()).left_out_events;
    let found = pages(&home.store(), SystemTime::now());
    let page = |lines: &[String]| lines.iter().map(String::len).sum::<usize>();
    let most = limits::PAGE_BYTES_MAX + limits::EVENT_BYTES_MAX;
    assert!(
        found.len() > 5 && found.iter().all(|found| page(&found.lines) < most),
        "not all at once"
    );
    let waiting: Vec<_> = found.into_iter().flat_map(|found| found.lines).collect();
    let bytes = page(&waiting);
    assert!(
        bytes as u64 <= limits::UNSENT_BYTES_MAX
            && bytes + lines[0].len() > limits::UNSENT_BYTES_MAX as usize
    );
    assert_eq!(waiting, lines[left_out as usize..], "the newest, in order");
}

#[test]
fn pruning_keeps_the_newest_and_the_living() {
    let home = Home::new();
    let living = Uuid::new_v4();
    let mut journal = home.store().begin(living, Sending::Permitted);
    journal.append(
        &line(living, &start(), SystemTime::now()),
        Importance::Ordinary,
    );
    let runs: Vec<_> = (0..limits::RUNS_MAX + 5)
        .map(|_| home.recorded(Sending::Forbidden, &[start()]).0)
        .collect();
    let now = SystemTime::now();
    for (age, run) in (1..).zip(&runs) {
        touch(&home.run(*run), now - Duration::from_secs(60 * age));
    }
    touch(&home.run(living), now - Duration::from_secs(1_000_000));
    fs::create_dir(home.0.path().join("axolotl-run/runs/not-a-run")).unwrap();
    let store = home.store();
    store.prune(now);
    let left = store.runs(now);
    assert_eq!(left.len(), limits::RUNS_MAX);
    assert!(left.iter().any(|summary| summary.run_id == living));
    assert!(
        runs[..limits::RUNS_MAX - 1]
            .iter()
            .all(|run| home.run(*run).exists())
    );

    let big = home.run(runs[10]).join("samples.jsonl");
    fs::File::create(&big)
        .unwrap()
        .set_len(limits::RUNS_BYTES_MAX)
        .unwrap();
    touch(&home.run(runs[10]), now - Duration::from_secs(60 * 11));
    store.prune(now);
    assert!(
        !home.run(runs[10]).exists() && home.run(runs[9]).exists() && home.run(runs[11]).exists()
    );

    let of_the_living = home.run(living).join("samples.jsonl");
    fs::File::create(&of_the_living)
        .unwrap()
        .set_len(limits::RUNS_BYTES_MAX)
        .unwrap();
    touch(&home.run(living), now);
    store.prune(now);
    assert!(
        home.run(runs[9]).exists() && home.run(runs[11]).exists(),
        "a living run pushes nobody out"
    );

    store.prune(now + limits::RUNS_AGE_MAX);
    assert_eq!(
        store
            .runs(now)
            .iter()
            .map(|summary| summary.run_id)
            .collect::<Vec<_>>(),
        [living]
    );
    assert!(home.0.path().join("axolotl-run/runs/not-a-run").exists());
}

#[test]
fn the_runs_of_a_job_are_one_and_go_together() {
    let home = Home::new();
    let now = SystemTime::now();
    let old = now - Duration::from_secs(3600);
    let in_job = |key: &str, node| {
        let (run, _) = home.recorded(Sending::Forbidden, &[start(), finish()]);
        let text = format!(
            r#"{{"form":1,"key":"{key}","is_reused":false,"node":{node},"task":null,"nodes":3,"part":"node","machine":"m{node}","began":{node}.0,"failed":null,"ended":9.0,"clock":[]}}"#
        );
        fs::write(home.run(run).join("job.json"), text).unwrap();
        touch(&home.run(run), old);
        run
    };
    let (older, newer): (Vec<_>, Vec<_>) = (0..30)
        .map(|node| (in_job("a", node), in_job("b", node)))
        .unzip();
    // One process of a job was recorded for longer than the others.
    touch(&home.run(newer[7]), now);
    let alone: Vec<_> = (0..limits::RUNS_MAX - 1)
        .map(|_| home.recorded(Sending::Forbidden, &[start(), finish()]).0)
        .collect();
    let store = home.store();
    store.prune(now);
    let exist = |runs: &[Uuid]| runs.iter().filter(|run| home.run(**run).exists()).count();
    assert_eq!(
        (exist(&older), exist(&newer), exist(&alone)),
        (0, 30, alone.len())
    );
    assert_eq!(
        store.latest(now).map(|run| newer.contains(&run)),
        Some(false)
    );
    for run in &alone {
        fs::remove_dir_all(home.run(*run)).unwrap();
    }
    assert_eq!(store.latest(now), Some(newer[0]), "the first of the job");
    // One that lives keeps all the others.
    let living = store.begin(newer[3], Sending::Forbidden);
    store.prune(now + limits::RUNS_AGE_MAX * 2);
    assert_eq!(exist(&newer), 30);
    drop(living);
    store.prune(now + limits::RUNS_AGE_MAX * 2);
    assert_eq!(exist(&newer), 0);
}

#[test]
fn pruning_keeps_what_waits_to_be_sent_and_only_that() {
    let home = Home::new();
    let now = SystemTime::now();
    let runs: Vec<_> = (0..limits::RUNS_MAX)
        .map(|_| home.recorded(Sending::Forbidden, &[start()]).0)
        .collect();
    let old = now - Duration::from_secs(3600);
    let young = |sending, events: &[Event]| {
        let (run, lines) = home.recorded(sending, events);
        fs::write(home.run(run).join("samples.jsonl"), "{}\n").unwrap();
        touch(&home.run(run), old);
        (run, lines)
    };
    let (waits, _) = young(Sending::Permitted, &[start(), finish()]);
    let (unfinished, unfinished_lines) = young(Sending::Permitted, &[start()]);
    let (sent, sent_lines) = young(Sending::Permitted, &[start(), finish()]);
    let (own, _) = young(Sending::Forbidden, &[start(), finish()]);
    for mut page in pages(&home.store(), now) {
        for line in sent_lines.iter().chain(&unfinished_lines) {
            page.keep(&delivered(line));
        }
    }
    touch(&home.run(sent), old);
    touch(&home.run(unfinished), old);
    home.store().prune(now);
    assert!(
        runs.iter().all(|run| home.run(*run).exists()),
        "the newest are kept"
    );
    assert!(
        !home.run(sent).exists() && !home.run(own).exists(),
        "nothing of them waits"
    );
    assert!(home.run(unfinished).exists(), "its finish will");
    assert!(
        home.run(waits).exists() && !home.run(waits).join("samples.jsonl").exists(),
        "samples are never sent"
    );
    assert_eq!(waiting(&home.store(), now).len(), 2);
    home.store().prune(now + limits::UNSENT_AGE_MAX);
    assert!(
        !home.run(waits).exists() && runs.iter().all(|run| home.run(*run).exists()),
        "after a week it is over"
    );
}

#[test]
fn a_lost_run_ended_when_it_gave_its_last_sign_of_life() {
    let home = Home::new();
    let began = SystemTime::now() - Duration::from_secs(9000);
    let (run, _) = home.recorded_at(began, Sending::Permitted, &[start()]);
    let (never_started, _) = home.recorded(Sending::Permitted, &[]);
    let end = began + Duration::from_millis(3_600_500);
    for of in [run, never_started] {
        fs::write(home.run(of).join("samples.jsonl"), "{}\n").unwrap();
        touch(&home.run(of), began);
        fs::File::options()
            .append(true)
            .open(home.run(of).join("samples.jsonl"))
            .unwrap()
            .set_modified(end)
            .unwrap();
        // What a later launcher tells of the delivery is no sign of life of this one.
        fs::write(home.run(of).join("delivery.jsonl"), "").unwrap();
    }
    assert_eq!(home.store().recover(SystemTime::now()).len(), 2);
    for (of, elapsed) in [(run, 1.5 + 3600.5), (never_started, 3600.5)] {
        let text = home.text(of, "events.jsonl");
        let events: Vec<Member> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let times: Vec<_> = events.iter().map(|event| event.timestamp.clone()).collect();
        assert_eq!(
            times,
            [began, end].map(axolotl_run_core::event::wire::timestamp),
            "{text}"
        );
        let told = events[1].properties["elapsed_time"].as_f64().unwrap();
        assert!((told - elapsed).abs() < 0.002, "{told}");
    }
}

#[test]
fn a_run_that_is_just_beginning_is_nobodys_to_finish() {
    let home = Home::new();
    let run = Uuid::new_v4();
    let store = home.store();
    // What another launcher sees between the first two steps of this one.
    fs::create_dir(home.run(run)).unwrap();
    assert_eq!(store.recover(SystemTime::now()), NONE);
    store.prune(SystemTime::now());
    assert!(home.run(run).exists());
    let mut journal = store.begin(run, Sending::Permitted);
    assert_eq!(
        journal.append(
            &line(run, &start(), SystemTime::now()),
            Importance::Ordinary
        ),
        Written::Disk
    );
}

fn touch(run: &Path, time: SystemTime) {
    for file in fs::read_dir(run).unwrap() {
        fs::File::options()
            .append(true)
            .open(file.unwrap().path())
            .unwrap()
            .set_modified(time)
            .unwrap();
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
        assert_eq!(
            journal.append_sample(&format!("{index} {filler}")),
            Written::Disk
        );
    }
    let text = home.text(run, "samples.jsonl");
    let indices: Vec<u64> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(text.len() as u64 <= limits::RUN_SAMPLES_BYTES_MAX + 5000);
    assert!(indices.is_sorted() && indices[..100].windows(2).all(|pair| pair[1] - pair[0] == 2));
    assert_eq!((indices[0], indices.last()), (0, Some(&(count - 1))));
}

#[test]
fn without_a_place_the_journal_stays_in_bounded_memory() {
    assert!(matches!(Store::open(&|_| None), Err(StoreProblem::NoHome)));
    let mut journal = Journal::in_memory(Uuid::new_v4(), Sending::Forbidden);
    let long = "x".repeat(limits::EVENT_BYTES_MAX);
    let stored: Vec<_> = (0..100)
        .map(|_| journal.append(&long, Importance::Ordinary))
        .collect();
    let held = stored
        .iter()
        .filter(|stored| **stored == Written::Memory)
        .count();
    assert_eq!(held, limits::HELD_BYTES_MAX / long.len());
    assert_eq!(
        journal.append("finish", Importance::Essential),
        Written::Memory,
        "finish finds room"
    );
    assert_eq!(
        journal.append("two\nlines", Importance::Essential),
        Written::Nowhere
    );
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
    let lines = [
        line(run, &start(), SystemTime::now()),
        line(run, &finish(), SystemTime::now()),
    ];
    assert_eq!(
        journal.append(&lines[0], Importance::Ordinary),
        Written::Memory
    );
    fs::remove_file(home.run(run)).unwrap();
    assert_eq!(
        journal.append(&lines[1], Importance::Essential),
        Written::Disk
    );
    drop(journal);
    assert_eq!(waiting(&store, SystemTime::now()), lines);
}

#[test]
fn a_directory_that_somebody_else_made_is_not_used() {
    let home = Home::new();
    let ours = home.0.path().join("axolotl-run");
    fs::create_dir(&ours).unwrap();
    if std::os::unix::fs::chown(&ours, Some(4242), None).is_err() {
        return; // Only root can give a directory away.
    }
    assert!(matches!(
        store(home.0.path()),
        Err(StoreProblem::Foreign(_))
    ));
    std::os::unix::fs::chown(home.0.path(), Some(4242), None).unwrap();
    assert!(store(home.0.path()).is_ok(), "the home's own owner made it");
    assert_eq!(ours.metadata().unwrap().uid(), 4242);
}

#[test]
fn a_run_that_was_killed_before_its_start_was_written_is_lost_and_not_forgotten() {
    let home = Home::new();
    let run = Uuid::new_v4();
    drop(home.store().begin(run, Sending::Permitted));
    let store = home.store();
    assert_eq!(store.recover(SystemTime::now()), [run]);
    assert!(store.recover(SystemTime::now()).is_empty(), "once");
    let events: Vec<_> = waiting(&store, SystemTime::now())
        .iter()
        .map(|line| serde_json::from_str::<Member>(line).unwrap())
        .collect();
    assert_eq!(
        events
            .iter()
            .map(|member| member.event.as_str())
            .collect::<Vec<_>>(),
        ["start", "finish"]
    );
    assert_ne!(events[0].uuid, events[1].uuid);
    assert_eq!(events[1].properties["outcome"], "lost");
}
