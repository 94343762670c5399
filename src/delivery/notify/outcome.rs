//! What became of a message, and the line that is kept of it.
//!
//! A line holds closed words and numbers: a channel's kind and its number among the run's channels, never its address.

use axolotl_run_core::judging::summary::message::Occasion;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "why")]
pub enum Reached {
    /// The server took it, or the command succeeded.
    Arrived,
    /// The server answered with this status.
    Status(u16),
    /// There was no connection: refused, unreachable, no such name.
    NoConnection,
    /// The server's certificate is not one to trust.
    NotTrusted,
    /// There was no answer in time.
    Late,
    /// The command took too long and was killed.
    Hung,
    /// The connection broke.
    Broken,
    /// Nothing could be sent or started here.
    NotStarted,
    /// The command ended with this code.
    ExitCode(i32),
    /// A signal killed the command.
    Killed(i32),
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempted {
    pub reached: Reached,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl From<Reached> for Attempted {
    fn from(reached: Reached) -> Self {
        Self {
            reached,
            retry_after: None,
        }
    }
}

impl Reached {
    /// Whether another attempt may come to more. A command that hangs would hang again.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Arrived | Self::NotStarted | Self::Hung | Self::Killed(_) => false,
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::NoConnection
            | Self::NotTrusted
            | Self::Late
            | Self::Broken
            | Self::ExitCode(_) => true,
        }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrived => formatter.write_str("arrived"),
            Self::Status(status) => write!(formatter, "the server answered {status}"),
            Self::NoConnection => formatter.write_str("there was no connection"),
            Self::NotTrusted => formatter.write_str("its certificate is not trusted"),
            Self::Late => formatter.write_str("there was no answer in time"),
            Self::Hung => formatter.write_str("it took too long and was killed"),
            Self::Broken => formatter.write_str("the connection broke"),
            Self::NotStarted => formatter.write_str("nothing could be started"),
            Self::ExitCode(code) => write!(formatter, "exit code {code}"),
            Self::Killed(signal) => write!(formatter, "killed by signal {signal}"),
        }
    }
}

/// A line of `notify.jsonl`: what became of one message on one channel in the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationLine {
    /// When it was known, in the form of the wire.
    pub time: String,
    pub occasion: Occasion,
    /// The channel's number, from 1.
    pub channel: usize,
    /// Its kind.
    pub kind: String,
    #[serde(flatten)]
    pub reached: Reached,
    pub attempts: u32,
}

impl NotificationLine {
    /// The line.
    pub fn text(&self) -> String {
        // Numbers and closed words can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for NotificationLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let occasion = self.occasion.as_str().replace('_', " ");
        write!(formatter, "{occasion}: {}, {}", self.kind, self.reached)?;
        if self.attempts > 1 {
            write!(formatter, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}
