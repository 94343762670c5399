//! Reads the boxes in which `rich` prints tracebacks.
//!
//! A row is a frame's place, a line of source, or a part of a smaller box with local variables. Only places
//! are read. A place that is too long is folded over several rows, in the middle of a word or at a blank; the
//! rows are put together again until an empty row or a row of source comes. Whether a blank was lost at a fold
//! cannot be seen in all cases, so both readings are tried and the one that is a public file wins.

use super::frames;
use super::words::HEADER;
use crate::event::Frame;
use crate::output::traceback::origin;

/// Rows over which `rich` may fold one path; 4 KiB at 40 columns.
const TRACE_FOLD_ROWS_MAX: usize = 110;

/// Rows without a border after which the box is taken as cut off.
const BROKEN_ROWS_MAX: u32 = 3;

/// Groups in groups that are followed; nobody nests deeper.
const WRAPPERS_MAX: u8 = 8;

/// A box that is being read.
#[derive(Clone, Debug, Default)]
struct BoxReader {
    /// Columns before the box.
    column: usize,
    /// The vertical border: `│`, or `|` where the terminal has no such character.
    border: char,
    /// The rows of a place so far: text, and whether the row was filled to its end.
    rows: Vec<(String, bool)>,
    inner_box: bool,
    broken: u32,
}

/// Whether a header stands in the upper border of a box; the column of the box.
pub fn opens(before: &str) -> Option<usize> {
    let found = captures!(r"^([^╭┌─]*?)(?:[╭┌─]|\+--)[╭┌─+-]*\s*$", before);
    Some(found[1].len())
}

/// What stands before and behind a title that a narrow box has cut (`╭─ Traceback (m─╮`).
pub fn cut_title(line: &str) -> Option<(&str, &str)> {
    let found = captures!(r"^(.*?─ )(Traceback[^─╮…]*)([─╮…].*)$", line);
    let (_, [before, title, behind]) = found.extract();
    let is_header = before.contains('╭') && HEADER.starts_with(title.trim_end());
    is_header.then_some((before, behind))
}

/// Whether the line opens the box of a group's member.
fn opens_member(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with('╭') || line.starts_with("+--")) && line.contains(" Sub-exception #")
}

/// Whether the line is the lower border of a group's member.
fn closes_member(line: &str) -> bool {
    let line = line.trim();
    let is_plain = line.starts_with("+--") && line.ends_with("--+");
    line.starts_with('╰') || is_plain && line.trim_matches(['+', '-']).is_empty()
}

/// What is inside of the box of a group's member.
fn inside(line: &str) -> Option<&str> {
    let found = captures!(r"^\s*(?:│ ?(.*)│|\| ?(.*)\|)\s*$", line);
    Some(found.get(1).or(found.get(2))?.as_str())
}

/// The line without the margin of an exception group: the margin's column, and what stands behind it.
pub fn without_margin(line: &str) -> (Option<usize>, &str) {
    let bare = line.trim_start_matches(' ');
    let column = line.len() - bare.len();
    let inner = match bare {
        "|" => Some(""),
        _ => bare.strip_prefix("| ").or_else(|| bare.strip_prefix("+ ")),
    };
    match inner {
        Some(inner) if column >= 2 => (Some(column), inner),
        _ => (None, line),
    }
}

/// The boxes in which a source is.
#[derive(Clone, Debug, Default)]
pub struct Boxes {
    reader: Option<BoxReader>,
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
        let column = opens(before).unwrap_or(0);
        self.reader = is_boxed.then(|| BoxReader::new(column, line));
    }

    /// Takes a line; `in_report` says whether a group may be open.
    pub fn line<'a>(&mut self, line: &'a str, in_report: bool) -> Unboxed<'a> {
        let mut line = line;
        for depth in 1..=self.wrappers {
            if closes_member(line) {
                self.wrappers = depth - 1;
                self.reader = None;
                return Unboxed::Border;
            }
            // Somebody else's line, or the box was cut off: it is read as it stands.
            let Some(inner) = inside(line) else {
                break;
            };
            line = inner;
        }
        let Some(reader) = &mut self.reader else {
            if in_report && opens_member(line) {
                self.wrappers = (self.wrappers + 1).min(WRAPPERS_MAX);
                return Unboxed::Member;
            }
            return Unboxed::Line(line);
        };
        let (frame, is_end) = reader.row(line);
        let mut column = None;
        if is_end {
            column = Some(reader.column);
            self.reader = None;
        }
        Unboxed::Row(frame, column)
    }

    /// The frame that is still open where the stream ends.
    pub fn finish(&mut self) -> Option<Frame> {
        self.reader.as_mut()?.place()
    }
}

impl BoxReader {
    /// A reader behind the upper border.
    fn new(column: usize, before: &str) -> Self {
        let border = if before.contains('─') { '│' } else { '|' };
        Self {
            column,
            border,
            ..Self::default()
        }
    }

    /// Takes the next line: the frame that it ends, and whether it ends the box.
    fn row(&mut self, line: &str) -> (Option<Frame>, bool) {
        let trimmed = line.trim();
        let is_lower_border = match self.border {
            '│' => trimmed.starts_with(['╰', '└']),
            _ => trimmed.starts_with("+--"),
        };
        if is_lower_border {
            return (self.place(), true);
        }
        if let Some((_, row)) = line.split_once(self.border)
            && let Some((content, _)) = row.rsplit_once(self.border)
        {
            self.broken = 0;
            return (self.content(content), false);
        }
        self.broken += 1;
        if self.broken >= BROKEN_ROWS_MAX {
            return (self.place(), true);
        }
        (None, false)
    }

    /// What is between the borders; the frame that it ends.
    fn content(&mut self, content: &str) -> Option<Frame> {
        let text = content.strip_prefix(' ').unwrap_or(content);
        let is_ruled = text.starts_with("+-");
        let (opens, closes, inside) = match self.border {
            '│' => (
                text.starts_with(['╭', '┌']),
                text.starts_with(['╰', '└']),
                text.starts_with('│'),
            ),
            _ => (
                is_ruled && !self.inner_box,
                is_ruled && self.inner_box,
                text.starts_with('|'),
            ),
        };
        if opens || closes || inside || self.inner_box {
            self.inner_box = !closes && (opens || self.inner_box);
            return self.place();
        }
        // A fold right before ` in NAME` leaves the blank at the row's beginning, where source has it too.
        let folded_name = text.starts_with(" in ")
            && self.rows.last().is_some_and(|(row, _)| ends_with_line(row));
        let is_source = text.is_empty() || text.starts_with([' ', '❱']) && !folded_name;
        if is_source || text.starts_with("> ") || text.starts_with("...") {
            return self.place();
        }
        // A place ends with the function's name, but a row may end there by chance; an empty row says so.
        if self.rows.len() < TRACE_FOLD_ROWS_MAX {
            let is_filled = content.len() - content.trim_end().len() <= 1;
            self.rows.push((text.trim().to_owned(), is_filled));
        }
        None
    }

    /// The frame of the rows so far: of all readings the first that tells most.
    fn place(&mut self) -> Option<Frame> {
        let rows = std::mem::take(&mut self.rows);
        let told = |frame: &Frame| (frame.file.is_some(), frame.function.is_some());
        let mut best = None;
        for reading in [
            join(&rows, |is_filled| !is_filled),
            join(&rows, |_| false),
            join(&rows, |_| true),
        ] {
            if let Some(raw) = frames::boxed(&reading) {
                let frame = origin::frame(raw);
                if best.as_ref().is_none_or(|best| told(&frame) > told(best)) {
                    best = Some(frame);
                }
            }
        }
        best
    }
}

/// Whether the row ends with a line number.
fn ends_with_line(row: &str) -> bool {
    let number = row.rsplit(':').next().unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Puts rows together; `blank` says of a row whether it ended at a blank.
fn join(rows: &[(String, bool)], blank: impl Fn(bool) -> bool) -> String {
    let mut text = String::new();
    for (row, is_filled) in rows {
        text.push_str(row);
        if blank(*is_filled) {
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
        let mut reader = BoxReader::new(opens(before).unwrap(), before);
        let mut frames = Vec::new();
        for line in lines {
            if let (Some(frame), _) = reader.row(line) {
                frames.push((
                    frame.file.map(|f| f.to_string()),
                    frame.line,
                    frame.function.map(|f| f.to_string()),
                ));
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
            let mut reader = BoxReader::new(0, "╭── ");
            for row in rows {
                let _ = reader.row(&row);
            }
        }
    }
}
