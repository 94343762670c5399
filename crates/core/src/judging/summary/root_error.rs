//! What a run died of, as far as the privacy kernel let it be written down.

use super::conclusion::{all_owned, owned};
use crate::event::value::Text;
use crate::event::{ErrorEvent, Frame};

/// The error that a run died of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootError {
    /// The exception's public class, or the public sign of a death without one.
    pub class: Option<String>,
    /// The public message.
    pub message: Option<String>,
    /// There was a message, and it is not one of the public ones.
    pub is_withheld: bool,
    /// The rank that failed first.
    pub rank: Option<u64>,
    /// Other processes that failed too.
    pub other_ranks: Option<u64>,
    /// The frames, outermost first, each in one line.
    pub frames: Vec<String>,
    /// The exceptions of this failure, oldest first.
    pub chain: Vec<String>,
    /// Groups equal errors.
    pub fingerprint: Option<String>,
}

/// What is shown in place of a message that is not public.
pub const WITHHELD: &str = "(message withheld: not on the list of public messages)";

impl RootError {
    pub(super) fn of<T: Text>(error: &ErrorEvent<T>) -> Self {
        Self {
            class: owned(&error.exception_type).or_else(|| owned(&error.marker)),
            message: owned(&error.exception),
            is_withheld: error.exception.is_none() && error.exception_shape.is_some(),
            rank: error.rank,
            other_ranks: error.other_ranks.filter(|count| *count > 0),
            frames: error.frames.iter().flatten().map(line).collect(),
            chain: all_owned(&error.chain),
            fingerprint: owned(&error.fingerprint),
        }
    }

    /// The class and where it happened, in a few words.
    pub fn headline(&self) -> String {
        let class = self.class.as_deref().unwrap_or("an error");
        match self.rank {
            Some(rank) => format!("{class} on rank {rank}"),
            None => class.to_owned(),
        }
    }

    /// The message, or why there is none.
    pub fn words(&self) -> Option<&str> {
        match &self.message {
            None if self.is_withheld => Some(WITHHELD),
            message => message.as_deref(),
        }
    }
}

/// `torch/nn/modules/module.py:1751 in _call_impl`; of private code only its kind: `user code:139`.
fn line<T: Text>(frame: &Frame<T>) -> String {
    let mut text = match (&frame.file, &frame.origin) {
        (Some(file), _) => file.as_ref().to_owned(),
        (None, Some(origin)) => format!("{} code", origin.as_ref().replace('_', " ")),
        (None, None) => "unknown code".to_owned(),
    };
    if let Some(number) = frame.line {
        text.push_str(&format!(":{number}"));
    }
    if let Some(function) = &frame.function {
        text.push_str(&format!(" in {}", function.as_ref()));
    }
    if let Some(times) = frame.repeated.filter(|times| *times > 0) {
        text.push_str(&format!(" (and {times} more times)"));
    }
    text
}
