//! Moves one stream from the command to its destination, with a copy for the observer on the way.
//!
//! The user's bytes go by splice, which a SIGKILL cannot interrupt half-way: whoever holds the source after us
//! finds exactly what has not arrived. The copy goes by tee, before the bytes move on, into a pipe of the
//! observer's that is never waited for; when it is full the copy has a hole (counted), never the user.
//!
//! Where the kernel or a filter refuses splice, bytes are read and written instead, never more than a ready
//! destination takes, so that no step can block. A step allocates nothing; the callers wait in between.

use crate::flow::failed;
use crate::limits::{
    RELAY_PLAIN_BYTES, RELAY_STEP_BYTES, RELAY_TERMINAL_BYTES, SINK_FILLED_TIMES, SINK_PIPE_BYTES,
};
use crate::{Errno, flow};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Where the bytes come from.
#[derive(Debug)]
pub enum Source {
    /// The pipe that the command writes to, and a pipe of ours for what its destination has no room for.
    Pipe {
        /// Our end of the command's pipe.
        pipe: OwnedFd,
        /// The pipe behind it, where descriptors are not scarce.
        hold: Option<flow::Pipe>,
    },
    /// The pseudo-terminal that the command writes to, and the pipe of ours that splice needs behind it.
    Terminal {
        /// Our side of the pseudo-terminal.
        master: OwnedFd,
        /// The pipe behind it.
        hold: flow::Pipe,
    },
}

/// Where the bytes go.
#[derive(Debug)]
pub struct Sink {
    /// The destination.
    pub descriptor: OwnedFd,
    /// Whether writing to it can block although nothing says so: a terminal that we could not open anew.
    pub may_block: bool,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes were moved; there may be more.
    Moved,
    /// Bytes were moved, and the destination is full.
    Filled,
    /// Nothing to move until the source has something.
    AwaitSource,
    /// Nothing to move until the destination takes something.
    AwaitSink,
    /// The command, and all that it started, closed the stream, and everything has arrived.
    SourceEnded,
    /// The destination is gone.
    SinkGone,
}

/// One stream on its way.
#[derive(Debug)]
pub struct Relay {
    source: Source,
    sink: Sink,
    copy: Option<OwnedFd>,
    /// Bytes at the head that the copy has already.
    copied: usize,
    /// Whether the pipe behind the command's pipe may hold something. It comes first, and at first nobody knows:
    /// whoever relayed before us may have left it.
    holding: bool,
    /// How often the destination was found full.
    filled: u32,
    missed: u64,
    plain: bool,
    source_ended: bool,
    /// On the heap, where memory that is never touched costs nothing: hardly a relay ever needs it.
    buffer: Box<[u8]>,
    pending: std::ops::Range<usize>,
}

impl Relay {
    /// A relay from a source to a sink; the copy's end must be a pipe.
    #[must_use]
    pub fn new(source: Source, sink: Sink, copy: Option<OwnedFd>) -> Self {
        match &source {
            Source::Pipe { pipe, hold } => {
                flow::set_nonblocking(pipe.as_fd());
                hold.iter()
                    .for_each(|hold| flow::set_nonblocking(hold.read.as_fd()));
            }
            Source::Terminal { hold, .. } => flow::set_nonblocking(hold.read.as_fd()),
        }
        Self {
            holding: matches!(source, Source::Pipe { hold: Some(_), .. }),
            source,
            sink,
            copy,
            copied: 0,
            filled: 0,
            missed: 0,
            plain: false,
            source_ended: false,
            buffer: vec![0; RELAY_PLAIN_BYTES].into_boxed_slice(),
            pending: 0..0,
        }
    }

    /// What to wait on for more to move.
    #[must_use]
    pub fn source(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Pipe { pipe, .. } => pipe.as_fd(),
            Source::Terminal { master, .. } => master.as_fd(),
        }
    }

    /// Where the bytes go.
    #[must_use]
    pub fn sink(&self) -> BorrowedFd<'_> {
        self.sink.descriptor.as_fd()
    }

    /// The pseudo-terminal between, if there is one.
    #[must_use]
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        match &self.source {
            Source::Pipe { .. } => None,
            Source::Terminal { master, .. } => Some(master.as_fd()),
        }
    }

    /// The numbers of all descriptors that the relay owns; -1 stands for none.
    #[must_use]
    pub fn descriptors(&self) -> [RawFd; 5] {
        let hold = match &self.source {
            Source::Pipe { hold, .. } => hold.as_ref(),
            Source::Terminal { hold, .. } => Some(hold),
        };
        let (read, write) = hold.map_or((-1, -1), |hold| {
            (hold.read.as_raw_fd(), hold.write.as_raw_fd())
        });
        [
            self.source().as_raw_fd(),
            read,
            write,
            self.sink.descriptor.as_raw_fd(),
            self.copy.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        ]
    }

    fn head(&self) -> BorrowedFd<'_> {
        head(&self.source, self.holding)
    }

    /// Bytes that the copy did not take.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// The observer is gone; nobody reads the copy any more.
    pub fn drop_copy(&mut self) {
        self.copy = None;
    }

    /// Moves what can be moved without waiting.
    pub fn step(&mut self) -> Step {
        let step = self.step_once();
        // Nothing is held back any more: on with what the command has written since.
        if step == Step::AwaitSource && std::mem::take(&mut self.holding) {
            self.step_once()
        } else {
            step
        }
    }

    fn step_once(&mut self) -> Step {
        self.refill();
        if self.plain {
            return self.step_plain();
        }
        if !self.copy_ahead() {
            return self.idle();
        }
        if self.sink.may_block && !flow::writable(&self.sink.descriptor) {
            return if failed(self.sink()) {
                Step::SinkGone
            } else {
                Step::AwaitSink
            };
        }
        let most = if self.sink.may_block {
            RELAY_TERMINAL_BYTES
        } else {
            RELAY_STEP_BYTES
        };
        let amount = if self.copied > 0 {
            self.copied.min(most)
        } else {
            most
        };
        match flow::splice(self.head(), self.sink(), amount) {
            Ok(0) => Step::SourceEnded,
            Ok(moved) => {
                self.account(moved);
                // What the copy has and did not go along found no room: no need to try in order to know.
                if self.copied == 0 {
                    return Step::Moved;
                }
                self.set_aside();
                self.widen();
                Step::Filled
            }
            Err(Errno::EINTR) => Step::Moved,
            Err(Errno::EAGAIN) if flow::readable(&self.head()) => Step::AwaitSink,
            Err(Errno::EAGAIN) => self.idle(),
            Err(Errno::EPIPE | Errno::EIO | Errno::ECONNRESET | Errno::ENXIO | Errno::ENOTCONN) => {
                Step::SinkGone
            }
            // The kernel, the destination's driver or a filter knows no splice here.
            Err(_) => {
                self.plain = true;
                Step::Moved
            }
        }
    }

    /// Takes off the command's pipe what the destination has no room for. Each piece that leaves a pipe wakes whoever
    /// waits to write to it: now the command is woken once for all of it, and writes on while the pieces go their way.
    fn set_aside(&mut self) {
        if let (
            Source::Pipe {
                pipe,
                hold: Some(hold),
            },
            false,
        ) = (&self.source, self.holding)
        {
            self.holding = flow::splice(pipe.as_fd(), hold.write.as_fd(), self.copied).is_ok();
        }
    }

    /// Gives a destination that floods a wider pipe. Each filling wakes its reader, and for a reader that keeps up with
    /// us this is most of what a relay costs. A reader does not see the difference, a training never gets here.
    fn widen(&mut self) {
        self.filled = self.filled.saturating_add(1);
        if self.filled == SINK_FILLED_TIMES
            && flow::capacity(self.sink()).is_some_and(|capacity| capacity < SINK_PIPE_BYTES)
        {
            flow::set_capacity(self.sink(), SINK_PIPE_BYTES);
        }
    }

    fn idle(&self) -> Step {
        if self.source_ended {
            Step::SourceEnded
        } else {
            Step::AwaitSource
        }
    }

    fn account(&mut self, moved: usize) {
        if self.copied > 0 {
            self.copied = self.copied.saturating_sub(moved);
        } else if self.copy.is_some() {
            self.missed = self.missed.saturating_add(moved as u64);
        }
    }

    /// Copies the source's head for the observer. False: there is nothing at the source.
    fn copy_ahead(&mut self) -> bool {
        // Twice: between the refusal and the look at why, bytes may have come.
        for _ in 0..2 {
            let Some(copy) = &self.copy else { return true };
            if self.copied > 0 {
                return true;
            }
            match flow::tee(self.head(), copy.as_fd(), RELAY_STEP_BYTES) {
                // An ended source is for splice to find.
                Ok(0) => return true,
                Ok(copied) => self.copied = copied,
                Err(Errno::EAGAIN) if !flow::readable(&self.head()) => return false,
                Err(Errno::EAGAIN) if !flow::writable(copy) => return true,
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(Errno::EPIPE) => self.copy = None,
                Err(_) => {
                    self.plain = true;
                    return true;
                }
            }
        }
        true
    }

    /// Takes what the pseudo-terminal has into the pipe behind it.
    fn refill(&mut self) {
        let Source::Terminal { master, hold } = &self.source else {
            return;
        };
        if self.source_ended {
            return;
        }
        match flow::splice(master.as_fd(), hold.write.as_fd(), RELAY_STEP_BYTES) {
            Ok(1..) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(0) | Err(Errno::EIO) => self.source_ended = true,
            // No splice from terminals here, or (EINVAL) the command's side was closed just now.
            Err(_) if flow::writable(&hold.write) => {
                let mut bytes = [0; RELAY_PLAIN_BYTES];
                match flow::read(master.as_fd(), &mut bytes) {
                    Ok(0) => self.source_ended = true,
                    // A pipe that is ready takes a page whole.
                    Ok(count) => drop(
                        bytes
                            .get(..count)
                            .map(|bytes| flow::write(hold.write.as_fd(), bytes)),
                    ),
                    Err(Errno::EAGAIN | Errno::EINTR) => {}
                    Err(_) => self.source_ended = true,
                }
            }
            Err(_) => {}
        }
    }

    fn step_plain(&mut self) -> Step {
        if self.pending.is_empty() {
            match flow::read(head(&self.source, self.holding), &mut self.buffer) {
                Ok(0) => return Step::SourceEnded,
                Ok(count) => {
                    self.pending = 0..count;
                    self.copy_plain();
                }
                Err(Errno::EINTR) => return Step::Moved,
                Err(Errno::EAGAIN) => return self.idle(),
                Err(_) => return Step::SourceEnded,
            }
        }
        if !flow::writable(&self.sink.descriptor) {
            return if failed(self.sink()) {
                Step::SinkGone
            } else {
                Step::AwaitSink
            };
        }
        let most = if self.sink.may_block {
            RELAY_TERMINAL_BYTES
        } else {
            RELAY_PLAIN_BYTES
        };
        let end = self
            .pending
            .end
            .min(self.pending.start.saturating_add(most));
        match flow::write(
            self.sink.descriptor.as_fd(),
            self.buffer.get(self.pending.start..end).unwrap_or_default(),
        ) {
            Ok(count) => {
                self.pending.start = self.pending.start.saturating_add(count);
                Step::Moved
            }
            Err(Errno::EAGAIN) => Step::AwaitSink,
            Err(Errno::EINTR) => Step::Moved,
            Err(_) => Step::SinkGone,
        }
    }

    fn copy_plain(&mut self) {
        let known = self.copied.min(self.pending.len());
        self.copied = self.copied.saturating_sub(known);
        let (Some(copy), Some(bytes)) = (
            &self.copy,
            self.buffer
                .get(self.pending.start + known..self.pending.end),
        ) else {
            return;
        };
        // A ready pipe takes a page whole; one that is not ready is not waited for.
        if !flow::writable(copy) || flow::write(copy.as_fd(), bytes).is_err() {
            self.missed = self.missed.saturating_add(bytes.len() as u64);
        }
    }
}

/// The pipe with what goes next: the oldest that has left the command and not arrived.
fn head(source: &Source, holding: bool) -> BorrowedFd<'_> {
    match source {
        Source::Pipe {
            hold: Some(hold), ..
        } if holding => hold.read.as_fd(),
        Source::Pipe { pipe, .. } => pipe.as_fd(),
        Source::Terminal { hold, .. } => hold.read.as_fd(),
    }
}

#[cfg(test)]
mod tests;
