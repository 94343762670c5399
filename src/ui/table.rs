//! A table for people: columns as wide as their cells, on as many lines as the terminal needs.
//!
//! The problem: a row with a long name and large numbers is wider than a terminal of 80 columns, and what the terminal
//! makes of that is no table any more. So the last column, which holds words, is wrapped within the room that is left;
//! and where too little is left, what does not fit beside the first column goes below it, under headings of its own.
//! Nothing is left out, and what is in one column is in one column in every row.

use super::terminal::OutputTerminal;
use super::text::{cut, harmless, wrapped};

/// Blanks between two columns.
pub const GAP: usize = 2;
/// The longest cell of any column but the last; a journal may have been changed to hold anything.
const CELL_MAX: usize = 24;
/// The least room in which the last column is wrapped; with less it goes to another line.
const LAST_MIN: usize = 12;

/// The rows, the headings first.
pub fn table<const N: usize>(rows: &[[String; N]], output_terminal: OutputTerminal) -> String {
    let mut widths = [0; N];
    let mut shown = Vec::new();
    for row in rows {
        let mut cells = row.clone();
        for (column, (cell, width)) in cells.iter_mut().zip(&mut widths).enumerate() {
            *cell = harmless(cell).replace('\n', " ");
            if column + 1 < N {
                *cell = cut(cell, CELL_MAX, output_terminal.is_unicode);
            }
            *width = cell.chars().count().max(*width);
        }
        shown.push(cells);
    }
    let indent = widths.first().map_or(0, |width| width + GAP);
    let line_begins = line_begins(&widths, indent, output_terminal.width);
    let mut table_text = String::new();
    for cells in &shown {
        let mut table_line = String::new();
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if line_begins.contains(&column) {
                finish(&mut table_text, &table_line);
                table_line = " ".repeat(indent);
            }
            if column + 1 < N {
                table_line.push_str(&format!("{cell:<width$}{:GAP$}", ""));
                continue;
            }
            let line_width = table_line.chars().count();
            let parts = wrapped(
                cell,
                output_terminal.width.saturating_sub(line_width).max(1),
            );
            for (number, part) in parts.into_iter().enumerate() {
                if number > 0 {
                    finish(&mut table_text, &table_line);
                    table_line = " ".repeat(line_width);
                }
                table_line.push_str(&part);
            }
        }
        finish(&mut table_text, &table_line);
    }
    table_text
}

/// The columns that begin another line of a row.
fn line_begins(widths: &[usize], indent: usize, room: usize) -> Vec<usize> {
    let mut line_begins = Vec::new();
    let mut begin = 0;
    let mut line_width_used = 0;
    for (column, width) in widths.iter().copied().enumerate() {
        let is_last = column + 1 == widths.len();
        let least = if is_last { width.min(LAST_MIN) } else { width };
        if column > begin && line_width_used + least > room {
            line_begins.push(column);
            begin = column;
            line_width_used = indent;
        }
        line_width_used += width + GAP;
    }
    line_begins
}

fn finish(table_text: &mut String, table_line: &str) {
    table_text.push_str(table_line.trim_end());
    table_text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn on(width: usize, rows: &[[&str; 4]]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        table(
            &rows,
            OutputTerminal {
                width,
                ..OutputTerminal::default()
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
        let table_text = on(80, &[["a\nb", "\u{1b}[2J", &"x".repeat(99), "end"]]);
        assert_eq!(
            table_text,
            format!("a b  \\u001b[2J  {}…  end\n", "x".repeat(23))
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            rows in prop::collection::vec(["[a-z]{0,8}", ".{0,40}", "[0-9]{1,30}", "([0-9a-z]{1,9} ){0,9}"], 1..6),
            width in 40_usize..120,
        ) {
            for table_line in table(&rows, OutputTerminal { width, ..OutputTerminal::default() }).lines() {
                prop_assert!(table_line.chars().count() <= width, "{table_line:?}");
            }
        }
    }
}
