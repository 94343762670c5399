//! A page for people: lines that fit a terminal, labels with text behind them, colour where it is wanted.
//!
//! Nothing that was read from a file drives a terminal.

use super::terminal::{Style, Terminal};
use super::text::{harmless, wrapped};

/// Blanks before what a line has to leave to the next.
const HANGING: usize = 4;

/// A page that is being written.
#[derive(Clone, Debug)]
pub struct Page {
    terminal: Terminal,
    label_width: usize,
    text: String,
}

impl Page {
    /// An empty page, on which labels are so wide.
    pub const fn new(terminal: Terminal, label_width: usize) -> Self {
        Self {
            terminal,
            label_width,
            text: String::new(),
        }
    }

    /// Characters beside a label.
    pub fn room(&self) -> usize {
        self.terminal.width.saturating_sub(self.label_width).max(1)
    }

    /// A line as it is.
    pub fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A label and the text behind it, on as many lines as it needs.
    pub fn entry(&mut self, label: &str, text: &str) {
        self.styled(label, text, None);
    }

    /// The same, with the text's first words in a style.
    pub fn styled(&mut self, label: &str, text: &str, style: Option<(Style, &str)>) {
        let (label_width, room) = (self.label_width, self.room());
        let text = harmless(text);
        for (number, line) in wrapped(&text, room).into_iter().enumerate() {
            let mut label = if number == 0 { label } else { "" };
            let width = indent(&line, label_width, self.terminal.width);
            if width < label_width && !label.is_empty() {
                self.line(label);
                label = "";
            }
            let line = match style {
                Some((style, words)) if number == 0 && line.starts_with(words) => {
                    let rest = line.get(words.len()..).unwrap_or_default();
                    format!("{}{rest}", self.terminal.styled(style, words))
                }
                _ => line,
            };
            self.line(&format!("{label:<width$}{line}"));
        }
    }

    /// Sentences or words from the margin on; where they need more lines, those stand a little to the right.
    pub fn paragraph(&mut self, text: &str) {
        for (number, line) in wrapped(&harmless(text), self.terminal.width.saturating_sub(HANGING))
            .into_iter()
            .enumerate()
        {
            let width = if number == 0 {
                0
            } else {
                indent(&line, HANGING, self.terminal.width)
            };
            self.line(&format!("{:width$}{line}", ""));
        }
    }

    /// A text with lines of its own, such as JSON or a traceback: those that fit are as they were.
    pub fn verbatim(&mut self, text: &str) {
        let room = self.terminal.width;
        for line in harmless(text).lines() {
            if line.chars().count() <= room {
                self.line(line);
                continue;
            }
            let begin = line.len().saturating_sub(line.trim_start().len());
            let hanging = begin.saturating_add(HANGING);
            // The line ends within a text are where its author broke it.
            let parts = line.trim_start().replace("\\n", "\\n\n");
            for (number, part) in wrapped(&parts, room.saturating_sub(hanging))
                .into_iter()
                .enumerate()
            {
                let width = indent(&part, if number == 0 { begin } else { hanging }, room);
                self.line(&format!("{:width$}{part}", ""));
            }
        }
    }

    /// The whole page.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Blanks before a line: the usual ones, or fewer where it would not fit.
fn indent(line: &str, usual: usize, width: usize) -> usize {
    usual.min(width.saturating_sub(line.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_beside_its_label() {
        let mut page = Page::new(
            Terminal {
                width: 20,
                ..Terminal::default()
            },
            8,
        );
        page.entry("state", "one two three four /a/path/that/is/long");
        assert_eq!(
            page.finish(),
            "state   one two\n        three four\n/a/path/that/is/long\n"
        );
    }

    #[test]
    fn a_word_that_fits_no_room_takes_that_of_its_label() {
        for (word, expected) in [
            ("/a/path/of/18", "state\n       /a/path/of/18\n"),
            ("/a/path/that/is/longer", "state\n/a/path/that/is/longer\n"),
        ] {
            let mut page = Page::new(
                Terminal {
                    width: 20,
                    ..Terminal::default()
                },
                8,
            );
            page.entry("state", word);
            assert_eq!(page.finish(), expected);
        }
    }

    #[test]
    fn what_is_said_is_broken_on_a_terminal_alone() {
        let text = "{\n  \"a\": \"one two three\\n  four\",\n  \"b\": 1\n}\n";
        for (height, expected) in [
            (None, text),
            (
                Some(24),
                "{\n  \"a\": \"one two\n      three\\n\n        four\",\n  \"b\": 1\n}\n",
            ),
        ] {
            let mut page = Page::new(
                Terminal {
                    width: 20,
                    height,
                    ..Terminal::default()
                }
                .for_statements(),
                0,
            );
            page.verbatim(text);
            assert_eq!(page.finish(), expected);
        }
    }

    #[test]
    fn colour_is_there_only_where_it_is_wanted() {
        for (is_coloured, expected) in [
            (false, "ended  well, all\n"),
            (true, "ended  \u{1b}[1;32mwell\u{1b}[0m, all\n"),
        ] {
            let mut page = Page::new(
                Terminal {
                    is_coloured,
                    ..Terminal::default()
                },
                7,
            );
            page.styled("ended", "well, all", Some((Style::Good, "well")));
            assert_eq!(page.finish(), expected);
        }
    }
}
