//! Looks after the runs before this one: deletes what is too old, finishes what nobody finished, and brings what waits
//! to be sent, a page at a time.
//!
//! A state directory may hold ten thousand runs on a file system that answers slowly or not at all, so all of it
//! happens on a thread of its own, which the loop never waits for. Old runs go first, so that nothing is done for
//! their sake. The next page is prepared while the last one is on its way; nobody joins the thread.

use crate::store::{Store, UnsentPage};
use axolotl_run_sys::background::{Arrived, Background};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Notify;

/// The thread; the loop is told of each page, and of its end.
pub struct Maintenance {
    thread: Background<(), UnsentPage>,
    news: Arc<Notify>,
}

impl Maintenance {
    /// Begins; pages come only if they are to be sent. None where no thread can be started.
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
                while let Some(page) = waiting.next(&store, SystemTime::now())
                    && desk.requests.recv().is_ok()
                {
                    desk.answer(page);
                }
            },
        )?;
        thread.ask(());
        Some(Self { thread, news })
    }

    /// Waits for the next page; None when all is done.
    pub async fn next(&mut self) -> Option<UnsentPage> {
        loop {
            match self.thread.take() {
                Arrived::Answer(page) => {
                    // It prepares the next one while this one is on its way.
                    self.thread.ask(());
                    return Some(page);
                }
                Arrived::Over => return None,
                Arrived::Nothing => self.news.notified().await,
            }
        }
    }
}
