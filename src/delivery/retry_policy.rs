//! The retry policy: what follows from a response.
//!
//! The rule: whatever the sequence of responses, an event stays in the queue until the server has it or will never take
//! it. After [`limits::BREAKER_FAILURES`] failures in a row the circuit is open: a request holds one event, and each
//! success doubles the size of the next. So a dead server costs little, and a connection too slow for a full batch still
//! delivers some events. Where tries are limited, as many failures in a row end the attempts; what waits, waits on.
//!
//! Pure; driven by the [`Uploader`](super::Uploader) alone.

use super::answers::ResponseClass;
use super::backoff;
use super::batching::{Batch, Priority, Queue, QueuedEvent};
use super::outcome::{Answer, AttemptOutcome, Disposition, FailureCause};
use axolotl_run_core::env;
use axolotl_run_core::event::wire;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::limits;
use std::time::{Duration, SystemTime};

/// What is known of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EndpointState {
    /// Nothing was sent yet.
    Untried,
    /// It accepted, or refused with reason, what was sent last.
    Alive,
    /// The last attempt failed; there will be others.
    Dead,
    /// It said that no attempt can succeed; there will be none.
    Stopped,
    /// It failed as often as may be tried; there will be no other attempt.
    GivenUp,
}

impl EndpointState {
    /// Whether nothing more is tried.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Stopped | Self::GivenUp)
    }
}

/// What one attempt came to.
pub struct Attempt {
    /// What the answer means.
    pub response_class: ResponseClass,
    /// The HTTP status; None where there was no answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub cause: Option<FailureCause>,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// The events that wait, and what is known of the endpoint.
pub struct RetryPolicy {
    pub queue: Queue,
    pub state: EndpointState,
    /// Failures in a row that may pass.
    pub failures_in_a_row: u32,
    /// How many of them end the attempts; None where nothing does.
    pub tries_max: Option<u32>,
    /// How long nothing is to be tried.
    pub wait: Option<Duration>,
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
            failures_in_a_row: 0,
            tries_max: None,
            wait: None,
            events_max: limits::BATCH_EVENTS_MAX,
            last: None,
        }
    }
}

impl RetryPolicy {
    /// Takes an event; false where it has to stay where it is written down.
    #[must_use]
    pub fn offer(&mut self, queued_event: QueuedEvent, priority: Priority) -> bool {
        !self.state.is_final() && self.queue.push(queued_event, priority)
    }

    /// The next batch to be tried.
    pub fn depart(&mut self) -> Option<Batch> {
        if self.state.is_final() {
            return None;
        }
        self.queue.take(self.events_max)
    }

    /// Draws the conclusions of an attempt; None where the next one follows at once. `chance` is from 0 to 1.
    pub fn settle(
        &mut self,
        batch: Batch,
        attempt: &Attempt,
        chance: f64,
        now: SystemTime,
    ) -> Option<AttemptOutcome> {
        let uuids = batch
            .queued_events
            .iter()
            .map(|queued_event| queued_event.uuid)
            .collect();
        let mut repeated = false;
        self.wait = None;
        let disposition = match attempt.response_class {
            ResponseClass::Delivered => {
                self.alive();
                Disposition::Delivered
            }
            ResponseClass::Divide => {
                self.alive();
                // One event alone is at fault.
                self.queue.divide(batch)?;
                Disposition::Refused
            }
            ResponseClass::Later => {
                // A refusal in nobody's words: if it was the event's fault, it must not keep the others.
                if batch.queued_events.len() == 1 && matches!(attempt.status, Some(400 | 413)) {
                    self.queue.put_last(batch);
                } else {
                    self.queue.put_back(batch);
                }
                let answer = (attempt.status, attempt.cause);
                repeated = self.last.replace(answer) == Some(answer);
                self.state = EndpointState::Dead;
                self.failures_in_a_row += 1;
                if let Some(tries_max) = self.tries_max
                    && self.failures_in_a_row >= tries_max
                {
                    self.state = EndpointState::GivenUp;
                }
                if backoff::is_open(self.failures_in_a_row) {
                    self.events_max = 1;
                }
                self.wait = Some(backoff::wait(
                    self.failures_in_a_row,
                    chance,
                    attempt.retry_after,
                ));
                Disposition::Delayed
            }
            ResponseClass::Stop => {
                self.queue.put_back(batch);
                self.state = EndpointState::Stopped;
                Disposition::Stopped
            }
        };
        Some(AttemptOutcome {
            answer: Answer {
                time: wire::timestamp(now),
                disposition,
                status: attempt.status,
                cause: attempt.cause,
            },
            uuids,
            repeated,
        })
    }

    fn alive(&mut self) {
        self.state = EndpointState::Alive;
        self.failures_in_a_row = 0;
        self.last = None;
        self.events_max = limits::BATCH_EVENTS_MAX.min(self.events_max * 2);
    }
}

/// How often an upload may be tried in a row, as the user says; None where they say nothing that is a number of tries.
pub fn tries(environment: Environment<'_>) -> Option<u32> {
    let value = environment(env::AXOLOTL_RUN_SEND_TRIES)?;
    let tries = value.to_str()?.trim().parse().ok()?;
    (1..=TRIES_MAX).contains(&tries).then_some(tries)
}

/// With the longest waits, eight hours.
const TRIES_MAX: u32 = 1000;

#[cfg(test)]
mod tests;
