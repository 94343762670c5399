//! Signs of a death that left no traceback: what shells, kernels, schedulers, watchdogs and launchers print.
//!
//! The lines hold command lines, host names and addresses, so nothing of them is kept but what an entry of
//! `knowledge/signs` names: its own sentence, and numbers (ranks, exit codes, signals).

use super::Meaning;
use super::meaning::Means;
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::signal_name;
use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::{LazyLock, OnceLock};

include!(concat!(env!("OUT_DIR"), "/signs.rs"));

/// How a sign speaks of the process's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It may well have gone on (a worker died, a connection was refused).
    Hint,
    /// The process, or one that it cannot do without, died of it.
    Death,
}

/// Who prints a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The program, or a library in it.
    Program,
    /// A shell, of its child.
    Shell,
    /// The kernel, in its log.
    Kernel,
    /// A batch system or a cluster's manager, of the job.
    Scheduler,
    /// A watchdog inside the program, of what it looks after.
    Watchdog,
    /// A launcher, of a worker.
    Launcher,
}

/// A part of what is said.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Text(&'static str),
    ExitCode,
    Signal,
}

/// One entry of `knowledge/signs`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    regex: &'static str,
    says: &'static [Piece],
    weight: Weight,
    speaker: Speaker,
    means: Means,
    #[cfg(test)]
    source: &'static str,
    #[cfg(test)]
    examples: &'static [&'static str],
    #[cfg(test)]
    look_alikes: &'static [&'static str],
}

/// A sign that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// What is said: our own sentence, with the numbers of the line.
    pub says: PublicStr,
    /// How it speaks of the end.
    pub weight: Weight,
    /// Who says so.
    pub speaker: Speaker,
    /// What it means.
    pub meaning: Meaning,
    /// The rank that it is about.
    pub rank: Option<u64>,
    /// That rank's number on its own machine.
    pub local_rank: Option<u64>,
    /// The machine's number.
    pub node_rank: Option<u64>,
    /// The exit code; negative where the launcher says a signal so.
    pub exit_code: Option<i64>,
    /// The signal.
    pub signal: Option<i32>,
}

static PATTERNS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSetBuilder::new(SIGNS.iter().map(|entry| entry.regex))
        .unicode(false)
        .build()
        .ok()
});

/// The pattern of each entry, made when the first line is such a sign.
static SINGLE: [OnceLock<Option<Regex>>; SIGNS.len()] = [const { OnceLock::new() }; SIGNS.len()];

/// The sign that this line is. The first entry that matches says.
pub fn sign(line: &str) -> Option<Sign> {
    let first = PATTERNS.as_ref()?.matches(line.as_bytes()).iter().next()?;
    let entry = SIGNS.get(first)?;
    let pattern = SINGLE
        .get(first)?
        .get_or_init(|| RegexBuilder::new(entry.regex).unicode(false).build().ok())
        .as_ref()?;
    entry.read(&pattern.captures(line.as_bytes())?)
}

/// What a text of ours means that stands for a sign, or names a signal.
pub fn meaning_of(says: &str, signs: &[Sign]) -> Option<Meaning> {
    let sign = signs.iter().find(|sign| sign.says.as_str() == says);
    if let Some(sign) = sign {
        return Some(sign.meaning);
    }
    let named = |signal: &i32| signal_name(*signal).is_some_and(|name| says.contains(name));
    (1..=LAST_SIGNAL).find(named).map(Meaning::of_signal)
}

/// The constants of all that is said.
pub(super) fn pieces() -> impl Iterator<Item = &'static str> {
    let said = SIGNS.iter().flat_map(|entry| entry.says);
    said.filter_map(|piece| match piece {
        Piece::Text(constant) => Some(*constant),
        _ => None,
    })
}

/// All examples, each with the source of its entry.
#[cfg(test)]
pub(crate) fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    let entries = SIGNS.iter();
    entries.flat_map(|entry| {
        entry
            .examples
            .iter()
            .map(|example| (*example, entry.source))
    })
}

/// The sign that is told in these words.
#[cfg(test)]
pub fn saying(says: &str) -> Option<Sign> {
    let lines = SIGNS.iter().map(|entry| entry.examples[0]);
    lines
        .filter_map(sign)
        .find(|sign| sign.says.as_str() == says)
}

impl Entry {
    fn read(&self, captures: &Captures<'_>) -> Option<Sign> {
        let number = |name: &str| {
            let value = captures.name(name)?;
            std::str::from_utf8(value.as_bytes())
                .ok()?
                .parse::<i64>()
                .ok()
        };
        let rank = |name: &str| number(name).and_then(|rank| u64::try_from(rank).ok());
        let exit_code = number("exit_code");
        let signal = number("signal")
            .and_then(|signal| i32::try_from(signal).ok())
            .or_else(|| {
                let name = captures.name("signal_name")?;
                signal_called(std::str::from_utf8(name.as_bytes()).ok()?)
            })
            .or_else(|| exit_code.and_then(signal_of_code))
            .filter(|signal| signal_name(*signal).is_some());
        let mut sign = Sign {
            says: PublicStr::constant(""),
            weight: match (self.means, signal) {
                // A worker that exits has a reason of its own, which it prints itself.
                (Means::OfSignal, None) => Weight::Hint,
                _ => self.weight,
            },
            speaker: self.speaker,
            meaning: match (self.means, signal) {
                (Means::Always(meaning), _) => meaning,
                (Means::OfSignal, Some(signal)) => Meaning::of_signal(signal),
                (Means::OfSignal, None) => Meaning::WorkerExit,
            },
            rank: rank("rank"),
            local_rank: rank("local_rank"),
            node_rank: rank("node_rank"),
            exit_code,
            signal,
        };
        sign.says = said(self.says, &sign);
        Some(sign)
    }
}

/// The sentence with its numbers; what the line does not have reads `?`.
fn said(pieces: &[Piece], sign: &Sign) -> PublicStr {
    let mut text = PublicText::new();
    for piece in pieces {
        match (piece, sign.exit_code) {
            (Piece::Text(constant), _) => text.constant(constant),
            (Piece::Signal, _) => {
                text.constant(sign.signal.and_then(signal_name).unwrap_or("no signal"))
            }
            (Piece::ExitCode, Some(code)) => {
                if code < 0 {
                    text.constant("-");
                }
                text.integer(code.unsigned_abs())
            }
            (Piece::ExitCode, None) => text.constant("?"),
        };
    }
    text.finish()
}

/// The signal that is called so, by its name or as the C library calls it.
pub(super) fn signal_called(name: &str) -> Option<i32> {
    let spelled = SPELLED.iter().find(|(spelled, _)| *spelled == name);
    if let Some((_, signal)) = spelled {
        return Some(*signal);
    }
    (1..=LAST_SIGNAL).find(|signal| signal_name(*signal) == Some(name))
}

/// The last signal that has a name of its own.
const LAST_SIGNAL: i32 = 31;

/// What the C library calls the signals.
const SPELLED: &[(&str, i32)] = &[
    ("Hangup", 1),
    ("Interrupt", 2),
    ("Quit", 3),
    ("Illegal instruction", 4),
    ("Aborted", 6),
    ("Bus error", 7),
    ("Floating point exception", 8),
    ("Killed", 9),
    ("Out Of Memory", 9),
    ("Segmentation fault", 11),
    ("Broken pipe", 13),
    ("Terminated", 15),
];

/// The signal behind an exit code: launchers write it as a negative number, or as it looks in 8 bits (245 is -11).
fn signal_of_code(code: i64) -> Option<i32> {
    let signal = match code {
        -64..0 => -code,
        129..=159 => code - 128,
        _ => return None,
    };
    i32::try_from(signal).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_reads_its_examples_and_no_look_alike() {
        assert!(PATTERNS.is_some());
        for (index, entry) in SIGNS.iter().enumerate() {
            let first = |line: &str| {
                PATTERNS
                    .as_ref()
                    .unwrap()
                    .matches(line.as_bytes())
                    .iter()
                    .next()
            };
            for example in entry.examples {
                let found = first(example);
                assert_eq!(
                    found,
                    Some(index),
                    "{example}: read as {:?}",
                    found.map(|found| SIGNS[found].says)
                );
                let sign = sign(example).unwrap();
                assert!(
                    !sign.says.as_str().contains('?'),
                    "{example}: {}",
                    sign.says
                );
            }
            for look_alike in entry.look_alikes {
                assert_ne!(first(look_alike), Some(index), "{look_alike}");
            }
        }
    }

    #[test]
    fn numbers_stand_in_a_sign_by_name() {
        let read = sign("srun: error: n1: task 7: Segmentation fault (core dumped)").unwrap();
        assert_eq!(
            (read.rank, read.signal, read.meaning, read.speaker),
            (Some(7), Some(11), Meaning::Segfault, Speaker::Launcher)
        );
        let read =
            sign("[ERROR] [launch.py:321:sigkill_handler] ['a'] exits with return code = -9")
                .unwrap();
        assert_eq!(
            (read.exit_code, read.signal, read.says.as_str()),
            (
                Some(-9),
                Some(9),
                "a worker exited with return code -9 (SIGKILL)"
            )
        );
    }
}
