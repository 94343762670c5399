//! Moving the command's output, a bounded piece at a time.
//!
//! A stream that never pauses must not keep signals, messages and the command's end waiting: each look moves
//! one piece, as much as there is, and then gives everything else its turn. To look again at once, only to find
//! nothing, would cost as much as the sleep that finds the same. Only the loop calls this.

use super::{Ready, Watch};
use crate::protocol::messages::ToObserver;
use axolotl_run_sys::clock;
use axolotl_run_sys::streams::relay::{Amount, Pumped};

impl Watch {
    /// Moves what can be moved of the streams that woke the loop.
    pub fn relay(&mut self, ready: &Ready) {
        for (index, ready) in ready.relays.into_iter().enumerate() {
            if ready {
                self.pump(index, Amount::Piece);
            }
        }
    }

    /// The command has stopped or ended: what it has written is what has been written by now.
    pub fn note_tails(&mut self) {
        for relay in self.supervised.relays.iter_mut().flatten() {
            relay.note_tail();
        }
    }

    /// Moves what can be moved of that.
    pub fn pump_tails(&mut self) {
        for index in 0..2 {
            self.pump(index, Amount::Tail);
        }
    }

    fn pump(&mut self, index: usize, amount: Amount) {
        let Some(Some(relay)) = self.supervised.relays.get_mut(index) else {
            return;
        };
        match relay.pump(amount) {
            Pumped::Nothing => {}
            Pumped::Moved => {
                if let Some(shutdown) = &mut self.shutdown {
                    shutdown.moved_at = clock::monotonic_ms();
                }
            }
            Pumped::Over => self.close(index),
        }
    }

    /// Lets go of a stream, and has the observer do the same: the last copy is what a reader waits for.
    fn close(&mut self, index: usize) {
        if let Some(mut relay) = self.supervised.relays.get_mut(index).and_then(Option::take) {
            // A destination that is gone has taken nothing of it.
            relay.copy_the_rest();
            self.missed = self.missed.saturating_add(relay.missed);
        }
        self.owe(ToObserver::StreamClosed(u8::try_from(index).unwrap_or(0)));
    }
}
