//! Reads the copy of a stream in its order: from the relay's pipe, and from the ring that the relay fills while the pipe
//! is full.

use super::or_never::or_never;
use crate::protocol::observer_config::RelayEnds;
use axolotl_run_sys::streams::overflow::{Found, OverflowReader};
use axolotl_run_sys::{Errno, descriptors, flow};
use std::future;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use tokio::net::unix::pipe;

/// The copy of one stream.
pub struct CopyReader {
    /// None once the relay has let go of it.
    pipe: Option<pipe::Receiver>,
    overflow: Option<OverflowReader>,
}

impl CopyReader {
    /// Takes the descriptors that the supervisor left open for us.
    pub fn adopt(ends: &RelayEnds) -> Option<Self> {
        let pipe = pipe::Receiver::from_owned_fd(descriptors::adopt(ends.copy)?).ok()?;
        let overflow = ends.overflow.and_then(descriptors::adopt);
        Some(Self {
            pipe: Some(pipe),
            overflow: overflow.and_then(OverflowReader::new),
        })
    }

    /// Whether the ring is in use, so that there is more to read whatever the pipe says.
    pub fn is_overflowing(&self) -> bool {
        self.overflow
            .as_ref()
            .is_some_and(OverflowReader::is_in_use)
    }

    /// Waits for something to read.
    pub async fn ready(&self) {
        if self.is_overflowing() {
            return future::ready(()).await;
        }
        let _ = or_never(self.pipe.as_ref().map(pipe::Receiver::readable)).await;
    }

    /// Reads the next piece without waiting; of the pipe as the reactor has seen it.
    pub fn read(&mut self, buffer: &mut [u8]) -> Found {
        // Before the look into the pipe: what is in the pipe then, while this is so, comes before what is in the ring.
        let mut overflowing = self.is_overflowing();
        if let Some(pipe) = &self.pipe {
            match pipe.try_read(buffer) {
                Ok(count @ 1..) => return Found { missed: 0, count },
                Err(error) if error.kind() == ErrorKind::WouldBlock && !overflowing => {
                    return Found::default();
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
                {
                    // The reactor may not have looked since.
                    match flow::read(pipe.as_fd(), buffer) {
                        Ok(count @ 1..) => return Found { missed: 0, count },
                        Ok(0) | Err(Errno::EAGAIN) => {}
                        Err(_) => return Found::default(),
                    }
                }
                Ok(0) | Err(_) => {
                    self.pipe = None;
                    // Nothing changes it any more.
                    overflowing = self.is_overflowing();
                }
            }
        }
        self.read_overflow(overflowing, buffer)
    }

    /// The same past the reactor, which has not looked since the command's end.
    pub fn read_the_rest(&mut self, buffer: &mut [u8]) -> Found {
        let overflowing = self.is_overflowing();
        if let Some(pipe) = &self.pipe
            && let Ok(count @ 1..) = flow::read(pipe.as_fd(), buffer)
        {
            return Found { missed: 0, count };
        }
        self.read_overflow(overflowing, buffer)
    }

    fn read_overflow(&mut self, overflowing: bool, buffer: &mut [u8]) -> Found {
        match &mut self.overflow {
            Some(overflow) if overflowing => overflow.read(buffer),
            _ => Found::default(),
        }
    }
}
