//! Waking the loop by any descriptor that becomes readable, whatever is behind it. Of tokio this is all that is here: its
//! safe constructor is deprecated as unsound for what does not own its descriptor.

use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Wakes a loop when its descriptor has become readable.
pub struct Wake(AsyncFd<OwnedFd>);

impl Wake {
    /// By a duplicate of this descriptor; to be called inside of a runtime. None where it cannot be had.
    pub fn on(descriptor: BorrowedFd<'_>) -> Option<Self> {
        let own = super::descriptors::duplicate(descriptor).ok()?;
        // SAFETY: an OwnedFd always gives the same descriptor, and keeps it open until it is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) };
        registered.ok().map(Self)
    }

    /// Waits until the descriptor becomes readable again; what had come by then is to be taken at once.
    pub async fn next(&self) {
        match self.0.readable().await {
            Ok(mut ready) => ready.clear_ready(),
            Err(_) => std::future::pending().await,
        }
    }
}
