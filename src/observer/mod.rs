//! The observer: the launcher's other role, in which everything clever lives.
//!
//! It may crash, hang, be killed or starved: the training and its output go on. It has two halves: a thread
//! that is the group listener and can take the relays over ([`link`]), and a loop that reads, measures, writes and
//! sends ([`work`]), of which nothing depends on anything.

pub mod disk;
pub mod fallback_finisher;
pub mod follow;
pub mod link;
pub mod maintenance;
pub mod mirror;
pub mod output_reader;
pub mod owner;
pub mod records;
pub mod reporter;
pub mod sender_wait;
pub mod series;
pub mod surroundings;
pub mod takeover;
pub mod work;

use crate::metrics::files::KeptFile;
use crate::metrics::memory::MemoryGroup;
use crate::metrics::memory::OomWatch;
use crate::protocol::observer_config::{OBSERVER, Observed, ObserverConfig};
use axolotl_run_core::limits;
use axolotl_run_sys::signals::Signals;
use axolotl_run_sys::{clock, descriptors, role};
use link::Link;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use takeover::Streams;

/// Whether the program was started in this role.
#[must_use]
pub fn is_called(arguments: &[OsString]) -> bool {
    arguments.first().is_some_and(|name| name == OBSERVER)
}

/// What the two halves are made of.
#[derive(Debug)]
pub struct Birth {
    /// What the supervisor has told us.
    pub settings: ObserverConfig,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// The command.
    pub command: Vec<OsString>,
}

impl Birth {
    /// When the command was spawned.
    fn spawned(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.settings.spawned_at_ms)
    }

    /// The time of what happens now. A clock that is set back puts nothing before the spawn.
    fn time(&self) -> SystemTime {
        SystemTime::now().max(self.spawned() + self.age())
    }

    /// Since the command's spawn.
    fn age(&self) -> Duration {
        Duration::from_millis(
            clock::monotonic_ms().saturating_sub(self.settings.spawned_monotonic_ms),
        )
    }
}

/// Observes a run; the exit code is nobody's to read.
// Not inlined: its frame would be the launcher's, which pays for each page of stack on the way to the command.
#[inline(never)]
#[must_use]
pub fn main(arguments: &[OsString]) -> u8 {
    let Some(birth) = read(arguments) else {
        return axolotl_run_core::status::REFUSED;
    };
    let settings = &birth.settings;
    let Some(channel) = descriptors::adopt(settings.channel).map(Arc::new) else {
        return axolotl_run_core::status::REFUSED;
    };
    let directory = std::env::current_dir().unwrap_or_default();
    // A panic in a pure part must not print into what is, by then, /dev/null; and the link goes on without us.
    std::panic::set_hook(Box::new(|_| {}));
    role::become_background();
    let ends = settings
        .streams
        .iter()
        .filter_map(|(_, observed)| match observed {
            Observed::Relay(ends) => Some(*ends),
            Observed::File(..) => None,
        });
    let stat = |pid: i32| KeptFile::new(format!("/proc/{pid}/stat").into());
    let (news, forwarding) = tokio::sync::mpsc::unbounded_channel();
    let link = Link {
        channel: Arc::clone(&channel),
        signals: Signals::open(false).ok(),
        command: settings.command_handle.and_then(descriptors::adopt),
        crash: settings.crash_flag.and_then(descriptors::adopt),
        supervisor: settings.supervisor,
        states: (stat(settings.supervisor), stat(settings.command)),
        question: None,
        streams: Streams::adopt(&ends.collect::<Vec<_>>()),
        news,
    };
    let kills = OomKillsSince::begin(settings.supervisor);
    let thread = std::thread::Builder::new()
        .name("link".into())
        .spawn(move || link.run(|| kills.any()));
    // Niceness is a thread's own: the group listener stays as prompt as the job is.
    role::give_way(limits::OBSERVER_NICE);
    work::run(birth, directory, &channel, forwarding);
    // The loop is done; the relays may not be: something that the command started may still write.
    if let Ok(thread) = thread {
        let _ = thread.join();
    }
    // Not through the exit handlers of libraries: a driver that hangs would keep us here.
    role::leave()
}

fn read(arguments: &[OsString]) -> Option<Birth> {
    let [_, settings, config, command @ ..] = arguments else {
        return None;
    };
    Some(Birth {
        settings: ObserverConfig::parse(settings.to_str()?)?,
        config: Some(PathBuf::from(config)).filter(|path| !path.as_os_str().is_empty()),
        command: command.to_vec(),
    })
}

/// Whether the kernel has killed for memory since the observer's birth, where the supervisor lives.
struct OomKillsSince {
    group: Option<MemoryGroup>,
    watch: OomWatch,
}

impl OomKillsSince {
    fn begin(supervisor: i32) -> Self {
        let group = u32::try_from(supervisor).ok().and_then(MemoryGroup::of);
        Self {
            watch: OomWatch::begin(group.as_ref()),
            group,
        }
    }

    fn any(&self) -> bool {
        let kills = self.watch.delta(self.group.as_ref());
        kills.cgroup.or(kills.host).is_some_and(|kills| kills > 0)
    }
}

/// After the command's end the job's signals are no business of ours, and we are none of the job's.
fn leave_the_job() {
    role::leave_group();
}
