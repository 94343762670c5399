//! The uploader: a state machine that the observer's loop drives.
//!
//! ```text
//!   offer() ──> queue ──> one attempt at a time ──┬─ delivered, refused ──> outcome, to be written down
//!                 ^                               ├─ can never succeed ───> halved ──┐
//!                 └──── backoff <── may pass ─────┤                                  │
//!                 └──────────────────────────────────────────────────────────────────┘
//!                                                 └─ wrong key, host ─────> stopped for this run
//! ```
//! It owns the attempt that is under way, so that a loop which drops [`Uploader::step`] for something more
//! urgent and calls it again goes on with the same attempt. It writes nothing: the caller has appended an
//! event to the journal before it offers it, and appends each outcome.

use super::batching::{Batch, Priority, QueuedEvent};
use super::client::{BatchSender, Certificates};
use super::endpoint::{Endpoint, Key};
use super::outcome::AttemptOutcome;
use super::retry_policy::{Attempt, EndpointState, RetryPolicy};
use axolotl_run_core::limits;
use serde::Deserialize;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;
use tokio::time::Sleep;
use uuid::Uuid;

/// Sends events one batch at a time.
pub struct Uploader {
    sender: Arc<BatchSender>,
    policy: RetryPolicy,
    /// Events that are refused before anything is asked.
    refused: VecDeque<Uuid>,
    flight: Option<Flight>,
    pause: Option<Pin<Box<Sleep>>>,
}

struct Flight {
    batch: Batch,
    attempt: Pin<Box<dyn Future<Output = Attempt> + Send>>,
}

#[derive(Deserialize)]
struct EventIdentity {
    uuid: Uuid,
    distinct_id: Uuid,
}

impl Uploader {
    /// An uploader that has nothing to do; no socket, file or thread is made before there is.
    pub fn new(endpoint: Endpoint, key: Key, certificates: Certificates) -> Self {
        Self {
            sender: Arc::new(BatchSender::new(endpoint, key, certificates)),
            policy: RetryPolicy::default(),
            refused: VecDeque::new(),
            flight: None,
            pause: None,
        }
    }

    /// Gives up after so many failures in a row.
    pub fn limit_tries(&mut self, tries_max: Option<u32>) {
        self.policy.tries_max = tries_max;
    }

    /// Has the client set up while there is nothing to send yet: a command may end within milliseconds, and its end
    /// waits for the first answer. To be called within a runtime.
    pub fn prepare(&self) {
        self.sender.prepare();
    }

    /// Takes an event that was written down, and says its identity; None where it has to wait where it is
    /// written, for a later launcher.
    #[must_use]
    pub fn offer(&mut self, line: &str, priority: Priority) -> Option<Uuid> {
        let EventIdentity {
            uuid,
            distinct_id: run_id,
        } = serde_json::from_str(line).ok()?;
        if line.len() > limits::EVENT_BYTES_MAX {
            self.refused.push_back(uuid);
            return Some(uuid);
        }
        let queued_event = QueuedEvent {
            uuid,
            run_id,
            line: line.into(),
        };
        self.policy.offer(queued_event, priority).then_some(uuid)
    }

    /// What is known of the endpoint.
    pub const fn state(&self) -> EndpointState {
        self.policy.state
    }

    /// Events that were offered and have no outcome yet.
    pub fn unsettled(&self) -> usize {
        let in_flight = match &self.flight {
            Some(flight) => flight.batch.queued_events.len(),
            None => 0,
        };
        in_flight + self.policy.queue.len() + self.refused.len()
    }

    /// Whether a wait at the run's end may be worth it: some of its own is on its way to a server that answers.
    pub fn is_worth_waiting_for(&self) -> bool {
        let server_may_answer =
            matches!(self.state(), EndpointState::Untried | EndpointState::Alive);
        let in_flight = match &self.flight {
            Some(flight) => flight.batch.priority == Priority::Own,
            None => false,
        };
        server_may_answer && (in_flight || self.policy.queue.has_any_of(Priority::Own))
    }

    /// Goes on until the next outcome; forever pending where there is nothing to do. Dropping the future loses
    /// nothing.
    pub async fn step(&mut self) -> AttemptOutcome {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<AttemptOutcome> {
        if let Some(uuid) = self.refused.pop_front() {
            let now = SystemTime::now();
            return Poll::Ready(AttemptOutcome::refused_by_gate(vec![uuid], now));
        }
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            let Some(mut flight) = self.flight.take().or_else(|| self.depart()) else {
                return Poll::Pending;
            };
            let Poll::Ready(attempt) = flight.attempt.as_mut().poll(context) else {
                self.flight = Some(flight);
                return Poll::Pending;
            };
            if let Some(outcome) = self.settle(flight.batch, &attempt) {
                return Poll::Ready(outcome);
            }
        }
    }

    fn depart(&mut self) -> Option<Flight> {
        let batch = self.policy.depart()?;
        let sender = Arc::clone(&self.sender);
        let attempt = Box::pin(sender.attempt(batch.queued_events.clone(), batch.priority));
        Some(Flight { batch, attempt })
    }

    /// Draws the conclusions of an attempt; None where the next one follows at once.
    fn settle(&mut self, batch: Batch, attempt: &Attempt) -> Option<AttemptOutcome> {
        let now = SystemTime::now();
        let outcome = self.policy.settle(batch, attempt, chance(), now)?;
        let wait = self.policy.wait;
        self.pause = wait.map(|wait| Box::pin(tokio::time::sleep(wait)));
        Some(outcome)
    }
}

/// A number from 0 to 1, out of the random bits of a fresh UUID.
pub fn chance() -> f64 {
    const BITS: u32 = 52;
    let bits = Uuid::new_v4().as_u128() & ((1 << BITS) - 1);
    bits as f64 / (1_u64 << BITS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_spread_over_its_range() {
        let drawn: Vec<f64> = (0..1000).map(|_| chance()).collect();
        assert!(drawn.iter().all(|chance| (0.0..=1.0).contains(chance)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }
}
