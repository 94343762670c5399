//! What follows from an answer: the uploader's judgement, without its sockets and clocks.
//!
//! The rule: whatever the sequence of answers, an event stays in the queue until the server has it or will never take
//! it. After [`limits::BREAKER_FAILURES`] failures in a row the circuit is open: one event at a time is risked, and
//! each that arrives doubles what the next request holds. So a dead server costs little, and a line so slow that a
//! full batch is never through in time still carries something.
//!
//! Pure; driven by the [`Uploader`](super::Uploader) alone.

use super::answers::ResponseClass;
use super::backoff;
use super::batching::{Batch, Divided, Item, Priority, Queue};
use super::outcome::{Disposition, FailureCause};
use axolotl_run_core::limits;
use std::time::Duration;
use uuid::Uuid;

/// What is known of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// Nothing was sent yet.
    Untried,
    /// It accepted, or refused with reason, what was sent last.
    Alive,
    /// The last attempt failed; there will be others.
    Dead,
    /// It said that no attempt can succeed; there will be none.
    Stopped,
}

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What the answer means.
    pub class: ResponseClass,
    /// The HTTP status; None where there was no answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub cause: Option<FailureCause>,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// What is to be done after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The events that it concerns.
    pub uuids: Vec<Uuid>,
    /// What became of them.
    pub disposition: Disposition,
    /// It says what the one before said.
    pub repeated: bool,
    /// How long nothing is to be tried.
    pub wait: Option<Duration>,
}

/// The events that wait, and what is known of the endpoint.
#[derive(Debug)]
pub struct RetryPolicy {
    queue: Queue,
    state: EndpointState,
    failures: u32,
    /// Events that the next request may hold.
    events_max: usize,
    /// What the last attempt that failed was like.
    last: Option<(Option<u16>, Option<FailureCause>)>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            state: EndpointState::Untried,
            failures: 0,
            events_max: limits::BATCH_EVENTS_MAX,
            last: None,
        }
    }
}

impl RetryPolicy {
    /// Takes an event; false where it has to stay where it is written down.
    #[must_use]
    pub fn offer(&mut self, item: Item, priority: Priority) -> bool {
        self.state != EndpointState::Stopped && self.queue.push(item, priority)
    }

    /// The next batch to be tried.
    pub fn depart(&mut self) -> Option<Batch> {
        if self.state == EndpointState::Stopped {
            None
        } else {
            self.queue.take(self.events_max)
        }
    }

    /// The events that wait.
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What is known of the endpoint.
    pub const fn state(&self) -> EndpointState {
        self.state
    }

    /// Failures in a row that may pass.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Draws the conclusions of an attempt; None where the next one follows at once. `chance` is from 0 to 1.
    pub fn settle(&mut self, batch: Batch, attempt: &Attempt, chance: f64) -> Option<Conclusion> {
        let uuids: Vec<Uuid> = batch.items.iter().map(|item| item.uuid).collect();
        let disposition = match attempt.class {
            ResponseClass::Delivered => Disposition::Delivered,
            ResponseClass::Divide => match self.queue.divide(batch) {
                Divided::Halved => {
                    self.alive();
                    return None;
                }
                Divided::Lone(_) => Disposition::Refused,
            },
            ResponseClass::Later => {
                self.queue.put_back(batch);
                Disposition::Delayed
            }
            ResponseClass::Stop => {
                self.queue.put_back(batch);
                Disposition::Stopped
            }
        };
        let (mut repeated, mut wait) = (false, None);
        match disposition {
            Disposition::Delivered | Disposition::Refused => self.alive(),
            Disposition::Stopped => self.state = EndpointState::Stopped,
            Disposition::Delayed => {
                repeated = self.last.replace((attempt.status, attempt.cause))
                    == Some((attempt.status, attempt.cause));
                self.state = EndpointState::Dead;
                self.failures = self.failures.saturating_add(1);
                if backoff::is_open(self.failures) {
                    self.events_max = 1;
                }
                wait = Some(backoff::wait(self.failures, chance, attempt.retry_after));
            }
        }
        Some(Conclusion {
            uuids,
            disposition,
            repeated,
            wait,
        })
    }

    fn alive(&mut self) {
        self.state = EndpointState::Alive;
        self.failures = 0;
        self.last = None;
        self.events_max = self
            .events_max
            .saturating_mul(2)
            .min(limits::BATCH_EVENTS_MAX);
    }
}

#[cfg(test)]
mod tests;
