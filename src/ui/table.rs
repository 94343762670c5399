//! A table for people: columns as wide as their cells, on as many lines as the terminal needs.
//!
//! The problem: a row with a long name and large numbers is wider than a terminal of 80 columns, and what the terminal
//! makes of that is no table any more. So the last column, which holds words, is wrapped within the room that is left;
//! and where too little is left, what does not fit beside the first column goes below it, under headings of its own.
//! Nothing is left out, and what is in one column is in one column in every row.

use super::terminal::Terminal;
use super::text::{cut, harmless, wrapped};
use std::ops::Range;

/// Blanks between two columns.
const GAP: usize = 2;
/// The longest cell of any column but the last; a journal may have been changed to hold anything.
const CELL_MAX: usize = 24;
/// The least room in which the last column is wrapped; with less it goes to another line.
const LAST_MIN: usize = 12;

/// The rows, the headings first.
pub fn table<const N: usize>(rows: &[[String; N]], terminal: Terminal) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row, terminal)).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let indent = widths.first().map_or(0, |width| width.saturating_add(GAP));
    let lines = lines(&widths, indent, terminal.width);
    let mut text = String::new();
    for row in &rows {
        for columns in &lines {
            let begin = if columns.start == 0 { 0 } else { indent };
            line(
                &mut text,
                row,
                columns.clone(),
                &widths,
                begin,
                terminal.width,
            );
        }
    }
    text
}

/// What of a row's texts is shown.
fn cells(row: &[String], terminal: Terminal) -> Vec<String> {
    let last = row.len().saturating_sub(1);
    let shown = |(column, cell): (usize, &String)| {
        let cell = harmless(cell).replace('\n', " ");
        if column == last {
            cell
        } else {
            cut(&cell, CELL_MAX, terminal.is_unicode)
        }
    };
    row.iter().enumerate().map(shown).collect()
}

/// Which columns are on which line of a row.
fn lines(widths: &[usize], indent: usize, room: usize) -> Vec<Range<usize>> {
    let last = widths.len().saturating_sub(1);
    let mut lines = Vec::new();
    let (mut begin, mut used) = (0, 0_usize);
    for (column, width) in widths.iter().copied().enumerate() {
        let least = if column == last {
            width.min(LAST_MIN)
        } else {
            width
        };
        if column > begin && used.saturating_add(least) > room {
            lines.push(begin..column);
            (begin, used) = (column, indent);
        }
        used = used.saturating_add(width).saturating_add(GAP);
    }
    lines.push(begin..widths.len());
    lines
}

/// One line of a row, and the lines that its last cell needs beyond it.
fn line(
    text: &mut String,
    row: &[String],
    columns: Range<usize>,
    widths: &[usize],
    begin: usize,
    room: usize,
) {
    let ends_row = columns.end == widths.len();
    let mut line = " ".repeat(begin);
    for column in columns.clone() {
        let (Some(cell), Some(width)) = (row.get(column), widths.get(column)) else {
            continue;
        };
        if ends_row && column.saturating_add(1) == columns.end {
            let at = line.chars().count();
            for (number, part) in wrapped(cell, room.saturating_sub(at).max(1))
                .into_iter()
                .enumerate()
            {
                if number > 0 {
                    text.push_str(line.trim_end());
                    text.push('\n');
                    line = " ".repeat(at);
                }
                line.push_str(&part);
            }
        } else {
            line.push_str(&format!("{cell:<width$}{:GAP$}", ""));
        }
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn on(width: usize, rows: &[[&str; 4]]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        table(
            &rows,
            Terminal {
                width,
                ..Terminal::default()
            },
        )
    }

    #[test]
    fn a_row_takes_as_many_lines_as_it_needs() {
        let rows = [
            ["RUN", "COMMAND", "STEPS", "EVENTS"],
            ["6f1c2e9a", "torchrun", "1200", "4 sent, 12 waiting"],
        ];
        for (width, expected) in [
            (
                45,
                "RUN       COMMAND   STEPS  EVENTS\n\
                 6f1c2e9a  torchrun  1200   4 sent, 12 waiting\n",
            ),
            (
                40,
                "RUN       COMMAND   STEPS  EVENTS\n\
                 6f1c2e9a  torchrun  1200   4 sent, 12\n\
                 \x20                          waiting\n",
            ),
            (
                30,
                "RUN       COMMAND   STEPS\n\
                 \x20         EVENTS\n\
                 6f1c2e9a  torchrun  1200\n\
                 \x20         4 sent, 12 waiting\n",
            ),
            (
                20,
                "RUN       COMMAND\n\
                 \x20         STEPS\n\
                 \x20         EVENTS\n\
                 6f1c2e9a  torchrun\n\
                 \x20         1200\n\
                 \x20         4 sent, 12\n\
                 \x20         waiting\n",
            ),
        ] {
            assert_eq!(on(width, &rows), expected, "{width}");
        }
    }

    #[test]
    fn a_changed_cell_stays_a_cell() {
        let text = on(80, &[["a\nb", "\u{1b}[2J", &"x".repeat(99), "end"]]);
        assert_eq!(text, format!("a b  \\u001b[2J  {}…  end\n", "x".repeat(23)));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            rows in prop::collection::vec(["[a-z]{0,8}", ".{0,40}", "[0-9]{1,30}", "([0-9a-z]{1,9} ){0,9}"], 1..6),
            width in 40_usize..120,
        ) {
            for line in table(&rows, Terminal { width, ..Terminal::default() }).lines() {
                prop_assert!(line.chars().count() <= width, "{line:?}");
            }
        }
    }
}
