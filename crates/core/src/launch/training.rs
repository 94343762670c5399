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
use super::words::{OptionWord, name};
use crate::knowledge::commands::{CommandKind, KnownCommand, ROWS};
use crate::public::config_keys::{self, KeyShape};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Overrides on a command line that are looked at.
const CONFIG_OVERRIDES_MAX: usize = 256;

/// A configuration file and the overrides of its keys, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Located {
    /// The file, as it was typed.
    pub path: PathBuf,
    /// Keys of the public schema (`learning_rate`, `trl.beta`) and the texts that the command line gives them.
    pub overrides: Vec<(String, String)>,
}

/// A program that reads a training configuration, and the words behind it.
struct Invocation<'a> {
    tool: &'static KnownCommand,
    /// What it is told to do: `train`, `evaluate`…
    task: &'static str,
    syntax: Syntax,
    arguments: Vec<&'a OsStr>,
}

/// How options are read: what an option without `=` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// `axolotl`: an option takes the next word unless the schema says that it is a switch.
    Click,
    /// `-m axolotl.cli.train`: an option takes the next word unless that is an option itself.
    Fire,
}

impl CommandLine<'_> {
    /// The training configuration, and what the command line changes in it.
    pub fn configuration(&self) -> Option<Located> {
        self.training()?.located()
    }

    /// Whether it is known to train nothing: another command of Axolotl's, or a script of the Trainer's that is told to
    /// evaluate and not to train. Its bars are then nobody's steps.
    pub fn trains_nothing(&self) -> bool {
        let options = self
            .arguments
            .iter()
            .filter_map(|word| OptionWord::of(word));
        let told = |option: &str| options.clone().any(|typed| typed.is(option));
        if (told("do_eval") || told("do_predict")) && !told("do_train") {
            return true;
        }
        match self.training() {
            Some(training) => training.task != "train",
            None => false,
        }
    }

    /// The output directory that a command line names by itself, as scripts of the Trainer have it.
    pub fn output_directory(&self) -> Option<String> {
        for (word_index, word) in self.arguments.iter().enumerate() {
            let Some(option) = OptionWord::of(word) else {
                continue;
            };
            if !option.is("output_dir") {
                continue;
            }
            let next = || self.arguments.get(word_index + 1)?.to_str();
            let path = option.attached.or_else(next).unwrap_or_default();
            if !path.is_empty() {
                return Some(path.to_owned());
            }
        }
        None
    }

    /// What reads a configuration: what the launchers start, or what a program that is not known is told to start.
    fn training(&self) -> Option<Invocation<'_>> {
        let arguments: Vec<_> = self.arguments.iter().map(OsString::as_os_str).collect();
        let direct = match self.target {
            Target::None => None,
            Target::Program(word)
            | Target::Script(word)
            | Target::Module(word)
            | Target::Elsewhere(word) => started(word, &arguments, word.to_str()),
        };
        direct
            .or_else(|| sought(&arguments))
            .or_else(|| sought(&shell_words(self.arguments)?))
    }
}

/// A training that is started anywhere among these words.
fn sought<'a>(words: &[&'a OsStr]) -> Option<Invocation<'a>> {
    let mut previous_word = OsStr::new("");
    let mut remaining_words = words;
    while let Some((word, following_words)) = remaining_words.split_first() {
        let module = if previous_word == "-m" || previous_word == "--module" {
            word.to_str()
        } else {
            None
        };
        let training = started(word, following_words, module);
        if training.is_some() {
            return training;
        }
        (previous_word, remaining_words) = (word, following_words);
    }
    None
}

/// The training that a word starts; `module` is the word where it may name one.
fn started<'a>(
    word: &OsStr,
    following_words: &[&'a OsStr],
    module: Option<&str>,
) -> Option<Invocation<'a>> {
    if let Some(tool) = KnownCommand::called(CommandKind::Training, name(word)?) {
        return of_command(tool, following_words);
    }
    let word_text = word.to_str()?;
    let file = word_text.strip_suffix(".py").unwrap_or_default();
    for tool in ROWS {
        if tool.kind != CommandKind::Training {
            continue;
        }
        if module == Some(tool.main) {
            return of_command(tool, following_words);
        }
        let is_module =
            |name: &&&str| module == Some(**name) || file.ends_with(&name.replace('.', "/"));
        let task = match tool.modules.iter().find(is_module) {
            Some(module) => module.rsplit('.').next()?,
            None if tool.scripts.contains(&word_text) => "train",
            None => continue,
        };
        return Some(Invocation {
            tool,
            task,
            syntax: Syntax::Fire,
            arguments: following_words.to_vec(),
        });
    }
    None
}

/// A command of a tool that has some.
fn of_command<'a>(tool: &'static KnownCommand, words: &[&'a OsStr]) -> Option<Invocation<'a>> {
    let is_option = |word: &&OsStr| word.as_encoded_bytes().starts_with(b"-");
    let word_index = words.iter().position(|word| !is_option(word))?;
    let (word, remaining_words) = words.get(word_index..)?.split_first()?;
    let task = tool.commands.iter().find(|command| word == *command)?;
    Some(Invocation {
        tool,
        task,
        syntax: Syntax::Click,
        arguments: remaining_words.to_vec(),
    })
}

/// The words of `sh -c "…"`, where they are only words: a `cd`, a variable or a quote is more than can be told.
fn shell_words(arguments: &[OsString]) -> Option<Vec<&OsStr>> {
    let is_command =
        |option: &OsString| matches!(option.to_str(), Some("-c" | "-lc" | "-ec" | "-exc"));
    for pair in arguments.windows(2) {
        if let [option, script] = pair
            && is_command(option)
            && let Some(script) = script.to_str()
        {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./=:,+@".contains(c);
            if !script.chars().all(is_plain) {
                return None;
            }
            return Some(script.split_whitespace().map(OsStr::new).collect());
        }
    }
    None
}

impl Invocation<'_> {
    fn located(&self) -> Option<Located> {
        let mut path = None;
        let mut overrides = Vec::new();
        let mut words = self.arguments.iter().copied().peekable();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let Some(option) = OptionWord::of(word) else {
                path = path.or(Some(word));
                continue;
            };
            let value = match self.value(option, words.peek().copied()) {
                Some(word_text) => Some(OsStr::new(word_text)),
                None => words.next_if(|next| *next != "--"),
            };
            if option.is("config") {
                path = path.or(value);
                continue;
            }
            if overrides.len() < CONFIG_OVERRIDES_MAX
                && let Some(key) = self.key(option)
                && let Some(word_text) = value.and_then(OsStr::to_str)
            {
                overrides.push((key, word_text.to_owned()));
            }
        }
        let path = path?;
        // Axolotl fetches a configuration that is an address; we do not.
        if path.is_empty() || path.to_string_lossy().contains("://") {
            return None;
        }
        Some(Located {
            path: PathBuf::from(path),
            overrides,
        })
    }

    /// The key that an option overrides, if the public schema has it.
    fn key(&self, option: OptionWord<'_>) -> Option<String> {
        if option.is_one_of(self.tool.values) || option.is_one_of(self.tool.flags) {
            return None;
        }
        let name = key_name(option);
        if shape(&name).is_some() {
            return Some(name);
        }
        let positive = match name.strip_prefix("no_") {
            Some(positive) => positive,
            // Fire's way to turn a key off.
            None if !name.contains('.') => name.strip_prefix("no")?,
            None => return None,
        };
        if !shape(positive)?.boolean() {
            return None;
        }
        Some(positive.to_owned())
    }

    /// The value of an option; None where it is the next word, if there is one.
    fn value<'a>(&self, option: OptionWord<'a>, next: Option<&OsStr>) -> Option<&'a str> {
        if option.attached.is_some() {
            return option.attached;
        }
        let shape = shape(&key_name(option));
        if shape.is_none() && self.key(option).is_some() {
            return Some("false");
        }
        let is_flag = match (self.syntax, shape) {
            (Syntax::Click, Some(shape)) => shape.flag(),
            (Syntax::Click, None) => !self.wants_value(option),
            (Syntax::Fire, _) => next.is_none_or(is_fire_option),
        };
        if is_flag { Some("true") } else { None }
    }

    /// Whether an option that is no key takes a value. One that Axolotl does not know goes to the launcher, and what
    /// follows it is taken for its value if it was written apart; Axolotl itself ignores such options.
    fn wants_value(&self, option: OptionWord<'_>) -> bool {
        let name = key_name(option);
        let name = name.strip_prefix("no_").unwrap_or(&name);
        let positive = OptionWord {
            name,
            attached: None,
        };
        if positive.is_one_of(self.tool.values) || positive.is("config") {
            return true;
        }
        !positive.is_one_of(self.tool.flags) && name.len() > 1
    }
}

/// An option's name as keys are written.
fn key_name(option: OptionWord<'_>) -> String {
    option.name.trim_start_matches('-').replace('-', "_")
}

/// A negative number is no option.
fn is_fire_option(word: &OsStr) -> bool {
    let is_number = |first: char| first.is_ascii_digit() || first == '.';
    match OptionWord::of(word) {
        Some(option) => !option.name.trim_start_matches('-').starts_with(is_number),
        None => false,
    }
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
