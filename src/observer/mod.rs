//! The observer: the launcher's other role, in which everything clever lives.
//!
//! It may crash, hang, be killed or starved: the training and its output go on. It has two halves: a thread
//! that is the group listener and can take the relays over ([`link`]), and a loop that reads, measures, writes and
//! sends ([`work`]), of which nothing depends on anything.

mod copy;
pub mod disk;
pub mod fallback_finisher;
pub mod follow;
mod job;
pub mod link;
pub mod maintenance;
pub mod mirror;
pub mod notices;
mod or_never;
pub mod output_reader;
pub mod owner;
pub mod records;
pub mod reporter;
pub mod sender_wait;
pub mod surroundings;
pub mod takeover;
pub mod work;

use crate::protocol::observer_config::ObserverArguments;
use axolotl_run_sys::{arguments, descriptors, role};
use link::SupervisorLink;
use std::sync::Arc;

/// The observer's niceness: it gives way to the training, and still gets its turn on a busy machine.
const OBSERVER_NICE: i32 = 10;

/// Observes a run; the exit code is nobody's to read.
// Not inlined: its frame would be the launcher's, which pays for each page of stack on the way to the command.
#[inline(never)]
pub fn main(arguments: ObserverArguments) -> u8 {
    // Of ours only the first two are nobody's.
    arguments::wipe_from(2);
    let config = &arguments.config;
    let Some(channel) = descriptors::adopt(config.channel).map(Arc::new) else {
        return axolotl_run_core::status::REFUSED;
    };
    let directory = std::env::current_dir().unwrap_or_default();
    // A panic in a pure part must not print into what is, by then, /dev/null; and the link goes on without us.
    std::panic::set_hook(Box::new(|_| {}));
    role::become_background();
    role::keep_own_rights();
    let (news, heard) = tokio::sync::mpsc::unbounded_channel();
    let link = SupervisorLink::adopt(config, Arc::clone(&channel), news);
    let thread = std::thread::Builder::new()
        .name("link".into())
        .spawn(move || link.run());
    // Niceness is a thread's own: the group listener stays as prompt as the job is.
    role::give_way(OBSERVER_NICE);
    work::run(arguments, directory, &channel, heard);
    // The loop is done; the relays may not be: something that the command started may still write.
    if let Ok(thread) = thread {
        let _ = thread.join();
    }
    // Not through the exit handlers of libraries: a driver that hangs would keep us here.
    role::leave()
}
