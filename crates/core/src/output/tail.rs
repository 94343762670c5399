//! The last of what a command printed, as its owner would have read it: the lines of both streams in their order, each
//! with its time.
//!
//! Nothing that is sent reads this. A progress bar is drawn again and again over itself; only its last drawing is kept, as
//! on a screen. Of a flood only the end is cut into lines, so that keeping costs a bounded amount for each piece.

use super::lines::{Line, LineCutter, LineEnd};
use crate::observation::Stream;
use std::collections::VecDeque;

/// Bytes of output that are kept.
pub const TAIL_BYTES_MAX: usize = 64 * 1024;

/// Lines of another stream that may be between a drawing of a bar and the next.
const OTHERS_MAX: usize = 64;

/// One line that was printed.
#[derive(Clone, Debug, PartialEq)]
pub struct TailLine {
    /// Seconds since the command's spawn.
    pub at: f64,
    /// Where it came from.
    pub stream: Stream,
    /// What it says, without what a terminal would obey.
    pub text: String,
    /// Whether the next line of the stream is drawn over it.
    is_drawn_over: bool,
}

/// The lines that are kept, and the cutter of each stream.
#[derive(Debug, Default)]
pub struct OutputTail {
    lines: VecDeque<TailLine>,
    bytes: usize,
    cutters: Vec<(Stream, LineCutter)>,
    /// How many lines came; whoever writes them down asks whether there are new ones.
    pub taken: u64,
}

impl OutputTail {
    /// The command printed these bytes.
    pub fn bytes(&mut self, stream: Stream, at: f64, bytes: &[u8]) {
        let mut cutter = self.cutter(stream);
        let left_out = bytes.len().saturating_sub(TAIL_BYTES_MAX);
        let (before, kept) = bytes.split_at(left_out);
        if !before.is_empty() {
            cutter.gap();
        }
        cutter.push(kept, |line| self.line(stream, at, &line));
        self.cutters.push((stream, cutter));
    }

    /// Of what it printed bytes are missing here.
    pub fn gap(&mut self, stream: Stream) {
        let mut cutter = self.cutter(stream);
        cutter.gap();
        self.cutters.push((stream, cutter));
    }

    /// The command has ended, and with it lines that have no end.
    pub fn finish(&mut self, at: f64) {
        for (stream, mut cutter) in std::mem::take(&mut self.cutters) {
            cutter.finish(|line| self.line(stream, at, &line));
        }
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &TailLine> {
        self.lines.iter()
    }

    fn cutter(&mut self, stream: Stream) -> LineCutter {
        let known = self.cutters.iter().position(|(of, _)| *of == stream);
        match known {
            Some(index) => self.cutters.swap_remove(index).1,
            None => LineCutter::default(),
        }
    }

    fn line(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        self.taken = self.taken.saturating_add(1);
        let mut newest_first = self.lines.iter().enumerate().rev().take(OTHERS_MAX);
        let before = newest_first.find(|(_, before)| before.stream == stream);
        if let Some((index, before)) = before
            && before.is_drawn_over
        {
            self.bytes -= before.size();
            self.lines.remove(index);
        }
        let kept = TailLine {
            at,
            stream,
            text: line.text.trim_end().to_owned(),
            is_drawn_over: line.end == LineEnd::Return,
        };
        self.bytes += kept.size();
        self.lines.push_back(kept);
        while self.bytes > TAIL_BYTES_MAX
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.size();
        }
    }
}

impl TailLine {
    /// Its bytes and the end of its line.
    fn size(&self) -> usize {
        self.text.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(tail: &OutputTail) -> Vec<(f64, Stream, &str)> {
        let lines = tail.lines();
        lines
            .map(|line| (line.at, line.stream, line.text.as_str()))
            .collect()
    }

    #[test]
    fn both_streams_are_kept_in_their_order() {
        let mut tail = OutputTail::default();
        tail.bytes(Stream::Stdout, 1.0, b"loading\nhalf a ");
        tail.bytes(Stream::Stderr, 2.0, b"\x1b[31mwarning\x1b[0m\n");
        tail.bytes(Stream::Stdout, 3.0, b"line\nno end");
        tail.finish(4.0);
        assert_eq!(
            shown(&tail),
            [
                (1.0, Stream::Stdout, "loading"),
                (2.0, Stream::Stderr, "warning"),
                (3.0, Stream::Stdout, "half a line"),
                (4.0, Stream::Stdout, "no end"),
            ]
        );
    }

    #[test]
    fn of_a_bar_the_last_drawing_is_kept() {
        let mut tail = OutputTail::default();
        tail.bytes(Stream::Stderr, 1.0, b"start\n 1%|\r 2%|\r");
        tail.bytes(Stream::Stdout, 1.5, b"{'loss': 1}\n");
        tail.bytes(Stream::Stderr, 2.0, b" 3%|\r100%|\nafter\n");
        assert_eq!(
            shown(&tail),
            [
                (1.0, Stream::Stderr, "start"),
                (1.5, Stream::Stdout, "{'loss': 1}"),
                (2.0, Stream::Stderr, "100%|"),
                (2.0, Stream::Stderr, "after"),
            ]
        );
    }

    #[test]
    fn a_flood_leaves_its_end() {
        let mut tail = OutputTail::default();
        let flood = "0123456789abcde\n".repeat(100_000);
        tail.bytes(Stream::Stdout, 1.0, flood.as_bytes());
        tail.bytes(Stream::Stdout, 2.0, b"the end\n");
        assert_eq!(shown(&tail).last(), Some(&(2.0, Stream::Stdout, "the end")));
        let kept: usize = tail.lines().map(TailLine::size).sum();
        assert!(
            kept <= TAIL_BYTES_MAX && kept > TAIL_BYTES_MAX - 64,
            "{kept}"
        );
    }

    proptest! {
        #[test]
        fn never_more_is_kept_than_may_be(pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300), 1_usize..400), 0..20)) {
            let mut tail = OutputTail::default();
            for (is_error, piece, times) in pieces {
                let stream = if is_error { Stream::Stderr } else { Stream::Stdout };
                tail.bytes(stream, 0.0, &piece.repeat(times));
            }
            tail.finish(1.0);
            let kept: usize = tail.lines().map(TailLine::size).sum();
            prop_assert_eq!(kept, tail.bytes);
            prop_assert!(kept <= TAIL_BYTES_MAX);
        }
    }
}
