//! The start event's facts about the machine, found without holding anything up.
//!
//! The files behind them may be on a network that does not answer, and reading the memory map of a process
//! waits for that process's own lock: both can take for ever, inside the kernel. So a thread does it, whose
//! results are taken when they are there; if they never come, the start event goes without them. Nothing
//! joins the thread.
//!
//! Of the machine only kinds and counts are read, never a name that somebody gave: no host name, no user, no id of a
//! machine or container.

use super::{packages, site};
use crate::metrics::files;
use crate::metrics::memory::{self, MemoryGroup};
use axolotl_run_core::event::Start;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::{Environment, facts as launch_facts};
use axolotl_run_core::public::hardware;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::probe;
use std::collections::HashMap;
use std::env::consts;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// All that is known from the command, its environment and the machine. The accelerators and the
/// configuration are not among it. Reads files: to be called where waiting does no harm.
pub fn facts(command: &[OsString], environment: Environment<'_>) -> Start {
    let root = Path::new("/");
    let command = CommandLine::read(command);
    let launch = launch_facts::facts(&command, environment);
    let scheduler = site::scheduler(environment, launch.launcher.as_ref());
    let kernel_release = files::read_text(Path::new("/proc/sys/kernel/osrelease"));
    let mut start = Start {
        os: Some(hardware::platform(
            consts::OS,
            consts::ARCH,
            &kernel_release,
        )),
        cpu_count: Some(probe::processors_online()),
        cpu_count_usable: cpu_count_usable(),
        memory_total: memory_total().map(hardware::whole_gibibytes),
        launcher: launch.launcher,
        nodes: launch.nodes,
        processes_per_node: launch.processes_per_node,
        scheduler,
        ci: Some(site::ci(environment)),
        ci_system: site::ci_system(environment),
        container: site::container(root, environment),
        wsl: site::wsl(root),
        ..Start::default()
    };
    packages::add_those_of_command(&mut start, &command, environment);
    start
}

/// Processors that the run may use at once. A job with a quota of two on a node of 128 is slow for a reason.
///
/// The standard library counts the affinity and, of both versions of control groups, the quotas of the own group and of
/// all above it; ours are the command's at its start.
fn cpu_count_usable() -> Option<u64> {
    let processors = std::thread::available_parallelism().ok()?;
    Some(processors.get() as u64)
}

/// Bytes of main memory that the run can use: the machine's, or its control group's limit where that is
/// smaller. The machine's alone would call a job of 32 GiB on a node of 2 TiB a well-equipped one.
fn memory_total() -> Option<u64> {
    let machine = memory::of_machine()?;
    let group_limit = MemoryGroup::of(std::process::id()).and_then(|group| group.limit());
    // A limit alone says nothing: "unlimited" is a number too in version 1 of control groups.
    match group_limit {
        Some(limit @ 1..) => Some(machine.min(limit)),
        _ => Some(machine),
    }
}

/// Begins to look for what [`facts`] finds, and returns at once: the first answer comes unasked. Asked about processes,
/// it adds the versions that they show, for commands whose first word does not lead to them. That is worth it some
/// seconds after the spawn, when the training has imported its packages. None where no thread could be started.
pub fn gather(
    command: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
) -> Option<Background<Vec<u32>, Start>> {
    let mut gathering = Background::answering("facts", move || {
        let environment: HashMap<_, _> = environment.into_iter().collect();
        let variable = |name: &str| environment.get(OsStr::new(name)).cloned();
        let mut start = facts(&command, &variable);
        move |pids: Vec<u32>| {
            packages::add_those_of_processes(&mut start, &pids);
            Some(start.clone())
        }
    })?;
    gathering.ask(Vec::new());
    Some(gathering)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn facts_come_from_the_thread_and_again_after_a_look_at_processes() {
        let command = vec![
            "torchrun".into(),
            "--nproc_per_node=2".into(),
            "train.py".into(),
        ];
        let environment = vec![("GITHUB_ACTIONS".into(), "true".into())];
        let mut gathering = gather(command, environment).unwrap();
        let mut wait = |pids: Vec<u32>| {
            if !pids.is_empty() {
                gathering.ask(pids);
            }
            gathering.wait(Duration::from_secs(20)).message().unwrap()
        };
        let start = wait(Vec::new());
        assert_eq!(
            start.launcher.as_ref().map(|name| name.as_str()),
            Some("torchrun")
        );
        assert_eq!(
            (start.processes_per_node, start.ci, start.nodes),
            (Some(2), Some(true), None)
        );
        assert_eq!(
            start.ci_system.as_ref().map(|name| name.as_str()),
            Some("github_actions")
        );
        assert!(start.wsl.is_some());
        assert!(
            start
                .os
                .as_ref()
                .is_some_and(|os| os.as_str().starts_with(consts::OS))
        );
        assert!(start.memory_total > Some(1 << 20));
        assert!(
            start.cpu_count.is_some()
                && start.cpu_count_usable.is_some()
                && start.memory_total.is_some()
                && start.os.is_some()
        );
        assert_eq!(
            start.accelerator_type, None,
            "the driver is asked elsewhere"
        );
        assert_eq!(
            wait(vec![std::process::id()]),
            start,
            "this process has no Python to show"
        );
    }
}
