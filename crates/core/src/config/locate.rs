//! The training configuration of a command line: which file it is, and what the command line changes in it.
//!
//! Axolotl is started in many ways (`axolotl train cfg.yml`, `accelerate launch -m axolotl.cli.train cfg.yml`,
//! `torchrun … -m axolotl.cli.train cfg.yml`), with a launcher's own options, files and YAML in front. So nothing is
//! guessed from a name that ends in `.yml`: first the word that starts Axolotl is found, and the configuration is the
//! first word after it that is neither an option nor an option's value. Whatever follows as `--key value` is an
//! override if the public schema has the key; up to `--`, behind which a launcher's options stand.
//!
//! What is not recognised is None, and then the run has no configuration to speak of. Pure: nothing is opened here.

use crate::limits;
use crate::public::config_keys::{self, KeyShape};
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

/// Commands of `axolotl` that take a configuration as their first argument.
const COMMANDS: [&str; 9] = [
    "train",
    "preprocess",
    "evaluate",
    "inference",
    "merge-lora",
    "merge-sharded-fsdp-weights",
    "quantize",
    "vllm-serve",
    "delinearize-llama4",
];

/// Modules and scripts that take one likewise: `-m axolotl.cli.train`, `…/axolotl/cli/train.py`.
const MODULES: [&str; 7] = [
    "train",
    "preprocess",
    "evaluate",
    "inference",
    "merge_lora",
    "merge_sharded_fsdp_weights",
    "quantize",
];

/// Options of Axolotl's own commands, which are no keys, and take a value.
const OWN_OPTIONS: [&str; 7] = [
    "launcher",
    "cloud",
    "sweep",
    "debug_num_examples",
    "prompter",
    "main_process_port",
    "num_processes",
];
/// The same without a value.
const OWN_FLAGS: [&str; 9] = [
    "debug",
    "debug_text_only",
    "shard",
    "download",
    "iterable",
    "gradio",
    "chat",
    "help",
    "version",
];

/// Who reads the options: they differ in what an option without `=` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// `axolotl`: an option takes the next word unless the schema says that it is a switch.
    Click,
    /// `-m axolotl.cli.train`: an option takes the next word unless that is an option itself.
    Fire,
}

/// Finds the training configuration in a command line.
#[must_use]
pub fn locate(arguments: &[OsString]) -> Option<Located> {
    find(arguments).or_else(|| find(&shell_words(arguments)?))
}

/// Whether a command line is known to train nothing: another command of Axolotl's, or a script of the Trainer's that is
/// told to evaluate and not to train. Its bars are then nobody's steps.
#[must_use]
pub fn trains_nothing(arguments: &[OsString]) -> bool {
    let told = |option: &str| {
        arguments
            .iter()
            .any(|word| self::option(word).is_some_and(|typed| typed.name == option))
    };
    let evaluates = (told("do_eval") || told("do_predict")) && !told("do_train");
    let other = |words: &[OsString]| entry(words).is_some_and(|entry| entry.name != "train");
    evaluates || other(arguments) || shell_words(arguments).is_some_and(|words| other(&words))
}

/// The output directory that a command line names by itself, as scripts of the Trainer have it.
#[must_use]
pub fn output_directory(arguments: &[OsString]) -> Option<String> {
    arguments.iter().enumerate().find_map(|(at, word)| {
        let typed = option(word).filter(|typed| typed.name == "output_dir")?;
        let next = || arguments.get(at.checked_add(1)?)?.to_str();
        typed
            .value
            .or_else(next)
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
    })
}

/// The words of `sh -c "…"`, where they are only words: a `cd`, a variable or a quote is more than can be told.
fn shell_words(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let after = |pair: &[OsString]| match pair {
        [option, script]
            if option
                .to_str()
                .is_some_and(|text| matches!(text, "-c" | "-lc" | "-ec" | "-exc")) =>
        {
            script.to_str().map(str::to_owned)
        }
        _ => None,
    };
    let script = arguments.windows(2).find_map(after)?;
    let plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, ' ' | '-' | '_' | '.' | '/' | '=' | ':' | ',' | '+' | '@')
    };
    script.chars().all(plain).then(|| {
        script
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(OsString::from)
            .collect()
    })
}

fn find(arguments: &[OsString]) -> Option<Located> {
    let Entry { reader, rest, .. } = entry(arguments)?;
    let mut path = None;
    let mut overrides = Vec::new();
    let mut words = rest.iter().map(OsString::as_os_str).peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(option) = option(word) else {
            path = path.or(Some(word));
            continue;
        };
        let next = words.peek().copied();
        let (value, taken) = option.value(reader, next);
        if taken {
            words.next();
        }
        if option.name == "config" {
            path = path.or(value.path());
        } else if let (Some(key), Some(text)) = (option.key(), value.text())
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

/// The word that starts Axolotl.
struct Entry<'a> {
    /// What of Axolotl: `train`, `evaluate`…
    name: &'a str,
    reader: Reader,
    /// The words behind.
    rest: &'a [OsString],
}

fn entry(arguments: &[OsString]) -> Option<Entry<'_>> {
    arguments.iter().enumerate().find_map(|(at, word)| {
        let rest = arguments.get(at.checked_add(1)?..)?;
        let fire = |name| Entry {
            name,
            reader: Reader::Fire,
            rest,
        };
        let before = at.checked_sub(1).and_then(|before| arguments.get(before));
        let text = word.to_str()?;
        if before.is_some_and(|before| before == "-m" || before == "--module") {
            let module = text.strip_prefix("axolotl.cli.")?;
            return if module == "main" {
                command(rest)
            } else {
                MODULES.contains(&module).then(|| fire(module))
            };
        }
        let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
        if name == "axolotl" {
            return command(rest);
        }
        // The script of the first releases.
        if text == "scripts/finetune.py" {
            return Some(fire("train"));
        }
        let script = name
            .strip_suffix(".py")
            .filter(|name| folder.ends_with("axolotl/cli") && MODULES.contains(name));
        script.map(fire)
    })
}

/// A command of `axolotl`.
fn command(arguments: &[OsString]) -> Option<Entry<'_>> {
    let at = arguments
        .iter()
        .position(|word| !word.to_str().is_some_and(|word| word.starts_with('-')))?;
    let name = arguments.get(at)?.to_str()?;
    let rest = arguments.get(at.checked_add(1)?..)?;
    COMMANDS.contains(&name).then_some(Entry {
        name,
        reader: Reader::Click,
        rest,
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
    let (name, value) = text
        .trim_start_matches('-')
        .split_once('=')
        .map_or((text, None), |(name, value)| (name, Some(value)));
    Some(Typed {
        name: name.trim_start_matches('-').replace('-', "_"),
        value,
    })
}

/// What an option was given.
enum Given<'a> {
    Text(&'a str),
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
    fn key(&self) -> Option<String> {
        if OWN_OPTIONS.contains(&self.name.as_str()) || OWN_FLAGS.contains(&self.name.as_str()) {
            return None;
        }
        if shape(&self.name).is_some() {
            return Some(self.name.clone());
        }
        let positive = self.positive()?;
        shape(&positive)
            .filter(|shape| shape.boolean())
            .map(|_| positive)
    }

    /// The option that this one turns off: `--no-key`, and for `fire` also `--nokey`.
    fn positive(&self) -> Option<String> {
        let (parent, name) = self
            .name
            .rsplit_once('.')
            .map_or(("", self.name.as_str()), |(parent, name)| (parent, name));
        let name = if parent.is_empty() {
            name
        } else {
            return self.name.strip_prefix("no_").map(str::to_owned);
        };
        name.strip_prefix("no_")
            .or_else(|| name.strip_prefix("no"))
            .map(str::to_owned)
    }

    fn negates(&self) -> bool {
        shape(&self.name).is_none() && self.key().is_some()
    }

    /// What the option was given, and whether the next word was it.
    fn value(&self, reader: Reader, next: Option<&'a OsStr>) -> (Given<'a>, bool) {
        if let Some(value) = self.value {
            return (Given::Text(value), false);
        }
        if self.negates() {
            return (Given::Text("false"), false);
        }
        let flag = match reader {
            Reader::Click => shape(&self.name).map_or_else(|| !self.wants_value(), KeyShape::flag),
            Reader::Fire => {
                next.is_none_or(|next| option(next).is_some_and(|option| !option.is_number()))
            }
        };
        match next.filter(|next| !flag && *next != "--") {
            Some(word) => (Given::Next(word), true),
            None if flag => (Given::Text("true"), false),
            None => (Given::Nothing, false),
        }
    }

    /// Whether an option that is no key takes a value. One that Axolotl does not know goes to the launcher, and what
    /// follows it is taken for its value if it was written apart; Axolotl itself ignores such options.
    fn wants_value(&self) -> bool {
        let name = self.name.strip_prefix("no_").unwrap_or(&self.name);
        OWN_OPTIONS.contains(&name)
            || (name == "config")
            || !OWN_FLAGS.contains(&name) && name.len() > 1
    }

    /// A negative number looks like an option.
    fn is_number(&self) -> bool {
        self.name
            .starts_with(|first: char| first.is_ascii_digit() || first == '.')
    }
}

/// The shape of a key of the top level, or of `group.key`.
fn shape(name: &str) -> Option<&'static KeyShape> {
    match name.split_once('.') {
        None => config_keys::top_level(name).map(|(_, shape)| shape),
        Some((group, key)) => config_keys::top_level(group)?
            .1
            .member(key)
            .map(|(_, shape)| shape),
    }
}
