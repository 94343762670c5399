//! What one sample costs, against a refresh of all processes with sysinfo, on trees of 1, 16 and 128 processes.
//!
//! `cargo bench --bench sampling [-- COMMAND...]`. Processor time of this thread is measured, in the same run and in
//! turns, so that the ratio holds on a busy machine where the figures do not. Last comes what the start event's facts
//! about a command cost (`python3` where none is given): Python's version, the packages', the machine; in wall time,
//! with the files cached. With `--sysinfo` it does nothing but refresh all processes at the observer's period, for
//! benches/observer.py to measure.

use axolotl_run::bench::{self, TreeSampler};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

const ROUNDS: u32 = 20;

/// Nanoseconds of processor time of this thread.
fn cpu() -> i64 {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    let time = nix::time::clock_gettime(clock).expect("every Linux has this clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

fn timed<T>(work: impl FnOnce() -> T) -> i64 {
    let before = cpu();
    let _ = work();
    cpu() - before
}

fn start(processes: usize) -> Child {
    let script = format!("for n in $(seq 2 {processes}); do sleep 300 & done; exec sleep 300");
    let script = if processes == 1 {
        "exec sleep 300"
    } else {
        &script
    };
    Command::new("sh")
        .args(["-c", script])
        .spawn()
        .expect("sh runs")
}

/// The median of some rounds.
fn facts() {
    let mut command: Vec<_> = std::env::args_os()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if command.is_empty() {
        command.push("python3".into());
    }
    let look = || bench::facts(&command, &|name| std::env::var_os(name));
    let packages = look().packages.map_or(0, |packages| packages.len());
    let mut times: Vec<_> = std::iter::repeat_with(|| {
        let began = Instant::now();
        drop(look());
        began.elapsed()
    })
    .take(51)
    .collect();
    times.sort_unstable();
    println!(
        "facts about {}: {:.2} ms, {packages} packages",
        command[0].display(),
        times[25].as_secs_f64() * 1e3
    );
}

fn refresh_for_ever() {
    let mut system = System::new();
    loop {
        system.refresh_processes(ProcessesToUpdate::All, true);
        std::thread::sleep(axolotl_run_core::limits::SAMPLE_PERIOD);
    }
}

fn main() {
    if std::env::args().any(|word| word == "--sysinfo") {
        return refresh_for_ever();
    }
    let host = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let host = host.filter(|entry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok())
    });
    println!("{} other processes on the host", host.count());
    println!("processes   ours us   Some(&tree) us   All, no tasks us   All us   All / ours");
    for processes in [1, 16, 128] {
        let mut root = start(processes);
        let mut ours = TreeSampler::new(root.id());
        let deadline = Instant::now() + Duration::from_secs(20);
        while ours.sample().processes != Some(processes as u64) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let pids: Vec<_> = ours
            .pids()
            .into_iter()
            .map(sysinfo::Pid::from_u32)
            .collect();
        let mut systems = [(); 3].map(|()| System::new());
        let lean = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        let mut sums = [0; 4];
        for round in 0..=ROUNDS {
            let [some, lean_all, all] = &mut systems;
            let costs = [
                timed(|| ours.sample()),
                timed(|| {
                    some.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, lean)
                }),
                timed(|| lean_all.refresh_processes_specifics(ProcessesToUpdate::All, true, lean)),
                timed(|| all.refresh_processes(ProcessesToUpdate::All, true)),
            ];
            // The first round fills everybody's caches.
            if round > 0 {
                sums.iter_mut()
                    .zip(costs)
                    .for_each(|(sum, cost)| *sum += cost);
            }
        }
        let [ours_us, some, lean_all, all] =
            sums.map(|sum| sum as f64 / f64::from(ROUNDS) / 1000.0);
        println!(
            "{processes:9} {ours_us:9.0} {some:16.0} {lean_all:18.0} {all:8.0} {:12.1}",
            all / ours_us
        );
        for pid in ours.pids() {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ = root.wait();
    }
    facts();
}
