//! Learns what a collector puts before each physical line: `vega17: `, `pod-0 main `.
//!
//! Such a prefix may be any word. It shows itself where a bar begins its line with `\r`: what stands before is the
//! collector's. The first line tells the prefix, and each later line that begins with it is read without it.

use crate::output::lines::{Line, LineEnd};
use crate::output::prefix::forms;
use crate::output::prefix::source::is_progress_bar;

/// Longest prefix that is learned.
const PREFIX_BYTES_MAX: usize = 80;

/// Follows the physical lines of one stream.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    /// The text before the first `\r` of the physical line that is being read.
    head: Option<String>,
    /// Whether the line that comes is the rest of a physical one.
    continues: bool,
    learned: String,
}

impl Collector {
    /// Takes the next line of the stream; returns it without its prefixes and without blanks around it.
    pub fn strip<'line>(&mut self, line: &Line<'line>) -> &'line str {
        let begins = !self.continues;
        let text = line.text;
        self.continues = line.end == LineEnd::Return;
        let head = self.head.take();
        if !begins {
            if let Some(head) = head
                && is_progress_bar(text)
            {
                self.learned = head;
            }
            return forms::strip(text);
        }
        if self.continues
            && (3..=PREFIX_BYTES_MAX).contains(&text.len())
            && text.ends_with(' ')
            && !text.starts_with(' ')
            && !forms::strip(text).is_empty()
            && !is_progress_bar(text)
        {
            self.head = Some(text.to_owned());
        }
        // Without a learned prefix this takes nothing off.
        let learned_off = text.strip_prefix(&self.learned);
        forms::strip(learned_off.unwrap_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_learned_from_a_bar() {
        let mut collector = Collector::default();
        let mut strip = |text, end| {
            collector.strip(&Line {
                text,
                end,
                cursor_up: false,
            })
        };
        for (text, end, rest) in [
            (
                "pod-0 main {'loss': 1}",
                LineEnd::Newline,
                "pod-0 main {'loss': 1}",
            ),
            ("pod-0 main ", LineEnd::Return, "pod-0 main"),
            (
                "  5%|x| 3/60 [00:01, 2it/s]",
                LineEnd::Return,
                "5%|x| 3/60 [00:01, 2it/s]",
            ),
            (
                "  6%|x| 4/60 [00:01, 2it/s]",
                LineEnd::Newline,
                "6%|x| 4/60 [00:01, 2it/s]",
            ),
            ("pod-0 main {'loss': 1}", LineEnd::Newline, "{'loss': 1}"),
            ("pod-0 main ", LineEnd::Return, ""),
            (
                "pod-1 main {'loss': 1}",
                LineEnd::Newline,
                "pod-1 main {'loss': 1}",
            ),
            // What is no bar teaches nothing.
            ("loading ", LineEnd::Return, "loading"),
            ("done", LineEnd::Newline, "done"),
            ("loading x", LineEnd::Newline, "loading x"),
        ] {
            assert_eq!(strip(text, end), rest, "{text}");
        }
    }
}
