//! From words to what they say: clap's work, with our own words for what it refuses.
//!
//! The problem: this program is in front of other programs, so that nearly every word it sees is not for it.
//! Options end at the first word that is not one, and that word is always the command: no subcommand ever
//! shadows a program, and no option behind the command is ever read. To clap the command is one argument that
//! takes all that follows (`trailing_var_arg`). A run or a file is the value of its option, so that options may
//! follow it: `--report RUN --html FILE`.
//!
//! The options are one table, [`OPTIONS`]; `--help`, the man page, the README and the completions are compared with it.

use super::options::{Group, OPTIONS, OptionRow, Value};
use super::typed::{Mode, Refusal, Typed, printable};
use crate::ui::NAME;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, Id, value_parser};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{self, StrDeserializer};
use std::ffi::OsString;
use std::path::PathBuf;

/// The command, or words in its place.
const COMMAND: &str = "COMMAND";
/// The options that take the command's place.
const INSTEAD: &str = "INSTEAD";

/// Reads the words after the program's name.
///
/// # Errors
/// A refusal for an unknown option, a missing command, or options that exclude each other.
pub fn parse(arguments: Vec<OsString>) -> Result<Typed, Refusal> {
    let matches = match read(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let mode = match error.kind() {
                ErrorKind::DisplayHelp => Mode::Help,
                ErrorKind::DisplayVersion => Mode::Version,
                _ => return Err(refused(&error)),
            };
            return Ok(Typed {
                mode,
                ..Typed::default()
            });
        }
    };
    let chosen = matches.get_one::<Id>(INSTEAD).map(Id::as_str);
    let flag = |name: &str| matches.get_flag(name);
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let typed = Typed {
        mode: chosen.map_or(Mode::Run, mode),
        json: flag("json"),
        record: flag("record"),
        config: path("config"),
        tap_stdout: flag("tap-stdout"),
        tty_direct: matches.contains_id("tty"),
        summary: flag("summary"),
        ci_summary: flag("ci-summary"),
        html: path("html"),
        against: path("against"),
        operands: operands(chosen, &matches),
    };
    check(&typed, chosen)?;
    Ok(typed)
}

/// Has clap read the words. Behind a run or a file, options may follow: such a word is put behind them and read again.
fn read(mut arguments: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    let is_option = |word: &OsString| word.len() > 1 && word.as_encoded_bytes().starts_with(b"-");
    for _ in 0..arguments.len() {
        let words = std::iter::once(NAME.into()).chain(arguments.iter().cloned());
        let matches = parser().try_get_matches_from(words)?;
        let mode = matches.get_one::<Id>(INSTEAD).map(Id::as_str);
        let rest: Vec<_> = matches
            .get_many::<OsString>(COMMAND)
            .into_iter()
            .flatten()
            .collect();
        let moves = mode.is_some_and(|mode| mode != "preview")
            && rest.iter().skip(1).any(|word| is_option(word));
        if !moves {
            return Ok(matches);
        }
        let first = arguments.len().saturating_sub(rest.len());
        let word = arguments.remove(first);
        arguments.push(word);
    }
    parser().try_get_matches_from(std::iter::once(NAME.into()).chain(arguments))
}

/// The mode that an option of the group chooses, which has its name.
fn mode(chosen: &str) -> Mode {
    let name: StrDeserializer<'_, value::Error> = chosen.into_deserializer();
    Mode::deserialize(name).unwrap_or_default()
}

/// The words that no option takes, and those that are an option's own run or file.
fn operands(chosen: Option<&str>, matches: &ArgMatches) -> Vec<OsString> {
    let mut operands = Vec::new();
    for name in chosen.into_iter().chain([COMMAND]) {
        if let Ok(Some(words)) = matches.try_get_many::<OsString>(name) {
            operands.extend(words.cloned());
        }
    }
    operands
}

pub(super) fn parser() -> Command {
    let command = Arg::new(COMMAND)
        .num_args(0..)
        .trailing_var_arg(true)
        .value_parser(value_parser!(OsString));
    Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .args(OPTIONS.iter().map(argument))
        .arg(command)
        .group(ArgGroup::new(INSTEAD).args(instead()))
}

/// The options that take the command's place.
fn instead() -> impl Iterator<Item = &'static str> {
    let takes_place =
        |row: &&OptionRow| row.group == Group::Instead && !matches!(row.value, Value::Required(_));
    OPTIONS.iter().filter(takes_place).map(|row| row.long)
}

fn argument(row: &'static OptionRow) -> Arg {
    let mut argument = Arg::new(row.long).long(row.long).help(row.does);
    if let Some(letter) = row.short {
        argument = argument.short(letter);
    }
    argument = match row.value {
        Value::None | Value::Command(_) => argument.action(ArgAction::SetTrue),
        Value::Operand(name) => argument
            .value_name(name)
            .num_args(0..=1)
            .value_parser(value_parser!(OsString)),
        Value::Required(name) => argument
            .value_name(name)
            .value_parser(value_parser!(PathBuf)),
        Value::OneOf { words, .. } => {
            argument.value_parser(PossibleValuesParser::new(words).map(OsString::from))
        }
    };
    match row.long {
        "help" => argument.action(ArgAction::Help),
        "version" => argument.action(ArgAction::Version),
        "config" => argument.conflicts_with_all(instead().filter(|mode| *mode != "preview")),
        "html" | "against" => argument
            .requires("report")
            .conflicts_with_all(instead().filter(|mode| *mode != "report")),
        "json" => argument.conflicts_with_all(["html", "completions", "man"]),
        // Not with the group: clap would name one of its members that nobody typed.
        _ if row.group == Group::Run => argument.conflicts_with_all(instead()),
        _ => argument,
    }
}

/// What a parser of options cannot know: how many words may follow, and that a run prints no JSON of ours.
fn check(typed: &Typed, chosen: Option<&str>) -> Result<(), Refusal> {
    let example = "axolotl train config.yml";
    let Some(mode) = chosen else {
        if typed.json {
            return Err(Refusal::new(
                "`--json` has nothing to print: a run prints what its command prints",
                "it goes with `--status`, `--preview`, `--explain`, `--schema`, `--runs`, `--show`, `--report`, `--send` and `--forget`",
            ));
        }
        if typed.operands.is_empty() {
            return Err(Refusal::new(
                "no command was given",
                format!(
                    "write it behind `{NAME}`, as in `{NAME} {example}`; `{NAME} --help` lists the options"
                ),
            ));
        }
        return Ok(());
    };
    match typed.mode {
        Mode::Preview if typed.operands.is_empty() => {
            return Err(Refusal::new(
                "`--preview` needs a command",
                format!("write it behind, as in `{NAME} --preview {example}`"),
            ));
        }
        Mode::Forget if typed.operands.is_empty() => {
            return Err(Refusal::new(
                "`--forget` needs a run",
                format!(
                    "write the beginning of its UUID behind it, or `all`; `{NAME} --runs` lists the recorded runs"
                ),
            ));
        }
        Mode::Preview => return Ok(()),
        _ => {}
    }
    let row = OPTIONS.iter().find(|row| row.long == mode);
    let value = row.map_or(Value::None, |row| row.value);
    let own = match value {
        Value::Operand(_) | Value::OneOf { .. } => 1,
        _ => 0,
    };
    let Some(word) = typed.operands.get(own).map(printable) else {
        return Ok(());
    };
    if matches!(value, Value::Operand(_)) {
        return Err(Refusal::new(
            format!("`--{mode}` takes one word, but `{word}` follows it"),
            format!("leave out `{word}`"),
        ));
    }
    Err(Refusal::new(
        format!("`--{mode}` runs nothing, but `{word}` follows it"),
        format!("leave out `--{mode}` or `{word}`"),
    ))
}

/// What clap refuses, as a refusal of ours: bounded, printable, with a hint.
fn refused(error: &clap::Error) -> Refusal {
    let option = context(error, ContextKind::InvalidArg);
    let help = format!("`{NAME} --help` lists the options");
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let similar = context(error, ContextKind::SuggestedArg);
            let hint = if similar.is_empty() {
                format!("{help}; a command whose name begins with `-` needs `--` before it")
            } else {
                format!("did you mean `{similar}`? {help}")
            };
            Refusal::new(format!("unknown option `{option}`"), hint)
        }
        ErrorKind::ArgumentConflict => {
            let prior = context(error, ContextKind::PriorArg);
            Refusal::new(
                format!("`{option}` and `{prior}` exclude each other"),
                "leave out one of them",
            )
        }
        ErrorKind::MissingRequiredArgument => Refusal::new(
            "`--html` and `--against` only work with `--report`",
            format!("write `{NAME} --report`, or leave them out"),
        ),
        ErrorKind::TooManyValues => Refusal::new(format!("`{option}` takes no value"), help),
        ErrorKind::InvalidValue => {
            let value = context(error, ContextKind::InvalidValue);
            let error = if value.is_empty() {
                format!("`{option}` needs a value")
            } else {
                format!("`{option}` does not know `{value}`")
            };
            Refusal::new(error, values_of(&option).unwrap_or(help))
        }
        _ => Refusal::new("an option cannot be read", help),
    }
}

/// A word that clap's error is about; an option without the value that clap names with it (`--config <FILE>`).
fn context(error: &clap::Error, kind: ContextKind) -> String {
    let text = match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    if kind == ContextKind::InvalidValue {
        return printable(text);
    }
    printable(text.split([' ', '=']).next().unwrap_or_default())
}

/// How an option is written with a value.
fn values_of(option: &str) -> Option<String> {
    let name = option.strip_prefix("--")?;
    let row = OPTIONS.iter().find(|row| row.long == name)?;
    match row.value {
        Value::OneOf { words, .. } => {
            let written: Vec<_> = words
                .iter()
                .map(|word| format!("`{option}={word}`"))
                .collect();
            Some(written.join(" or "))
        }
        Value::Required(name) => Some(format!("`{option} {name}`")),
        Value::None | Value::Operand(_) | Value::Command(_) => None,
    }
}
