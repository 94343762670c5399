//! Signs of a death that left no traceback: what shells, kernels, schedulers, watchdogs and launchers print.
//!
//! The lines hold command lines, host names and addresses, so nothing of them is kept but what an entry of
//! `knowledge/signs` names: its own sentence, and numbers (ranks, exit codes, signals).

pub mod watchdogs;

use super::Meaning;
use super::entry::{self, Finder, Means, Piece};
use super::lists::{SIGNAL_NAMES, SIGNALS};
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::signal_name;
use regex::bytes::Captures;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/signs.rs"));

/// How a sign speaks of the process's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// One entry of `knowledge/signs`.
#[derive(Clone, Copy)]
struct KnownSign {
    regex: &'static str,
    says: &'static [Piece],
    weight: Weight,
    speaker: Speaker,
    means: Means,
    #[cfg(test)]
    grounds: entry::Grounds,
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

static FINDER: LazyLock<Option<Finder>> =
    LazyLock::new(|| Finder::new(SIGNS.iter().map(|entry| entry.regex)));

/// The sign that this line is. The first entry that matches says.
pub fn sign(line: &str) -> Option<Sign> {
    let (index, captures) = FINDER.as_ref()?.find(line)?;
    Some(SIGNS.get(index)?.read(&captures))
}

/// What a text of ours means that stands for a sign, or names a signal.
pub fn meaning_of(says: &str, signs: &[Sign]) -> Option<Meaning> {
    let sign = signs.iter().find(|sign| sign.says.as_str() == says);
    if let Some(sign) = sign {
        return Some(sign.meaning);
    }
    let named = SIGNAL_NAMES.iter().find(|name| says.contains(**name))?;
    signal_called(named).map(Meaning::of_signal)
}

/// The constants of all that is said.
pub fn pieces() -> impl Iterator<Item = &'static str> {
    SIGNS.iter().flat_map(|entry| entry::texts(entry.says))
}

/// All examples, each with the source of its entry.
#[cfg(test)]
pub fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    SIGNS.iter().flat_map(|entry| entry.grounds.sourced())
}

/// The sign that is told in these words.
#[cfg(test)]
pub fn saying(says: &str) -> Option<Sign> {
    let lines = SIGNS.iter().map(|entry| entry.grounds.examples[0]);
    lines
        .filter_map(sign)
        .find(|sign| sign.says.as_str() == says)
}

impl KnownSign {
    fn read(&self, captures: &Captures<'_>) -> Sign {
        let group = |name| std::str::from_utf8(captures.name(name)?.as_bytes()).ok();
        let number = |name| group(name).and_then(|value| value.parse::<u64>().ok());
        let exit_code = group("exit_code").and_then(|code| code.parse().ok());
        let signal = group("signal")
            .and_then(|signal| signal.parse().ok())
            .or_else(|| signal_called(group("signal_name")?))
            .or_else(|| signal_of_code(exit_code?))
            .filter(|signal| signal_name(*signal).is_some());
        let mut sign = Sign {
            says: PublicStr::constant(""),
            weight: self.weight,
            speaker: self.speaker,
            meaning: self.means.with(signal, Meaning::WorkerExit),
            rank: number("rank"),
            local_rank: number("local_rank"),
            node_rank: number("node_rank"),
            exit_code,
            signal,
        };
        if matches!(self.means, Means::OfSignal) && signal.is_none() {
            // A worker that exits has a reason of its own, which it prints itself.
            sign.weight = Weight::Hint;
        }
        sign.says = said(self.says, &sign);
        sign
    }
}

/// The sentence with its numbers; what the line does not have reads `?`.
fn said(pieces: &[Piece], sign: &Sign) -> PublicStr {
    let mut sentence = PublicText::new();
    for piece in pieces {
        match (piece, sign.exit_code) {
            (Piece::Text(constant), _) => sentence.constant(constant),
            (Piece::ExitCode, Some(code)) => {
                if code < 0 {
                    sentence.constant("-");
                }
                sentence.integer(code.unsigned_abs())
            }
            (Piece::Signal, _) => {
                sentence.constant(sign.signal.and_then(signal_name).unwrap_or("no signal"))
            }
            _ => sentence.constant("?"),
        };
    }
    sentence.finish()
}

/// The signal that is called so, by its name or as the C library calls it.
pub fn signal_called(name: &str) -> Option<i32> {
    if let Some((_, signal)) = SIGNALS.iter().find(|(spelled, _)| *spelled == name) {
        return Some(*signal);
    }
    let index = SIGNAL_NAMES.iter().position(|known| *known == name)?;
    i32::try_from(index + 1).ok()
}

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
        assert!(FINDER.is_some());
        for (index, entry) in SIGNS.iter().enumerate() {
            let first = |line: &str| Some(FINDER.as_ref().unwrap().find(line)?.0);
            for example in entry.grounds.examples {
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
            for look_alike in entry.grounds.look_alikes {
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
