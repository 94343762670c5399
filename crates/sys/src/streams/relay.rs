//! Moves one stream from the command to its destination, with a copy for the observer on the way.
//!
//! The user's bytes go by splice, which a SIGKILL cannot interrupt half-way: whoever holds the source after us
//! finds exactly what has not arrived. The copy goes by tee, before the bytes move on, into a pipe of the
//! observer's that is never waited for, and while that is full into a ring that keeps the newest ([`overflow`]). Where
//! there is no ring a full pipe ends the copy: what follows would be glued to what came before.
//!
//! [`overflow`]: crate::streams::overflow
//!
//! Where the kernel or a filter refuses splice, bytes are read and written instead, never more than a ready
//! destination takes, so that no step can block. A step allocates nothing; the callers wait in between.

use crate::flow::failed;
use crate::limits::{
    RELAY_PLAIN_BYTES, RELAY_STEP_BYTES, RELAY_TERMINAL_BYTES, SINK_FILLED_TIMES, SINK_PIPE_BYTES,
    TERMINAL_QUEUE_BYTES,
};
use crate::poll::{Events, Poll};
use crate::streams::overflow::{Overflow, Taken};
use crate::streams::route::Between;
use crate::{Errno, flow};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

/// Attempts to copy a piece: a full pipe, a ring put into use, and one that the observer has just read are three.
const COPY_TRIES: usize = 8;

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

/// How much is moved before others have their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// What goes at once.
    Piece,
    /// The [tail](Relay::note_tail), as far as the destination takes it.
    Tail,
}

/// What came of moving it.
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
    copy: Option<OwnedFd>,
    /// Where it goes while that is full.
    overflow: Option<Overflow>,
    /// Bytes at the head that the copy has already.
    copied: usize,
    /// Whether the pipe behind the command's pipe may hold something. It comes first, and at first nobody knows:
    /// whoever relayed before us may have left it.
    holding: bool,
    /// Whether the destination has to take something before more can be moved.
    awaits_sink: bool,
    /// How often the destination was found full.
    filled: u32,
    /// Bytes that went to the destination and to no copy.
    pub missed: u64,
    /// Bytes of the tail that have not arrived, at the most.
    tail: u64,
    plain: bool,
    source_ended: bool,
    /// On the heap, where memory that is never touched costs nothing: hardly a relay ever needs it.
    buffer: Box<[u8]>,
    pending: std::ops::Range<usize>,
}

impl Relay {
    /// A relay from a source to a sink; the copy's end must be a pipe.
    pub fn new(
        source: Source,
        sink: Sink,
        copy: Option<OwnedFd>,
        overflow: Option<Overflow>,
    ) -> Self {
        flow::set_nonblocking(source.end.as_fd());
        if let Some(hold) = &source.hold {
            flow::set_nonblocking(hold.read.as_fd());
        }
        Self {
            holding: source.between == Between::Pipe && source.hold.is_some(),
            source,
            sink,
            copy,
            overflow,
            copied: 0,
            awaits_sink: false,
            filled: 0,
            missed: 0,
            tail: 0,
            plain: false,
            source_ended: false,
            buffer: vec![0; RELAY_PLAIN_BYTES].into_boxed_slice(),
            pending: 0..0,
        }
    }

    /// Copies what has not reached its destination yet: whoever relays after us makes no copy.
    pub fn copy_the_rest(&mut self) {
        let source = &self.source;
        let hold = source.hold.as_ref().map(|hold| hold.read.as_fd());
        // In their order. A pseudo-terminal cannot be copied from.
        let pipes = match source.between {
            Between::Terminal => [hold, None],
            Between::Pipe => [hold.filter(|_| self.holding), Some(source.end.as_fd())],
        };
        let mut known = self.copied;
        let waiting = |descriptor| flow::waiting(descriptor).unwrap_or(0);
        let mut left = match source.between {
            Between::Terminal => waiting(source.end.as_fd()),
            Between::Pipe => 0,
        };
        for pipe in pipes.into_iter().flatten() {
            let here = waiting(pipe).saturating_sub(known as u64);
            let mut copied = 0;
            if let Some(overflow) = &mut self.overflow
                && here > 0
            {
                copied = overflow.copy_behind(pipe, known).unwrap_or(0) as u64;
            }
            left = left.saturating_add(here.saturating_sub(copied));
            known = 0;
        }
        self.missed = self.missed.saturating_add(left);
    }

    /// What was written by now is the tail: whoever still writes may never come to an end.
    pub fn note_tail(&mut self) {
        self.tail = self.on_the_way();
        if self.source.between == Between::Terminal {
            self.tail = self.tail.saturating_add(TERMINAL_QUEUE_BYTES);
        }
    }

    /// Whether some of the tail has not arrived yet.
    pub fn has_tail(&self) -> bool {
        self.tail > 0
    }

    /// Whether somebody may still write.
    pub fn has_writers(&self) -> bool {
        !self.source_ended && !failed(self.source.end.as_fd())
    }

    /// Bytes that have left the command and not arrived.
    fn on_the_way(&self) -> u64 {
        let hold = self.source.hold.as_ref().map(|hold| hold.read.as_fd());
        let mut bytes = self.pending.len() as u64;
        for pipe in hold.into_iter().chain([self.source.end.as_fd()]) {
            // Where the kernel does not tell: as much as the largest pipe holds.
            let here = flow::waiting(pipe).unwrap_or(RELAY_STEP_BYTES as u64);
            bytes = bytes.saturating_add(here);
        }
        bytes
    }

    /// Nobody reads the copy any more, or it would have a hole that nobody knows of.
    pub fn stop_copying(&mut self) {
        self.copy = None;
        self.overflow = None;
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
        all.extend(self.overflow.iter().flat_map(Overflow::descriptors));
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

    /// Moves what can be moved of so much. What the stream waits for next is noted for the next sleep.
    pub fn pump(&mut self, amount: Amount) -> Pumped {
        let mut pumped = Pumped::Nothing;
        loop {
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
                    self.tail = 0;
                    return pumped;
                }
                Step::AwaitSource | Step::SourceEnded | Step::SinkGone => return Pumped::Over,
            }
            // Behind a tail that has arrived there may be nothing but the end, which only another step finds.
            let goes_on = self.has_tail() || self.on_the_way() == 0;
            if amount == Amount::Piece || !goes_on {
                return pumped;
            }
        }
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
        self.tail = self.tail.saturating_sub(moved as u64);
        if self.copied > 0 {
            self.copied = self.copied.saturating_sub(moved);
        } else {
            self.missed = self.missed.saturating_add(moved as u64);
        }
    }

    /// Copies the source's head for the observer. False: there is nothing at the source.
    fn copy_ahead(&mut self) -> bool {
        for _ in 0..COPY_TRIES {
            let Some(copy) = &self.copy else { return true };
            if self.copied > 0 {
                return true;
            }
            let head = self.source.head(self.holding);
            let copied = match &mut self.overflow {
                Some(overflow) if overflow.is_in_use() => overflow.copy(head),
                overflow => {
                    if let Some(overflow) = overflow {
                        overflow.note_pipe_copy();
                    }
                    flow::tee(head, copy.as_fd(), RELAY_STEP_BYTES).map(Taken::Bytes)
                }
            };
            match copied {
                // An ended source is for splice to find.
                Ok(Taken::Bytes(0)) => return true,
                Ok(Taken::Bytes(copied)) => self.copied = copied,
                Ok(Taken::CaughtUp) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if !flow::readable(&head) => return false,
                Err(Errno::EAGAIN) => self.copy_elsewhere(),
                Err(Errno::EPIPE) => self.stop_copying(),
                Err(_) if self.overflow.as_ref().is_some_and(Overflow::is_in_use) => {
                    self.stop_copying();
                }
                Err(_) => {
                    self.plain = true;
                    return true;
                }
            }
        }
        self.stop_copying();
        true
    }

    /// The copy's pipe has taken nothing: it is full, or bytes have come to the source since it was asked.
    fn copy_elsewhere(&mut self) {
        let Some(copy) = &self.copy else { return };
        if flow::writable(copy) {
            return;
        }
        match &mut self.overflow {
            // In use, and the source was found empty a moment ago.
            Some(overflow) if overflow.is_in_use() => {}
            Some(overflow) => overflow.begin(copy),
            None => self.stop_copying(),
        }
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
                self.tail = self.tail.saturating_sub(count as u64);
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
        let bytes = self.buffer.get(unknown).unwrap_or_default();
        let overflow = self.overflow.as_mut();
        let copied = match &self.copy {
            Some(copy) => bytes.is_empty() || copy_bytes(copy, overflow, bytes),
            None => false,
        };
        if !copied {
            self.missed = self.missed.saturating_add(bytes.len() as u64);
            self.stop_copying();
        }
    }
}

/// Copies bytes that were read, a page at the most; false where that cannot be done.
fn copy_bytes(copy: &OwnedFd, mut overflow: Option<&mut Overflow>, bytes: &[u8]) -> bool {
    for _ in 0..COPY_TRIES {
        let copied = match &mut overflow {
            Some(overflow) if overflow.is_in_use() => overflow.put(bytes),
            // A ready pipe takes a page whole; one that is not ready is not waited for.
            _ if flow::writable(copy) => flow::write(copy.as_fd(), bytes).map(Taken::Bytes),
            Some(overflow) => {
                overflow.begin(copy);
                continue;
            }
            None => return false,
        };
        match copied {
            Ok(Taken::Bytes(_)) => return true,
            Ok(Taken::CaughtUp) => {}
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
