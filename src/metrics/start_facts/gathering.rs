//! The start event's facts about the machine, found without holding anything up.
//!
//! The files behind them may be on a network that does not answer, and reading the memory map of a process
//! waits for that process's own lock: both can take for ever, inside the kernel. So a thread does it, whose
//! results are taken when they are there; if they never come, the start event goes without them. Nothing
//! joins the thread.

use super::host::{self, Environment};
use super::{packages, site};
use crate::metrics::memory::MemoryGroup;
use axolotl_run_core::event::Start;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::facts;
use axolotl_run_sys::background::{Arrived, Background};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// All that is known from the command, its environment and the machine. The accelerators and the
/// configuration are not among it. Reads files: to be called where waiting does no harm.
pub fn facts(command: &[OsString], environment: Environment<'_>) -> Start {
    let root = Path::new("/");
    let command = CommandLine::read(command);
    let launcher = facts::facts(&command, environment);
    let scheduler = site::scheduler(environment, launcher.launcher.as_ref());
    let mut start = Start {
        os: Some(host::platform()),
        cpu_count: host::cpu_count(root),
        cpu_count_usable: host::cpu_count_usable(),
        memory_total: host::memory_total(MemoryGroup::of(std::process::id()).as_ref()),
        launcher: launcher.launcher,
        nodes: launcher.nodes,
        processes_per_node: launcher.processes_per_node,
        scheduler,
        ci: Some(site::ci(environment)),
        ci_system: site::ci_system(environment),
        container: site::container(root, environment),
        wsl: site::wsl(root),
        ..Start::default()
    };
    packages::of_command(&command, environment).apply(&mut start);
    start
}

/// A search for facts that is under way.
#[derive(Debug)]
pub struct Gathering {
    /// None where no thread could be started.
    thread: Option<Background<Vec<u32>, Start>>,
}

impl Gathering {
    /// Begins to look for what [`facts`] finds; returns at once.
    pub fn begin(command: Vec<OsString>, environment: Vec<(OsString, OsString)>) -> Self {
        let mut thread = Background::answering("facts", move || {
            let environment: HashMap<_, _> = environment.into_iter().collect();
            let mut start = facts(&command, &|name| environment.get(OsStr::new(name)).cloned());
            move |pids: Vec<u32>| {
                if let Some(versions) = packages::of_processes(&pids) {
                    versions.apply(&mut start);
                }
                Some(start.clone())
            }
        });
        // What is known without any process.
        if let Some(thread) = &mut thread {
            thread.ask(Vec::new());
        }
        Self { thread }
    }

    /// Asks for the versions that running processes show, for commands whose first word does not lead to them.
    /// Worth it some seconds after the spawn, when the training has imported its packages.
    pub fn look_at(&mut self, pids: &[u32]) {
        if let Some(thread) = &mut self.thread {
            thread.ask(pids.to_vec());
        }
    }

    /// All that is known by now, if there is anything new.
    pub fn try_facts(&mut self) -> Option<Start> {
        let mut newest = None;
        while let Arrived::Answer(start) = self.thread.as_mut()?.take() {
            newest = Some(start);
        }
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn facts_come_from_the_thread_and_again_after_a_look_at_processes() {
        let command = vec![
            "torchrun".into(),
            "--nproc_per_node=2".into(),
            "train.py".into(),
        ];
        let mut gathering =
            Gathering::begin(command, vec![("GITHUB_ACTIONS".into(), "true".into())]);
        let wait = |gathering: &mut Gathering| {
            let deadline = Instant::now() + Duration::from_secs(20);
            loop {
                if let Some(start) = gathering.try_facts() {
                    return start;
                }
                assert!(Instant::now() < deadline);
                std::thread::yield_now();
            }
        };
        let start = wait(&mut gathering);
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
            start.cpu_count.is_some()
                && start.cpu_count_usable.is_some()
                && start.memory_total.is_some()
                && start.os.is_some()
        );
        assert_eq!(
            start.accelerator_type, None,
            "the driver is asked elsewhere"
        );
        gathering.look_at(&[std::process::id()]);
        assert_eq!(
            wait(&mut gathering),
            start,
            "this process has no Python to show"
        );
    }
}
