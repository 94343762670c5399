//! A page for people: lines that fit a terminal, labels with text behind them, colour where it is wanted.
//!
//! The rule: what is printed reads the same without colour, and nothing that was read from a file drives a terminal.
//! Where the answer does not go to a terminal it has no colour; what is drawn is 80 characters wide there, and what is
//! said stands in whole lines, because other programs look for it.

use super::harmless;

/// What is printed on, as the front has found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Characters in a line.
    pub width: usize,
    /// Lines, where it is a terminal.
    pub height: Option<usize>,
    /// Whether colour is wanted.
    pub is_coloured: bool,
    /// Whether characters beyond ASCII can be shown.
    pub is_unicode: bool,
}

impl Default for Paper {
    fn default() -> Self {
        Self {
            width: WIDTH,
            height: None,
            is_coloured: false,
            is_unicode: true,
        }
    }
}

impl Paper {
    /// For what is said, not drawn: without a terminal no line is broken.
    #[must_use]
    pub fn for_statements(self) -> Self {
        Self {
            width: if self.height.is_none() {
                usize::MAX
            } else {
                self.width
            },
            ..self
        }
    }
}

/// The width where nobody says another.
pub const WIDTH: usize = 80;
/// The widths that a page is made for; beyond, lines become hard to follow.
pub const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;
/// Blanks before what a line has to leave to the next.
const HANGING: usize = 4;

/// A kind of emphasis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// It is not over, or nobody knows.
    Open,
    /// A curve.
    Curve,
    /// Of less importance.
    Faint,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[1;32m",
            Self::Bad => "\u{1b}[1;31m",
            Self::Open => "\u{1b}[1;33m",
            Self::Curve => "\u{1b}[36m",
            Self::Faint => "\u{1b}[2m",
        }
    }
}

/// A page that is being written.
#[derive(Clone, Debug)]
pub struct Page {
    paper: Paper,
    label_width: usize,
    text: String,
}

impl Page {
    /// An empty page, on which labels are so wide.
    #[must_use]
    pub const fn new(paper: Paper, label_width: usize) -> Self {
        Self {
            paper,
            label_width,
            text: String::new(),
        }
    }

    /// Characters beside a label.
    #[must_use]
    pub fn room(&self) -> usize {
        self.paper.width.saturating_sub(self.label_width).max(1)
    }

    /// Text in an ink, where inks are wanted.
    #[must_use]
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        if self.paper.is_coloured && !text.is_empty() {
            format!("{}{text}\u{1b}[0m", ink.code())
        } else {
            text.to_owned()
        }
    }

    /// A line as it is.
    pub fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A label and the text behind it, on as many lines as it needs.
    pub fn entry(&mut self, label: &str, text: &str) {
        self.inked(label, text, None);
    }

    /// The same, with the text's first words in an ink.
    pub fn inked(&mut self, label: &str, text: &str, ink: Option<(Ink, &str)>) {
        let (label_width, room) = (self.label_width, self.room());
        let text = harmless(text);
        for (number, line) in wrapped(&text, room).into_iter().enumerate() {
            let mut label = if number == 0 { label } else { "" };
            let width = indent(&line, label_width, self.paper.width);
            if width < label_width && !label.is_empty() {
                self.line(label);
                label = "";
            }
            let line = match ink {
                Some((ink, words)) if number == 0 && line.starts_with(words) => {
                    let rest = line.get(words.len()..).unwrap_or_default();
                    format!("{}{rest}", self.ink(ink, words))
                }
                _ => line,
            };
            self.line(&format!("{label:<width$}{line}"));
        }
    }

    /// Sentences or words from the margin on; where they need more lines, those stand a little to the right.
    pub fn paragraph(&mut self, text: &str) {
        for (number, line) in wrapped(&harmless(text), self.paper.width.saturating_sub(HANGING))
            .into_iter()
            .enumerate()
        {
            let width = if number == 0 {
                0
            } else {
                indent(&line, HANGING, self.paper.width)
            };
            self.line(&format!("{:width$}{line}", ""));
        }
    }

    /// A text with lines of its own, such as JSON or a traceback: those that fit are as they were.
    pub fn verbatim(&mut self, text: &str) {
        let room = self.paper.width;
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
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

/// Blanks before a line: the usual ones, or fewer where it would not fit.
fn indent(line: &str, usual: usize, width: usize) -> usize {
    usual.min(width.saturating_sub(line.chars().count()))
}

/// The text in lines of a width, broken between words; a word that is longer is a line of its own, whole: what one
/// wants to copy (a path, an address) must not be cut.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let words = paragraph.trim_start_matches(' ');
        let begin = paragraph.len().saturating_sub(words.len());
        let mut line = " ".repeat(begin.min(width));
        let mut used = 0_usize;
        for word in words.split(' ') {
            let length = word.chars().count();
            if used > 0 && used.saturating_add(length).saturating_add(1) > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push(' ');
            }
            line.push_str(word);
            used = line.chars().count();
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// The text, cut where it is longer than a width.
#[must_use]
pub fn cut(text: &str, width: usize, is_unicode: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let end = if is_unicode { "…" } else { ".." };
    text.chars()
        .take(width.saturating_sub(end.chars().count()))
        .chain(end.chars())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_stands_beside_its_label() {
        let mut page = Page::new(
            Paper {
                width: 20,
                ..Paper::default()
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
                Paper {
                    width: 20,
                    ..Paper::default()
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
                Paper {
                    width: 20,
                    height,
                    ..Paper::default()
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
                Paper {
                    is_coloured,
                    ..Paper::default()
                },
                7,
            );
            page.inked("ended", "well, all", Some((Ink::Good, "well")));
            assert_eq!(page.finish(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_too_long(text in "[a-z ]{0,80}", width in 1_usize..30) {
            let lines = wrapped(&text, width);
            prop_assert_eq!(lines.join(" ").split_whitespace().collect::<String>(), text.split_whitespace().collect::<String>());
            for line in lines {
                prop_assert!(line.chars().count() <= width || !line.trim().contains(' '), "{}", line);
            }
        }

        #[test]
        fn what_is_cut_fits(text in ".{0,40}", width in 2_usize..30, is_unicode: bool) {
            prop_assert!(cut(&text, width, is_unicode).chars().count() <= width);
        }
    }
}
