//! How short of memory the run is: the machine's, the shared memory of its data workers, and whether somebody
//! kills for it.
//!
//! A kill for memory leaves the killed process no word. What speaks for it is what was left a moment before; so
//! these figures are looked at each second, for a few microseconds. The command may see another `/dev/shm`
//! than we do (a container has 64 MiB): then the path leads through its own root directory, whose file system
//! may not answer, and a thread that nobody waits for goes there. Used by the façade.

use super::cgroup::unified_ancestors;
use super::files;
use super::sender::MEMORY_DAEMONS;
use crate::limits;
use crate::observation::Shortage;
use crate::sys::mounts;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Where systemd keeps the control groups of services, in the three ways in which hierarchies are mounted.
const SERVICES: [&str; 3] =
    ["sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice", "sys/fs/cgroup/unified/system.slice"];

/// Watches one run's memory.
#[derive(Debug)]
pub struct ShortageWatch {
    root: PathBuf,
    command: u32,
    /// The command's control group and those above it, of the hierarchy on which daemons write.
    groups: Vec<PathBuf>,
    kills_before: Option<u64>,
    memory_left: Option<f64>,
    shared_memory_used: Option<f64>,
    elsewhere: Option<Elsewhere>,
}

/// The thread that looks at the shared memory of another mount namespace.
#[derive(Debug)]
struct Elsewhere {
    requests: SyncSender<u32>,
    answers: Receiver<f64>,
}

impl ShortageWatch {
    /// Begins to watch; what daemons have written down before is the baseline.
    #[must_use]
    pub fn begin(command: u32) -> Self {
        Self::at(Path::new("/"), command)
    }

    fn at(root: &Path, command: u32) -> Self {
        let groups = unified_ancestors(root, command);
        let kills_before = daemon_kills(&groups);
        let root = root.to_owned();
        Self { root, command, groups, kills_before, memory_left: None, shared_memory_used: None, elsewhere: None }
    }

    /// Takes a look; `pids`: the command's processes.
    pub fn look(&mut self, pids: &[u32]) {
        self.memory_left = memory_left(&self.root).or(self.memory_left);
        let mut used = mounts::used_share(&self.root.join("dev/shm"));
        // The newest process is the one deepest in whatever container the command has entered.
        let newest = pids.last().copied().unwrap_or(self.command);
        let namespace = |process: &str| std::fs::read_link(self.root.join("proc").join(process).join("ns/mnt")).ok();
        let theirs = namespace(&newest.to_string());
        if self.elsewhere.is_some() || (theirs.is_some() && theirs != namespace("self")) {
            let elsewhere = self.elsewhere.get_or_insert_with(|| Elsewhere::begin(self.root.clone()));
            used = elsewhere.answers.try_iter().chain(used).reduce(f64::max);
            // One that is under way is enough.
            let _ = elsewhere.requests.try_send(newest);
        }
        // The highest that was seen: what a dead process had filled is free again.
        self.shared_memory_used = used.into_iter().chain(self.shared_memory_used).reduce(f64::max);
    }

    /// All that is known at the run's end.
    #[must_use]
    pub fn shortage(&self) -> Shortage {
        let runs = |services: &str| {
            let services = self.root.join(services);
            MEMORY_DAEMONS.iter().any(|daemon| services.join(format!("{daemon}.service")).is_dir())
        };
        Shortage {
            memory_left: self.memory_left,
            shared_memory_used: self.shared_memory_used,
            daemon_kills: daemon_kills(&self.groups).map(|kills| kills.saturating_sub(self.kills_before.unwrap_or(0))),
            // The manager removes a service's group when the service has ended.
            daemon_runs: SERVICES.iter().any(|services| runs(services)),
        }
    }
}

impl Elsewhere {
    fn begin(root: PathBuf) -> Self {
        let (requests, requested) = sync_channel::<u32>(1);
        let (answering, answers) = sync_channel(2);
        let work = move || {
            while let Ok(pid) = requested.recv() {
                let path = root.join(format!("proc/{pid}/root/dev/shm"));
                if let Some(share) = mounts::used_share(&path)
                    && answering.send(share).is_err()
                {
                    return;
                }
            }
        };
        // Without a thread nothing is answered, which is what unknown means.
        let _ = std::thread::Builder::new().name("shared memory".into()).spawn(work);
        Self { requests, answers }
    }
}

/// Share of the machine's memory that could still be had.
fn memory_left(root: &Path) -> Option<f64> {
    let text = files::text(&root.join("proc/meminfo"))?;
    let kibibytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let (all, left) = (kibibytes("MemTotal")?, kibibytes("MemAvailable")?);
    (all > 0).then(|| left.min(all) as f64 / all as f64)
}

/// What systemd-oomd and oomd have written on the groups: how many processes they killed there.
fn daemon_kills(groups: &[PathBuf]) -> Option<u64> {
    let number = |group: &PathBuf| {
        [c"user.oomd_kill", c"user.oomd_ooms"].iter().find_map(|name| {
            let value = mounts::attribute(group, name)?;
            std::str::from_utf8(&value).ok()?.trim_matches(['\0', '\n', ' ']).parse::<u64>().ok()
        })
    };
    // No attribute is no kill, where there is a group to write it on.
    (!groups.is_empty())
        .then(|| groups.iter().take(limits::CGROUP_DEPTH_MAX).filter_map(number).fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_left_is_a_share_and_what_cannot_be_read_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = ShortageWatch::at(root.path(), 7);
        watch.look(&[]);
        assert_eq!(watch.shortage(), Shortage::default());
        fs::create_dir_all(root.path().join("proc")).unwrap();
        fs::create_dir_all(root.path().join("sys/fs/cgroup/systemd/system.slice/earlyoom.service")).unwrap();
        for (text, expected) in [
            ("MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  250 kB\n", Some(0.25)),
            ("MemTotal:  1000 kB\n", Some(0.25)),
            ("MemTotal:  0 kB\nMemAvailable:  0 kB\n", Some(0.25)),
            ("MemTotal:  10 kB\nMemAvailable:  20 kB\n", Some(1.0)),
        ] {
            fs::write(root.path().join("proc/meminfo"), text).unwrap();
            watch.look(&[]);
            assert_eq!(watch.shortage().memory_left, expected, "{text}");
        }
        assert!(watch.shortage().daemon_runs);
    }

    #[test]
    fn on_this_machine_the_figures_are_shares() {
        let mut watch = ShortageWatch::begin(std::process::id());
        watch.look(&[std::process::id()]);
        let shortage = watch.shortage();
        assert!(shortage.memory_left.is_some_and(|share| share > 0.0 && share <= 1.0), "{shortage:?}");
        assert!(shortage.shared_memory_used.is_none_or(|share| (0.0..=1.0).contains(&share)), "{shortage:?}");
        assert!(watch.elsewhere.is_none(), "the same namespace needs no thread");
        assert_eq!(shortage.daemon_kills.unwrap_or(0), 0);
    }
}
