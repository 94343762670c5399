//! tmp
use super::Birth;
use super::link::{News, tell};
use crate::protocol::messages::ToSupervisor;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// tmp
pub fn memory_watch(_command: i32) -> impl Fn() -> bool + Clone + Send + 'static {
    || false
}

/// tmp
pub fn run(_birth: Birth, channel: Arc<OwnedFd>, mut inbox: UnboundedReceiver<News>, _watch: &dyn Fn() -> bool) {
    while let Some(news) = inbox.blocking_recv() {
        if let News::Ended { .. } = news {
            tell(&channel, ToSupervisor::Journaled(false));
            return;
        }
    }
}
