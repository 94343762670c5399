//! Delivery of events to PostHog.
//!
//! The problem: events are made on machines behind proxies, captive portals, firewalls that drop packets and
//! servers that lie, by a program that nobody may notice. The rules: at least once, for the server removes
//! duplicates by an event's identity, which never changes; journal first, network second; nothing is ever
//! waited for that the training could notice; what the server can't accept is set aside by itself, so that it
//! keeps nothing else; and nothing but the events, the project's key and the time leaves.
//!
//! What the run's owner is told through channels of their own is apart from all this, in [`notify`].
//!
//! [`Uploader`] is driven by the observer, and by `--send`. The judgement ([`answers`], [`backoff`],
//! [`batching`], [`retry_policy`](self::retry_policy), [`endpoint`]) is pure and apart from the sockets ([`client`](self::client)).

mod answers;
mod backoff;
mod batching;
mod client;
mod endpoint;
pub mod notify;
mod outcome;
mod retry_policy;
mod uploader;

pub use batching::Priority;
pub use client::Certificates;
pub use endpoint::Destination;
pub use outcome::{Answer, AttemptOutcome, DeliveryLine, Disposition, FailureCause};
pub use retry_policy::{EndpointState, tries};
pub use uploader::Uploader;

#[cfg(test)]
mod tests;
