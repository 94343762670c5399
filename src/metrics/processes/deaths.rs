//! Which process of the run failed first, by the kernel's own word.
//!
//! The problem: a launcher turns the death of a worker into an exit code of its own, its other workers then die
//! of the loss, and what is printed last is an innocent one's traceback. So every process of the tree that is
//! found is watched by a handle, which costs nothing while it lives, and how it ended is noted with the time and
//! its rank. What counts as a failure: a signal that nobody asks for (a fault, SIGKILL) of any process; an exit
//! code or a polite signal only of a process that leads a rank, because helpers fail and are stopped all the
//! time. What lives and dies between two looks at the tree is not seen.

use super::ranks;
use crate::metrics::files;
use crate::metrics::tree::stat::{ProcessStat, fields};
use axolotl_run_core::observation::Failure;
use axolotl_run_core::status::{End, signal};
use axolotl_run_sys::deaths::Deaths;
use axolotl_run_sys::wake::Wake;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long before the end a process's failure counts as the cause: launchers give the other workers 30 s to end.
const FAILURE_WINDOW: Duration = Duration::from_secs(90);

/// Processes whose end is watched; a node of 16 ranks with 16 data loaders each has 300. Each costs a descriptor.
const DEATHS_WATCHED_MAX: usize = 512;

/// How long an ended process may stay unreaped before its status is given up.
const DEATH_SETTLES: Duration = Duration::from_secs(10);

/// Failed processes that are remembered; of more only the last, since those before were survived.
const FAILURES_MAX: usize = 64;

/// How often a process's rank is looked for: right after a fork it still has its parent's environment.
const RANK_LOOKS: u8 = 5;

/// What is known of a watched process.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    rank: Option<u64>,
    parent: u32,
    /// How often its rank was looked for.
    looks: u8,
}

/// Watches the processes of one run.
#[derive(Debug)]
pub struct DeathWatch {
    procfs: PathBuf,
    command: u32,
    deaths: Deaths,
    watched: BTreeMap<u32, Watched>,
    /// Those that have ended, when, and are not settled yet.
    dying: Vec<(u32, f64)>,
    failures: VecDeque<Failure>,
    /// Whether a process with a rank was ever seen.
    pub has_seen_ranks: bool,
}

impl DeathWatch {
    /// Watches the command's descendants as they are found; None where the kernel gives no descriptor.
    pub fn begin(command: u32) -> Option<Self> {
        Some(Self {
            procfs: "/proc".into(),
            command,
            deaths: Deaths::new()?,
            watched: BTreeMap::new(),
            dying: Vec::new(),
            failures: VecDeque::new(),
            has_seen_ranks: false,
        })
    }

    /// Watches those of these processes that are new.
    pub fn follow(&mut self, pids: &[u32]) {
        for &pid in pids {
            if pid == self.command {
                continue;
            }
            if !self.watched.contains_key(&pid) {
                if self.deaths.count() >= DEATHS_WATCHED_MAX || !self.deaths.watch(pid) {
                    continue;
                }
                self.watched.insert(pid, Watched::default());
            }
            let Some(watched) = self.watched.get_mut(&pid) else {
                continue;
            };
            if watched.looks < RANK_LOOKS {
                watched.looks += 1;
                watched.rank = ranks::of(&self.procfs, pid).or(watched.rank);
                self.has_seen_ranks |= watched.rank.is_some();
                if let Some(stat) = ProcessStat::of(&self.procfs, pid) {
                    watched.parent = stat.parent;
                }
            }
        }
    }

    /// Takes note of what has ended by now.
    pub fn look(&mut self, elapsed_seconds: f64) {
        for pid in self.deaths.ended() {
            self.dying.push((pid, elapsed_seconds));
        }
        for (pid, since) in std::mem::take(&mut self.dying) {
            let reaped = self.deaths.end_of(pid);
            if let Some(end) = reaped.or_else(|| end_of_zombie(&self.procfs, pid)) {
                self.settle(pid, end, since);
            } else if elapsed_seconds - since < DEATH_SETTLES.as_secs_f64() {
                self.dying.push((pid, since));
            } else {
                // Nobody has reaped it, or the kernel does not say.
                self.forget(pid);
            }
        }
    }

    /// The failure that came first of those shortly before the end.
    pub fn first_failure(&self, end: f64) -> Option<Failure> {
        let since = end - FAILURE_WINDOW.as_secs_f64();
        let mut first: Option<&Failure> = None;
        for failure in &self.failures {
            let is_earlier = first.is_none_or(|first| failure.at < first.at);
            if failure.at >= since && is_earlier {
                first = Some(failure);
            }
        }
        first.copied()
    }

    /// What wakes a loop when a process has ended.
    pub fn wake(&self) -> Option<Wake> {
        self.deaths.wake()
    }

    fn settle(&mut self, pid: u32, end: End, elapsed_seconds: f64) {
        let Some(watched) = self.watched.get(&pid).copied() else {
            return;
        };
        let parent = self.watched.get(&watched.parent).copied();
        let leads = watched.rank.is_some() && parent.unwrap_or_default().rank != watched.rank;
        self.forget(pid);
        if is_failure(end, leads) {
            if self.failures.len() >= FAILURES_MAX {
                self.failures.pop_front();
            }
            self.failures.push_back(Failure {
                rank: watched.rank,
                end,
                at: elapsed_seconds,
                is_helper: watched.rank.is_some() && !leads,
            });
        }
    }

    fn forget(&mut self, pid: u32) {
        self.deaths.forget(pid);
        self.watched.remove(&pid);
    }
}

/// Whether an end is a failure; `leads`: the process is a rank's own, not a helper's.
const fn is_failure(end: End, leads: bool) -> bool {
    match end {
        End::Exited(0) => false,
        End::Exited(_)
        | End::Signaled(signal::SIGHUP | signal::SIGINT | signal::SIGTERM | signal::SIGPIPE) => {
            leads
        }
        End::Signaled(_) => true,
    }
}

/// How a process ended that was not reaped.
fn end_of_zombie(procfs: &Path, pid: u32) -> Option<End> {
    let stat = files::read_text(&procfs.join(format!("{pid}/stat")));
    End::from_wait(zombie_status(&stat)?)
}

/// The wait status in the line of a process that has ended and was not reaped: the 52nd field of proc(5), of which the
/// state is the third.
fn zombie_status(stat: &str) -> Option<i32> {
    let mut fields = fields(stat.as_bytes())?;
    if fields.next()? != "Z" {
        return None;
    }
    fields.nth(48)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, Command, Stdio};
    use std::time::Instant;

    #[test]
    fn helpers_may_fail_politely_and_leaders_may_not() {
        for (end, of_helper, of_leader) in [
            (End::Exited(0), false, false),
            (End::Exited(1), false, true),
            (End::Signaled(15), false, true),
            (End::Signaled(9), true, true),
            (End::Signaled(11), true, true),
        ] {
            assert_eq!(
                (is_failure(end, false), is_failure(end, true)),
                (of_helper, of_leader),
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_zombie_tells_how_it_ended() {
        let fields = ["0"; 47].join(" ");
        for (line, expected) in [
            (format!("7 (a) Z (b) Z 41 {fields} 139"), Some(139)),
            (format!("7 (a) S 41 {fields} 139"), None),
            ("7 (a) Z 41".to_owned(), None),
            ("7 (a".to_owned(), None),
        ] {
            assert_eq!(zombie_status(&line), expected, "{line}");
        }
    }

    fn worker(script: &str, rank: Option<&str>) -> Child {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("echo ready; read line; {script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
            .env_remove("RANK")
            .env_remove("PMI_RANK")
            .env_remove("OMPI_COMM_WORLD_RANK")
            .env_remove("PMIX_RANK");
        let mut worker = command
            .env_remove("SLURM_PROCID")
            .envs(rank.map(|rank| ("RANK", rank)))
            .spawn()
            .unwrap();
        // The kernel shows its environment a moment after the spawn has returned.
        let output = worker.stdout.take().unwrap();
        BufReader::new(output)
            .read_line(&mut String::new())
            .unwrap();
        worker
    }

    #[test]
    fn the_first_of_several_real_failures_is_known_with_its_rank_and_signal() {
        let mut watch = DeathWatch::begin(1).unwrap();
        let mut workers = [
            worker("exit 1", Some("0")),
            worker("kill -SEGV $$", Some("1")),
            worker("exit 3", None),
            worker(":", Some("2")),
        ];
        watch.follow(&workers.each_ref().map(Child::id));
        watch.look(0.0);
        assert_eq!(watch.first_failure(0.0), None);
        // In this order, each reaped before the next ends: a helper's, a success, the fault, the consequence.
        for (at, index) in [(1.0, 2), (2.0, 3), (3.0, 1), (4.0, 0)] {
            drop(workers[index].stdin.take());
            let status = workers[index].wait().unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            while watch.watched.contains_key(&workers[index].id()) && Instant::now() < deadline {
                watch.look(at);
            }
            // A kernel that does not tell of the reaped leaves it at that.
            let tells = !watch.watched.contains_key(&workers[index].id());
            if !tells {
                eprintln!("skipped: this kernel does not tell how a process ended that was reaped");
                return;
            }
            assert!(status.code().is_some() || status.signal() == Some(11));
        }
        assert_eq!(
            watch.first_failure(4.0),
            Some(Failure {
                rank: Some(1),
                end: End::Signaled(11),
                at: 3.0,
                is_helper: false
            })
        );
        assert_eq!(
            watch
                .first_failure(3.5 + FAILURE_WINDOW.as_secs_f64())
                .map(|f| f.rank),
            Some(Some(0))
        );
        assert_eq!(
            watch.first_failure(1e9),
            None,
            "what was survived long ago is not the cause"
        );
    }
}
