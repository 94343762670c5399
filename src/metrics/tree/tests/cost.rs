//! The cost of a sample is that of the command's own tree, whatever else runs on the machine.
//!
//! Times on a shared machine prove nothing, so system calls are counted, by the kernel: `syscr` of
//! /proc/self/io is the number of reads of this whole process. The test therefore runs in a process of its own.

use crate::metrics::Sampler;
use crate::metrics::accelerator::Gpus;
use crate::metrics::tree;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Processes that are killed when the test ends.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(count: usize) -> Self {
        Self(
            (0..count)
                .map(|_| {
                    Command::new("sleep")
                        .arg("300")
                        .stdin(Stdio::null())
                        .spawn()
                        .unwrap()
                })
                .collect(),
        )
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// Reads so far; the reading of this file is among them.
fn reads() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("syscr: ")?.parse().ok())
        .unwrap_or(0)
}

/// Accesses and system calls of so many samples, the dear ones among them.
fn cost(sampler: &mut tree::TreeSampler, samples: u32) -> (u64, u64) {
    let (accesses, calls) = (sampler.accesses(), reads());
    for _ in 0..samples {
        sampler.sample();
    }
    (sampler.accesses() - accesses, reads() - calls)
}

#[test]
fn strangers_cost_nothing() {
    let (_, module) = module_path!().split_once("::").unwrap();
    let role = format!("{module}::role_counts_its_reads");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &role, "--nocapture", "--ignored"])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    assert!(String::from_utf8_lossy(&said).contains("1 passed"));
}

#[test]
#[ignore = "a role that another test plays in a process of its own"]
fn role_counts_its_reads() {
    let mut command = Command::new("sh");
    command.args(["-c", "for n in 1 2 3 4 5 6 7; do sleep 300 & done; wait"]);
    let tree_of_eight = Sleepers(vec![command.spawn().unwrap()]);
    let root = tree_of_eight.0[0].id();
    let mut sampler = tree::TreeSampler::new(root);
    let deadline = Instant::now() + Duration::from_secs(20);
    while sampler.sample().processes != Some(8) {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let ours = sampler.pids();

    let quiet = cost(&mut sampler, 24);
    let strangers = Sleepers::start(300);
    let crowded = cost(&mut sampler, 24);
    drop(strangers);
    for pid in ours.into_iter().filter(|pid| *pid != root) {
        // The shell's own children: they are not killed with it.
        let _ = Command::new("kill").arg(pid.to_string()).status();
    }
    assert_eq!(crowded.0, quiet.0, "files and directories");
    assert!(
        crowded.1 <= quiet.1 + 2,
        "system calls: {quiet:?} {crowded:?}"
    );
    assert!(
        quiet.0 <= 24 * 8 * 3,
        "two accesses per process and sample, and a few for the complete walks: {quiet:?}"
    );

    // The façade, on our own process: it must find itself and fail at nothing.
    let mut sampler = Sampler::begin(std::process::id(), Gpus::start());
    let sample = sampler.sample(1.0, true);
    assert!(
        sample.processes.is_some_and(|count| count >= 1) && sample.failures == 0,
        "{sample:?}"
    );
    assert!(
        sample.waited_seconds.is_some_and(|seconds| seconds >= 0.0),
        "{sample:?}"
    );
    assert!(sample.rss_max_process_bytes.is_some_and(|bytes| bytes > 0));
    assert_eq!(sampler.kill_watch.kills().host.unwrap_or(0), 0);
}
