//! The user's own channels: who is told what happened to a run, without looking.
//!
//! The problem: a training dies at two o'clock at night, and nobody knows before nine. The rules: a channel is the user's,
//! so that no consent is needed and nobody else learns anything; it is apart from the events, and what
//! it says is made of what events may hold. An address is a secret: it is neither printed nor written down nor an argument
//! of any process, so [`Channel`] has no text of its own for people but its kind and its host. Nothing waits for a
//! channel but the supervisor's last moment, which is bounded anyway.
//!
//! [`Channel`] reads what was typed, [`request`](self::request) and the knowledge of services turn a message into what is
//! sent, [`Notifier`] sends and tries again, the observer drives it, and so does `--notify-test`.

mod attempt;
mod channel;
mod notifier;
mod outcome;
mod request;

pub use channel::{
    CHANNELS_BYTES_MAX, CHANNELS_MAX, Channel, ChannelProblem, hand_over, take_over,
};
pub use notifier::{Notifier, Patience};
pub use outcome::{NotificationLine, Reached};

#[cfg(test)]
mod tests;
