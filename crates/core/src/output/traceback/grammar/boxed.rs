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
    box_column: usize,
    /// The vertical border: `│`, or `|` where the terminal has no such character.
    border: char,
    /// The rows of a place so far: text, and whether the row was filled to its end.
    folded_rows: Vec<(String, bool)>,
    is_in_inner_box: bool,
    rows_without_border: u32,
}

/// Whether a header stands in the upper border of a box; the column of the box.
pub fn opens(before: &str) -> Option<usize> {
    if !before.trim_end().ends_with(['╭', '┌', '─', '+', '-']) {
        return None;
    }
    let captures = captures!(r"^([^╭┌─]*?)(?:[╭┌─]|\+--)[╭┌─+-]*\s*$", before);
    Some(captures[1].len())
}

/// What stands before and behind a title that a narrow box has cut (`╭─ Traceback (m─╮`).
pub fn cut_title(box_line: &str) -> Option<(&str, &str)> {
    let captures = captures!(r"^(.*?─ )(Traceback[^─╮…]*)([─╮…].*)$", box_line);
    let (_, [before, title, behind]) = captures.extract();
    let is_header = before.contains('╭') && HEADER.starts_with(title.trim_end());
    is_header.then_some((before, behind))
}

/// Whether the line opens the box of a group's member.
fn opens_member(box_line: &str) -> bool {
    let box_line = box_line.trim();
    (box_line.starts_with('╭') || box_line.starts_with("+--"))
        && box_line.contains(" Sub-exception #")
}

/// Whether the line is the lower border of a group's member.
fn closes_member(box_line: &str) -> bool {
    let box_line = box_line.trim();
    let is_plain_border = box_line.starts_with("+--") && box_line.ends_with("--+");
    box_line.starts_with('╰') || is_plain_border && box_line.trim_matches(['+', '-']).is_empty()
}

/// What is inside of the box of a group's member.
fn inside_member(box_line: &str) -> Option<&str> {
    let captures = captures!(r"^\s*(?:│ ?(.*)│|\| ?(.*)\|)\s*$", box_line);
    Some(captures.get(1).or(captures.get(2))?.as_str())
}

/// The line without the margin of an exception group: the margin's column, and what stands behind it.
pub fn without_margin(box_line: &str) -> (Option<usize>, &str) {
    let without_blanks = box_line.trim_start_matches(' ');
    let box_column = box_line.len() - without_blanks.len();
    if let Some(behind_margin) = without_blanks.strip_prefix(['|', '+'])
        && box_column >= 2
    {
        if let Some(inside) = behind_margin.strip_prefix(' ') {
            return (Some(box_column), inside);
        }
        if without_blanks == "|" {
            return (Some(box_column), "");
        }
    }
    (None, box_line)
}

/// The boxes in which a source is.
#[derive(Clone, Debug, Default)]
pub struct Boxes {
    box_reader: Option<BoxReader>,
    /// Boxes around the box: `rich` puts each member of a group into one.
    wrapping_boxes: u8,
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
        self.box_reader.is_none() && self.wrapping_boxes == 0
    }

    /// A header: in the upper border of a box, or in none.
    pub fn open(&mut self, is_boxed: bool, before: &str, box_line: &str) {
        let box_column = opens(before).unwrap_or(0);
        self.box_reader = is_boxed.then(|| BoxReader::new(box_column, box_line));
    }

    /// Takes a line; `in_report` says whether a group may be open.
    pub fn line<'line>(&mut self, box_line: &'line str, in_report: bool) -> Unboxed<'line> {
        let mut box_line = box_line;
        for depth in 0..self.wrapping_boxes {
            if closes_member(box_line) {
                self.wrapping_boxes = depth;
                self.box_reader = None;
                return Unboxed::Border;
            }
            // Somebody else's line, or the box was cut off: it is read as it stands.
            let Some(inside) = inside_member(box_line) else {
                break;
            };
            box_line = inside;
        }
        let Some(box_reader) = &mut self.box_reader else {
            if in_report && opens_member(box_line) {
                self.wrapping_boxes = (self.wrapping_boxes + 1).min(WRAPPERS_MAX);
                return Unboxed::Member;
            }
            return Unboxed::Line(box_line);
        };
        if !box_reader.is_end(box_line) {
            return Unboxed::Row(box_reader.row(box_line), None);
        }
        let (frame, box_column) = (box_reader.place(), box_reader.box_column);
        self.box_reader = None;
        Unboxed::Row(frame, Some(box_column))
    }

    /// The frame that is still open where the stream ends.
    pub fn finish(&mut self) -> Option<Frame> {
        self.box_reader.as_mut()?.place()
    }
}

impl BoxReader {
    /// A reader behind the upper border.
    fn new(box_column: usize, upper_border: &str) -> Self {
        let is_plain = !upper_border.contains('─');
        Self {
            box_column,
            border: if is_plain { '|' } else { '│' },
            ..Self::default()
        }
    }

    /// What is between the borders of a row.
    fn row_content<'line>(&self, box_line: &'line str) -> Option<&'line str> {
        let (_, behind_border) = box_line.split_once(self.border)?;
        let (row_content, _) = behind_border.rsplit_once(self.border)?;
        Some(row_content)
    }

    /// Whether the box ends with the next line.
    fn is_end(&mut self, box_line: &str) -> bool {
        let trimmed = box_line.trim();
        let is_lower_border = match self.border {
            '│' => trimmed.starts_with(['╰', '└']),
            _ => trimmed.starts_with("+--"),
        };
        if is_lower_border {
            return true;
        }
        if self.row_content(box_line).is_some() {
            self.rows_without_border = 0;
        } else {
            self.rows_without_border += 1;
        }
        self.rows_without_border >= BROKEN_ROWS_MAX
    }

    /// Takes the next row; the frame that it ends.
    fn row(&mut self, box_line: &str) -> Option<Frame> {
        let row_content = self.row_content(box_line)?;
        let row_text = row_content.strip_prefix(' ').unwrap_or(row_content);
        let is_ruled = row_text.starts_with("+-");
        let (opens, closes, is_inside) = match self.border {
            '│' => (
                row_text.starts_with(['╭', '┌']),
                row_text.starts_with(['╰', '└']),
                row_text.starts_with('│'),
            ),
            _ => (
                is_ruled && !self.is_in_inner_box,
                is_ruled && self.is_in_inner_box,
                row_text.starts_with('|'),
            ),
        };
        if opens || closes || is_inside || self.is_in_inner_box {
            self.is_in_inner_box = !closes && (opens || self.is_in_inner_box);
            return self.place();
        }
        // A fold right before ` in NAME` leaves the blank at the row's beginning, where source has it too.
        let is_folded_name = row_text.starts_with(" in ")
            && matches!(self.folded_rows.last(), Some((row, _)) if ends_with_line_number(row));
        let is_source = row_text.is_empty() || row_text.starts_with([' ', '❱']) && !is_folded_name;
        if is_source || row_text.starts_with("> ") || row_text.starts_with("...") {
            return self.place();
        }
        // A place ends with the function's name, but a row may end there by chance; an empty row says so.
        if self.folded_rows.len() < TRACE_FOLD_ROWS_MAX {
            let is_filled_to_end = row_content.len() - row_content.trim_end().len() <= 1;
            self.folded_rows
                .push((row_text.trim().to_owned(), is_filled_to_end));
        }
        None
    }

    /// The frame of the rows so far: of all readings the first that tells most.
    fn place(&mut self) -> Option<Frame> {
        if self.folded_rows.is_empty() {
            return None;
        }
        let folded_rows = std::mem::take(&mut self.folded_rows);
        let telling = |frame: &Frame| (frame.file.is_some(), frame.function.is_some());
        let mut best: Option<Frame> = None;
        for had_blank in [
            |is_filled_to_end: bool| !is_filled_to_end,
            |_| false,
            |_| true,
        ] {
            let place = join(&folded_rows, had_blank);
            let frame = frames::boxed(&place).map(origin::frame);
            if best.as_ref().map(telling) < frame.as_ref().map(telling) {
                best = frame;
            }
            if folded_rows.len() == 1 || best.as_ref().map(telling) == Some((true, true)) {
                break;
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
fn join(folded_rows: &[(String, bool)], had_blank: fn(bool) -> bool) -> String {
    let mut row_text = String::new();
    for (row, is_filled_to_end) in folded_rows {
        row_text.push_str(row);
        if had_blank(*is_filled_to_end) {
            row_text.push(' ');
        }
    }
    row_text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(row_text: &str) -> Vec<(Option<String>, Option<u64>, Option<String>)> {
        let mut lines = row_text.lines();
        let first = lines.next().unwrap();
        let before = first.split("Traceback").next().unwrap();
        let mut box_reader = BoxReader::new(opens(before).unwrap(), before);
        let mut frames = Vec::new();
        for box_line in lines {
            let frame = if box_reader.is_end(box_line) {
                box_reader.place()
            } else {
                box_reader.row(box_line)
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
        box_line: u64,
        function: &str,
    ) -> (Option<String>, Option<u64>, Option<String>) {
        (
            Some(file.to_owned()),
            Some(box_line),
            Some(function.to_owned()),
        )
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
        for (folded_rows, expected) in [
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
            let (open, close) = if folded_rows.starts_with('│') {
                ("╭── ", "╰───╯")
            } else {
                ("+-- ", "+----+")
            };
            assert_eq!(
                read(&format!("{open}Traceback\n{folded_rows}\n{close}")),
                [expected],
                "{folded_rows}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_rows_can_be_read(folded_rows in proptest::collection::vec("(│ )?[\\PC]{0,60}( │)?", 0..20)) {
            let mut box_reader = BoxReader::new(0, "╭── ");
            for row in folded_rows {
                let _ = (box_reader.is_end(&row), box_reader.row(&row));
            }
        }
    }
}
