//! Tells interleaved sources apart by what stands before each of their lines.
//!
//! Ranks (`[rank0]: `), actors (`(train pid=7) `) and loggers (a time, a host, a level) write into one stream.
//! The text before a traceback's header is taken as its source's prefix; the lines that follow belong to it if
//! they begin alike. Times are allowed to change. Where nothing matches exactly, other numbers may change too,
//! but only in a prefix that has a time: `[rank0]: ` must never match `[rank1]: `.
//!
//! Prefixes are the user's text. They are bounded, kept only to compare with, and never told.

use super::forms::{self, TIME};
use crate::limits::TRACE_PREFIX_BYTES_MAX;

/// Stands for a time of day in a prefix; no line holds it, for control characters are stripped.
const ANY_TIME: char = '\u{1}';

/// What stands before the lines of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourcePrefix {
    /// Its characters, with [`ANY_TIME`] for each time.
    prefix_pattern: String,
    /// The rank that it names.
    pub rank: Option<u64>,
    /// Whether a logger wrote it: somebody caught the exception.
    pub is_a_log: bool,
}

impl SourcePrefix {
    /// The prefix that the text before a header is, empty where it is none: indentation, the margin of a
    /// group, the end of a progress bar, a quotation.
    pub fn of(text_before: &str) -> Self {
        let text_before = outside_bar(text_before);
        let is_margin = text_before.trim_matches([' ', '|', '+', '\t']).is_empty();
        let is_quotation = text_before.contains(['\'', '"', '{', '`', '│']);
        if is_margin || is_quotation || text_before.len() > TRACE_PREFIX_BYTES_MAX {
            return Self::default();
        }
        // The indentation behind a prefix belongs to the line. A known form says where it ends; of any other one blank is
        // its own.
        let (named_rank, behind_forms) = forms::split(text_before);
        let length = if behind_forms.trim().is_empty() {
            text_before.len() - behind_forms.len()
        } else {
            text_before.trim_end_matches([' ', '\t']).len() + 1
        };
        let mut characters = text_before[..length.min(text_before.len())].chars();
        let mut prefix_pattern = String::new();
        loop {
            // In the middle of an address no time begins.
            let is_inside =
                prefix_pattern.ends_with(|last: char| last == '.' || last.is_ascii_digit());
            if !is_inside && let Some(remaining_text) = behind_time(characters.as_str()) {
                prefix_pattern.push(ANY_TIME);
                characters = remaining_text.chars();
            }
            let Some(character) = characters.next() else {
                break;
            };
            prefix_pattern.push(character);
        }
        Self {
            rank: named_rank.or_else(|| rank_in(&prefix_pattern)),
            is_a_log: is_log_line(&prefix_pattern),
            prefix_pattern,
        }
    }

    /// Whether it goes on where the other one ends: something was printed between a rank's prefix and its header.
    pub fn continues(&self, other: &Self) -> bool {
        self.len() > other.len() && self.prefix_pattern.starts_with(&other.prefix_pattern)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.prefix_pattern.is_empty()
    }

    /// Length, to prefer the most particular of several that match.
    pub fn len(&self) -> usize {
        self.prefix_pattern.len()
    }

    /// The line without this prefix; `loosely` lets other numbers than the time differ.
    pub fn strip<'line>(&self, line: &'line str, loosely: bool) -> Option<&'line str> {
        if loosely && !self.prefix_pattern.contains(ANY_TIME) {
            return None;
        }
        // Nearly every line of another source is told by its first byte.
        if let (Some(first), Some(expected_character)) =
            (line.bytes().next(), self.prefix_pattern.bytes().next())
            && first != expected_character
            && expected_character != ANY_TIME as u8
            && !(loosely && expected_character.is_ascii_digit())
        {
            return None;
        }
        let mut remaining_text = line;
        let mut prefix_pattern = self.prefix_pattern.chars();
        while let Some(expected_character) = prefix_pattern.next() {
            if expected_character == ANY_TIME {
                remaining_text = behind_time(remaining_text)?;
            } else if loosely && expected_character.is_ascii_digit() {
                remaining_text = remaining_text
                    .strip_prefix(is_digit)?
                    .trim_start_matches(is_digit);
                prefix_pattern = prefix_pattern.as_str().trim_start_matches(is_digit).chars();
            } else if remaining_text.is_empty()
                && expected_character == ' '
                && prefix_pattern.as_str().trim().is_empty()
            {
                // An empty line of this source, whose last blank somebody trimmed.
                return Some("");
            } else {
                remaining_text = remaining_text.strip_prefix(expected_character)?;
            }
        }
        Some(remaining_text)
    }
}

/// Whether the character is one of the ten digits.
pub fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

/// The text behind a leading time.
fn behind_time(text: &str) -> Option<&str> {
    let captures = captures!(TIME, text);
    let time = captures.iter().skip(1).flatten().next()?;
    Some(&text[time.end()..])
}

fn rank_in(prefix_pattern: &str) -> Option<u64> {
    let captures = captures!(
        r"(?:\[rank|\[default|rank=|\[Rank |rank )([0-9]{1,6})(?:[^0-9]|$)",
        prefix_pattern
    );
    captures[1].parse().ok()
}

/// Of the text before a header, what can be its prefix: behind a bar that no new line ended, else before that bar.
fn outside_bar(text_before: &str) -> &str {
    if !is_progress_bar(text_before) {
        return text_before;
    }
    let behind = behind_bar(text_before).unwrap_or_default().trim_start();
    if !behind.is_empty() {
        return behind;
    }
    let percent_sign = text_before.find("%|").unwrap_or(0);
    text_before[..percent_sign].trim_end_matches(is_digit)
}

/// What stands behind the end of a progress bar, which is its rate.
pub fn behind_bar(text: &str) -> Option<&str> {
    let captures = captures!(r"(?s)(?:it/s|s/it)[^\]]*\](.*)", text);
    Some(captures.get(1)?.as_str())
}

/// Whether the text is (the end of) a progress bar.
pub fn is_progress_bar(text: &str) -> bool {
    ["%|", "it/s", "s/it"]
        .iter()
        .any(|mark| text.contains(mark))
}

/// Whether the line names a level at which a log reports an exception.
///
/// A line of information says nothing: it stands before most tracebacks that a program dies of.
pub fn is_log_line(text: &str) -> bool {
    let mut words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words.any(|word| {
        matches!(
            word,
            "ERROR" | "WARNING" | "CRITICAL" | "WARN" | "FATAL" | "EXCEPTION"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_the_same_source_begin_alike() {
        for (text_before, line, remaining_text) in [
            ("[rank0]: ", "[rank0]:   File \"x\"", Some("  File \"x\"")),
            ("[rank0]: ", "[rank0]:", Some("")),
            ("[rank0]: ", "[rank1]:   File", None),
            ("[default5]:", "[default5]:  File", Some("  File")),
            (
                "(train pid=7, ip=10.0.0.1) ",
                "(train pid=7, ip=10.0.0.1)   x",
                Some("  x"),
            ),
            ("(train pid=7) ", "(train pid=8)   x", None),
            (
                "2026-03-01T11:22:33.456Z n t[42]: ERROR ",
                "2026-03-01T11:22:34.1Z n t[42]: ERROR   File",
                Some("  File"),
            ),
            ("11:22:33,4 host | ", "11:22:34,55 host | x", Some("x")),
            ("1772362953.123 host ", "1772362954.9876 host x", Some("x")),
            ("10.1.2.300 ", "10.1.2.301 x", None),
            ("192.168.100.200: ", "192.168.100.201: x", None),
        ] {
            assert_eq!(
                SourcePrefix::of(text_before).strip(line, false),
                remaining_text,
                "{text_before}"
            );
        }
        let logged = SourcePrefix::of("11:22:33 step 7 ");
        assert_eq!(
            (
                logged.strip("11:22:34 step 123 x", false),
                logged.strip("11:22:34 step 123 x", true)
            ),
            (None, Some("x"))
        );
        assert_eq!(
            SourcePrefix::of("[rank0]: ").strip("[rank1]: x", true),
            None
        );
    }

    #[test]
    fn what_is_no_prefix() {
        for text_before in [
            "",
            "    ",
            "    | ",
            "  + ",
            " 45%|####5  | 431/960 [00:10, 7.36it/s]",
            "{\"exc\": \"",
            "'",
        ] {
            assert!(SourcePrefix::of(text_before).is_empty(), "{text_before}");
        }
        assert_eq!(SourcePrefix::of("[rank12]: ").rank, Some(12));
        assert!(SourcePrefix::of("2026-03-01 11:22:33 ERROR ").is_a_log);
    }

    proptest! {
        #[test]
        fn a_prefix_strips_itself(text_before in "\\PC{0,60}", line in "\\PC{0,40}") {
            let prefix = SourcePrefix::of(&text_before);
            let _ = (prefix.strip(&line, false), prefix.strip(&line, true), prefix.rank);
            // Of what stands before a bar, only that is the prefix.
            let is_whole = text_before.trim_end() == text_before && !is_progress_bar(&text_before);
            if !prefix.is_empty() && is_whole && !line.starts_with(|c: char| c.is_ascii_digit() || "Z.,".contains(c)) {
                let whole = format!("{text_before}{line}");
                prop_assert_eq!(prefix.strip(&whole, false), Some(line.as_str()));
            }
        }
    }
}
