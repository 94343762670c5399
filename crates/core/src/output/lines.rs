//! Cuts a byte stream into lines that are safe to read.
//!
//! Lines end at `\n`, `\r\n` and a lone `\r` (progress bars), are bounded in length (a longer one keeps its
//! beginning and is skipped to its end, never buffered), and come out without terminal escapes, without
//! control characters other than tab, and with bytes that are not UTF-8 replaced by U+FFFD. U+2028 and its
//! like end no line: whoever could smuggle them into a message could fake the line after it.
//!
//! The stream may hold anything, may be cut anywhere (where it is cut never changes the lines), and may have
//! holes or repeats. Both readers of lines ([`progress`](crate::output::progress), [`trace`](crate::output::traceback)) rely on
//! this; whoever owns a stream owns one cutter for it.

#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "what is cut out of a line was found in it a moment before"
    )
)]

mod escapes;
#[cfg(test)]
mod tests;

use crate::limits::LINE_BYTES_MAX;
use memchr::{memchr, memchr2, memrchr2};

/// Bytes of a piece of output from which on it is worth asking whether its lines can be left out.
const LINES_SKIPPED_BYTES_MIN: usize = 4 * 1024;

/// What ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`, or `\r\n`.
    Newline,
    /// A lone `\r`: the next line overwrites this one on a screen.
    Return,
    /// The stream's end.
    Unfinished,
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The text, escapes removed.
    pub text: &'a str,
    /// What ended it.
    pub end: LineEnd,
    /// Whether `ESC[A` (cursor up) was among the removed escapes: tqdm's sign of a nested bar.
    pub cursor_up: bool,
}

/// What happens to the bytes before the next line end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Keeping {
    /// They are kept.
    #[default]
    Line,
    /// The line is too long already; its beginning is kept.
    Excess,
    /// They are the rest of a line whose beginning fell into a hole.
    AfterGap,
}

/// Whole lines in the middle of a piece, with what stands before and behind them: the first line of a piece may have
/// begun in the one before, and the last one may end in the next.
pub fn inner_lines(piece: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if piece.len() < LINES_SKIPPED_BYTES_MIN {
        return None;
    }
    let first = memchr2(b'\n', b'\r', piece)?.saturating_add(1);
    let last =
        memrchr2(b'\n', b'\r', piece.get(..piece.len().saturating_sub(1))?)?.saturating_add(1);
    let (before, behind) = piece.split_at_checked(last)?;
    let (head, middle) = before.split_at_checked(first)?;
    // A line end of two bytes stays whole.
    let whole = |rest: &[u8]| rest.first() != Some(&b'\n');
    (whole(middle) && whole(behind)).then_some((head, middle, behind))
}

/// Cuts a stream into [`Line`]s, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct LineCutter {
    /// The beginning of a line whose end has not come yet; at most `LINE_BYTES_MAX`.
    partial: Vec<u8>,
    reading: Keeping,
    /// The last byte was `\r`: whether that is a line end of its own depends on the next byte.
    returned: bool,
    long_lines: u64,
    scratch: Vec<u8>,
}

impl LineCutter {
    /// A cutter at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and hands out the lines that they complete.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        let mut rest = bytes;
        if self.returned {
            let end = match rest {
                [] => return,
                [b'\n', after @ ..] => {
                    rest = after;
                    LineEnd::Newline
                }
                _ => LineEnd::Return,
            };
            self.returned = false;
            self.end_line(&[], end, &mut each);
        }
        while let Some((head, tail)) =
            memchr2(b'\n', b'\r', rest).and_then(|at| rest.split_at_checked(at))
        {
            let (end, after) = match tail {
                [b'\n', after @ ..] | [_, b'\n', after @ ..] => (LineEnd::Newline, after),
                [_, after @ ..] if !after.is_empty() => (LineEnd::Return, after),
                _ => {
                    self.keep(head);
                    self.returned = true;
                    return;
                }
            };
            self.end_line(head, end, &mut each);
            rest = after;
        }
        self.keep(rest);
    }

    /// Hands out what is left at the stream's end.
    pub fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        if std::mem::take(&mut self.returned) {
            self.end_line(&[], LineEnd::Return, &mut each);
        } else if !self.partial.is_empty() {
            self.end_line(&[], LineEnd::Unfinished, &mut each);
        }
        self.reading = Keeping::Line;
    }

    /// Shows the line that is not ended yet, and keeps it.
    ///
    /// A progress bar ends when the next one begins, which for slow steps is minutes later. It may be cut
    /// anywhere, so only a reader that can tell a whole bar from half a bar may be shown it.
    pub fn peek(&mut self, mut each: impl FnMut(Line<'_>)) {
        if !self.partial.is_empty() && self.reading == Keeping::Line {
            let end = if self.returned {
                LineEnd::Return
            } else {
                LineEnd::Unfinished
            };
            clean(&self.partial, end, &mut self.scratch, &mut each);
        }
    }

    /// Passes over whole lines that nobody wants to see ([`inner_lines`]).
    pub fn skip(&mut self, mut each: impl FnMut(Line<'_>)) {
        if std::mem::take(&mut self.returned) {
            self.end_line(&[], LineEnd::Return, &mut each);
        }
    }

    /// Notes that bytes are missing here: neither the line before the hole nor the one after it is whole.
    pub fn gap(&mut self) {
        self.partial.clear();
        self.returned = false;
        self.reading = Keeping::AfterGap;
    }

    /// How many lines were too long and lost what was over the bound.
    pub const fn long_lines(&self) -> u64 {
        self.long_lines
    }

    /// Ends the line whose last piece is `head`; nothing is copied where that is the whole line.
    fn end_line(&mut self, head: &[u8], end: LineEnd, each: &mut impl FnMut(Line<'_>)) {
        let whole = self.partial.is_empty()
            && self.reading == Keeping::Line
            && head.len() <= LINE_BYTES_MAX;
        if !whole {
            self.keep(head);
        }
        let kept = std::mem::take(&mut self.partial);
        if self.reading != Keeping::AfterGap {
            let raw = if whole { head } else { &kept };
            clean(raw, end, &mut self.scratch, each);
        }
        self.partial = kept;
        self.partial.clear();
        self.reading = Keeping::Line;
    }

    /// Keeps a piece of a line as far as there is room. NUL bytes do not count: they are what a hole in a
    /// file reads as, and there can be any number of them.
    fn keep(&mut self, piece: &[u8]) {
        if self.reading != Keeping::Line {
            return;
        }
        let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
        if piece.len() <= room && memchr(0, piece).is_none() {
            self.partial.extend_from_slice(piece);
            return;
        }
        let mut bytes = piece.iter().copied().filter(|byte| *byte != 0);
        self.partial.extend(bytes.by_ref().take(room));
        if bytes.next().is_some() {
            self.reading = Keeping::Excess;
            self.long_lines = self.long_lines.saturating_add(1);
        }
    }
}

/// Hands out the line's visible text. The scratch is used for each line anew, so that a line that needs cleaning costs no
/// allocation.
fn clean(raw: &[u8], end: LineEnd, scratch: &mut Vec<u8>, each: impl FnOnce(Line<'_>)) {
    let mut line = Line {
        text: "",
        end,
        cursor_up: false,
    };
    // Folded and not searched, so that many bytes are looked at in one instruction.
    let plain = !raw
        .iter()
        .fold(false, |found, byte| found | escapes::is_control(*byte));
    if plain && let Ok(text) = std::str::from_utf8(raw) {
        line.text = text;
        return each(line);
    }
    scratch.clear();
    if raw.contains(&0) {
        // A hole in a file may lie in the middle of an escape.
        let dense: Vec<u8> = raw.iter().copied().filter(|byte| *byte != 0).collect();
        line.cursor_up = escapes::strip(&dense, scratch);
    } else {
        line.cursor_up = escapes::strip(raw, scratch);
    }
    let text = String::from_utf8_lossy(scratch);
    line.text = &text;
    each(line);
}
