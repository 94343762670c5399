//! Reads the boxes in which `rich` prints tracebacks.
//!
//! A row is a frame's place, a line of source, or a part of a smaller box with local variables. Only places
//! are read. A place that is too long is folded over several rows, in the middle of a word or at a blank; the
//! rows are put together again until an empty row or a row of source comes. Whether a blank was lost at a fold
//! cannot be seen in all cases, so both readings are tried and the one that is a public file wins.

use super::frames;
use super::words::HEADER;
use crate::event::Frame;
use crate::limits::TRACE_FOLD_ROWS_MAX;
use crate::output::traceback::origin;

/// Rows without a border after which the box is taken as cut off.
const BROKEN_ROWS_MAX: u32 = 3;

/// A box that is being read.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Columns before the box.
    pub column: usize,
    /// The vertical border: `│`, or `|` where the terminal has no such character.
    border: char,
    /// The rows of a place so far: text, and whether the row was filled to its end.
    rows: Vec<(String, bool)>,
    inner_box: bool,
    broken: u32,
}

/// What a row gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Nothing to tell.
    Nothing,
    /// A frame.
    Frame(Frame),
    /// The box's end, and a frame that was still open.
    End(Option<Frame>),
}

/// Whether a header stands in the upper border of a box; the column of the box.
pub fn opens(before: &str) -> Option<usize> {
    let at = before
        .find(['╭', '┌', '─'])
        .or_else(|| before.find("+--"))?;
    let border = before.get(at..)?.trim_end();
    border
        .chars()
        .all(|character| matches!(character, '╭' | '┌' | '─' | '+' | '-'))
        .then_some(at)
}

/// What stands before and behind a title that a narrow box has cut (`╭─ Traceback (m─╮`).
pub fn cut_title(line: &str) -> Option<(&str, &str)> {
    let at = line.find("─ Traceback")?;
    let (before, title) = line.split_at_checked(at.saturating_add("─ ".len()))?;
    let end = title.find(['─', '╮', '…'])?;
    let (title, behind) = title.split_at_checked(end)?;
    (before.contains('╭') && HEADER.starts_with(title.trim_end())).then_some((before, behind))
}

/// Whether the line opens the box of a group's member.
pub fn opens_member(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with('╭') || line.starts_with("+--")) && line.contains(" Sub-exception #")
}

/// What a line is to the box of a group's member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapped<'a> {
    /// A row; this is inside of it.
    Row(&'a str),
    /// The lower border.
    End,
    /// Nothing.
    Not,
}

/// Looks inside the box of a group's member.
pub fn wrapped(line: &str) -> Wrapped<'_> {
    let trimmed = line.trim();
    if trimmed.starts_with('╰')
        || trimmed.starts_with("+--")
            && trimmed.ends_with("--+")
            && trimmed.bytes().all(|byte| matches!(byte, b'+' | b'-'))
    {
        return Wrapped::End;
    }
    let inner = |border: char| {
        trimmed
            .strip_prefix(border)?
            .strip_suffix(border)
            .map(|inner| inner.strip_prefix(' ').unwrap_or(inner))
    };
    inner('│')
        .or_else(|| inner('|'))
        .map_or(Wrapped::Not, Wrapped::Row)
}

/// The line without the margin of an exception group: the margin's column, and what stands behind it.
pub fn without_margin(line: &str) -> (Option<usize>, &str) {
    let bare = line.trim_start_matches(' ');
    let column = line.len() - bare.len();
    if column < 2 {
        return (None, line);
    }
    let inner = bare.strip_prefix("| ").or_else(|| bare.strip_prefix("+ "));
    match inner {
        Some(inner) => (Some(column), inner),
        None if bare == "|" => (Some(column), ""),
        None => (None, line),
    }
}

/// Groups in groups that are followed; nobody nests deeper.
const WRAPPERS_MAX: u8 = 8;

/// The boxes in which a source is.
#[derive(Clone, Debug, Default)]
pub struct Boxes {
    reader: Option<Reader>,
    /// Boxes around the box: `rich` puts each member of a group into one.
    wrappers: u8,
}

/// What a line is to the boxes.
#[derive(Clone, Debug, PartialEq)]
pub enum Unboxed<'a> {
    /// A line of its own.
    Line(&'a str),
    /// The lower border of a group's member.
    Border,
    /// The upper border of a group's member.
    Member,
    /// A row of a traceback, with its frame; at the end of the box its column.
    Row(Option<Frame>, Option<usize>),
}

impl Boxes {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.reader.is_none() && self.wrappers == 0
    }

    /// A header: in the upper border of a box, or in none.
    pub fn open(&mut self, is_boxed: bool, before: &str, line: &str) {
        self.reader = if is_boxed {
            Some(Reader::new(opens(before).unwrap_or(0), line))
        } else {
            None
        };
    }

    /// Takes a line; `in_report` says whether a group may be open.
    pub fn line<'a>(&mut self, line: &'a str, in_report: bool) -> Unboxed<'a> {
        let mut line = line;
        for depth in 1..=self.wrappers {
            match wrapped(line) {
                Wrapped::Row(inner) => line = inner,
                Wrapped::End => {
                    self.wrappers = depth - 1;
                    self.reader = None;
                    return Unboxed::Border;
                }
                // Somebody else's line, or the box was cut off: it is read as it stands.
                Wrapped::Not => break,
            }
        }
        let Some(reader) = &mut self.reader else {
            if in_report && opens_member(line) {
                self.wrappers = (self.wrappers + 1).min(WRAPPERS_MAX);
                return Unboxed::Member;
            }
            return Unboxed::Line(line);
        };
        match reader.row(line) {
            Row::Nothing => Unboxed::Row(None, None),
            Row::Frame(frame) => Unboxed::Row(Some(frame), None),
            Row::End(frame) => {
                let column = reader.column;
                self.reader = None;
                Unboxed::Row(frame, Some(column))
            }
        }
    }

    /// The frame that is still open where the stream ends.
    pub fn finish(&mut self) -> Option<Frame> {
        self.reader.as_mut()?.place()
    }
}

impl Reader {
    /// A reader behind the upper border.
    pub fn new(column: usize, before: &str) -> Self {
        let border = if before.contains('─') { '│' } else { '|' };
        Self {
            column,
            border,
            ..Self::default()
        }
    }

    /// Takes the next line.
    pub fn row(&mut self, line: &str) -> Row {
        let trimmed = line.trim();
        let lower = if self.border == '│' {
            trimmed.starts_with(['╰', '└'])
        } else {
            trimmed.starts_with("+--")
        };
        if lower {
            return Row::End(self.place());
        }
        let Some(content) = line.find(self.border).and_then(|from| {
            let until = line.rfind(self.border).filter(|until| *until > from)?;
            line.get(from.saturating_add(self.border.len_utf8())..until)
        }) else {
            self.broken = self.broken.saturating_add(1);
            return if self.broken >= BROKEN_ROWS_MAX {
                Row::End(self.place())
            } else {
                Row::Nothing
            };
        };
        self.broken = 0;
        self.content(content)
    }

    /// What is between the borders.
    fn content(&mut self, content: &str) -> Row {
        let text = content.strip_prefix(' ').unwrap_or(content);
        let first = text.chars().next().unwrap_or(' ');
        let (opens, closes, inside) = match self.border {
            '│' => (
                first == '╭' || first == '┌',
                first == '╰' || first == '└',
                first == '│',
            ),
            _ => (
                text.starts_with("+-") && !self.inner_box,
                text.starts_with("+-") && self.inner_box,
                first == '|',
            ),
        };
        if opens || closes || inside || self.inner_box {
            self.inner_box = !closes && (opens || self.inner_box);
            return self.place().map_or(Row::Nothing, Row::Frame);
        }
        // A fold right before ` in NAME` leaves the blank at the row's beginning, where source has it too.
        let folded_name = text.starts_with(" in ")
            && self.rows.last().is_some_and(|(row, _)| ends_with_line(row));
        if first == ' ' && !folded_name
            || first == '❱'
            || text.starts_with("> ")
            || text.starts_with("...")
        {
            return self.place().map_or(Row::Nothing, Row::Frame);
        }
        if self.rows.len() < TRACE_FOLD_ROWS_MAX {
            let filled = content.len().saturating_sub(content.trim_end().len()) <= 1;
            self.rows.push((text.trim().to_owned(), filled));
        }
        // A place ends with the function's name, but a row may end there by chance; an empty row says so.
        Row::Nothing
    }

    /// The frame of the rows so far.
    fn place(&mut self) -> Option<Frame> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return None;
        }
        let by_width = join(&rows, |filled| !filled);
        let readings = [by_width, join(&rows, |_| false), join(&rows, |_| true)];
        let mut first = None;
        for reading in &readings {
            let Some(raw) = frames::boxed(reading) else {
                continue;
            };
            let frame = origin::frame(raw);
            if frame.file.is_some() && frame.function.is_some() {
                return Some(frame);
            }
            first = match first {
                Some(Frame { file: None, .. }) if frame.file.is_some() => Some(frame),
                None => Some(frame),
                kept => kept,
            };
        }
        first
    }
}

/// Whether the row ends with a line number.
fn ends_with_line(row: &str) -> bool {
    row.rsplit(':').next().is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Puts rows together; `blank` says of a row whether it ended at a blank.
fn join(rows: &[(String, bool)], blank: impl Fn(bool) -> bool) -> String {
    let mut text = String::new();
    for (row, filled) in rows {
        text.push_str(row);
        if blank(*filled) {
            text.push(' ');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(Option<String>, Option<u64>, Option<String>)> {
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        let before = first.split("Traceback").next().unwrap();
        let mut reader = Reader::new(opens(before).unwrap(), before);
        let mut frames = Vec::new();
        for line in lines {
            match reader.row(line) {
                Row::Frame(frame) | Row::End(Some(frame)) => frames.push((
                    frame.file.map(|f| f.to_string()),
                    frame.line,
                    frame.function.map(|f| f.to_string()),
                )),
                _ => {}
            }
        }
        frames
    }

    fn public(
        file: &str,
        line: u64,
        function: &str,
    ) -> (Option<String>, Option<u64>, Option<String>) {
        (Some(file.to_owned()), Some(line), Some(function.to_owned()))
    }

    #[test]
    fn places_are_read_and_nothing_else() {
        let frames = read(
            "╭──────────── Traceback (most recent call last) ────────────╮\n\
             │ /home/u/venv/lib/python3.11/site-packages/axolotl/train.py:1171 in train   │\n\
             │                                                           │\n\
             │   1170 def train(*args, **kwargs):                        │\n\
             │ ❱ 1171 │   return execute_training(self.model, batch)     │\n\
             │                                                           │\n\
             │ ╭──────────────────────── locals ────────────────────────╮│\n\
             │ │ x = '/a/site-packages/torch/nn/functional.py:3 in relu' ││\n\
             │ ╰────────────────────────────────────────────────────────╯│\n\
             │                                                           │\n\
             │ /home/u/secret/t.py:7 in load_acme                        │\n\
             ╰───────────────────────────────────────────────────────────╯",
        );
        assert_eq!(
            frames,
            [
                public("axolotl/train.py", 1171, "train"),
                (None, Some(7), None)
            ]
        );
    }

    #[test]
    fn folded_places_are_put_together() {
        for (rows, expected) in [
            (
                "│ /v/lib/python3.11/site-packages/torch/nn/functional.py:592 in │\n│ cross_entropy                                                 │",
                public("torch/nn/functional.py", 592, "cross_entropy"),
            ),
            (
                "│ /v/lib/python3.11/site-pack │\n│ ages/torch/nn/functional.py │\n│ :592 in cross_entropy       │",
                public("torch/nn/functional.py", 592, "cross_entropy"),
            ),
            (
                "│ /v/lib/python3.11/site-packages/torch/nn/functional.py:592 │\n│  in cross_entropy                                           │",
                public("torch/nn/functional.py", 592, "cross_entropy"),
            ),
            (
                "| /v/lib/python3.11/site-packages/torch/nn/functional.py:592 |\n| in cross_entropy                |",
                public("torch/nn/functional.py", 592, "cross_entropy"),
            ),
        ] {
            let (open, close) = if rows.starts_with('│') {
                ("╭── ", "╰───╯")
            } else {
                ("+-- ", "+----+")
            };
            assert_eq!(
                read(&format!("{open}Traceback\n{rows}\n{close}")),
                [expected],
                "{rows}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_rows_can_be_read(rows in proptest::collection::vec("(│ )?[\\PC]{0,60}( │)?", 0..20)) {
            let mut reader = Reader::new(0, "╭── ");
            for row in rows {
                let _ = reader.row(&row);
            }
        }
    }
}
