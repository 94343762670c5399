//! Public messages of exceptions: what is said of them, and what they mean.
//!
//! A message is free text and is never told. What is told is one of our own sentences, chosen because the message
//! begins like a public one, and in its holes only what has a closed type: a whole number, a size, a word of a fixed
//! list, a module of a public package. What follows the sentence is dropped, whatever it is.

use super::Meaning;
use super::entry::{self, Finder, Means, Piece};
use super::lists::{ERRORS, SIZE_UNITS};
use super::signs::signal_called;
use crate::limits::TRACE_HOLE_MAX;
use crate::public::text::PublicText;
use crate::public::{PublicStr, dictionary};
use crate::status::signal_name;
use regex::bytes::Captures;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// One entry of `knowledge/messages`.
#[derive(Clone, Copy)]
struct KnownMessage {
    regex: &'static str,
    says: &'static [Piece],
    means: Means,
    #[cfg(test)]
    grounds: entry::Grounds,
}

/// A class whose name says what is wrong.
#[derive(Clone, Copy)]
struct KnownClass {
    name: &'static str,
    meaning: Meaning,
    #[cfg(test)]
    grounds: entry::Grounds,
}

/// A message that is known.
#[derive(Debug, PartialEq)]
pub struct PublicMessage {
    /// What is said.
    pub says: PublicStr,
    /// The same without its counts and sizes, which differ each time.
    pub kind: PublicStr,
    /// What it means.
    pub meaning: Meaning,
}

static FINDER: LazyLock<Option<Finder>> =
    LazyLock::new(|| Finder::new(MESSAGES.iter().map(|entry| entry.regex)));

/// What is known of this message. Of several entries the one with more letters is meant, which stands first.
pub fn message(sentence: &str) -> Option<PublicMessage> {
    let (index, captures) = FINDER.as_ref()?.find(sentence.trim_start())?;
    Some(MESSAGES.get(index)?.read(&captures))
}

/// The constants of all sentences, and the words of their holes.
pub fn pieces() -> impl Iterator<Item = &'static str> {
    let constants = MESSAGES.iter().flat_map(|entry| entry::texts(entry.says));
    let errors = ERRORS.iter().map(|(_, _, meaning)| *meaning);
    let words = LISTS.iter().flat_map(|list| list.iter().copied());
    constants.chain(words).chain(errors)
}

/// All examples, each with the source of its entry.
#[cfg(test)]
pub fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    MESSAGES.iter().flat_map(|entry| entry.grounds.sourced())
}

/// What a class means, whatever its message is.
pub fn class(name: &str) -> Option<Meaning> {
    for class in CLASSES {
        if let Some(module) = name.strip_suffix(class.name)
            && (module.is_empty() || module.ends_with('.'))
        {
            return Some(class.meaning);
        }
    }
    None
}

impl KnownMessage {
    fn read(&self, captures: &Captures<'_>) -> PublicMessage {
        let mut sentence = PublicText::new();
        let mut kind = PublicText::new();
        let mut signal = None;
        let mut groups = captures.iter().skip(1);
        for piece in self.says {
            if let Piece::Text(constant) = piece {
                sentence.constant(constant);
                kind.constant(constant);
                continue;
            }
            let captured_group = groups.next().flatten();
            let hole_value = captured_group
                .and_then(|captured_group| std::str::from_utf8(captured_group.as_bytes()).ok());
            let hole_value = hole_value.unwrap_or_default();
            match piece {
                Piece::Signal => signal = hole_value.parse().ok(),
                Piece::SignalName => signal = signal_called(hole_value),
                _ => {}
            }
            if push(&mut sentence, *piece, hole_value).is_none() {
                sentence.constant("?");
            }
            if !matches!(piece, Piece::Int | Piece::Size) {
                let _ = push(&mut kind, *piece, hole_value);
            }
        }
        PublicMessage {
            says: sentence.finish(),
            kind: kind.finish(),
            meaning: self.means.with(signal, Meaning::WorkerLost),
        }
    }
}

/// Appends the value if it is of the hole's type.
fn push(sentence: &mut PublicText, hole: Piece, hole_value: &str) -> Option<()> {
    match hole {
        Piece::Text(constant) => sentence.constant(constant),
        Piece::Int | Piece::Signal | Piece::ExitCode => sentence.integer(integer(hole_value)?),
        Piece::Size => {
            let (number, unit) = hole_value.split_once(' ')?;
            let unit = SIZE_UNITS.iter().find(|known| **known == unit)?;
            let decimals = number.split_once('.').map_or(0, |(_, behind)| behind.len());
            let number: f64 = number.parse().ok()?;
            if !(0.0..SIZE_MAX).contains(&number) {
                return None;
            }
            sentence
                .decimal(number, decimals)
                .constant(" ")
                .constant(unit)
        }
        Piece::Errno => {
            let number = integer(hole_value)?;
            let (_, symbol, meaning) = ERRORS.iter().find(|(known, ..)| *known == number)?;
            sentence
                .integer(number)
                .constant("] ")
                .constant(meaning)
                .constant(" (")
                .constant(symbol)
                .constant(")")
        }
        Piece::SignalName => match SIGNAL_NAME.iter().find(|known| **known == hole_value) {
            Some(known) => sentence.constant(known),
            None => sentence.constant(signal_name(signal_called(hole_value)?)?),
        },
        Piece::Module => match dictionary::module(hole_value) {
            Some(module) => sentence.public(&module),
            None => listed_module(sentence, hole_value),
        },
        Piece::Word(list, unknown) => {
            let found = list.iter().find(|known| **known == hole_value);
            sentence.constant(found.unwrap_or(&unknown))
        }
    };
    Some(())
}

/// A module that the dictionary does not have; of a private one nothing.
fn listed_module<'a>(sentence: &'a mut PublicText, name: &str) -> &'a mut PublicText {
    let (top, rest) = name.split_once('.').unwrap_or((name, ""));
    match MODULE_NAME.iter().find(|known| **known == top) {
        Some(known) if rest.is_empty() => sentence.constant(known),
        Some(known) => sentence.constant(known).constant(".<private>"),
        None => sentence.constant("<private>"),
    }
}

fn integer(hole_value: &str) -> Option<u64> {
    let number = hole_value.parse().ok()?;
    (number <= TRACE_HOLE_MAX).then_some(number)
}

/// Sizes are told below this many of their unit.
const SIZE_MAX: f64 = 10_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(sentence: &str) -> Option<usize> {
        Some(FINDER.as_ref().unwrap().find(sentence.trim_start())?.0)
    }

    #[test]
    fn every_entry_reads_its_examples_and_no_look_alike() {
        let mut wrong = Vec::new();
        for (index, entry) in MESSAGES.iter().enumerate() {
            for example in entry.grounds.examples {
                if first(example) != Some(index) {
                    let found = first(example).map(|found| MESSAGES[found].regex);
                    wrong.push(format!("{example} is read as {found:?}"));
                } else if message(example).unwrap().says.as_str().contains('?') {
                    wrong.push(format!("{example} has an empty hole"));
                }
            }
            for look_alike in entry.grounds.look_alikes {
                if first(look_alike) == Some(index) {
                    wrong.push(format!("{look_alike} is read as {}", entry.regex));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn every_class_means_what_its_entry_says() {
        for entry in CLASSES {
            for example in entry.grounds.examples {
                assert_eq!(class(example), Some(entry.meaning), "{example}");
            }
            for look_alike in entry.grounds.look_alikes {
                assert_eq!(class(look_alike), None, "{look_alike}");
            }
        }
        assert_eq!(
            class("ray.exceptions.OutOfMemoryError"),
            Some(Meaning::MemoryDaemon)
        );
        assert_eq!(
            class("torch.cuda.OutOfMemoryError"),
            Some(Meaning::GpuOutOfMemory)
        );
    }

    #[test]
    fn holes_hold_only_what_they_are_made_for() {
        for (sentence, expected) in [
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
            (
                "No module named 'acme.secret'",
                "No module named '<private>'",
            ),
            (
                "No module named 'flash_attn'",
                "No module named 'flash_attn'",
            ),
            (
                "No module named 'transformers.acme'",
                "No module named 'transformers.<private>'",
            ),
            (
                "'NoneType' object has no attribute 'acme_secret'",
                "'NoneType' object has no attribute '<private>'",
            ),
            (
                "Command '['jane']' died with <Signals.SIGTERM: 15>.",
                "Command died with SIGTERM (15)",
            ),
        ] {
            assert_eq!(
                message(sentence).unwrap().says.as_str(),
                expected,
                "{sentence}"
            );
        }
        for sentence in ["jane: CUDA out of memory", "boom", "", "No such file"] {
            assert_eq!(message(sentence), None, "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn what_follows_a_public_beginning_never_matters(index in 0..MESSAGES.len(), tail in "[a-zA-Z@/ ]{0,40}") {
            let example = MESSAGES[index].grounds.examples[0];
            let plain = message(example).unwrap();
            let with_tail = message(&format!("{example}\u{1}{tail}")).unwrap();
            prop_assert_eq!(plain, with_tail);
        }
    }
}
