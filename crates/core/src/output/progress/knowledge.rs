//! Patterns of lines, and the tables of them that the build makes of `knowledge/progress`.
//!
//! A pattern is matched by hand, part by part: what it costs is bounded by the line, and nothing is compiled at run time.
//! One pass over a line finds the words that say which patterns are worth a try.

use super::metrics::{Metric, Metrics};
use aho_corasick::AhoCorasick;
use memchr::memmem;
use std::sync::LazyLock;

/// A part of a pattern.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The line begins here.
    Begin,
    /// The line ends here.
    End,
    /// These characters; a blank is one blank or more.
    Text(&'static str),
    /// A number, and what it says, if anybody needs it.
    Number(Option<Metric>),
    /// Anything.
    Any,
}

type Pattern = &'static [Part];

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// How far the training is.
    Progress,
    /// How far it will go.
    Plan,
    /// An evaluation begins.
    Evaluation,
    /// The training has come to its end.
    End,
}

/// What one program prints of its progress.
#[derive(Debug)]
pub(super) struct Format {
    lines: &'static [Pattern],
    fields: &'static [Pattern],
    rows: &'static [Pattern],
    /// How many other lines may stand before a row.
    pub(super) rows_within: u32,
    /// The number of the first step.
    pub(super) counts_from: u32,
    pub(super) says: Says,
}

include!(concat!(env!("OUT_DIR"), "/progress.rs"));

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(ANCHORS.iter().map(|(word, _)| word)).ok());

/// The format of a line that says something by itself, by its number, and what it says.
pub(super) fn find(text: &str) -> Option<(usize, Metrics)> {
    // A bit for each format, because they are tried in the order of their entries.
    let mut possible = 0_u64;
    for found in FINDER.as_ref()?.find_overlapping_iter(text) {
        possible |= 1 << ANCHORS[found.pattern().as_usize()].1;
    }
    while possible != 0 {
        let number = possible.trailing_zeros() as usize;
        possible &= possible - 1;
        let format = &FORMATS[number];
        if let Some(metrics) = format.read(format.lines, text) {
            return Some((number, metrics));
        }
    }
    None
}

impl Format {
    pub(super) const fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    /// What a line says that follows one of this format.
    pub(super) fn row(&self, text: &str) -> Option<Metrics> {
        self.read(self.rows, text)
    }

    fn read(&self, patterns: &[Pattern], text: &str) -> Option<Metrics> {
        for pattern in patterns {
            let mut metrics = Metrics::default();
            if search(pattern, text, &mut metrics).is_none() {
                continue;
            }
            for field in self.fields {
                let mut found = Metrics::default();
                if search(field, text, &mut found).is_some() {
                    metrics.fill(&found);
                }
            }
            return Some(metrics);
        }
        None
    }
}

/// Looks for a pattern in a line; what follows it.
pub(super) fn search<'a>(
    pattern: &[Part],
    text: &'a str,
    metrics: &mut Metrics,
) -> Option<&'a str> {
    let Some(Part::Text(first)) = pattern.first() else {
        return fit(pattern, text, metrics);
    };
    let word = first.split(' ').find(|word| !word.is_empty())?;
    let blanks = first.len() - first.trim_start_matches(' ').len();
    let pattern = &pattern[1..];
    for at in memmem::find_iter(text.as_bytes(), word) {
        if !begins_word(text, at, word) {
            continue;
        }
        let mut found = metrics.clone();
        let fitting = after(&text[at..], &first[blanks..]);
        if let Some(rest) = fitting.and_then(|rest| fit(pattern, rest, &mut found)) {
            *metrics = found;
            return Some(rest);
        }
    }
    None
}

/// Whether a name begins here, and not in the middle of a longer one (`val_loss`, `train/lr`).
fn begins_word(text: &str, at: usize, word: &str) -> bool {
    let is_name = word.starts_with(|first: char| first.is_ascii_alphanumeric());
    let before = text[..at].chars().next_back();
    !is_name || !before.is_some_and(|before| before.is_alphanumeric() || "_/-.".contains(before))
}

/// Matches a pattern from the beginning of a text on; what follows it.
fn fit<'a>(pattern: &[Part], text: &'a str, metrics: &mut Metrics) -> Option<&'a str> {
    let mut rest = text;
    for (number, part) in pattern.iter().enumerate() {
        match part {
            Part::Begin => rest = rest.trim_start_matches(BLANKS),
            Part::End if rest.trim_matches(BLANKS).is_empty() => {}
            Part::End => return None,
            Part::Text(words) => rest = after(rest, words)?,
            Part::Number(metric) => {
                let (value, behind) = number_at(rest)?;
                let is_last = number + 1 == pattern.len();
                if is_last && behind.starts_with(|next: char| next.is_ascii_alphanumeric()) {
                    return None;
                }
                if let Some(metric) = metric {
                    metrics.put(*metric, value);
                }
                rest = behind;
            }
            Part::Any => return search_behind(&pattern[number + 1..], rest, metrics),
        }
    }
    Some(rest)
}

/// Matches what follows any text.
fn search_behind<'a>(pattern: &[Part], text: &'a str, metrics: &mut Metrics) -> Option<&'a str> {
    let Some((Part::Text(first), pattern)) = pattern.split_first() else {
        return Some(text);
    };
    let at = text.find(first)?;
    fit(pattern, &text[at + first.len()..], metrics)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// What follows these words.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let mut rest = text;
    for (number, word) in words.split(' ').enumerate() {
        if number > 0 {
            let trimmed = rest.trim_start_matches(BLANKS);
            if trimmed.len() == rest.len() {
                return None;
            }
            rest = trimmed;
        }
        rest = rest.strip_prefix(word)?;
    }
    Some(rest)
}

/// A number that no program prints in more characters.
const NUMBER_BYTES_MAX: usize = 40;

/// The number at a text's beginning, as Python, numpy or C print it, and what follows.
fn number_at(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start_matches(BLANKS);
    for call in ["np.float64(", "np.float32("] {
        if let Some(inside) = text.strip_prefix(call) {
            let (number, rest) = number_at(inside)?;
            return Some((number, rest.strip_prefix(')')?));
        }
    }
    for (word, number) in [
        ("nan", f64::NAN),
        ("inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
    ] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some((number, rest));
        }
    }
    let end = digits(text.as_bytes());
    let (number, rest) = text.split_at_checked(end)?;
    let number = number.replace(',', "").parse().ok()?;
    Some((number, rest))
}

/// How long the number is: sign, digits in groups of three or not, fraction, exponent.
fn digits(text: &[u8]) -> usize {
    let text = &text[..text.len().min(NUMBER_BYTES_MAX)];
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let mut is_fraction = false;
    loop {
        match text.get(at) {
            Some(b'0'..=b'9') => at += 1,
            Some(b'.') if !is_fraction && is_digit(at + 1) => {
                is_fraction = true;
                at += 1;
            }
            Some(b',') if !is_fraction && (1..=3).all(|next| is_digit(at + next)) => {
                if is_digit(at + 4) {
                    return at;
                }
                at += 4;
            }
            _ => break,
        }
    }
    if at > 0 && matches!(text.get(at), Some(b'e' | b'E')) {
        let signed = at + 1 + usize::from(matches!(text.get(at + 1), Some(b'-' | b'+')));
        if is_digit(signed) {
            at = signed;
            while is_digit(at) {
                at += 1;
            }
        }
    }
    at
}
