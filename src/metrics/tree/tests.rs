//! The tree sampler against real processes, and against a made-up /proc where the moment of a reading matters.

mod cost;

use super::*;
use axolotl_run_core::limits;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A shell script that is killed with all it started when the test ends.
struct Script(Child);

impl Script {
    fn start(text: &str) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("sh");
        command
            .args(["-c", text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        Self(command.spawn().unwrap())
    }

    /// Waits until the script has written a byte.
    fn wait_for_word(&mut self) {
        self.0
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut [0])
            .unwrap();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// Samples until the sample is as wished.
fn sample_until(sampler: &mut TreeSampler, mut wish: impl FnMut(&Sample) -> bool) -> Sample {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let sample = sampler.sample();
        if wish(&sample) {
            return sample;
        }
        assert!(Instant::now() < deadline, "never came: {sample:?}");
        std::thread::yield_now();
    }
}

#[test]
fn all_generations_are_found_and_measured() {
    let script = Script::start("sh -c 'sleep 60 & sleep 60 & wait' & wait");
    let mut sampler = TreeSampler::new(script.0.id());
    let sample = sample_until(&mut sampler, |sample| sample.processes == Some(4));
    let (sum, largest) = (
        sample.rss_sum_bytes.unwrap(),
        sample.rss_max_process_bytes.unwrap(),
    );
    assert!(
        largest >= 4096 && sum >= largest && sum <= 4 * largest,
        "{sum} {largest}"
    );
    assert_eq!(sampler.pids().len(), 4);
}

/// Ends threads that wait for it.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn many_threads_are_measured_as_a_few_are() {
    // In our own process: no program that every machine has starts so many.
    let stop = AtomicBool::new(false);
    let ended = || stop.load(Ordering::Relaxed);
    let ended = &ended;
    std::thread::scope(|scope| {
        for _ in 0..limits::TREE_THREADS_BRIEF {
            scope.spawn(move || {
                while !ended() {
                    std::thread::park_timeout(Duration::from_millis(5))
                }
            });
        }
        scope.spawn(move || {
            while !ended() {
                std::hint::spin_loop()
            }
        });
        // Also where an assertion fails: the scope waits for its threads.
        let _stop = StopOnDrop(&stop);
        let own = std::process::id();
        let mut sampler = TreeSampler::new(own);
        let first = sampler.sample();
        assert!(sampler.known_processes.all[&own].brief.memory.is_some());
        let later = sample_until(&mut sampler, |sample| {
            sample.cpu_seconds > first.cpu_seconds.map(|sum| sum + 0.3)
        });
        assert!(later.rss_max_process_bytes.unwrap() > 0);
        // The kernel's line says the same.
        let before = sampler.known_processes.procfs.stat_of(own).unwrap();
        sampler.sample();
        let after = sampler.known_processes.procfs.stat_of(own).unwrap();
        let ticks = sampler.known_processes.all[&own].stat.own_ticks;
        let possible = before.own_ticks.saturating_sub(20)..=after.own_ticks + 20;
        assert!(possible.contains(&ticks), "{ticks} {possible:?}");
    });
}

#[test]
fn an_orphan_in_a_session_of_its_own_stays_known() {
    let mut script = Script::start("setsid sleep 60 & read word");
    let mut sampler = TreeSampler::new(script.0.id());
    sample_until(&mut sampler, |sample| sample.processes == Some(2));
    let orphan = *sampler
        .pids()
        .iter()
        .find(|pid| **pid != script.0.id())
        .unwrap();
    drop(script.0.stdin.take());
    script.0.wait().unwrap();
    let sample = sampler.sample();
    let end = nix::unistd::Pid::from_raw(i32::try_from(orphan).unwrap());
    nix::sys::signal::kill(end, nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(sample.processes, Some(1));
    assert!(sample.rss_sum_bytes.is_some());
    let after = sample_until(&mut sampler, |sample| sample.processes == Some(0));
    assert_eq!(
        after.rss_max_process_bytes, None,
        "nothing lives: unknown, not 0"
    );
    assert!(after.cpu_seconds >= sample.cpu_seconds);
}

#[test]
fn time_of_children_that_lived_between_two_samples_is_not_lost() {
    let burn = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
    let mut script = Script::start(&format!(
        "for n in 1 2 3 4; do ( {burn} ); done; echo; read word"
    ));
    let mut sampler = TreeSampler::new(script.0.id());
    let before = sampler.sample().cpu_seconds.unwrap();
    script.wait_for_word();
    let after = sampler.sample();
    assert!(
        after.cpu_seconds.unwrap() - before >= 0.04,
        "{before} {after:?}"
    );
    assert_eq!(after.processes, Some(1));
}

#[test]
fn a_zombie_is_no_process_and_has_no_memory() {
    // The shell becomes a sleep, which waits for nobody. The child ends only then: a shell may reap it before.
    let ends = "while read -r name < /proc/$$/comm && [ \"$name\" = sh ]; do :; done";
    let script = Script::start(&format!("( {ends} ) & exec sleep 60"));
    let mut sampler = TreeSampler::new(script.0.id());
    let zombies = |sampler: &TreeSampler| {
        sampler
            .known_processes
            .all
            .values()
            .filter(|process| process.stat.zombie)
            .count()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while zombies(&sampler) == 0 {
        sampler.sample();
        assert!(Instant::now() < deadline);
    }
    // A process that is just being replaced by its program has no memory for a moment: wait that out.
    let sample = sample_until(&mut sampler, |sample| {
        sample.rss_max_process_bytes > Some(0)
    });
    assert_eq!((zombies(&sampler), sample.processes), (1, Some(1)));
}

#[test]
fn a_command_that_was_never_there_is_unknown() {
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(
        TreeSampler::at(nowhere.path(), 7).sample(),
        Sample::default()
    );
}

/// A made-up /proc.
struct Proc(tempfile::TempDir);

impl Proc {
    fn new(lists_children: bool) -> Self {
        let proc = Self(tempfile::tempdir().unwrap());
        if lists_children {
            fs::create_dir(proc.0.path().join("thread-self")).unwrap();
            fs::write(proc.0.path().join("thread-self/children"), "").unwrap();
        }
        proc
    }

    fn put(&self, pid: u32, parent: u32, own: u64, children: u64, started: u64) {
        let directory = self.0.path().join(pid.to_string());
        fs::create_dir_all(&directory).unwrap();
        let stat = format!(
            "{pid} (x) S {parent} 1 1 0 -1 0 0 0 0 0 {own} 0 {children} 0 20 0 1 0 {started} 0 {pid} 0\n"
        );
        fs::write(directory.join("stat"), stat).unwrap();
    }

    fn children(&self, pid: u32, list: &str) {
        let thread = self.0.path().join(format!("{pid}/task/{pid}"));
        fs::create_dir_all(&thread).unwrap();
        fs::write(thread.join("children"), list).unwrap();
    }

    /// Emptied first: an open file of a reaped process fails to read, one that was unlinked does not.
    fn reap(&self, pid: u32) {
        fs::write(self.0.path().join(format!("{pid}/stat")), "").unwrap();
        fs::remove_dir_all(self.0.path().join(pid.to_string())).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Ticks, whatever their length is here.
fn ticks(sampler: &mut TreeSampler) -> u64 {
    (sampler.sample().cpu_seconds.unwrap() * sampler.ticks_per_second as f64).round() as u64
}

#[test]
fn processor_time_is_counted_once_and_never_decreases() {
    let proc = Proc::new(true);
    proc.put(10, 1, 5, 0, 100);
    proc.children(10, "11 12 ");
    proc.put(11, 10, 40, 0, 101);
    proc.children(11, "13");
    proc.put(12, 10, 20, 0, 102);
    proc.children(12, "");
    proc.put(13, 11, 7, 0, 103);
    proc.children(13, "");
    let mut sampler = TreeSampler::at(proc.path(), 10);
    assert_eq!(ticks(&mut sampler), 72);
    // Waited for: the time moved to the parent, with what was used since.
    proc.reap(12);
    proc.put(10, 1, 5, 21, 100);
    assert_eq!(ticks(&mut sampler), 73);
    // Two generations at once, nobody waits for either.
    proc.reap(13);
    proc.reap(11);
    assert_eq!(ticks(&mut sampler), 73);
    // The next reading has them after all: no second count.
    proc.put(10, 1, 5, 68, 100);
    assert_eq!(ticks(&mut sampler), 73);
    proc.put(10, 1, 9, 68, 100);
    assert_eq!(ticks(&mut sampler), 77);
    proc.reap(10);
    let sample = sampler.sample();
    assert_eq!(sample.processes, Some(0));
    assert_eq!(ticks(&mut sampler), 77);
}

#[test]
fn another_process_with_the_same_pid_is_a_stranger() {
    let proc = Proc::new(true);
    proc.put(10, 1, 5, 0, 100);
    proc.children(10, "11");
    proc.put(11, 10, 40, 0, 101);
    let mut sampler = TreeSampler::at(proc.path(), 10);
    assert_eq!(sampler.sample().processes, Some(2));
    proc.children(10, "");
    proc.put(11, 1, 9999, 0, 555);
    let sample = sampler.sample();
    assert_eq!(sample.processes, Some(1));
    assert_eq!(ticks(&mut sampler), 45);
    // A child list that is out of date does not make a stranger one of ours.
    proc.children(10, "11");
    assert_eq!(sampler.sample().processes, Some(1));
}

#[test]
fn children_of_any_thread_are_found_within_a_round() {
    let proc = Proc::new(true);
    let threads = 5 * limits::TREE_ROUND_THREADS;
    for (pid, parent) in [(10, 1), (11, 10), (99, 11)] {
        proc.put(pid, parent, 0, 0, 100);
        let stat = fs::read_to_string(proc.path().join(format!("{pid}/stat"))).unwrap();
        fs::write(
            proc.path().join(format!("{pid}/stat")),
            stat.replace(" 20 0 1 0 ", &format!(" 20 0 {threads} 0 ")),
        )
        .unwrap();
        for thread in 0..threads {
            let task = proc.path().join(format!(
                "{pid}/task/{}",
                if thread == 0 {
                    pid
                } else {
                    1000 + thread as u32
                }
            ));
            fs::create_dir_all(&task).unwrap();
            fs::write(task.join("children"), "").unwrap();
        }
    }
    proc.children(10, "11");
    let mut sampler = TreeSampler::at(proc.path(), 10);
    assert_eq!(sampler.sample().processes, Some(2));
    let each = |sampler: &mut TreeSampler| {
        let before = sampler.accesses();
        sampler.sample();
        sampler.accesses() - before
    };
    let dearest = (0..12).map(|_| each(&mut sampler)).max().unwrap();
    assert!(
        dearest <= 2 * limits::TREE_ROUND_THREADS as u64 + 12,
        "{dearest} accesses"
    );
    fs::write(proc.path().join("11/task/1033/children"), "99").unwrap();
    let round = 2 * threads.div_ceil(limits::TREE_ROUND_THREADS) + 1;
    assert!((0..round).any(|_| sampler.sample().processes == Some(3)));
}

#[test]
fn a_kernel_that_lists_no_children_is_scanned_on_a_schedule() {
    let proc = Proc::new(false);
    proc.put(10, 1, 0, 0, 100);
    proc.put(11, 10, 0, 0, 101);
    proc.put(12, 11, 0, 0, 102);
    proc.put(20, 1, 0, 0, 103);
    let mut sampler = TreeSampler::at(proc.path(), 10);
    assert_eq!(sampler.sample().processes, Some(3));
    let before = sampler.accesses();
    assert_eq!(sampler.sample().processes, Some(3));
    assert_eq!(
        sampler.accesses() - before,
        3,
        "between two scans only the known processes are read"
    );
}

#[test]
fn a_fork_bomb_is_followed_up_to_a_bound() {
    let proc = Proc::new(true);
    proc.put(10, 1, 0, 0, 100);
    let count = u32::try_from(limits::TREE_PROCESSES_MAX).unwrap() + 50;
    let mut list = String::new();
    for pid in 100..100 + count {
        proc.put(pid, 10, 0, 0, 100);
        list += &format!("{pid} ");
    }
    proc.children(10, &list);
    let mut sampler = TreeSampler::at(proc.path(), 10);
    assert_eq!(
        sampler.sample().processes,
        Some(limits::TREE_PROCESSES_MAX as u64)
    );
    assert_eq!(sampler.known_processes.kept_files, limits::TREE_FILES_MAX);
}

#[test]
fn sysinfo_sees_the_same_tree() {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
    let mut script = Script::start("sleep 60 & sleep 60 & echo; wait");
    script.wait_for_word();
    let mut ours = TreeSampler::new(script.0.id());
    let mut system = System::new();
    // A shell that has forked and not yet executed is being replaced while we look: wait until both agree.
    sample_until(&mut ours, |ours| {
        let measured = ProcessRefreshKind::nothing().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, measured);
        let root = Pid::from_u32(script.0.id());
        let theirs: Vec<u64> = system
            .processes()
            .values()
            .filter(|process| process.pid() == root || process.parent() == Some(root))
            .map(|process| process.memory())
            .collect();
        let ratio = ours.rss_sum_bytes.unwrap() as f64 / theirs.iter().sum::<u64>() as f64;
        ours.processes == Some(3) && theirs.len() == 3 && (0.8..1.25).contains(&ratio)
    });
}
