//! One launcher of a command line: what its options say, and where they end.
//!
//! An option that is not listed may or may not take the next word. It does where the launcher's options mostly do,
//! unless the next word is an option, a Python file or a launcher: these are what is to be started.

use super::words::{OptionWord, is_python, name};
use crate::knowledge::launchers::{LAUNCHERS, Launcher, Runs, Starts, Unlisted};
use std::ffi::{OsStr, OsString};

/// A launcher that was asked for, and what its options say; each value as it was typed, the last of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch<'a> {
    /// Which one.
    pub launcher: &'static Launcher,
    /// Who named it.
    pub named: Named<'a>,
    /// Machines.
    pub nodes: Option<&'a str>,
    /// Worker processes on each.
    pub processes_per_node: Option<&'a str>,
    /// Worker processes on all machines.
    pub processes: Option<&'a str>,
    /// This machine's place, and the option that says it.
    pub node_rank: Option<(&'static str, &'a str)>,
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
pub(super) enum Next<'a> {
    Command(&'a [OsString]),
    Script(&'a [OsString]),
    Module(&'a [OsString]),
    /// Arguments of code that is written in the command line.
    Code(&'a [OsString]),
}

/// The launcher that the first words call, and the words behind.
pub(super) fn called(words: &[OsString]) -> Option<(&'static Launcher, &[OsString])> {
    let first = name(words.first()?)?;
    let first = if is_python(first) { "python" } else { first };
    for launcher in LAUNCHERS {
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
pub(super) fn chosen<'a>(chooser: &Launcher, words: &'a [OsString]) -> Option<Launch<'a>> {
    let end = words.iter().position(|word| word == "--");
    let own = words.get(..end.unwrap_or(words.len()))?;
    let options = match end {
        Some(end) => words.get(end..)?.get(1..)?,
        None => &[],
    };
    let mut named = None;
    let mut own = own.iter();
    while let Some(word) = own.next() {
        let Some(option) = OptionWord::of(word) else {
            continue;
        };
        if option.is(chooser.chooser?) {
            let next = || own.next().map(|word| word.as_encoded_bytes());
            named = Some(option.attached.or_else(next)?);
        }
    }
    let (name, named) = match named {
        Some(name) => (name, Named::Chosen),
        None if end.is_some() => (chooser.chosen?.as_bytes(), Named::Default),
        None => return None,
    };
    let launcher = LAUNCHERS
        .iter()
        .find(|launcher| launcher.name.as_bytes() == name)?;
    Some(Launch::read(launcher, named, options).0)
}

impl<'a> Launch<'a> {
    /// Reads the options of a launcher; returns also what follows them.
    pub(super) fn read(
        launcher: &'static Launcher,
        named: Named<'a>,
        words: &'a [OsString],
    ) -> (Self, Next<'a>) {
        let mut launch = Self {
            launcher,
            named,
            nodes: None,
            processes_per_node: None,
            processes: None,
            node_rank: None,
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

    /// The program that was typed.
    pub(super) fn program(&self) -> Option<&'a OsStr> {
        match self.named {
            Named::Typed(word) => Some(word),
            Named::Chosen | Named::Default => None,
        }
    }

    /// Notes what an option says, and tells how many of the following words belong to it.
    fn take(&mut self, option: OptionWord<'a>, behind: &'a [OsString]) -> usize {
        let launcher = self.launcher;
        let next = behind.first().filter(|word| can_be_value(word));
        let field = self.field(option);
        if let Some(field) = field {
            let (value, taken) = match (option.attached, next) {
                (Some(attached), _) => (attached, 0),
                (None, Some(next)) => (next.as_encoded_bytes(), 1),
                (None, None) => return 0,
            };
            self.set(field, value);
            return taken;
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
        if let Some((field, value)) = self.joined(option) {
            self.set(field, value);
            return 0;
        }
        let is_joined = option.joined_to(launcher.values).is_some();
        if is_joined || launcher.unlisted == Unlisted::Flag || next.is_none() {
            return 0;
        }
        usize::from(called(behind).is_none())
    }

    /// What an option is about.
    fn field(&self, option: OptionWord<'_>) -> Option<Field> {
        let launcher = self.launcher;
        for node_rank in launcher.node_rank {
            if option.is(node_rank) {
                return Some(Field::NodeRank(node_rank));
            }
        }
        counting(launcher)
            .into_iter()
            .find(|(_, options)| option.is_one_of(options))
            .map(|(field, _)| field)
    }

    /// What an option of one letter is about, and the number that is joined to it.
    fn joined(&self, option: OptionWord<'a>) -> Option<(Field, &'a [u8])> {
        for (field, options) in counting(self.launcher) {
            if let Some(number) = option.joined_to(options)
                && number.iter().all(u8::is_ascii_digit)
            {
                return Some((field, number));
            }
        }
        None
    }

    fn set(&mut self, field: Field, value: &'a [u8]) {
        // What is not UTF-8 is no number.
        let value = std::str::from_utf8(value).unwrap_or_default();
        match field {
            Field::Nodes => self.nodes = Some(value),
            Field::ProcessesPerNode => self.processes_per_node = Some(value),
            Field::Processes => self.processes = Some(value),
            Field::NodeRank(option) => self.node_rank = Some((option, value)),
        }
    }
}

/// What an option says.
#[derive(Clone, Copy)]
enum Field {
    Nodes,
    ProcessesPerNode,
    Processes,
    NodeRank(&'static str),
}

/// The options that count something.
fn counting(launcher: &Launcher) -> [(Field, &'static [&'static str]); 3] {
    [
        (Field::Nodes, launcher.nodes),
        (Field::ProcessesPerNode, launcher.processes_per_node),
        (Field::Processes, launcher.processes),
    ]
}

/// Whether an option can have taken this word: not an option, unless it is a negative number, nor a script.
fn can_be_value(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    let is_option = bytes.starts_with(b"-") && !bytes.get(1).is_some_and(u8::is_ascii_digit);
    !is_option && !bytes.ends_with(b".py")
}
