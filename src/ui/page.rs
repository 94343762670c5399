//! A page for people: lines that fit a terminal, labels with text behind them, colour where it is wanted.
//!
//! Nothing that was read from a file drives a terminal.

use super::terminal::{OutputTerminal, Style};
use super::text::{harmless, wrapped};

/// Blanks before what a line has to leave to the next.
const HANGING: usize = 4;

/// A page that is being written.
pub struct Page {
    terminal: OutputTerminal,
    label_width: usize,
    text: String,
}

impl Page {
    /// An empty page, on which labels are so wide.
    pub const fn new(terminal: OutputTerminal, label_width: usize) -> Self {
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
    pub fn add_line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A label and the text behind it, on as many lines as it needs.
    pub fn add_entry(&mut self, label: &str, text: &str) {
        self.styled(label, text, None);
    }

    /// A label and the texts behind it, one below the other.
    pub fn add_entries(&mut self, mut label: &str, texts: &[String]) {
        for text in texts {
            self.add_entry(label, text);
            label = "";
        }
    }

    /// An entry with the text's first words in a style.
    pub fn styled(&mut self, label: &str, text: &str, style: Option<(Style, &str)>) {
        let mut label = label;
        for mut line in wrapped(&harmless(text), self.room()) {
            let width = indent(&line, self.label_width, self.terminal.width);
            if width < self.label_width && !label.is_empty() {
                self.add_line(label);
                label = "";
            }
            if let Some((style, words)) = style
                && !label.is_empty()
                && let Some(unstyled_rest) = line.strip_prefix(words)
            {
                line = format!("{}{unstyled_rest}", self.terminal.styled(style, words));
            }
            self.add_line(&format!("{label:<width$}{line}"));
            label = "";
        }
    }

    /// Sentences or words from the margin on; where they need more lines, those are a little to the right.
    pub fn add_paragraph(&mut self, text: &str) {
        let room = self.terminal.width;
        self.add_hanging(&harmless(text), 0, room.saturating_sub(HANGING));
    }

    /// A text with lines of its own, such as JSON or a traceback: those that fit are as they were.
    pub fn add_verbatim(&mut self, text: &str) {
        let room = self.terminal.width;
        for line in harmless(text).lines() {
            if line.chars().count() <= room {
                self.add_line(line);
                continue;
            }
            let trimmed_line = line.trim_start();
            let indent_of_line = line.len() - trimmed_line.len();
            // The line ends within a text are where its author broke it.
            let parts = trimmed_line.replace("\\n", "\\n\n");
            self.add_hanging(
                &parts,
                indent_of_line,
                room.saturating_sub(indent_of_line + HANGING),
            );
        }
    }

    /// Lines of a width, the first of which begins here, and the others a little to the right.
    fn add_hanging(&mut self, text: &str, indent_of_line: usize, width: usize) {
        let mut usual_indent = indent_of_line;
        for line in wrapped(text, width) {
            let indent = indent(&line, usual_indent, self.terminal.width);
            self.add_line(&format!("{:indent$}{line}", ""));
            usual_indent = indent_of_line + HANGING;
        }
    }

    /// The whole page.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Blanks before a line: the usual ones, or fewer where it would not fit.
fn indent(line: &str, usual_indent: usize, width: usize) -> usize {
    usual_indent.min(width.saturating_sub(line.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_beside_its_label() {
        let mut page = Page::new(
            OutputTerminal {
                width: 20,
                ..OutputTerminal::default()
            },
            8,
        );
        page.add_entry("state", "one two three four /a/path/that/is/long");
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
                OutputTerminal {
                    width: 20,
                    ..OutputTerminal::default()
                },
                8,
            );
            page.add_entry("state", word);
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
                OutputTerminal {
                    width: 20,
                    height,
                    ..OutputTerminal::default()
                }
                .for_statements(),
                0,
            );
            page.add_verbatim(text);
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
                OutputTerminal {
                    is_coloured,
                    ..OutputTerminal::default()
                },
                7,
            );
            page.styled("ended", "well, all", Some((Style::Good, "well")));
            assert_eq!(page.finish(), expected);
        }
    }
}
