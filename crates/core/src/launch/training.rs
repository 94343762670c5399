//! The training of a command line: which configuration it reads, and what the command line changes in it.
//!
//! Axolotl is started in many ways (`axolotl train cfg.yml`, `accelerate launch -m axolotl.cli.train cfg.yml`,
//! `torchrun … -m axolotl.cli.train cfg.yml`), with a launcher's own options, files and YAML in front. So nothing is
//! guessed from a name that ends in `.yml`: first the word that starts Axolotl is found, and the configuration is the
//! first word after it that is neither an option nor an option's value. Whatever follows as `--key value` is an
//! override if the public schema has the key; up to `--`, behind which a launcher's options begin.
//!
//! What is not recognised is None, and then the run has no configuration to speak of.

use super::command_line::{CommandLine, Target};
use super::words::name;
use crate::knowledge::commands::{TRAINING, TrainingTool};
use crate::limits;
use crate::public::config_keys::{self, KeyShape};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// A configuration file and the overrides of its keys, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file, as it was typed.
    pub path: PathBuf,
    /// Keys of the public schema (`learning_rate`, `trl.beta`) and the texts that the command line gives them.
    pub overrides: Vec<(String, String)>,
}

/// A program that reads a training configuration, and the words behind it.
#[derive(Debug)]
struct Training<'a> {
    tool: &'static TrainingTool,
    /// What it is told to do: `train`, `evaluate`…
    task: &'static str,
    syntax: Syntax,
    arguments: Cow<'a, [OsString]>,
}

/// How options are read: what an option without `=` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    /// `axolotl`: an option takes the next word unless the schema says that it is a switch.
    Click,
    /// `-m axolotl.cli.train`: an option takes the next word unless that is an option itself.
    Fire,
}

impl CommandLine<'_> {
    /// The training configuration, and what the command line changes in it.
    #[must_use]
    pub fn configuration(&self) -> Option<Located> {
        located(&self.training()?)
    }

    /// Whether it is known to train nothing: another command of Axolotl's, or a script of the Trainer's that is told to
    /// evaluate and not to train. Its bars are then nobody's steps.
    #[must_use]
    pub fn trains_nothing(&self) -> bool {
        let told = |option: &str| {
            let mut words = self.arguments.iter();
            words.any(|word| self::option(word).is_some_and(|typed| typed.name == option))
        };
        if (told("do_eval") || told("do_predict")) && !told("do_train") {
            return true;
        }
        self.training()
            .is_some_and(|training| training.task != "train")
    }

    /// The output directory that a command line names by itself, as scripts of the Trainer have it.
    #[must_use]
    pub fn output_directory(&self) -> Option<String> {
        let mut words = self.arguments.iter();
        while let Some(word) = words.next() {
            let Some(typed) = option(word).filter(|typed| typed.name == "output_dir") else {
                continue;
            };
            let next = words.as_slice().first().and_then(|next| next.to_str());
            let path = typed.value.or(next).unwrap_or_default();
            if !path.is_empty() {
                return Some(path.to_owned());
            }
        }
        None
    }

    /// What reads a configuration: what the launchers start, or what a program that is not known is told to start.
    fn training(&self) -> Option<Training<'_>> {
        let word = match self.target {
            Target::None => None,
            Target::Program(word)
            | Target::Script(word)
            | Target::Module(word)
            | Target::Elsewhere(word) => Some(word),
        };
        let direct = word.and_then(|word| started(word, self.arguments, IsModule::Perhaps));
        if direct.is_some() {
            return direct;
        }
        if let Some(training) = sought(self.arguments) {
            return Some(training);
        }
        let words = shell_words(self.arguments)?;
        let training = sought(&words)?;
        Some(Training {
            tool: training.tool,
            task: training.task,
            syntax: training.syntax,
            arguments: Cow::Owned(training.arguments.into_owned()),
        })
    }
}

/// Whether a word may name a module.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsModule {
    Perhaps,
    No,
}

/// A training that is started anywhere among these words.
fn sought(words: &[OsString]) -> Option<Training<'_>> {
    let mut is_module = IsModule::No;
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        let training = started(word, behind, is_module);
        if training.is_some() {
            return training;
        }
        is_module = if word == "-m" || word == "--module" {
            IsModule::Perhaps
        } else {
            IsModule::No
        };
        rest = behind;
    }
    None
}

/// The training that a word starts.
fn started<'a>(word: &OsStr, behind: &'a [OsString], is_module: IsModule) -> Option<Training<'a>> {
    for tool in TRAINING {
        let fire = |task| Training {
            tool,
            task,
            syntax: Syntax::Fire,
            arguments: Cow::Borrowed(behind),
        };
        if name(word).is_some_and(|name| tool.programs.contains(&name)) {
            return of_command(tool, behind);
        }
        let text = word.to_str()?;
        if is_module == IsModule::Perhaps {
            if tool.main == Some(text) {
                return of_command(tool, behind);
            }
            if let Some(module) = tool.modules.iter().find(|module| **module == text) {
                return Some(fire(task(module, '.')));
            }
        }
        if tool.scripts.contains(&text) {
            return Some(fire("train"));
        }
        let is_file = |file: &&&str| text.ends_with(**file);
        if let Some(file) = tool.files.iter().find(is_file) {
            return Some(fire(task(file.trim_end_matches(".py"), '/')));
        }
    }
    None
}

/// The last part of a module's name.
fn task(module: &'static str, separator: char) -> &'static str {
    module.rsplit(separator).next().unwrap_or(module)
}

/// A command of a tool that has some.
fn of_command<'a>(tool: &'static TrainingTool, arguments: &'a [OsString]) -> Option<Training<'a>> {
    let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    let at = arguments.iter().position(|word| !is_option(word))?;
    let (word, rest) = arguments.get(at..)?.split_first()?;
    let task = tool.commands.iter().find(|command| word == **command)?;
    Some(Training {
        tool,
        task,
        syntax: Syntax::Click,
        arguments: Cow::Borrowed(rest),
    })
}

/// The words of `sh -c "…"`, where they are only words: a `cd`, a variable or a quote is more than can be told.
fn shell_words(arguments: &[OsString]) -> Option<Vec<OsString>> {
    for pair in arguments.windows(2) {
        let [option, script] = pair else { continue };
        if !matches!(option.to_str(), Some("-c" | "-lc" | "-ec" | "-exc")) {
            continue;
        }
        let Some(script) = script.to_str() else {
            continue;
        };
        if !script.chars().all(is_plain) {
            return None;
        }
        let words = script.split(' ').filter(|word| !word.is_empty());
        return Some(words.map(OsString::from).collect());
    }
    None
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || " -_./=:,+@".contains(c)
}

fn located(training: &Training<'_>) -> Option<Located> {
    let mut path = None;
    let mut overrides = Vec::new();
    let mut words = training
        .arguments
        .iter()
        .map(OsString::as_os_str)
        .peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(option) = option(word) else {
            path = path.or(Some(word));
            continue;
        };
        let next = words.peek().copied();
        let value = option.value(training, next);
        if matches!(value, Given::Next(_)) {
            words.next();
        }
        if option.name == "config" {
            path = path.or(value.path());
        } else if let (Some(key), Some(text)) = (option.key(training.tool), value.text())
            && overrides.len() < limits::CONFIG_OVERRIDES_MAX
        {
            overrides.push((key, text.to_owned()));
        }
    }
    let path = path.filter(|path| !path.is_empty() && !is_remote(path))?;
    Some(Located {
        path: PathBuf::from(path),
        overrides,
    })
}

/// Axolotl fetches a configuration that is an address; we do not.
fn is_remote(path: &OsStr) -> bool {
    path.to_str().is_some_and(|path| path.contains("://"))
}

/// `--name`, `--name=value`, `--no-name`, with dashes read as underscores.
struct Typed<'a> {
    name: String,
    value: Option<&'a str>,
}

fn option(word: &OsStr) -> Option<Typed<'_>> {
    // An option that is not UTF-8 is still an option; it has a name that no key has.
    let text = match word.to_str() {
        Some(text) => text,
        None if word.as_encoded_bytes().starts_with(b"-") => "--",
        None => return None,
    };
    if !text.starts_with('-') || text == "-" {
        return None;
    }
    let text = text.trim_start_matches('-');
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    Some(Typed {
        name: name.trim_start_matches('-').replace('-', "_"),
        value,
    })
}

/// What an option was given.
enum Given<'a> {
    Text(&'a str),
    /// The next word.
    Next(&'a OsStr),
    Nothing,
}

impl<'a> Given<'a> {
    fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Next(word) => word.to_str(),
            Self::Nothing => None,
        }
    }

    fn path(&self) -> Option<&'a OsStr> {
        match self {
            Self::Text(text) => Some(OsStr::new(*text)),
            Self::Next(word) => Some(word),
            Self::Nothing => None,
        }
    }
}

impl<'a> Typed<'a> {
    /// The key that the option overrides, if the public schema has it.
    fn key(&self, tool: &TrainingTool) -> Option<String> {
        let name = self.name.as_str();
        if tool.values.contains(&name) || tool.flags.contains(&name) {
            return None;
        }
        if shape(name).is_some() {
            return Some(self.name.clone());
        }
        let positive = self.positive()?;
        if !shape(positive)?.boolean() {
            return None;
        }
        Some(positive.to_owned())
    }

    /// The option that this one turns off: `--no-key`, and for `fire` also `--nokey`.
    fn positive(&self) -> Option<&str> {
        let name = self.name.as_str();
        if name.contains('.') {
            return name.strip_prefix("no_");
        }
        name.strip_prefix("no_").or(name.strip_prefix("no"))
    }

    fn negates(&self, tool: &TrainingTool) -> bool {
        shape(&self.name).is_none() && self.key(tool).is_some()
    }

    /// What the option was given.
    fn value(&self, training: &Training<'_>, next: Option<&'a OsStr>) -> Given<'a> {
        if let Some(value) = self.value {
            return Given::Text(value);
        }
        if self.negates(training.tool) {
            return Given::Text("false");
        }
        let is_flag = match (training.syntax, shape(&self.name)) {
            (Syntax::Click, Some(shape)) => shape.flag(),
            (Syntax::Click, None) => !self.wants_value(training.tool),
            (Syntax::Fire, _) => next.is_none_or(is_fire_option),
        };
        if is_flag {
            return Given::Text("true");
        }
        match next {
            Some(word) if word != "--" => Given::Next(word),
            _ => Given::Nothing,
        }
    }

    /// Whether an option that is no key takes a value. One that Axolotl does not know goes to the launcher, and what
    /// follows it is taken for its value if it was written apart; Axolotl itself ignores such options.
    fn wants_value(&self, tool: &TrainingTool) -> bool {
        let name = self.name.strip_prefix("no_").unwrap_or(&self.name);
        tool.values.contains(&name)
            || name == "config"
            || !tool.flags.contains(&name) && name.len() > 1
    }

    /// A negative number looks like an option.
    fn is_number(&self) -> bool {
        let begins = |first: char| first.is_ascii_digit() || first == '.';
        self.name.starts_with(begins)
    }
}

fn is_fire_option(word: &OsStr) -> bool {
    option(word).is_some_and(|option| !option.is_number())
}

/// The shape of a key of the top level, or of `group.key`.
fn shape(name: &str) -> Option<&'static KeyShape> {
    let Some((group, key)) = name.split_once('.') else {
        return Some(config_keys::top_level(name)?.1);
    };
    let (_, group) = config_keys::top_level(group)?;
    Some(group.member(key)?.1)
}

#[cfg(test)]
mod tests;
