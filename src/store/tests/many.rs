//! A state directory with ten thousand runs in it: a shared home, an old version, a server that was away.

use super::recorded::{Home, finish, line, pages, start};
use crate::store::Store;
use axolotl_run_core::limits;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

const RUNS: usize = 10_000;
/// Calls that delete what is too old, each for a bounded time; on an idle machine one is enough.
const PRUNES_MAX: usize = 100;

/// Puts a finished run there without going through a journal, which would take longer than what is tested.
fn plant(home: &Home, boot: &str, age: Duration, permitted: bool) {
    let (run, then) = (Uuid::new_v4(), SystemTime::now() - age);
    let directory = home.run(run);
    fs::create_dir(&directory).unwrap();
    let text = format!(
        "{}\n{}\n",
        line(run, &start(), then),
        line(run, &finish(), then)
    );
    let files = [
        ("events.jsonl", text.as_str()),
        ("live", boot),
        ("samples.jsonl", "{}\n"),
        ("consent", ""),
    ];
    for (name, text) in files.into_iter().take(if permitted { 4 } else { 3 }) {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(then)
            .unwrap();
    }
}

#[test]
fn ten_thousand_runs_are_looked_after_in_the_time_of_writing_them_and_bounded_memory() {
    // Deleting is the disk's time, of which a busy one needs minutes, and what is beyond the time for it is left over.
    let memory = Path::new("/dev/shm");
    // A container's holds 64 MB, unless somebody has asked for more.
    let room = nix::sys::statvfs::statvfs(memory)
        .map_or(0, |room| room.blocks_available() * room.fragment_size());
    let home = if room > 1 << 28 {
        Home(tempfile::tempdir_in(memory).unwrap())
    } else {
        Home::new()
    };
    let store = home.store();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let planting = Instant::now();
    for number in 0..RUNS {
        // Up to ten days old; each tenth may be sent.
        plant(
            &home,
            boot.trim_end(),
            Duration::from_secs(86 * number as u64),
            number % 10 == 0,
        );
    }
    let planted = planting.elapsed();
    let young = RUNS
        .min(limits::UNSENT_AGE_MAX.as_secs() as usize / 86 + 1)
        .div_ceil(10);
    let began = Instant::now();
    let now = SystemTime::now();
    let left = |store: &Store| fs::read_dir(store.path()).unwrap().count();
    let kept = limits::RUNS_MAX + young - limits::RUNS_MAX / 10;
    // Once, where nothing else is going on: each call stops when its time is up.
    for _ in 0..PRUNES_MAX {
        if left(&store) <= kept {
            break;
        }
        store.prune(now);
    }
    let pruned = began.elapsed();
    assert!(store.recover(now).is_empty());
    let mut waiting = store.waiting(now);
    assert_eq!(waiting.events, 2 * young as u64);
    let most = std::iter::from_fn(|| waiting.next(&store, now))
        .map(|page| page.runs.len())
        .max();
    assert!(
        most.is_some_and(|runs| runs <= limits::PAGE_RUNS_MAX),
        "{most:?}"
    );
    println!(
        "{RUNS} runs: pruned in {pruned:?}, all in {:?}",
        began.elapsed()
    );
    assert!(
        began.elapsed() < planted * 10,
        "{:?}, and writing them took {planted:?}",
        began.elapsed()
    );
    // The newest fifty, of which five wait, and all others that wait.
    assert_eq!(store.runs(now).len(), kept);
    let times: Vec<_> = pages(&store, now)
        .into_iter()
        .flat_map(|page| page.lines)
        .map(happened)
        .collect();
    assert!(
        times.is_sorted() && times.len() == 2 * young,
        "the oldest first"
    );
}

fn happened(line: String) -> String {
    serde_json::from_str::<axolotl_run_core::event::wire::Member>(&line)
        .unwrap()
        .timestamp
}
