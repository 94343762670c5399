//! What a run died of, as far as the privacy kernel let it be written down.
//!
//! Called by [`Digest`](super::Digest) with an error event's properties, and by whoever prints the result.

use super::Fields;
use serde_json::{Map, Value};

/// The error that a run died of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Culprit {
    /// The exception's public class, or the public sign of a death without one.
    pub class: Option<String>,
    /// The public message.
    pub message: Option<String>,
    /// There was a message, and it is not one of the public ones.
    pub is_untold: bool,
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

impl Culprit {
    /// Reads an error event.
    pub(super) fn read(properties: &Map<String, Value>) -> Self {
        let fields = Fields(properties);
        let message = fields.text("exception");
        Self {
            class: fields
                .text("exception_type")
                .or_else(|| fields.text("marker")),
            is_untold: message.is_none() && fields.object("exception_shape").is_some(),
            message,
            rank: fields.count("rank"),
            other_ranks: fields.count("other_ranks").filter(|count| *count > 0),
            frames: fields
                .list("frames")
                .filter_map(Value::as_object)
                .map(|frame| line(Fields(frame)))
                .collect(),
            chain: fields.texts("chain"),
            fingerprint: fields.text("fingerprint"),
        }
    }

    /// The class and where it happened, in a few words.
    #[must_use]
    pub fn headline(&self) -> String {
        let class = self.class.as_deref().unwrap_or("an error");
        self.rank.map_or_else(
            || class.to_owned(),
            |rank| format!("{class} on rank {rank}"),
        )
    }

    /// The message, or why there is none.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        let untold = "(its message is not one of the public ones, and was not kept)";
        self.message
            .as_deref()
            .or_else(|| self.is_untold.then_some(untold))
    }
}

/// `torch/nn/modules/module.py:1751 in _call_impl`; of private code only its kind: `user code:139`.
fn line(frame: Fields<'_>) -> String {
    let origin = frame.text("origin").map(|origin| origin.replace('_', " "));
    let place = frame
        .text("file")
        .or_else(|| origin.map(|origin| format!("{origin} code")));
    let mut text = place.unwrap_or_else(|| "unknown code".to_owned());
    if let Some(number) = frame.count("line") {
        text.push_str(&format!(":{number}"));
    }
    if let Some(function) = frame.text("function") {
        text.push_str(&format!(" in {function}"));
    }
    if let Some(times) = frame.count("repeated").filter(|times| *times > 0) {
        text.push_str(&format!(" (and {times} more times)"));
    }
    text
}
