//! The relays in the observer's hands: after the command's end for as long as something it started still
//! writes, and after the supervisor's end for as long as anybody does.
//!
//! These are duplicates of the supervisor's descriptors and dead weight until then. splice left every byte
//! either moved or in the pipe, so going on with the same pipes loses nothing and repeats nothing.

use crate::protocol::observer_config::{Observed, RelayEnds};
use axolotl_run_core::observation::Stream;
use axolotl_run_sys::flow::Pipe;
use axolotl_run_sys::poll::{Events, Poll};
use axolotl_run_sys::streams::relay::{Amount, Pumped, Relay, Sink, Source};
use axolotl_run_sys::streams::route::Between;
use axolotl_run_sys::{descriptors, flow, terminal};
use std::os::fd::{AsFd, OwnedFd};

/// The observer's share of the relays, in the supervisor's order.
#[derive(Debug, Default)]
pub struct Streams {
    relays: [Option<Relay>; 2],
    /// Bytes of those that are over, of which no copy was made.
    uncopied: u64,
}

impl Streams {
    /// Takes the descriptors that the supervisor left open for us; a missing one is a relay less.
    pub fn adopt(observed_streams: &[(Stream, Observed)]) -> Self {
        let mut streams = Self::default();
        let mut places = streams.relays.iter_mut();
        for (_, observed) in observed_streams {
            if let Observed::Relay(ends) = observed
                && let Some(place) = places.next()
            {
                *place = relay(ends);
            }
        }
        streams
    }

    /// Lets go of one relay's descriptors.
    pub fn close(&mut self, index: usize) {
        if let Some(relay) = self.relays.get_mut(index) {
            *relay = None;
        }
    }

    /// Relays what was written by now. What has no writer left is let go of at once.
    pub fn relay_tails(&mut self) {
        for relay in self.relays.iter_mut().flatten() {
            relay.note_tail();
        }
        self.relay(Amount::Tail);
    }

    fn relay(&mut self, amount: Amount) {
        for place in &mut self.relays {
            if let Some(relay) = place
                && relay.pump(amount) == Pumped::Over
            {
                self.uncopied = self.uncopied.saturating_add(relay.missed);
                *place = None;
            }
        }
    }

    /// Bytes that were relayed so far. No copy was made of them.
    pub fn uncopied(&self) -> u64 {
        let relays = self.relays.iter().flatten();
        relays.fold(self.uncopied, |sum, relay| sum.saturating_add(relay.missed))
    }

    /// Relays until the command has ended and what it wrote has arrived.
    pub fn relay_until(&mut self, command: &OwnedFd) {
        while !flow::readable(command) {
            self.wait(Some(command));
            self.relay(Amount::Piece);
        }
        self.relay_tails();
    }

    /// Relays until nobody writes any more.
    pub fn relay_to_the_end(&mut self) {
        while self.relays.iter().any(Option::is_some) {
            self.wait(None);
            self.relay(Amount::Piece);
        }
    }

    fn wait(&self, command: Option<&OwnedFd>) {
        let mut poll = Poll::empty();
        poll.add(command.map(AsFd::as_fd), Events::READ);
        for relay in self.relays.iter().flatten() {
            relay.wait_in(&mut poll);
        }
        poll.wait(None);
    }
}

fn relay(ends: &RelayEnds) -> Option<Relay> {
    let end = descriptors::adopt(ends.source)?;
    let descriptor = descriptors::adopt(ends.sink)?;
    let mut hold = None;
    if let Some((read, write)) = ends.hold {
        hold = Some(Pipe {
            read: descriptors::adopt(read)?,
            write: descriptors::adopt(write)?,
        });
    }
    let is_terminal = |descriptor: &OwnedFd| terminal::size(descriptor.as_fd()).is_some();
    let between = if is_terminal(&end) {
        Between::Terminal
    } else {
        Between::Pipe
    };
    let source = Source { between, end, hold };
    // A terminal that had to be kept blocking is one here too; a ready one takes small pieces.
    let sink = Sink {
        may_block: is_terminal(&descriptor),
        descriptor,
    };
    Some(Relay::new(source, sink, None, None))
}
