//! Looks after the runs before this one: deletes what is too old, finishes what nobody finished, and brings what waits
//! to be sent, a page at a time.
//!
//! A state directory may hold ten thousand runs on a file system that answers slowly or not at all, so all of it
//! happens on a thread of its own, which the loop never waits for. Old runs go first, so that nothing is done for
//! their sake. The next page is prepared while the last one is on its way; nobody joins the thread.

use crate::store::{Store, UnsentPage};
use std::time::SystemTime;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

/// Begins; the pages that are to be sent come, if any are to be sent at all. No more come when all is done, or no thread
/// can be started.
pub fn begin(store: Store, sends: bool) -> Receiver<UnsentPage> {
    let (pages, next) = channel(1);
    let runtime = Handle::current();
    let work = move || {
        let now = SystemTime::now();
        store.prune(now);
        store.recover(now);
        if !sends {
            return;
        }
        let mut waiting = store.waiting(now);
        while let Ok(room) = runtime.block_on(pages.reserve())
            && let Some(page) = waiting.next(&store, SystemTime::now())
        {
            room.send(page);
        }
    };
    let thread = std::thread::Builder::new().name("maintenance".into());
    let _ = thread.spawn(work);
    next
}
