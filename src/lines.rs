//! Cuts a byte stream into lines that are safe to read.
//!
//! Lines end at `\n` and at `\r` (progress bars), are bounded in length (a longer one is skipped to its end,
//! never buffered), and come out without ANSI escapes and with bytes that are not UTF-8 replaced. The stream
//! may hold anything, may be cut anywhere, and may have holes or repeats.

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

/// Cuts a stream into [`Line`]s, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct LineCutter {}

impl LineCutter {
    /// A cutter at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and hands out the lines that they complete.
    pub fn push(&mut self, _bytes: &[u8], _each: impl FnMut(Line<'_>)) {}

    /// Hands out what is left at the stream's end.
    pub fn finish(&mut self, _each: impl FnMut(Line<'_>)) {}

    /// How many lines were too long and skipped so far.
    #[must_use]
    pub const fn long_lines(&self) -> u64 {
        0
    }
}
