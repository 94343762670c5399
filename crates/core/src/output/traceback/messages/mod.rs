//! Turns an exception's message into a public one, or into its shape.
//!
//! A message is free text and is never told. What is told is one of our own sentences, chosen because the
//! message begins like a public one, and in its holes only what has a closed type: a whole number of at most
//! six digits, a size, a name of a fixed list, an errno. A hole whose value is not of its type reads `?`.
//! What follows the sentence is dropped, whatever it is.

mod catalogue;
mod words;

use crate::event::Shape;
use crate::limits::TRACE_HOLE_MAX;
use crate::public::PublicStr;
use crate::public::text::PublicText;
use catalogue::CATALOGUE;
use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::{LazyLock, OnceLock};
use words::{ERRORS, UNITS, WORDS};

/// What is told of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The catalogue's sentence.
    pub known: Option<PublicStr>,
    /// The shape, where the catalogue has none.
    pub shape: Option<Shape>,
}

/// All patterns in one, to learn at once which entry it is; most messages are none.
static ENTRIES: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| ascii_set(CATALOGUE.iter().map(|entry| anchored(entry.pattern))));

/// The pattern of each entry, made when the first message asks for it.
static PATTERNS: [OnceLock<Option<Regex>>; CATALOGUE.len()] =
    [const { OnceLock::new() }; CATALOGUE.len()];

fn anchored(pattern: &str) -> String {
    format!("^(?:{pattern})")
}

/// What is told of this message.
#[must_use]
pub fn read(message: &str) -> Message {
    match known(message) {
        Some(known) => Message {
            known: Some(known),
            shape: None,
        },
        None => Message {
            known: None,
            shape: super::shape::shape(message),
        },
    }
}

/// The catalogue's sentence for this message.
#[must_use]
pub fn known(message: &str) -> Option<PublicStr> {
    let message = message.trim_start().as_bytes();
    let first = ENTRIES.as_ref()?.matches(message).iter().next()?;
    let (entry, pattern) = CATALOGUE.get(first).zip(PATTERNS.get(first))?;
    let pattern = pattern
        .get_or_init(|| ascii(&anchored(entry.pattern)))
        .as_ref()?;
    Some(fill(entry.says, &pattern.captures(message)?))
}

/// Fills the holes of a sentence, in order, with the pattern's groups.
fn fill(sentence: &'static str, captures: &Captures<'_>) -> PublicStr {
    let mut text = PublicText::new();
    let mut groups = captures.iter().skip(1);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        text.constant(before);
        let Some((hole, after)) = after.split_once('}') else {
            break;
        };
        let value = groups
            .next()
            .flatten()
            .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
            .unwrap_or_default();
        if push(&mut text, hole, value).is_none() {
            text.constant("?");
        }
        rest = after;
    }
    text.constant(rest);
    text.finish()
}

/// Appends the value if it is of the hole's type.
fn push(text: &mut PublicText, hole: &'static str, value: &str) -> Option<()> {
    match hole {
        "int" => text.integer(integer(value)?),
        "size" => {
            let (number, unit) = value.split_once(' ')?;
            let unit = UNITS.iter().find(|known| **known == unit)?;
            let decimals = number
                .split_once('.')
                .map_or(0, |(_, decimals)| decimals.len());
            let number = number
                .parse()
                .ok()
                .filter(|number| (0.0..10_000.0).contains(number))?;
            text.decimal(number, decimals).constant(" ").constant(unit)
        }
        "errno" => {
            let number = integer(value)?;
            let (_, symbol, meaning) = ERRORS.iter().find(|(known, ..)| *known == number)?;
            text.integer(number)
                .constant("] ")
                .constant(meaning)
                .constant(" (")
                .constant(symbol)
                .constant(")")
        }
        _ => text.constant(WORDS.iter().find(|known| **known == value)?),
    };
    Some(())
}

fn integer(value: &str) -> Option<u64> {
    value
        .parse()
        .ok()
        .filter(|number| *number <= TRACE_HOLE_MAX)
}

/// Compiles a pattern that knows ASCII alone. A class of Unicode's has hundreds of ranges, a repeated one
/// thousands of states: with them the first traceback of a run cost a fifth of a second.
fn ascii(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// The same for many patterns at once, of which the first that matches is wanted.
fn ascii_set<'a>(patterns: impl Iterator<Item = String> + 'a) -> Option<RegexSet> {
    RegexSetBuilder::new(patterns).unicode(false).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_pattern_compiles_and_finds_its_own_example_first() {
        assert!(ENTRIES.is_some());
        for entry in CATALOGUE {
            let pattern = ascii(&anchored(entry.pattern)).unwrap();
            let holes = entry.says.matches('{').count();
            assert_eq!(
                pattern.captures_len(),
                holes.saturating_add(1),
                "{}",
                entry.pattern
            );
            let known = known(entry.example).unwrap_or_else(|| panic!("{}", entry.example));
            let first = entry.says.split('{').next().unwrap();
            assert!(
                known.as_str().starts_with(first),
                "{} is taken for {known}",
                entry.example
            );
            assert!(!known.as_str().contains('?'), "{known}");
        }
    }

    /// Words of ours that no literal has, where several literals are told in one sentence.
    const OURS: &[&str] = &[
        "aws",
        "bootstrapping",
        "both",
        "bracket",
        "connection",
        "enumeration",
        "exceeded",
        "failed",
        "finished",
        "for",
        "http",
        "https",
        "its",
        "many",
        "max",
        "member",
        "object",
        "operands",
        "other",
        "parameter",
        "phase",
        "processes",
        "repository",
        "retries",
        "shared",
        "the",
        "this",
        "too",
        "yaml",
    ];

    fn words(text: &str) -> impl Iterator<Item = String> {
        text.split(|character: char| !character.is_ascii_alphabetic())
            .filter(|word| word.len() > 2)
            .map(str::to_ascii_lowercase)
    }

    #[test]
    fn what_is_said_is_made_of_public_words() {
        assert!(CATALOGUE.len() >= 60);
        for entry in CATALOGUE {
            // Outside of the holes, which have their own lists.
            let said: String = entry
                .says
                .split('{')
                .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
                .collect();
            let literal: Vec<String> = words(entry.pattern).chain(words(entry.example)).collect();
            for word in words(&said) {
                assert!(
                    literal.contains(&word) || OURS.contains(&word.as_str()),
                    "`{word}` of `{}`",
                    entry.says
                );
            }
            assert!(
                said.is_ascii() || said.replace('…', "").is_ascii(),
                "{said}"
            );
        }
    }

    #[test]
    fn holes_hold_only_what_they_are_made_for() {
        for (message, expected) in [
            (
                "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 2 has a total capacity of 47.54 GiB of which 310.00 MiB is free.",
                "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 2 has a total capacity of 47.54 GiB of which 310.00 MiB is free.",
            ),
            (
                "CUDA out of memory. Tried to allocate secret words",
                "CUDA out of memory.",
            ),
            (
                "CUDA out of memory. Tried to allocate 1.50 AcmeB",
                "CUDA out of memory.",
            ),
            (
                "[Errno 2] No such file or directory: '/home/jane/x'",
                "[Errno 2] No such file or directory (ENOENT)",
            ),
            ("[Errno 999] jane", "[Errno ?"),
            (
                "CUDA error: CUBLAS_STATUS_ACME_JANE when calling",
                "CUDA error: ?",
            ),
            (
                "Expected input batch_size (48592568584) to match target",
                "Expected input batch_size (?) to match target batch_size",
            ),
            (
                "NCCL error in: /home/jane/x.cpp:3, internal error",
                "NCCL error",
            ),
        ] {
            assert_eq!(known(message).unwrap().as_str(), expected, "{message}");
        }
        for message in ["jane: CUDA out of memory", "boom", "", "No such file"] {
            assert_eq!(known(message), None, "{message}");
        }
    }

    proptest! {
        #[test]
        fn what_follows_a_public_beginning_never_matters(index in 0..CATALOGUE.len(), tail in "[a-zA-Z@/ ]{0,40}") {
            let example = CATALOGUE[index].example;
            let plain = known(example).unwrap();
            let with_tail = known(&format!("{example}\u{1}{tail}")).unwrap();
            prop_assert_eq!(plain, with_tail);
        }
    }
}
