//! The relays in the observer's hands: after the command's end for as long as something it started still
//! writes, and after the supervisor's end for as long as anybody does.
//!
//! These are duplicates of the supervisor's descriptors and dead weight until then. splice left every byte
//! either moved or in the pipe, so going on with the same pipes loses nothing and repeats nothing.

use crate::protocol::observer_config::RelayEnds;
use axolotl_run_sys::flow::Pipe;
use axolotl_run_sys::poll::{Events, Poll};
use axolotl_run_sys::streams::relay::{Relay, Sink, Source, Step};
use axolotl_run_sys::{descriptors, flow, terminal, wait};
use std::os::fd::{AsFd, OwnedFd};

/// The observer's share of the relays, in the supervisor's order.
#[derive(Debug, Default)]
pub struct Streams {
    relays: [Option<(Relay, bool)>; 2],
    active: bool,
}

impl Streams {
    /// Takes the descriptors that the supervisor left open for us; a missing one is a relay less.
    #[must_use]
    pub fn adopt(ends: &[RelayEnds]) -> Self {
        let relay = |ends: &RelayEnds| {
            let source = descriptors::adopt(ends.source)?;
            let descriptor = descriptors::adopt(ends.sink)?;
            let hold = match ends.hold {
                Some((read, write)) => Some(Pipe {
                    read: descriptors::adopt(read)?,
                    write: descriptors::adopt(write)?,
                }),
                None => None,
            };
            let source = match hold {
                Some(hold) if terminal::size(source.as_fd()).is_some() => Source::Terminal {
                    master: source,
                    hold,
                },
                hold => Source::Pipe { pipe: source, hold },
            };
            // A terminal that had to be kept blocking is one here too; a ready one takes small pieces.
            let may_block = terminal::size(descriptor.as_fd()).is_some();
            Some((
                Relay::new(
                    source,
                    Sink {
                        descriptor,
                        may_block,
                    },
                    None,
                ),
                false,
            ))
        };
        let mut ends = ends.iter().map(relay);
        Self {
            relays: [ends.next().flatten(), ends.next().flatten()],
            active: false,
        }
    }

    /// Lets go of one relay's descriptors.
    pub fn close(&mut self, index: usize) {
        if let Some(relay) = self.relays.get_mut(index) {
            *relay = None;
        }
    }

    /// From now on we relay. What has no writer left is let go of at once.
    pub fn take_over(&mut self) {
        self.active = true;
        self.step();
    }

    /// Relays until the command has ended and what it wrote has arrived.
    pub fn relay_until(&mut self, command: &OwnedFd) {
        while !wait::has_ended(command) {
            self.wait(Some(command));
            self.step();
        }
        self.step();
    }

    /// Relays until nobody writes any more.
    pub fn relay_to_the_end(&mut self) {
        while self.active && self.relays.iter().any(Option::is_some) {
            self.wait(None);
            self.step();
        }
    }

    fn step(&mut self) {
        for place in &mut self.relays {
            while let Some((relay, await_sink)) = place {
                match relay.step() {
                    Step::Moved => {}
                    Step::AwaitSource if !flow::failed(relay.sink()) => {
                        *await_sink = false;
                        break;
                    }
                    Step::AwaitSink | Step::Filled => {
                        *await_sink = true;
                        break;
                    }
                    Step::AwaitSource | Step::SourceEnded | Step::SinkGone => *place = None,
                }
            }
        }
    }

    fn wait(&self, command: Option<&OwnedFd>) {
        let mut poll = Poll::new();
        poll.add(command.map(AsFd::as_fd), Events::READ);
        for (relay, await_sink) in self.relays.iter().flatten() {
            if *await_sink {
                poll.add(Some(relay.sink()), Events::WRITE);
            } else {
                poll.add(Some(relay.source()), Events::READ);
                poll.add(Some(relay.sink()), Events::ERRORS);
            }
        }
        poll.wait(None);
    }
}
