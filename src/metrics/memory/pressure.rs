//! Memory pressure: how much memory the machine has left, how full the data workers' shared memory is, and whether a
//! daemon kills processes for memory.
//!
//! A process that is killed for memory prints nothing. The evidence is how much was left a moment before, so these
//! figures are read every second, which takes a few microseconds. The command may see another `/dev/shm` than we do
//! (a container has 64 MiB). The path to that one leads through the command's own root directory, whose file system
//! may not answer, so a background thread reads it.

use super::group::unified_ancestors;
use crate::metrics::files::{self, KeptFile};
use axolotl_run_core::knowledge::lists::SENDERS;
use axolotl_run_core::knowledge::lists::SignalSender;
use axolotl_run_core::observation::MemoryPressure;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::mounts;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::path::{Path, PathBuf};

/// Seconds between a shortage of memory and the death that it causes: the kernel and the daemons need a few.
const RECENT: f64 = 15.0;
/// Looks that are remembered; each process that ends takes one.
const LOOKS_MAX: usize = 256;
/// A share of memory that no machine fills between two measurements.
const NEAR: f64 = 0.5;

/// Where systemd keeps the control groups of services, in the three ways in which hierarchies are mounted.
const SERVICES: [&str; 3] = [
    "sys/fs/cgroup/system.slice",
    "sys/fs/cgroup/systemd/system.slice",
    "sys/fs/cgroup/unified/system.slice",
];

/// Watches one run's memory.
#[derive(Debug)]
pub struct PressureWatch {
    root: PathBuf,
    meminfo: KeptFile,
    /// Our own mount namespace.
    namespace: Option<PathBuf>,
    /// A process of the command that has another one.
    inside: Option<u32>,
    /// The command's control group and those above it, of the hierarchy on which daemons write.
    groups: Vec<PathBuf>,
    kills_before: Option<u64>,
    /// The share of memory that was left at the last looks, and when. What a killed process had is free again, so the
    /// least of them is what it died of.
    memory_left: VecDeque<(f64, f64)>,
    shared_memory_used: Option<f64>,
    /// Looks at the shared memory of another mount namespace.
    elsewhere: Option<Background<u32, Option<f64>>>,
}

impl PressureWatch {
    /// Begins to watch; what daemons have written down before is the baseline.
    pub fn begin(command: u32) -> Self {
        Self::at(Path::new("/"), command)
    }

    fn at(root: &Path, command: u32) -> Self {
        let groups = unified_ancestors(root, command);
        let kills_before = daemon_kills(&groups);
        Self {
            meminfo: KeptFile::new(root.join("proc/meminfo")),
            namespace: namespace(root, "self"),
            inside: None,
            root: root.to_owned(),
            groups,
            kills_before,
            memory_left: VecDeque::new(),
            shared_memory_used: None,
            elsewhere: None,
        }
    }

    /// Notes which of the command's processes has entered a container. Less often than looks are taken: to find a
    /// namespace's name costs as much as all else of a look.
    pub fn meet(&mut self, pids: &[u32]) {
        // The newest process is the one deepest in whatever container the command has entered.
        let Some(newest) = pids.last() else { return };
        let theirs = namespace(&self.root, &newest.to_string());
        if theirs.is_some() && theirs != self.namespace {
            self.inside = Some(*newest);
        }
    }

    /// Takes a look.
    pub fn look(&mut self, elapsed_seconds: f64) {
        // The first three lines, of 28 bytes each, are all that is needed.
        if let Some(text) = self.meminfo.read_text::<128>()
            && let Some(left) = memory_left(&text)
        {
            self.memory_left
                .retain(|(earlier, _)| elapsed_seconds - earlier <= RECENT);
            self.memory_left.truncate(LOOKS_MAX);
            self.memory_left.push_front((elapsed_seconds, left));
        }
        self.note_used(mounts::used_share(&self.root.join("dev/shm")));
        if let Some(inside) = self.inside {
            if self.elsewhere.is_none() {
                // Without a thread nothing is answered, which is what unknown means.
                self.elsewhere = look_elsewhere(self.root.clone());
            }
            let mut seen = Vec::new();
            if let Some(elsewhere) = &mut self.elsewhere {
                while let Arrived::Message(there) = elsewhere.take() {
                    seen.push(there);
                }
                elsewhere.ask(inside);
            }
            for used in seen {
                self.note_used(used);
            }
        }
    }

    /// Keeps the highest that was seen: what a dead process had filled is free again.
    fn note_used(&mut self, used: Option<f64>) {
        if let Some(used) = used {
            self.shared_memory_used = Some(used.max(self.shared_memory_used.unwrap_or(0.0)));
        }
    }

    /// Whether memory of either kind may run out before the next measurement.
    pub fn is_near(&self) -> bool {
        self.least_left().unwrap_or(0.0) < NEAR
            || self.shared_memory_used.unwrap_or(0.0) > 1.0 - NEAR
            || self.inside.is_some()
    }

    fn least_left(&self) -> Option<f64> {
        let shares = self.memory_left.iter().map(|(_, share)| *share);
        shares.min_by(f64::total_cmp)
    }

    /// All that is known at the run's end.
    pub fn figures(&self) -> MemoryPressure {
        let kills = daemon_kills(&self.groups);
        let before = self.kills_before.unwrap_or(0);
        MemoryPressure {
            memory_left: self.least_left(),
            shared_memory_used: self.shared_memory_used,
            daemon_kills: kills.map(|kills| kills.saturating_sub(before)),
            daemon_runs: self.daemon_runs(),
        }
    }

    /// The manager removes a service's group when the service has ended.
    fn daemon_runs(&self) -> bool {
        for services in SERVICES {
            let services = self.root.join(services);
            for (program, kind) in SENDERS {
                let service = services.join(format!("{program}.service"));
                if *kind == SignalSender::MemoryDaemon && service.is_dir() {
                    return true;
                }
            }
        }
        false
    }
}

fn look_elsewhere(root: PathBuf) -> Option<Background<u32, Option<f64>>> {
    Background::answering("shared memory", || {
        move |pid| {
            let path = root.join(format!("proc/{pid}/root/dev/shm"));
            Some(mounts::used_share(&path))
        }
    })
}

/// The name of a process's mount namespace.
fn namespace(root: &Path, process: &str) -> Option<PathBuf> {
    let link = root.join(format!("proc/{process}/ns/mnt"));
    link.read_link().ok()
}

/// Share of the machine's memory that could still be had.
fn memory_left(text: &str) -> Option<f64> {
    let total = files::field_value(text, "MemTotal:")? as f64;
    let available = files::field_value(text, "MemAvailable:")? as f64;
    (total > 0.0).then_some((available / total).min(1.0))
}

/// What systemd-oomd and oomd have written on the groups: how many processes they killed there.
fn daemon_kills(groups: &[PathBuf]) -> Option<u64> {
    let mut kills: Option<u64> = None;
    for group in groups {
        let written = number(group, c"user.oomd_kill").or_else(|| number(group, c"user.oomd_ooms"));
        // No attribute is no kill, where there is a group to write it on.
        let group_kills = written.unwrap_or(0);
        kills = Some(group_kills.saturating_add(kills.unwrap_or(0)));
    }
    kills
}

/// A number in an extended attribute.
fn number(group: &Path, attribute: &CStr) -> Option<u64> {
    let value = mounts::attribute(group, attribute)?;
    let text = std::str::from_utf8(&value).ok()?;
    text.trim_matches(['\0', '\n', ' ']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_left_is_a_share_and_what_cannot_be_read_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = PressureWatch::at(root.path(), 7);
        watch.look(0.0);
        assert_eq!(watch.figures(), MemoryPressure::default());
        fs::create_dir_all(root.path().join("proc")).unwrap();
        fs::create_dir_all(
            root.path()
                .join("sys/fs/cgroup/systemd/system.slice/earlyoom.service"),
        )
        .unwrap();
        for (at, text, expected, near) in [
            (
                1.0,
                "MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  250 kB\n",
                0.25,
                true,
            ),
            (2.0, "MemTotal:  1000 kB\n", 0.25, true),
            (3.0, "MemTotal:  0 kB\nMemAvailable:  0 kB\n", 0.25, true),
            // The killed process had it.
            (16.0, "MemTotal:  10 kB\nMemAvailable:  20 kB\n", 0.25, true),
            (17.0, "MemTotal:  10 kB\nMemAvailable:  20 kB\n", 1.0, false),
        ] {
            fs::write(root.path().join("proc/meminfo"), text).unwrap();
            watch.look(at);
            assert_eq!(watch.figures().memory_left, Some(expected), "{text}");
            assert_eq!(watch.is_near(), near, "{text}");
        }
        assert!(watch.figures().daemon_runs);
    }

    #[test]
    fn on_this_machine_the_figures_are_shares() {
        let mut watch = PressureWatch::begin(std::process::id());
        watch.meet(&[std::process::id()]);
        watch.look(0.0);
        let pressure = watch.figures();
        assert!(
            pressure
                .memory_left
                .is_some_and(|share| share > 0.0 && share <= 1.0),
            "{pressure:?}"
        );
        assert!(
            pressure
                .shared_memory_used
                .is_none_or(|share| (0.0..=1.0).contains(&share)),
            "{pressure:?}"
        );
        assert!(
            watch.elsewhere.is_none(),
            "the same namespace needs no thread"
        );
        assert_eq!(pressure.daemon_kills.unwrap_or(0), 0);
    }
}
