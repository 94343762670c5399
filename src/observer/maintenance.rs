//! Looks after the runs before this one: deletes what is too old, finishes what nobody finished, and brings what waits
//! to be sent, a portion at a time.
//!
//! A state directory may hold ten thousand runs on a file system that answers slowly or not at all, so all of it
//! happens on a thread of its own, which the loop never waits for. Old runs go first, so that nothing is done for
//! their sake. The next portion is prepared while the last one is on its way; nobody joins the thread.

use crate::store::{Portion, Store};
use axolotl_run_sys::background::{Arrived, Background};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Notify;

/// The thread; the loop is told of each portion, and of its end.
pub struct Maintenance {
    thread: Background<(), Portion>,
    news: Arc<Notify>,
}

impl Maintenance {
    /// Begins; portions come only if they are to be sent. None where no thread can be started.
    pub fn keep(store: Store, sends: bool) -> Option<Self> {
        let news = Arc::new(Notify::new());
        let wake = Arc::clone(&news);
        let mut thread = Background::start_waking(
            "house",
            move || wake.notify_one(),
            move |desk| {
                let now = SystemTime::now();
                store.prune(now);
                store.recover(now);
                if !sends {
                    return;
                }
                let mut waiting = store.waiting(now);
                while let Some(portion) = waiting.next(&store, SystemTime::now())
                    && desk.requests.recv().is_ok()
                {
                    desk.answer(portion);
                }
            },
        )?;
        thread.ask(());
        Some(Self { thread, news })
    }

    /// Waits for the next portion; None when all is done.
    pub async fn next(&mut self) -> Option<Portion> {
        loop {
            match self.thread.take() {
                Arrived::Answer(portion) => {
                    // It prepares the next one while this one is on its way.
                    self.thread.ask(());
                    return Some(portion);
                }
                Arrived::Over => return None,
                Arrived::Nothing => self.news.notified().await,
            }
        }
    }
}
