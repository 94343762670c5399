//! The known forms of prefixes, taken off a line's beginning.

use super::time::{self, Style};

/// One form of a prefix.
pub(crate) struct Form {
    pieces: &'static [Piece],
    /// Beginnings of which one must follow; none where anything may.
    before: &'static [&'static str],
    #[cfg(test)]
    examples: &'static [&'static str],
    #[cfg(test)]
    look_alikes: &'static [&'static str],
}

/// A piece of a form; `knowledge/prefixes/` says what each stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Literal(&'static str),
    Iso,
    Date,
    Clock,
    Rank,
    Number,
    Letters,
    Name,
    Host,
    Stream,
    Blanks,
    Until,
}

include!(concat!(env!("OUT_DIR"), "/prefixes.rs"));

/// Longest name, or text between two literals, in a prefix.
const NAME_BYTES_MAX: usize = 120;
/// Most digits of a rank: `srun` numbers its tasks, and a number of more digits is something else.
const RANK_DIGITS_MAX: usize = 7;
const NUMBER_DIGITS_MAX: usize = 10;
/// Most prefixes that are taken off one line.
const NESTED_MAX: usize = 8;

/// The line without its prefixes and without blanks around it.
pub(crate) fn strip(line: &str) -> &str {
    Leading::of(line).rest.trim_matches(' ')
}

/// The prefixes at a line's beginning.
pub(super) struct Leading<'a> {
    /// What follows them.
    pub(super) rest: &'a str,
    /// The rank that one of them names; the innermost knows best.
    pub(super) rank: Option<u64>,
}

impl<'a> Leading<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let mut leading = Self {
            rest: line,
            rank: None,
        };
        for _ in 0..NESTED_MAX {
            let text = leading.rest.trim_start_matches(' ');
            let Some((rest, rank)) = FORMS.iter().find_map(|form| form.read(text)) else {
                break;
            };
            leading.rest = rest;
            leading.rank = rank.or(leading.rank);
        }
        leading
    }
}

impl Form {
    /// What follows this form at the beginning of the text, and the rank in it.
    fn read<'a>(&self, text: &'a str) -> Option<(&'a str, Option<u64>)> {
        let mut rest = text;
        let mut rank = None;
        for (index, piece) in self.pieces.iter().enumerate() {
            let next = self.pieces.get(index + 1);
            let end = match piece {
                Piece::Literal(literal) => {
                    rest = after_literal(rest, literal, next.is_none())?;
                    continue;
                }
                Piece::Iso => rest.len() - time::styled(rest, Style::Iso)?.len(),
                Piece::Date => rest.len() - time::styled(rest, Style::Date)?.len(),
                Piece::Clock => rest.len() - time::styled(rest, Style::Clock)?.len(),
                Piece::Rank => number(rest, RANK_DIGITS_MAX)?,
                Piece::Number => number(rest, NUMBER_DIGITS_MAX)?,
                Piece::Letters => run(rest, |byte| byte.is_ascii_alphabetic() || byte == b'_')?,
                Piece::Name => run(rest, |byte| {
                    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
                })?,
                Piece::Host => host(rest)?,
                Piece::Stream => ["stdout", "stderr", "stddiag"]
                    .iter()
                    .find(|stream| rest.starts_with(**stream))?
                    .len(),
                Piece::Blanks => rest.len() - rest.trim_start_matches(' ').len(),
                Piece::Until => {
                    let Some(Piece::Literal(literal)) = next else {
                        return None;
                    };
                    rest.find(literal).filter(|end| *end <= NAME_BYTES_MAX)?
                }
            };
            let (read, after) = rest.split_at_checked(end)?;
            if *piece == Piece::Rank {
                rank = read.parse().ok();
            }
            rest = after;
        }
        if !self.before.is_empty() && !self.before.iter().any(|start| rest.starts_with(start)) {
            return None;
        }
        Some((rest, rank))
    }
}

/// The text behind a literal. The blank that ends a prefix is missing where the line is empty and somebody trimmed it.
fn after_literal<'a>(text: &'a str, literal: &str, is_last: bool) -> Option<&'a str> {
    if let Some(after) = text.strip_prefix(literal) {
        return Some(after);
    }
    let trimmed = literal.trim_end_matches(' ');
    if is_last && text == trimmed {
        Some("")
    } else {
        None
    }
}

/// Length of a leading number.
fn number(text: &str, digits_max: usize) -> Option<usize> {
    run(text, |byte| byte.is_ascii_digit()).filter(|digits| *digits <= digits_max)
}

/// Length of a leading run of such bytes, of one at least.
fn run(text: &str, belongs: impl Fn(u8) -> bool) -> Option<usize> {
    let length = text.bytes().take_while(|byte| belongs(*byte)).count();
    if length == 0 || length > NAME_BYTES_MAX {
        return None;
    }
    Some(length)
}

/// Length of a leading name of a machine: it has a digit, and is no bare number.
fn host(text: &str) -> Option<usize> {
    let length = run(text, |byte| {
        byte.is_ascii_alphanumeric() || b".-".contains(&byte)
    })?;
    let name = &text.as_bytes()[..length];
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits == length {
        return None;
    }
    Some(length)
}

/// How each line of docker's own file begins.
const LOGGED: &str = "{\"log\":\"";

/// The line that docker's json-file has wrapped: `{"log":"…\n","stream":"stderr","time":"…"}`. It may hold `\r`.
pub(crate) fn logged_line(line: &str) -> Option<String> {
    let text = line.strip_prefix(LOGGED)?;
    let mut inner = String::with_capacity(text.len());
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => match characters.next()? {
                'n' => inner.push('\n'),
                'r' => inner.push('\r'),
                't' => inner.push('\t'),
                'u' => {
                    let digits = characters.as_str().get(..4)?;
                    let code = u32::from_str_radix(digits, 16).ok()?;
                    inner.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    characters = characters.as_str()[4..].chars();
                }
                other => inner.push(other),
            },
            other => inner.push(other),
        }
    }
    if !characters.as_str().starts_with(",\"stream\":\"") {
        return None;
    }
    let visible = inner.trim_end_matches('\n');
    Some(visible.replace(
        |control: char| control.is_control() && control != '\r' && control != '\t',
        "",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_reads_its_examples_and_no_look_alike() {
        for form in FORMS {
            for example in form.examples {
                assert!(form.read(example).is_some(), "{example}");
            }
            for line in form.look_alikes {
                assert!(form.read(line).is_none(), "{line}");
            }
        }
    }

    #[test]
    fn known_prefixes_go_however_they_nest_and_nothing_else_does() {
        for (line, rest) in [
            ("  5%|x| 3/60 [", "5%|x| 3/60 ["),
            ("[default0]:  5%|", "5%|"),
            ("[rank0]: {'loss': 1.0}", "{'loss': 1.0}"),
            ("[trainer_12]:x", "x"),
            ("[1,0]<stderr>:  5%|", "5%|"),
            ("[prterun-host-77@1,3]<stdout>: x", "x"),
            ("0: x", "x"),
            (" 0: x", "x"),
            ("007:", ""),
            ("3: [default1]:[rank1]: x", "x"),
            ("(RayTrainWorker pid=123) x", "x"),
            ("(RayTrainWorker pid=123, ip=10.0.0.7)  x", "x"),
            ("(pid=9) x", "x"),
            ("^C^C x", "x"),
            ("[1,0]<stderr>:", ""),
            ("Map: 5%|", "Map: 5%|"),
            ("[INFO]: x", "[INFO]: x"),
            (
                "[2026-11-22 14:45:47] [ERROR] x",
                "[2026-11-22 14:45:47] [ERROR] x",
            ),
            ("(note) x", "(note) x"),
            ("12:30: x", "12:30: x"),
            ("", ""),
            ("2024-11-07T16:22:40.764922932Z 0: x", "x"),
            ("2024-11-07T16:22:40.764922932Z", ""),
            ("trainer-1  |", ""),
            ("vega17: {'loss': 1.8}", "{'loss': 1.8}"),
        ] {
            assert_eq!(strip(line), rest, "{line:?}");
        }
        for (line, rank) in [
            ("0: [rank1]: x", Some(1)),
            ("[1,3]<stderr>:x", Some(3)),
            ("(train pid=7) x", None),
            ("x", None),
        ] {
            assert_eq!(Leading::of(line).rank, rank, "{line}");
        }
    }

    #[test]
    fn a_line_of_dockers_own_file() {
        let line = r#"{"log":"\r  0%| | 0/3 [x]Traceback\u001b[0m \"a\"\n","stream":"stderr","time":"2024"}"#;
        assert_eq!(
            logged_line(line).as_deref(),
            Some("\r  0%| | 0/3 [x]Traceback[0m \"a\"")
        );
        for line in [r#"{"log":"x"}"#, r#"{"log":"x"#, r#"{"loss":1}"#] {
            assert_eq!(logged_line(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "\\PC{0,80}") {
            prop_assert!(line.contains(strip(&line)));
            let _ = logged_line(&format!("{LOGGED}{line}"));
        }
    }
}
