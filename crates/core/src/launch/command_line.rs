//! What a command line says, read once.
//!
//! `nice -n 10 srun -N 2 uv run torchrun --nproc_per_node 8 train.py` is a wrapper, a launcher, another wrapper, another
//! launcher and a script, each with options of its own. So the words are read from the left, by the grammar of whatever
//! was found last: a launcher's name is one only where a program can be, and a script's options are nobody's but its
//! own. Options that are not listed are guessed (see `launcher`).
//!
//! A program that is not known ends the reading: `./train --dataset ray` is not Ray's. Only what must not be missed is
//! sought among its arguments (`docker run image torchrun --nnodes 2 …`): a launcher that must not report twice, and the
//! program that reads the configuration.

use super::launcher::{self, Launch, Named, Next};
use super::words::name;
use super::{terminal, wrappers};
use crate::knowledge::commands::{CommandKind, Effect, KnownCommand};
use crate::knowledge::launchers::Starts;
use std::ffi::{OsStr, OsString};

/// Words behind a program that is not known among which a launcher is sought.
const LAUNCHER_WORDS_MAX: usize = 512;
/// Launchers within launchers that are read; three is much.
const LAUNCHERS_MAX: usize = 16;

/// A command line.
#[derive(Debug)]
pub struct CommandLine<'a> {
    /// The wrappers, outermost first, also those between a launcher and what it starts.
    pub wrappers: Vec<&'static KnownCommand>,
    /// What the wrappers in front run: the end of what was typed.
    pub command: &'a [OsString],
    /// The launchers, outermost first. Python and Axolotl are launchers, too.
    pub launches: Vec<Launch<'a>>,
    /// What the innermost of them starts.
    pub target: Target<'a>,
    /// The words behind the target.
    pub arguments: &'a [OsString],
    /// A launcher among the arguments of a program that is not known.
    pub hidden: Option<Launch<'a>>,
}

/// What is started in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Nothing, or code that is written in the command line.
    None,
    /// A program.
    Program(&'a OsStr),
    /// A script of Python's.
    Script(&'a OsStr),
    /// A module of Python's.
    Module(&'a OsStr),
    /// A program that runs the rest elsewhere, perhaps on many machines.
    Elsewhere(&'a OsStr),
}

impl<'a> CommandLine<'a> {
    /// Reads the words of a command.
    pub fn read(words: &'a [OsString]) -> Self {
        let mut line = Self {
            wrappers: Vec::new(),
            command: words,
            launches: Vec::new(),
            target: Target::None,
            arguments: &[],
            hidden: None,
        };
        line.command = wrappers::skip(words, &mut line.wrappers);
        let mut next = Next::Command(line.command);
        while line.launches.len() < LAUNCHERS_MAX {
            let Some(following) = line.read_next(next) else {
                break;
            };
            next = following;
        }
        line
    }

    /// Reads a launcher and returns what follows it, or reads the target.
    fn read_next(&mut self, next: Next<'a>) -> Option<Next<'a>> {
        let words = match next {
            Next::Command(words) => wrappers::skip(words, &mut self.wrappers),
            Next::Script(words) | Next::Module(words) => words,
            Next::Code(words) => {
                self.arguments = words;
                return None;
            }
        };
        let (program_word, arguments) = words.split_first()?;
        let called = launcher::called(words);
        if called.is_none_or(|(launcher, _)| launcher.starts == Starts::Launcher) {
            self.target = match next {
                Next::Module(_) => Target::Module(program_word),
                Next::Script(_) => Target::Script(program_word),
                _ if spans_nodes(program_word) => Target::Elsewhere(program_word),
                _ if self.chooses_python() && program_word.as_encoded_bytes().ends_with(b".py") => {
                    Target::Script(program_word)
                }
                _ => Target::Program(program_word),
            };
            self.arguments = arguments;
        }
        let Some((launcher, following_words)) = called else {
            if matches!(self.target, Target::Program(_) | Target::Module(_)) {
                self.hidden = hidden(arguments);
            }
            return None;
        };
        let (launch, following) =
            Launch::read(launcher, Named::Typed(program_word), following_words);
        self.launches.push(launch);
        if launcher.starts == Starts::Launcher {
            self.launches
                .extend(launcher::chosen(launcher, following_words));
            return None;
        }
        Some(following)
    }

    /// Whether a wrapper runs the command in another Python environment than ours.
    pub fn chooses_python(&self) -> bool {
        self.has(Effect::ChoosesPython)
    }

    /// Whether a wrapper ends the command when its time is over.
    pub fn limits_time(&self) -> bool {
        self.has(Effect::LimitsTime)
    }

    fn has(&self, effect: Effect) -> bool {
        self.wrappers.iter().any(|wrapper| wrapper.effect == effect)
    }

    /// Whether the program uses the terminal as a device, so that it must have the real one.
    pub fn uses_terminal(&self) -> bool {
        terminal::is_used(self.command)
    }

    /// The programs behind the wrappers, outermost first; each may be the one that leads to Python.
    pub fn programs(&self) -> impl Iterator<Item = &'a OsStr> {
        let launchers = self
            .launches
            .iter()
            .filter_map(|launch| match launch.named {
                Named::Typed(program_word) => Some(program_word),
                Named::Chosen | Named::Default => None,
            });
        let target = match self.target {
            Target::Program(program_word) => Some(program_word),
            _ => None,
        };
        launchers.chain(target)
    }
}

/// A launcher among the arguments of a program that is not known.
fn hidden(arguments: &[OsString]) -> Option<Launch<'_>> {
    let mut words = arguments;
    for _ in 0..LAUNCHER_WORDS_MAX {
        let (program_word, remaining_words) = words.split_first()?;
        if spans_nodes(program_word) {
            return None;
        }
        match launcher::called(words) {
            Some((launcher, _)) if launcher.starts == Starts::Process => {}
            Some((launcher, following_words)) if launcher.starts == Starts::Launcher => {
                return launcher::chosen(launcher, following_words);
            }
            Some((launcher, following_words)) => {
                return Some(Launch::read(launcher, Named::Typed(program_word), following_words).0);
            }
            None => {}
        }
        words = remaining_words;
    }
    None
}

fn spans_nodes(program_word: &OsStr) -> bool {
    let known =
        name(program_word).and_then(|name| KnownCommand::called(CommandKind::SpansNodes, name));
    known.is_some()
}

#[cfg(test)]
mod tests;
