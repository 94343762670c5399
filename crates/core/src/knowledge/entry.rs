//! What entries of messages and of signs have in common: a pattern, what is said, what it means.

use super::Meaning;
use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::OnceLock;

/// A part of what is said: our own text, or a hole for what has a closed type.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    Text(&'static str),
    Int,
    Size,
    Errno,
    ExitCode,
    Signal,
    SignalName,
    Module,
    /// A word of a list, and what is said of any other.
    Word(&'static [&'static str], &'static str),
}

/// The constants of a sentence.
pub fn texts(says: &'static [Piece]) -> impl Iterator<Item = &'static str> {
    says.iter().filter_map(|piece| match piece {
        Piece::Text(constant) => Some(*constant),
        _ => None,
    })
}

/// What an entry means.
#[derive(Clone, Copy)]
pub enum Means {
    /// Always the same.
    Always(Meaning),
    /// What the signal means that the text names.
    OfSignal,
}

impl Means {
    /// The meaning of a text that names this signal, or none.
    pub fn with(self, signal: Option<i32>, without_signal: Meaning) -> Meaning {
        match self {
            Self::Always(meaning) => meaning,
            Self::OfSignal => signal.map_or(without_signal, Meaning::of_signal),
        }
    }
}

/// Why an entry is believed.
#[cfg(test)]
#[derive(Clone, Copy)]
pub struct Grounds {
    pub source: &'static str,
    pub examples: &'static [&'static str],
    pub look_alikes: &'static [&'static str],
}

#[cfg(test)]
impl Grounds {
    /// The examples, each with the source.
    pub fn sourced(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.examples
            .iter()
            .map(move |example| (*example, self.source))
    }
}

/// Finds the entry that a text is. All patterns in one say at once that it is none, as nearly every text is; the
/// pattern of an entry alone is made when the first text asks for its groups.
pub struct Finder {
    all: RegexSet,
    each: Vec<OnceLock<Option<Regex>>>,
}

impl Finder {
    /// Bytes that the patterns may take when they are compiled.
    const PATTERN_BYTES_MAX: usize = 32 << 20;

    pub fn new(patterns: impl Iterator<Item = &'static str>) -> Option<Self> {
        let all = RegexSetBuilder::new(patterns)
            .unicode(false)
            .size_limit(Self::PATTERN_BYTES_MAX)
            .build()
            .ok()?;
        let each = vec![OnceLock::new(); all.len()];
        Some(Self { all, each })
    }

    /// The first entry that matches, and its groups.
    pub fn find<'a>(&self, text: &'a str) -> Option<(usize, Captures<'a>)> {
        let text = text.as_bytes();
        if !self.all.is_match(text) {
            return None;
        }
        let first = self.all.matches(text).iter().next()?;
        let pattern = self.all.patterns().get(first)?;
        let regex = self.each.get(first)?.get_or_init(|| {
            let mut builder = RegexBuilder::new(pattern);
            builder.unicode(false).build().ok()
        });
        Some((first, regex.as_ref()?.captures(text)?))
    }
}
