//! Tells interleaved sources apart by what stands before each of their lines.
//!
//! Ranks (`[rank0]: `), actors (`(train pid=7) `) and loggers (a time, a host, a level) write into one stream.
//! The text before a traceback's header is taken as its source's prefix; the lines that follow belong to it if
//! they begin alike. Times are allowed to change. Where nothing matches exactly, other numbers may change too,
//! but only in a prefix that has a time: `[rank0]: ` must never match `[rank1]: `.
//!
//! Prefixes are the user's text. They are bounded, kept only to compare with, and never told.

use crate::limits::TRACE_PREFIX_BYTES_MAX;

/// Stands for a time of day in a prefix; no line holds it, for control characters are stripped.
const TIME: char = '\u{1}';

/// What stands before the lines of a source.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    key: String,
    rank: Option<u64>,
    is_a_log: bool,
}

impl PartialEq for Prefix {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Prefix {
    /// The prefix that the text before a header is, empty where it is none: indentation, the margin of a
    /// group, the end of a progress bar, a quotation.
    #[must_use]
    pub fn of(before: &str) -> Self {
        let before = behind_bar(before);
        let bare = before.trim_end_matches([' ', '|', '+', '\t']);
        let is_margin = bare.is_empty();
        let is_quotation = before.contains(['\'', '"', '{', '`', '│']);
        if is_margin || is_quotation || before.len() > TRACE_PREFIX_BYTES_MAX {
            return Self::default();
        }
        // The indentation behind a prefix belongs to the line, but one blank is the prefix's own.
        let own = before.trim_end_matches([' ', '\t']);
        let own = if before.len() > own.len() {
            before.get(..own.len().saturating_add(1)).unwrap_or(own)
        } else {
            own
        };
        let mut key = String::new();
        let mut rest = own;
        while let Some(first) = rest.chars().next() {
            // In the middle of an address no time begins.
            let inside = key.ends_with(|last: char| last == '.' || last.is_ascii_digit());
            if let Some(after) = if inside { None } else { time(rest) } {
                key.push(TIME);
                rest = after;
            } else {
                key.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        let (rank, is_a_log) = (rank(&key), is_log_line(&key));
        Self {
            key,
            rank,
            is_a_log,
        }
    }

    /// Whether it goes on where the other one ends: something was printed between a rank's prefix and its header.
    #[must_use]
    pub fn continues(&self, other: &Self) -> bool {
        self.key.len() > other.key.len() && self.key.starts_with(&other.key)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.key.is_empty()
    }

    /// Length, to prefer the most particular of several that match.
    #[must_use]
    pub fn len(&self) -> usize {
        self.key.len()
    }

    /// The line without this prefix; `loosely` lets other numbers than the time differ.
    #[must_use]
    pub fn strip<'a>(&self, line: &'a str, loosely: bool) -> Option<&'a str> {
        if loosely && !self.key.contains(TIME) {
            return None;
        }
        // Nearly every line of another source is told by its first byte.
        if let (Some(first), Some(expected)) = (line.bytes().next(), self.key.bytes().next())
            && first != expected
            && expected != TIME as u8
            && !(loosely && expected.is_ascii_digit())
        {
            return None;
        }
        let mut rest = line;
        let mut key = self.key.as_str();
        while let Some(expected) = key.chars().next() {
            let after_key = key.get(expected.len_utf8()..).unwrap_or_default();
            if expected == TIME {
                rest = time(rest)?;
            } else if loosely && expected.is_ascii_digit() {
                let trimmed = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
                if trimmed.len() == rest.len() {
                    return None;
                }
                rest = trimmed;
                key = after_key.trim_start_matches(|digit: char| digit.is_ascii_digit());
                continue;
            } else if rest.is_empty() && key.trim().is_empty() {
                // An empty line of this source, whose last blank somebody trimmed.
                return Some("");
            } else {
                rest = rest.strip_prefix(expected)?;
            }
            key = after_key;
        }
        Some(rest)
    }

    /// The rank that the prefix names.
    #[must_use]
    pub const fn rank(&self) -> Option<u64> {
        self.rank
    }

    /// Whether a logger wrote it: somebody caught the exception.
    #[must_use]
    pub const fn is_a_log(&self) -> bool {
        self.is_a_log
    }
}

/// What stands behind a rank's or an actor's prefix (`[rank0]: `, `[default5]:`, `(train pid=7) `). A line alone has no
/// header that would say where its prefix ends.
#[must_use]
pub fn behind_rank(text: &str) -> Option<&str> {
    let numbered = |rest: &str| rest.starts_with(|digit: char| digit.is_ascii_digit());
    let ranked = ["[rank", "[default"]
        .iter()
        .find_map(|start| text.strip_prefix(start).filter(|rest| numbered(rest)));
    let rest = match ranked {
        Some(rest) => rest.split_once("]:")?.1,
        None => {
            text.strip_prefix('(')
                .filter(|rest| rest.contains(" pid="))?
                .split_once(')')?
                .1
        }
    };
    Some(rest.trim_start_matches(' '))
}

fn rank(key: &str) -> Option<u64> {
    ["[rank", "[default", "rank=", "[Rank ", "rank "]
        .iter()
        .find_map(|sign| {
            let (_, after) = key.split_once(sign)?;
            let end = after
                .bytes()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(after.len());
            after
                .get(..end)?
                .parse()
                .ok()
                .filter(|rank| *rank < 1_000_000)
        })
}

/// What stands behind a progress bar that no new line ended: nothing, or the prefix of a rank.
fn behind_bar(before: &str) -> &str {
    if !is_progress_bar(before) {
        return before;
    }
    let signs = ["[rank", "[default", "(pid="];
    signs
        .iter()
        .find_map(|sign| before.rfind(sign))
        .and_then(|at| before.get(at..))
        .unwrap_or_default()
}

/// Whether the text is (the end of) a progress bar.
#[must_use]
pub fn is_progress_bar(text: &str) -> bool {
    text.contains("%|") || text.contains("it/s") || text.contains("s/it")
}

/// Whether the line names a level at which a log reports an exception.
///
/// A line of information says nothing: it stands before most tracebacks that a program dies of.
#[must_use]
pub fn is_log_line(text: &str) -> bool {
    text.split(|character: char| !character.is_ascii_alphanumeric())
        .any(|word| {
            matches!(
                word,
                "ERROR" | "WARNING" | "CRITICAL" | "WARN" | "FATAL" | "EXCEPTION"
            )
        })
}

/// The text behind a leading time: `2026-03-01T11:22:33.456Z`, `11:22:33,456`, or seconds (`1772362953.123`).
fn time(text: &str) -> Option<&str> {
    clock(text).or_else(|| seconds(text))
}

/// A whole number, a point and three digits at least; no address of a machine, which has another point.
fn seconds(text: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = text
        .get(Some(digits(text)).filter(|count| (1..=10).contains(count))?..)?
        .strip_prefix('.')?;
    let count = digits(fraction);
    let rest = fraction.get(count..)?;
    ((3..=9).contains(&count) && !rest.starts_with('.')).then_some(rest)
}

fn clock(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let digits = |from: usize, count: usize| {
        (from..from.saturating_add(count)).all(|at| bytes.get(at).is_some_and(u8::is_ascii_digit))
    };
    let is = |at: usize, set: &[u8]| bytes.get(at).is_some_and(|byte| set.contains(byte));
    let dated = digits(0, 4)
        && is(4, b"-/")
        && digits(5, 2)
        && is(7, b"-/")
        && digits(8, 2)
        && is(10, b"T ");
    let mut at: usize = if dated { 11 } else { 0 };
    let clock = digits(at, 2)
        && is(at.saturating_add(2), b":")
        && digits(at.saturating_add(3), 2)
        && is(at.saturating_add(5), b":")
        && digits(at.saturating_add(6), 2);
    if !clock {
        return None;
    }
    at = at.saturating_add(8);
    if is(at, b".,") && digits(at.saturating_add(1), 1) {
        at = at.saturating_add(1);
        while digits(at, 1) {
            at = at.saturating_add(1);
        }
    }
    if is(at, b"Z") {
        at = at.saturating_add(1);
    }
    text.get(at..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_the_same_source_begin_alike() {
        for (before, line, rest) in [
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
            assert_eq!(Prefix::of(before).strip(line, false), rest, "{before}");
        }
        let logged = Prefix::of("11:22:33 step 7 ");
        assert_eq!(
            (
                logged.strip("11:22:34 step 123 x", false),
                logged.strip("11:22:34 step 123 x", true)
            ),
            (None, Some("x"))
        );
        assert_eq!(Prefix::of("[rank0]: ").strip("[rank1]: x", true), None);
    }

    #[test]
    fn a_line_alone_behind_a_rank() {
        for (line, rest) in [
            ("[rank0]: KeyError: 'x'", Some("KeyError: 'x'")),
            ("[default12]:KeyError", Some("KeyError")),
            (
                "(train pid=154, ip=10.1.2.3) KeyError: x",
                Some("KeyError: x"),
            ),
            ("(see above) KeyError: x", None),
            ("[ranked]: KeyError: x", None),
            ("KeyError: x", None),
        ] {
            assert_eq!(behind_rank(line), rest, "{line}");
        }
    }

    #[test]
    fn what_is_no_prefix() {
        for before in [
            "",
            "    ",
            "    | ",
            "  + ",
            " 45%|####5  | 431/960 [00:10, 7.36it/s]",
            "{\"exc\": \"",
            "'",
        ] {
            assert!(Prefix::of(before).is_empty(), "{before}");
        }
        assert_eq!(Prefix::of("[rank12]: ").rank(), Some(12));
        assert!(Prefix::of("2026-03-01 11:22:33 ERROR ").is_a_log());
    }

    proptest! {
        #[test]
        fn a_prefix_strips_itself(before in "\\PC{0,60}", line in "\\PC{0,40}") {
            let prefix = Prefix::of(&before);
            let _ = (prefix.strip(&line, false), prefix.strip(&line, true), prefix.rank());
            if !prefix.is_empty() && before.trim_end() == before && !line.starts_with(|c: char| c.is_ascii_digit() || "Z.,".contains(c)) {
                let whole = format!("{before}{line}");
                prop_assert_eq!(prefix.strip(&whole, false), Some(line.as_str()));
            }
        }
    }
}
