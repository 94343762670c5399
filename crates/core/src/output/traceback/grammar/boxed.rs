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
    is_in_inner_box: bool,
    rows_without_border: u32,
}

/// Whether a header stands in the upper border of a box; the column of the box.
pub fn opens(before: &str) -> Option<usize> {
    let captures = captures!(r"^([^╭┌─]*?)(?:[╭┌─]|\+--)[╭┌─+-]*\s*$", before);
    Some(captures[1].len())
}

/// What stands before and behind a title that a narrow box has cut (`╭─ Traceback (m─╮`).
pub fn cut_title(line: &str) -> Option<(&str, &str)> {
    let captures = captures!(r"^(.*?─ )(Traceback[^─╮…]*)([─╮…].*)$", line);
    let (_, [before, title, behind]) = captures.extract();
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
    let is_plain_border = line.starts_with("+--") && line.ends_with("--+");
    line.starts_with('╰') || is_plain_border && line.trim_matches(['+', '-']).is_empty()
}

/// What is inside of the box of a group's member.
fn inside_member(line: &str) -> Option<&str> {
    let captures = captures!(r"^\s*(?:│ ?(.*)│|\| ?(.*)\|)\s*$", line);
    Some(captures.get(1).or(captures.get(2))?.as_str())
}

/// The line without the margin of an exception group: the margin's column, and what stands behind it.
pub fn without_margin(line: &str) -> (Option<usize>, &str) {
    let without_blanks = line.trim_start_matches(' ');
    let column = line.len() - without_blanks.len();
    if column < 2 {
        return (None, line);
    }
    if without_blanks == "|" {
        return (Some(column), "");
    }
    match without_blanks.split_once(' ') {
        Some(("|" | "+", inside)) => (Some(column), inside),
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
pub enum Unboxed<'line> {
    /// A line of its own.
    Line(&'line str),
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
    pub fn line<'line>(&mut self, line: &'line str, in_report: bool) -> Unboxed<'line> {
        let mut line = line;
        for depth in 0..self.wrappers {
            if closes_member(line) {
                self.wrappers = depth;
                self.reader = None;
                return Unboxed::Border;
            }
            // Somebody else's line, or the box was cut off: it is read as it stands.
            let Some(inside) = inside_member(line) else {
                break;
            };
            line = inside;
        }
        let Some(reader) = &mut self.reader else {
            if in_report && opens_member(line) {
                self.wrappers = (self.wrappers + 1).min(WRAPPERS_MAX);
                return Unboxed::Member;
            }
            return Unboxed::Line(line);
        };
        if !reader.is_end(line) {
            return Unboxed::Row(reader.row(line), None);
        }
        let (frame, column) = (reader.place(), reader.column);
        self.reader = None;
        Unboxed::Row(frame, Some(column))
    }

    /// The frame that is still open where the stream ends.
    pub fn finish(&mut self) -> Option<Frame> {
        self.reader.as_mut()?.place()
    }
}

impl BoxReader {
    /// A reader behind the upper border.
    fn new(column: usize, upper_border: &str) -> Self {
        let is_plain = !upper_border.contains('─');
        Self {
            column,
            border: if is_plain { '|' } else { '│' },
            ..Self::default()
        }
    }

    /// What is between the borders of a row.
    fn content<'line>(&self, line: &'line str) -> Option<&'line str> {
        let (_, behind_border) = line.split_once(self.border)?;
        let (content, _) = behind_border.rsplit_once(self.border)?;
        Some(content)
    }

    /// Whether the box ends with the next line.
    fn is_end(&mut self, line: &str) -> bool {
        let trimmed = line.trim();
        let is_lower_border = match self.border {
            '│' => trimmed.starts_with(['╰', '└']),
            _ => trimmed.starts_with("+--"),
        };
        if is_lower_border {
            return true;
        }
        if self.content(line).is_some() {
            self.rows_without_border = 0;
        } else {
            self.rows_without_border += 1;
        }
        self.rows_without_border >= BROKEN_ROWS_MAX
    }

    /// Takes the next row; the frame that it ends.
    fn row(&mut self, line: &str) -> Option<Frame> {
        let content = self.content(line)?;
        let text = content.strip_prefix(' ').unwrap_or(content);
        let is_ruled = text.starts_with("+-");
        let (opens, closes, is_inside) = match self.border {
            '│' => (
                text.starts_with(['╭', '┌']),
                text.starts_with(['╰', '└']),
                text.starts_with('│'),
            ),
            _ => (
                is_ruled && !self.is_in_inner_box,
                is_ruled && self.is_in_inner_box,
                text.starts_with('|'),
            ),
        };
        if opens || closes || is_inside || self.is_in_inner_box {
            self.is_in_inner_box = !closes && (opens || self.is_in_inner_box);
            return self.place();
        }
        // A fold right before ` in NAME` leaves the blank at the row's beginning, where source has it too.
        let is_folded_name = text.starts_with(" in ")
            && matches!(self.rows.last(), Some((row, _)) if ends_with_line_number(row));
        let is_source = text.is_empty() || text.starts_with([' ', '❱']) && !is_folded_name;
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
        let telling = |frame: &Frame| (frame.file.is_some(), frame.function.is_some());
        let mut best: Option<Frame> = None;
        for had_blank in [|is_filled: bool| !is_filled, |_| false, |_| true] {
            let place = join(&rows, had_blank);
            let frame = frames::boxed(&place).map(origin::frame);
            if best.as_ref().map(telling) < frame.as_ref().map(telling) {
                best = frame;
            }
        }
        best
    }
}

/// Whether the row ends with a line number.
fn ends_with_line_number(row: &str) -> bool {
    let without_digits = row.trim_end_matches(|character: char| character.is_ascii_digit());
    let has_digits = without_digits.len() < row.len();
    has_digits && (without_digits.is_empty() || without_digits.ends_with(':'))
}

/// Puts rows together; `had_blank` says of a row whether it ended at a blank.
fn join(rows: &[(String, bool)], had_blank: fn(bool) -> bool) -> String {
    let mut text = String::new();
    for (row, is_filled) in rows {
        text.push_str(row);
        if had_blank(*is_filled) {
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
            let frame = if reader.is_end(line) {
                reader.place()
            } else {
                reader.row(line)
            };
            if let Some(frame) = frame {
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
                let _ = (reader.is_end(&row), reader.row(&row));
            }
        }
    }
}
