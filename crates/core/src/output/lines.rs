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
mod logged;
#[cfg(test)]
mod tests;

use crate::limits::LINE_BYTES_MAX;
use memchr::{memchr, memchr2, memrchr2};
use std::borrow::Cow;

/// Bytes of a piece of output from which on it is worth asking whether its lines can be left out.
const LINES_SKIPPED_BYTES_MIN: usize = 4 * 1024;

/// What ended a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LineEnd {
    /// `\n`, or `\r\n`.
    Newline,
    /// A lone `\r`: the next line overwrites this one on a screen.
    Return,
    /// The stream's end.
    Unfinished,
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// The text, escapes removed.
    pub text: &'a str,
    /// What ended it.
    pub end: LineEnd,
    /// Whether `ESC[A` (cursor up) was among the removed escapes: tqdm's sign of a nested bar.
    pub cursor_up: bool,
}

/// What happens to the bytes before the next line end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
    let first_end = memchr2(b'\n', b'\r', piece)?;
    let last_end = memrchr2(b'\n', b'\r', &piece[..piece.len() - 1])?;
    let (whole_lines, behind) = piece.split_at(last_end + 1);
    let (before, middle) = whole_lines.split_at(first_end + 1);
    // A line end of two bytes stays whole.
    if middle.starts_with(b"\n") || behind.starts_with(b"\n") {
        return None;
    }
    Some((before, middle, behind))
}

/// Cuts a stream into [`Line`]s, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct LineCutter {
    /// The beginning of a line whose end has not come yet; at most `LINE_BYTES_MAX`.
    partial_line: Vec<u8>,
    keeping: Keeping,
    /// The last byte was `\r`: whether that is a line end of its own depends on the next byte.
    ends_with_return: bool,
    /// How many lines were too long and lost what was over the bound.
    pub long_lines: u64,
    scratch: Vec<u8>,
}

impl LineCutter {
    /// Takes the next bytes and hands out the lines that they complete.
    pub fn push(&mut self, bytes: &[u8], mut take_line: impl FnMut(Line<'_>)) {
        let mut remaining_bytes = bytes;
        if self.ends_with_return && !remaining_bytes.is_empty() {
            let mut line_end = LineEnd::Return;
            if let Some(behind) = remaining_bytes.strip_prefix(b"\n") {
                line_end = LineEnd::Newline;
                remaining_bytes = behind;
            }
            self.ends_with_return = false;
            self.end_line(&[], line_end, &mut take_line);
        }
        while let Some(index) = memchr2(b'\n', b'\r', remaining_bytes) {
            let (line_head, tail) = remaining_bytes.split_at(index);
            let line_end = match tail {
                [b'\n', behind @ ..] | [b'\r', b'\n', behind @ ..] => {
                    remaining_bytes = behind;
                    LineEnd::Newline
                }
                [b'\r'] => {
                    self.keep(line_head);
                    self.ends_with_return = true;
                    return;
                }
                _ => {
                    remaining_bytes = &tail[1..];
                    LineEnd::Return
                }
            };
            self.end_line(line_head, line_end, &mut take_line);
        }
        self.keep(remaining_bytes);
    }

    /// Hands out what is left at the stream's end.
    pub fn finish(&mut self, mut take_line: impl FnMut(Line<'_>)) {
        if !self.ends_with_return && !self.partial_line.is_empty() {
            self.end_line(&[], LineEnd::Unfinished, &mut take_line);
        }
        self.skip(take_line);
        self.keeping = Keeping::Line;
    }

    /// Shows the line that is not ended yet, and keeps it.
    ///
    /// A progress bar ends when the next one begins, which for slow steps is minutes later. It may be cut
    /// anywhere, so only a reader that can tell a whole bar from half a bar may be shown it.
    pub fn peek(&mut self, take_line: impl FnMut(Line<'_>)) {
        let line_end = if self.ends_with_return {
            LineEnd::Return
        } else {
            LineEnd::Unfinished
        };
        if !self.partial_line.is_empty() && self.keeping == Keeping::Line {
            clean(&self.partial_line, line_end, &mut self.scratch, take_line);
        }
    }

    /// Passes over whole lines that nobody wants to see ([`inner_lines`]).
    pub fn skip(&mut self, mut take_line: impl FnMut(Line<'_>)) {
        if std::mem::take(&mut self.ends_with_return) {
            self.end_line(&[], LineEnd::Return, &mut take_line);
        }
    }

    /// Notes that bytes are missing here: neither the line before the hole nor the one after it is whole.
    pub fn gap(&mut self) {
        self.partial_line.clear();
        self.ends_with_return = false;
        self.keeping = Keeping::AfterGap;
    }

    /// Ends the line whose last piece is `line_head`; nothing is copied where that is the whole line.
    fn end_line(
        &mut self,
        line_head: &[u8],
        line_end: LineEnd,
        take_line: &mut impl FnMut(Line<'_>),
    ) {
        let is_fresh = self.partial_line.is_empty() && self.keeping == Keeping::Line;
        if is_fresh && line_head.len() <= LINE_BYTES_MAX {
            return clean(line_head, line_end, &mut self.scratch, take_line);
        }
        self.keep(line_head);
        if self.keeping != Keeping::AfterGap {
            clean(&self.partial_line, line_end, &mut self.scratch, take_line);
        }
        self.partial_line.clear();
        self.keeping = Keeping::Line;
    }

    /// Keeps a piece of a line as far as there is room. NUL bytes do not count: they are what a hole in a
    /// file reads as, and there can be any number of them.
    fn keep(&mut self, piece: &[u8]) {
        if self.keeping != Keeping::Line {
            return;
        }
        let room = LINE_BYTES_MAX - self.partial_line.len();
        if piece.len() <= room && memchr(0, piece).is_none() {
            self.partial_line.extend_from_slice(piece);
            return;
        }
        let mut bytes = piece.iter().copied().filter(|byte| *byte != 0);
        self.partial_line.extend(bytes.by_ref().take(room));
        if bytes.next().is_some() {
            self.keeping = Keeping::Excess;
            self.long_lines += 1;
        }
    }
}

/// Hands out the line's visible text, or the lines that docker's own file has wrapped in it. The scratch is used for
/// each line anew, so that a line that needs cleaning costs no allocation.
fn clean(
    raw_line: &[u8],
    line_end: LineEnd,
    scratch: &mut Vec<u8>,
    mut take_line: impl FnMut(Line<'_>),
) {
    // Folded and not searched, so that many bytes are looked at in one instruction.
    let needs_cleaning = raw_line
        .iter()
        .fold(false, |found, byte| found | escapes::is_control(*byte));
    let mut cursor_up = false;
    let mut visible = raw_line;
    if needs_cleaning {
        scratch.clear();
        // A hole in a file may lie in the middle of an escape.
        let mut without_holes = Cow::Borrowed(raw_line);
        if raw_line.contains(&0) {
            without_holes.to_mut().retain(|byte| *byte != 0);
        }
        cursor_up = escapes::strip(&without_holes, scratch);
        visible = scratch;
    }
    // Nearly every line is UTF-8, and to ask that alone is far cheaper.
    let text = match str::from_utf8(visible) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(visible),
    };
    let mut take_text = |text: &str| {
        take_line(Line {
            text,
            end: line_end,
            cursor_up,
        });
    };
    match logged::logged_text(&text) {
        Some(logged_text) => logged_text.split(['\n', '\r']).for_each(take_text),
        None => take_text(&text),
    }
}
