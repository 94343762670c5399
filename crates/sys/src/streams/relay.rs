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
use crate::poll::{Events, Poll};
use crate::streams::route::Between;
use crate::{Errno, flow};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

/// Where the bytes come from.
#[derive(Debug)]
pub struct Source {
    /// What the command writes to.
    pub between: Between,
    /// Our end of it.
    pub end: OwnedFd,
    /// A pipe of ours behind it. Behind a pseudo-terminal, for splice needs one; behind a pipe, for what its destination
    /// has no room for, where descriptors are not scarce.
    pub hold: Option<flow::Pipe>,
}

impl Source {
    /// The pipe with what goes next: the oldest that has left the command and not arrived.
    fn head(&self, holding: bool) -> BorrowedFd<'_> {
        match &self.hold {
            Some(hold) if holding || self.between == Between::Terminal => hold.read.as_fd(),
            _ => self.end.as_fd(),
        }
    }
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
enum Step {
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

/// What came of moving all that can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing was moved; there may be more later.
    Nothing,
    /// Bytes were moved; there may be more.
    Moved,
    /// Nothing is left to be moved, or nowhere.
    Over,
}

/// One stream on its way.
#[derive(Debug)]
pub struct Relay {
    source: Source,
    sink: Sink,
    /// Where the observer's copy goes, while there is an observer.
    pub copy: Option<OwnedFd>,
    /// Bytes at the head that the copy has already.
    copied: usize,
    /// Whether the pipe behind the command's pipe may hold something. It comes first, and at first nobody knows:
    /// whoever relayed before us may have left it.
    holding: bool,
    /// Whether the destination has to take something before more can be moved.
    pub awaits_sink: bool,
    /// How often the destination was found full.
    filled: u32,
    /// Bytes that the copy did not take.
    pub missed: u64,
    plain: bool,
    source_ended: bool,
    /// On the heap, where memory that is never touched costs nothing: hardly a relay ever needs it.
    buffer: Box<[u8]>,
    pending: std::ops::Range<usize>,
}

impl Relay {
    /// A relay from a source to a sink; the copy's end must be a pipe.
    pub fn new(source: Source, sink: Sink, copy: Option<OwnedFd>) -> Self {
        flow::set_nonblocking(source.end.as_fd());
        if let Some(hold) = &source.hold {
            flow::set_nonblocking(hold.read.as_fd());
        }
        Self {
            holding: source.between == Between::Pipe && source.hold.is_some(),
            source,
            sink,
            copy,
            copied: 0,
            awaits_sink: false,
            filled: 0,
            missed: 0,
            plain: false,
            source_ended: false,
            buffer: vec![0; RELAY_PLAIN_BYTES].into_boxed_slice(),
            pending: 0..0,
        }
    }

    /// Where the bytes go.
    pub fn sink(&self) -> BorrowedFd<'_> {
        self.sink.descriptor.as_fd()
    }

    /// The pseudo-terminal between, if there is one.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        match self.source.between {
            Between::Pipe => None,
            Between::Terminal => Some(self.source.end.as_fd()),
        }
    }

    /// The numbers of all descriptors that the relay owns.
    pub fn descriptors(&self) -> Vec<RawFd> {
        let mut all = vec![&self.source.end, &self.sink.descriptor];
        all.extend(&self.copy);
        if let Some(hold) = &self.source.hold {
            all.extend([&hold.read, &hold.write]);
        }
        all.into_iter().map(|owned| owned.as_raw_fd()).collect()
    }

    /// Waits for what has to happen before more can be moved: adds it to a set, in two places.
    pub fn wait_in<'fd>(&'fd self, poll: &mut Poll<'fd>) -> [usize; 2] {
        if self.awaits_sink {
            return [poll.add(Some(self.sink()), Events::WRITE); 2];
        }
        [
            poll.add(Some(self.source.end.as_fd()), Events::READ),
            poll.add(Some(self.sink()), Events::ERRORS),
        ]
    }

    /// Moves what can be moved, in so many steps at the most. What the stream waits for next is noted for the next
    /// sleep.
    pub fn pump(&mut self, steps: usize) -> Pumped {
        let mut pumped = Pumped::Nothing;
        for _ in 0..steps {
            match self.step() {
                Step::Moved => pumped = Pumped::Moved,
                Step::Filled => {
                    self.awaits_sink = true;
                    return Pumped::Moved;
                }
                Step::AwaitSink => {
                    self.awaits_sink = true;
                    return pumped;
                }
                Step::AwaitSource if !failed(self.sink()) => {
                    self.awaits_sink = false;
                    return pumped;
                }
                Step::AwaitSource | Step::SourceEnded | Step::SinkGone => return Pumped::Over,
            }
        }
        pumped
    }

    fn head(&self) -> BorrowedFd<'_> {
        self.source.head(self.holding)
    }

    /// Moves what can be moved without waiting.
    fn step(&mut self) -> Step {
        let step = self.step_once();
        // Nothing is held back any more: on with what the command has written since.
        if step == Step::AwaitSource && std::mem::take(&mut self.holding) {
            return self.step_once();
        }
        step
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
            return self.full();
        }
        let mut amount = self.most(RELAY_STEP_BYTES);
        if self.copied > 0 {
            amount = amount.min(self.copied);
        }
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
        if let Some(hold) = &self.source.hold
            && self.source.between == Between::Pipe
            && !self.holding
        {
            let from = self.source.end.as_fd();
            self.holding = flow::splice(from, hold.write.as_fd(), self.copied).is_ok();
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
            return Step::SourceEnded;
        }
        Step::AwaitSource
    }

    fn full(&self) -> Step {
        if failed(self.sink()) {
            return Step::SinkGone;
        }
        Step::AwaitSink
    }

    /// Bytes of one step: as many as usual, or few, where the destination could hold us up.
    fn most(&self, usual: usize) -> usize {
        if self.sink.may_block {
            return RELAY_TERMINAL_BYTES;
        }
        usual
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
        let (Between::Terminal, Some(hold)) = (self.source.between, &self.source.hold) else {
            return;
        };
        if self.source_ended {
            return;
        }
        let master = self.source.end.as_fd();
        match flow::splice(master, hold.write.as_fd(), RELAY_STEP_BYTES) {
            Ok(1..) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(0) | Err(Errno::EIO) => self.source_ended = true,
            // No splice from terminals here, or (EINVAL) the command's side was closed just now.
            Err(_) if flow::writable(&hold.write) => {
                let mut bytes = [0; RELAY_PLAIN_BYTES];
                match flow::read(master, &mut bytes) {
                    Ok(count @ 1..) => {
                        // A pipe that is ready takes a page whole.
                        let bytes = bytes.get(..count).unwrap_or_default();
                        let _ = flow::write(hold.write.as_fd(), bytes);
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => {}
                    Ok(0) | Err(_) => self.source_ended = true,
                }
            }
            Err(_) => {}
        }
    }

    fn step_plain(&mut self) -> Step {
        if self.pending.is_empty() {
            match flow::read(self.source.head(self.holding), &mut self.buffer) {
                Ok(count @ 1..) => {
                    self.pending = 0..count;
                    self.copy_plain();
                }
                Err(Errno::EINTR) => return Step::Moved,
                Err(Errno::EAGAIN) => return self.idle(),
                Ok(0) | Err(_) => return Step::SourceEnded,
            }
        }
        if !flow::writable(&self.sink.descriptor) {
            return self.full();
        }
        let most = self.pending.len().min(self.most(RELAY_PLAIN_BYTES));
        let piece = self.pending.start..self.pending.start.saturating_add(most);
        let bytes = self.buffer.get(piece).unwrap_or_default();
        match flow::write(self.sink(), bytes) {
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
        let unknown = self.pending.start + known..self.pending.end;
        let (Some(copy), Some(bytes)) = (&self.copy, self.buffer.get(unknown)) else {
            return;
        };
        // A ready pipe takes a page whole; one that is not ready is not waited for.
        if !flow::writable(copy) || flow::write(copy.as_fd(), bytes).is_err() {
            self.missed = self.missed.saturating_add(bytes.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests;
