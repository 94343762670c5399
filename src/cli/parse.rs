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
use super::typed::{Mode, Typed, printable};
use crate::delivery::notify::{CHANNELS_MAX, Channel};
use crate::ui::{Complaint, NAME};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, Id, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// The command, or words in its place.
const COMMAND: &str = "COMMAND";
/// The options that take the command's place.
const INSTEAD: &str = "INSTEAD";

/// The options that only go with `--report`.
const WITH_REPORT: [&str; 5] = ["html", "against", "with", "follow", "with-output"];

/// Reads the words after the program's name.
///
/// # Errors
/// A refusal for an unknown option, a missing command, or options that exclude each other.
pub fn parse(arguments: Vec<OsString>) -> Result<Typed, Complaint> {
    let matches = match read(&arguments) {
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
    let chosen = chosen(&matches);
    let mut mode = Mode::Run;
    if let Some(name) = chosen {
        // A mode has the name of its option.
        mode = serde_json::from_value(name.into()).unwrap_or_default();
    }
    let flag = |name: &str| matches.get_flag(name);
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let typed = Typed {
        mode,
        json: flag("json"),
        record: flag("record"),
        config: path("config"),
        tap_stdout: flag("tap-stdout"),
        tty_direct: matches.contains_id("tty"),
        summary: flag("summary"),
        ci_summary: flag("ci-summary"),
        no_output: flag("no-output"),
        with_output: flag("with-output"),
        notify: channels(&matches)?,
        html: path("html"),
        follow: flag("follow"),
        against: path("against"),
        with: matches
            .get_many("with")
            .unwrap_or_default()
            .cloned()
            .collect(),
        operands: operands(chosen, &matches),
    };
    check(&typed, chosen.unwrap_or_default())?;
    Ok(typed)
}

/// Whom to tell. What was typed is a secret, so that no complaint repeats it.
fn channels(matches: &ArgMatches) -> Result<Vec<Channel>, Complaint> {
    let typed = matches.get_many::<OsString>("notify").unwrap_or_default();
    let mut channels = Vec::new();
    for word in typed {
        let channel = Channel::parse(word).map_err(|problem| {
            Complaint::new(
                "`--notify` does not know where to",
                format!("{problem}; anything else is a command for the shell"),
            )
        })?;
        channels.push(channel);
    }
    if channels.len() > CHANNELS_MAX {
        return Err(Complaint::new(
            "`--notify` is given too often",
            format!("{CHANNELS_MAX} times are enough"),
        ));
    }
    Ok(channels)
}

/// Has clap read the words. Where an option takes the command's place, others may follow its run or file.
fn read(arguments: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let matches = parser(true).try_get_matches_from(arguments)?;
    match chosen(&matches) {
        None | Some("preview") => Ok(matches),
        Some(_) => parser(false).try_get_matches_from(arguments),
    }
}

/// The option that takes the command's place.
fn chosen(matches: &ArgMatches) -> Option<&str> {
    matches.get_one::<Id>(INSTEAD).map(Id::as_str)
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

/// The parser; with a command, every word behind the command's first is the command's.
pub fn parser(takes_command: bool) -> Command {
    let command = Arg::new(COMMAND)
        .num_args(0..)
        .trailing_var_arg(takes_command)
        .value_parser(value_parser!(OsString));
    Command::new(NAME)
        .no_binary_name(true)
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
    let takes_place = |option_row: &&OptionRow| {
        option_row.group == Group::Instead && !WITH_REPORT.contains(&option_row.long)
    };
    OPTIONS
        .iter()
        .filter(takes_place)
        .map(|option_row| option_row.long)
}

fn argument(option_row: &'static OptionRow) -> Arg {
    let mut argument = Arg::new(option_row.long)
        .long(option_row.long)
        .help(option_row.does);
    if let Some(letter) = option_row.short {
        argument = argument.short(letter);
    }
    argument = match option_row.value {
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
    match option_row.long {
        "help" => argument.action(ArgAction::Help),
        "version" => argument.action(ArgAction::Version),
        "notify" => argument
            .action(ArgAction::Append)
            .value_parser(value_parser!(OsString))
            .conflicts_with_all(instead().filter(|mode| !mode.starts_with("notify-"))),
        "config" => argument.conflicts_with_all(instead().filter(|mode| *mode != "preview")),
        "follow" => argument
            .requires("report")
            .conflicts_with_all(["json", "html", "against"])
            .conflicts_with_all(instead().filter(|mode| *mode != "report")),
        name if WITH_REPORT.contains(&name) => {
            if name == "with" {
                argument = argument.action(ArgAction::Append);
            }
            argument
                .requires("report")
                .conflicts_with_all(instead().filter(|mode| *mode != "report"))
        }
        "json" => argument.conflicts_with_all(["html", "completions", "man"]),
        // Not with the group: clap would name one of its members that nobody typed.
        _ if option_row.group == Group::Run => argument.conflicts_with_all(instead()),
        _ => argument,
    }
}

/// What a parser of options cannot know: how many words may follow, and that a run prints no JSON of ours.
fn check(typed: &Typed, option: &str) -> Result<(), Complaint> {
    let example = "axolotl train config.yml";
    let lacks_operands = typed.operands.is_empty();
    let complaint = match typed.mode {
        Mode::Run if typed.json => Complaint::new(
            "`--json` has nothing to print: a run prints what its command prints",
            "it goes with `--status`, `--preview`, `--explain`, `--schema`, `--runs`, `--show`, `--stacks`, `--report`, `--export`, `--send`, `--forget`, `--notify-test`, `--notify-store` and `--price`",
        ),
        Mode::Run if lacks_operands => Complaint::new(
            "no command was given",
            format!(
                "write it behind `{NAME}`, as in `{NAME} {example}`; `{NAME} --help` lists the options"
            ),
        ),
        Mode::Preview if lacks_operands => Complaint::new(
            "`--preview` needs a command",
            format!("write it behind, as in `{NAME} --preview {example}`"),
        ),
        Mode::Forget if lacks_operands => Complaint::new(
            "`--forget` needs a run",
            format!(
                "write the beginning of its UUID behind it, or `all`; `{NAME} --runs` lists the recorded runs"
            ),
        ),
        Mode::Run | Mode::Preview => return Ok(()),
        _ => return check_operands(typed, option),
    };
    Err(complaint)
}

/// An option in the command's place is followed by its own run, file or shell, and by no other word.
fn check_operands(typed: &Typed, option: &str) -> Result<(), Complaint> {
    let option_row = OPTIONS.iter().find(|option_row| option_row.long == option);
    let value = option_row.map_or(Value::None, |option_row| option_row.value);
    let takes_word = matches!(value, Value::Operand(_));
    let words_taken = usize::from(takes_word || matches!(value, Value::OneOf { .. }));
    let Some(word) = typed.operands.get(words_taken).map(printable) else {
        return Ok(());
    };
    if takes_word {
        return Err(Complaint::new(
            format!("`--{option}` takes one word, but `{word}` follows it"),
            format!("leave out `{word}`"),
        ));
    }
    Err(Complaint::new(
        format!("`--{option}` runs nothing, but `{word}` follows it"),
        format!("leave out `--{option}` or `{word}`"),
    ))
}

/// What clap refuses, in our words: bounded, printable, with a hint.
fn refused(error: &clap::Error) -> Complaint {
    let argument = context(error, ContextKind::InvalidArg);
    let option = name_of(&argument);
    let help = format!("`{NAME} --help` lists the options");
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let similar_option = context(error, ContextKind::SuggestedArg);
            let hint = if similar_option.is_empty() {
                format!("{help}; a command whose name begins with `-` needs `--` before it")
            } else {
                format!("did you mean `{similar_option}`? {help}")
            };
            Complaint::new(format!("unknown option `{option}`"), hint)
        }
        ErrorKind::ArgumentConflict => {
            let prior_argument = context(error, ContextKind::PriorArg);
            let other = name_of(&prior_argument);
            let problem = format!("`{option}` and `{other}` exclude each other");
            Complaint::new(problem, "leave out one of them")
        }
        ErrorKind::MissingRequiredArgument => Complaint::new(
            "`--html`, `--against`, `--with`, `--follow` and `--with-output` only work with `--report`",
            format!("write `{NAME} --report`, or leave them out"),
        ),
        ErrorKind::TooManyValues => Complaint::new(format!("`{option}` takes no value"), help),
        ErrorKind::InvalidValue => {
            let value = context(error, ContextKind::InvalidValue);
            let problem = if value.is_empty() {
                format!("`{option}` needs a value")
            } else {
                format!("`{option}` does not know `{value}`")
            };
            let mut hint = format!("`{}`", argument.replace(['<', '>'], ""));
            if let Some(ContextValue::Strings(words)) = error.get(ContextKind::ValidValue)
                && !words.is_empty()
            {
                let spelled = words.iter().map(|word| format!("`{option}={word}`"));
                hint = spelled.collect::<Vec<_>>().join(" or ");
            }
            Complaint::new(problem, hint)
        }
        _ => Complaint::new("an option cannot be read", help),
    }
}

/// What clap's error says of this kind.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(word)) => printable(word),
        Some(ContextValue::Strings(words)) => words.first().map(printable).unwrap_or_default(),
        _ => String::new(),
    }
}

/// An option without the value that clap names with it (`--config <FILE>`).
fn name_of(argument: &str) -> &str {
    argument.split([' ', '=']).next().unwrap_or_default()
}
