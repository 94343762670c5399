//! One launcher of a command line: what its options say, and where they end.
//!
//! An option that is not listed may or may not take the next word. It does where the launcher's options mostly do,
//! unless the next word is an option, a Python file or a launcher: these are what is to be started.

use super::words::{OptionWord, is_python, name};
use crate::knowledge::launchers::{Launcher, ROWS, Runs, Says, Starts, Unlisted};
use std::ffi::{OsStr, OsString};

/// A launcher that was asked for, and what its options say.
#[derive(Debug, PartialEq, Eq)]
pub struct Launch<'a> {
    /// Which one.
    pub launcher: &'static Launcher,
    /// Who named it.
    pub named: Named<'a>,
    /// What its options say, with each option as the list has it and its value as it was typed.
    pub said: Vec<(Says, &'static str, &'a str)>,
}

/// Who named a launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// The command line runs it by this word.
    Typed(&'a OsStr),
    /// An option of another launcher names it.
    Chosen,
    /// Nobody: the other launcher takes it by default.
    Default,
}

/// What follows a launcher's options.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    Command(&'a [OsString]),
    Script(&'a [OsString]),
    Module(&'a [OsString]),
    /// Arguments of code that is written in the command line.
    Code(&'a [OsString]),
}

/// The launcher that the first words call, and the words behind.
pub fn called(words: &[OsString]) -> Option<(&'static Launcher, &[OsString])> {
    let first = name(words.first()?)?;
    let first = if is_python(first) { "python" } else { first };
    for launcher in ROWS {
        for program in launcher.programs {
            if let Some(behind) = behind_call(program, first, words) {
                return Some((launcher, behind));
            }
        }
    }
    None
}

/// The words behind a call of a program, whose name may have several words.
fn behind_call<'a>(program: &str, first: &str, words: &'a [OsString]) -> Option<&'a [OsString]> {
    let mut parts = program.split(' ');
    if parts.next() != Some(first) {
        return None;
    }
    let mut behind = words.get(1..)?;
    for part in parts {
        let (word, rest) = behind.split_first()?;
        if word != part {
            return None;
        }
        behind = rest;
    }
    Some(behind)
}

/// The launcher that another one starts, with the options behind `--`:
/// `axolotl train c.yml --launcher torchrun -- --nnodes 2`.
pub fn chosen<'a>(chooser: &Launcher, words: &'a [OsString]) -> Option<Launch<'a>> {
    let end = words.iter().position(|word| word == "--");
    let own = words.get(..end.unwrap_or(words.len()))?;
    let options = match end {
        Some(end) => words.get(end..)?.get(1..)?,
        None => &[],
    };
    let mut named = None;
    let mut own = own.iter();
    while let Some(word) = own.next() {
        if let Some(option) = OptionWord::of(word)
            && option.is(chooser.chooser)
        {
            let next = || own.next()?.to_str();
            named = Some(option.attached.or_else(next)?);
        }
    }
    let (name, named) = match named {
        Some(name) => (name, Named::Chosen),
        None if end.is_some() => (chooser.chosen, Named::Default),
        None => return None,
    };
    let launcher = ROWS.iter().find(|launcher| launcher.name == name)?;
    Some(Launch::read(launcher, named, options).0)
}

impl<'a> Launch<'a> {
    /// Reads the options of a launcher; returns also what follows them.
    pub fn read(
        launcher: &'static Launcher,
        named: Named<'a>,
        words: &'a [OsString],
    ) -> (Self, Next<'a>) {
        let mut launch = Self {
            launcher,
            named,
            said: Vec::new(),
        };
        let mut runs = launcher.runs;
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            let Some(option) = OptionWord::of(word) else {
                break;
            };
            rest = behind;
            if word == "--" {
                break;
            }
            if runs == Runs::Script && (word == "-m" || word == "--module") {
                return (launch, Next::Module(rest));
            }
            if launcher.starts == Starts::Process && word == "-c" {
                return (launch, Next::Code(rest));
            }
            if option.is("--no-python") {
                runs = Runs::Command;
            }
            let taken = launch.take(option, rest);
            rest = rest.get(taken..).unwrap_or_default();
        }
        let next = match runs {
            Runs::Script => Next::Script(rest),
            Runs::Command => Next::Command(rest),
        };
        (launch, next)
    }

    /// What an option says, and the option; the last of several.
    pub fn says(&self, what: Says) -> Option<(&'static str, &'a str)> {
        let said = self.said.iter().rfind(|(says, ..)| *says == what);
        let (_, option, value) = said?;
        Some((option, value))
    }

    /// Notes what an option says, and tells how many of the following words belong to it.
    fn take(&mut self, option: OptionWord<'a>, behind: &'a [OsString]) -> usize {
        let launcher = self.launcher;
        let next = behind.first().filter(|word| can_be_value(word));
        for (says, options) in launcher.options {
            let Some(listed) = options.iter().find(|listed| option.is(listed)) else {
                continue;
            };
            let value = option.attached.or(next.and_then(|next| next.to_str()));
            self.said.push((*says, listed, value.unwrap_or_default()));
            return usize::from(option.attached.is_none() && next.is_some());
        }
        if option.is_one_of(launcher.flags) || option.attached.is_some() {
            return 0;
        }
        if option.is_one_of(launcher.pairs) {
            return 2;
        }
        if option.is_one_of(launcher.values) {
            return 1;
        }
        for (says, options) in launcher.options {
            if let Some((listed, number)) = option.joined_to(options)
                && number.bytes().all(|byte| byte.is_ascii_digit())
            {
                self.said.push((*says, listed, number));
                return 0;
            }
        }
        let is_joined = option.joined_to(launcher.values).is_some();
        if is_joined || launcher.unlisted == Unlisted::Flag || next.is_none() {
            return 0;
        }
        usize::from(called(behind).is_none())
    }
}

/// Whether an option can have taken this word: not an option, unless it is a negative number, nor a script.
fn can_be_value(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    let is_option = bytes.starts_with(b"-") && !bytes.get(1).is_some_and(u8::is_ascii_digit);
    !is_option && !bytes.ends_with(b".py")
}
