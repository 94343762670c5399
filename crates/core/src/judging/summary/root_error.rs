//! What a run died of, as far as the privacy kernel let it be written down.

use crate::event::{ErrorEvent, Frame};

/// What is shown in place of a message that is not public.
const WITHHELD: &str = "(message withheld: not on the list of public messages)";

impl ErrorEvent<String> {
    /// The exception's public class, or the public sign of a death without one.
    pub fn class(&self) -> Option<&str> {
        self.exception_type.as_deref().or(self.marker.as_deref())
    }

    /// The class and where it happened, in a few words.
    pub fn headline(&self) -> String {
        let class = self.class().unwrap_or("an error");
        match self.rank {
            Some(rank) => format!("{class} on rank {rank}"),
            None => class.to_owned(),
        }
    }

    /// The message, or why there is none.
    pub fn words(&self) -> Option<&str> {
        match &self.exception {
            None if self.exception_shape.is_some() => Some(WITHHELD),
            message => message.as_deref(),
        }
    }

    /// Other processes that failed too.
    pub fn others(&self) -> Option<u64> {
        self.other_ranks.filter(|count| *count > 0)
    }

    /// The frames, outermost first, each in one line.
    pub fn frame_lines(&self) -> Vec<String> {
        self.frames.iter().flatten().map(Frame::line).collect()
    }
}

impl Frame<String> {
    /// `torch/nn/modules/module.py:1751 in _call_impl`; of private code only its kind: `user code:139`.
    fn line(&self) -> String {
        let mut text = match (&self.file, &self.origin) {
            (Some(file), _) => file.clone(),
            (None, Some(origin)) => format!("{} code", origin.replace('_', " ")),
            (None, None) => "unknown code".to_owned(),
        };
        if let Some(number) = self.line {
            text.push_str(&format!(":{number}"));
        }
        if let Some(function) = &self.function {
            text.push_str(&format!(" in {function}"));
        }
        if let Some(times @ 1..) = self.repeated {
            text.push_str(&format!(" (and {times} more times)"));
        }
        text
    }
}
