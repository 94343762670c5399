//! Looks after the runs before this one: deletes what is too old, finishes what nobody finished, and brings what waits
//! to be sent, a portion at a time.
//!
//! A state directory may hold ten thousand runs on a file system that answers slowly or not at all, so all of it
//! happens on a thread of its own, which the loop never waits for. Old runs go first, so that nothing is done for
//! their sake. The next portion is prepared while the last one is on its way; nobody joins the thread.

use crate::store::{Portion, Store};
use std::time::SystemTime;
use tokio::sync::mpsc::{Receiver, channel};

/// Begins; portions come only if they are to be sent. The end of the channel says that all is done.
#[must_use]
pub fn keep(store: Store, sends: bool) -> Receiver<Portion> {
    let (bring, portions) = channel(1);
    let work = move || {
        let now = SystemTime::now();
        store.prune(now);
        store.recover(now);
        if !sends {
            return;
        }
        let mut waiting = store.waiting(now);
        while let Some(portion) = waiting.next(&store, SystemTime::now()) {
            if bring.blocking_send(portion).is_err() {
                return;
            }
        }
    };
    // Where no thread can be started the channel's end says so.
    let _ = std::thread::Builder::new().name("house".into()).spawn(work);
    portions
}
