//! One launcher of a command line: what its options say, and where they end.
//!
//! An option that is not listed may or may not take the next word. It does where the launcher's options mostly do,
//! unless the next word is an option, a Python file or a launcher: these are what is to be started.

use super::words::{OptionWord, is_python, name};
use crate::knowledge::launchers::{Launcher, ROWS, Runs, Says, Starts, Unlisted};
use std::ffi::{OsStr, OsString};

/// A launcher that was asked for, and what its options say.
#[derive(Debug)]
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
#[derive(Clone, Copy)]
pub enum Next<'a> {
    Command(&'a [OsString]),
    Script(&'a [OsString]),
    Module(&'a [OsString]),
    /// Arguments of code that is written in the command line.
    Code(&'a [OsString]),
}

/// The launcher that the first words call, and the words behind.
pub fn called(words: &[OsString]) -> Option<(&'static Launcher, &[OsString])> {
    let program_name = name(words.first()?)?;
    let program_name = if is_python(program_name) {
        "python"
    } else {
        program_name
    };
    for launcher in ROWS {
        for program in launcher.programs {
            if let Some(following_words) = behind_call(program, program_name, words) {
                return Some((launcher, following_words));
            }
        }
    }
    None
}

/// The words behind a call of a program, whose name may have several words.
fn behind_call<'a>(
    program: &str,
    program_name: &str,
    words: &'a [OsString],
) -> Option<&'a [OsString]> {
    let mut parts = program.split(' ');
    if parts.next() != Some(program_name) {
        return None;
    }
    let mut following_words = words.get(1..)?;
    for name_part in parts {
        let (word, remaining_words) = following_words.split_first()?;
        if word != name_part {
            return None;
        }
        following_words = remaining_words;
    }
    Some(following_words)
}

/// The launcher that another one starts, with the options behind `--`:
/// `axolotl train c.yml --launcher torchrun -- --nnodes 2`.
pub fn chosen<'a>(chooser: &Launcher, words: &'a [OsString]) -> Option<Launch<'a>> {
    let separator = words.iter().position(|word| word == "--");
    let own_words = words.get(..separator.unwrap_or(words.len()))?;
    let options = match separator {
        Some(separator) => words.get(separator..)?.get(1..)?,
        None => &[],
    };
    let mut named = None;
    let mut own_words = own_words.iter();
    while let Some(word) = own_words.next() {
        if let Some(option) = OptionWord::of(word)
            && option.is(chooser.chooser)
        {
            let next = || own_words.next()?.to_str();
            named = Some(option.attached.or_else(next)?);
        }
    }
    let (name, named) = match named {
        Some(name) => (name, Named::Chosen),
        None if separator.is_some() => (chooser.chosen, Named::Default),
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
        let mut remaining_words = words;
        while let Some((word, following_words)) = remaining_words.split_first() {
            let Some(option) = OptionWord::of(word) else {
                break;
            };
            remaining_words = following_words;
            if word == "--" {
                break;
            }
            if runs == Runs::Script && (word == "-m" || word == "--module") {
                return (launch, Next::Module(remaining_words));
            }
            if launcher.starts == Starts::Process && word == "-c" {
                return (launch, Next::Code(remaining_words));
            }
            if option.is("--no-python") {
                runs = Runs::Command;
            }
            let taken_words = launch.take(option, remaining_words);
            remaining_words = remaining_words.get(taken_words..).unwrap_or_default();
        }
        let next = match runs {
            Runs::Script => Next::Script(remaining_words),
            Runs::Command => Next::Command(remaining_words),
        };
        (launch, next)
    }

    /// What an option says, and the option; the last of several.
    pub fn says(&self, wanted: Says) -> Option<(&'static str, &'a str)> {
        let said = self.said.iter().rfind(|(says, ..)| *says == wanted);
        let (_, option, value_text) = said?;
        Some((option, value_text))
    }

    /// Notes what an option says, and tells how many of the following words belong to it.
    fn take(&mut self, option: OptionWord<'a>, following_words: &'a [OsString]) -> usize {
        let launcher = self.launcher;
        let next = following_words.first().filter(|word| can_be_value(word));
        for (says, options) in launcher.options {
            let Some(listed) = options.iter().find(|listed| option.is(listed)) else {
                continue;
            };
            let value_text = option.attached.or(next.and_then(|next| next.to_str()));
            self.said
                .push((*says, listed, value_text.unwrap_or_default()));
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
        usize::from(called(following_words).is_none())
    }
}

/// Whether an option can have taken this word: not an option, unless it is a negative number, nor a script.
fn can_be_value(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    let is_option = bytes.starts_with(b"-") && !bytes.get(1).is_some_and(u8::is_ascii_digit);
    !is_option && !bytes.ends_with(b".py")
}
