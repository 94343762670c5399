//! The last word about a run whose observer died before the command did.
//!
//! The observer is the first that the kernel kills when memory is short, so that its few MiB never cost the
//! training its life; and then the training often dies too, which is the very end that people want explained.
//! So when the command has ended and nobody has written its finish, the supervisor starts this role: it knows
//! the command's status, compares the kernel's counters with what the observer had noted at the start, and
//! completes the run's journal. It sends nothing; the next launcher does.

use crate::machine::cgroup::{MemoryGroup, OomKills};
use crate::observation::Ending;
use crate::protocol::testament::Testament;
use crate::run;
use crate::store::{Sending, Store};
use std::ffi::OsString;
use std::time::{Duration, SystemTime};

/// Whether the program was started in this role.
#[must_use]
pub fn is_called(arguments: &[OsString]) -> bool {
    Testament::is_one(arguments)
}

/// Completes the journal; the exit code is nobody's to read.
#[must_use]
pub fn main(arguments: &[OsString]) -> u8 {
    let Some(testament) = Testament::read(arguments) else { return crate::status::REFUSED };
    let Ok(store) = Store::open(|name| std::env::var_os(name)) else { return 0 };
    let sending = if testament.sending { Sending::Permitted } else { Sending::Forbidden };
    let group = MemoryGroup::of(std::process::id());
    let now = OomKills::counters(group.as_ref());
    let since = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
    let _ = store.complete(testament.run, sending, SystemTime::now(), |left| {
        let (cgroup, host) = left.oom_kill_counters;
        let ending = Ending {
            at: Duration::from_millis(testament.lasted_ms).as_secs_f64(),
            end: Some(testament.end),
            max_rss_bytes: testament.max_rss_bytes,
            cpu_seconds: testament.cpu_microseconds.map(|us| Duration::from_micros(us).as_secs_f64()),
            oom_kills_cgroup: since(now.cgroup, cgroup),
            oom_kills_host: since(now.host, host),
            observer_lost: true,
            ..Ending::default()
        };
        (run::testament(&ending, left.steps), ending.at)
    });
    0
}
