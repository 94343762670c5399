//! Learning of the end of processes that are not our children, without asking again and again.
//!
//! A handle on a process becomes readable when the process ends; an epoll set of such handles is one descriptor
//! to wait for, and a thousand living processes cost nothing. How a process ended the kernel tells by the
//! handle once it has been reaped (Linux 6.15), and by /proc for as long as it has not been.

use super::wait;
use super::wake::Wake;
use axolotl_run_core::status::End;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};

/// Processes that are watched.
#[derive(Debug)]
pub struct Deaths {
    epoll: Epoll,
    handles: BTreeMap<u32, OwnedFd>,
}

impl Deaths {
    /// Watches nobody yet; None where the kernel gives no descriptor.
    pub fn new() -> Option<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).ok()?;
        Some(Self {
            epoll,
            handles: BTreeMap::new(),
        })
    }

    /// Watches a process too; whether it could be. One that is gone, or a kernel without handles, cannot.
    pub fn watch(&mut self, pid: u32) -> bool {
        let Ok(handle) = wait::open(pid.cast_signed()) else {
            return false;
        };
        // Said once: a handle stays readable from the end on.
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, pid.into());
        if self.epoll.add(&handle, event).is_err() {
            return false;
        }
        self.handles.insert(pid, handle);
        true
    }

    /// How many are watched.
    pub fn count(&self) -> usize {
        self.handles.len()
    }

    /// The processes that have ended since this was last asked.
    pub fn ended(&mut self) -> Vec<u32> {
        let mut ended = Vec::new();
        let mut events = [EpollEvent::empty(); 16];
        while let Ok(count @ 1..) = self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            ended.extend(events.iter().take(count).map(|event| event.data() as u32));
        }
        ended
    }

    /// How a process ended that was reaped; None as long as nobody has, and where the kernel does not tell.
    pub fn end_of(&self, pid: u32) -> Option<End> {
        wait::end_of(self.handles.get(&pid)?.as_fd())
    }

    /// Watches a process no longer.
    pub fn forget(&mut self, pid: u32) {
        self.handles.remove(&pid);
    }

    /// What wakes a loop when a process has ended; to be called inside of a runtime. None where it cannot be had.
    pub fn wake(&self) -> Option<Wake> {
        Wake::on(self.epoll.0.as_fd())
    }
}
