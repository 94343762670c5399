//! What was typed, and nothing else: no environment, no files, no terminal.
//!
//! The problem: this program stands in front of other programs, so that nearly every word it sees is not for
//! it. Options end at the first word that is not one, and that word is always the command: no subcommand ever
//! shadows a program, and no option behind the command is ever read. The words are therefore divided here,
//! before the parser sees any of them; the parser gets our options alone. A command line that begins with the
//! command, which is nearly all of them, needs no parser at all.
//!
//! The options are one table, [`OPTIONS`]; `--help`, the man page, the README and the completions are compared with it.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

pub use crate::ui::NAME;

/// What takes the command's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Run,
    Status,
    Enable,
    Disable,
    Preview,
    Explain,
    Schema,
    Runs,
    Show,
    Report,
    Send,
    Forget,
    Completions(Shell),
    Man,
    Help,
    Version,
}

/// The shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    fn named(word: &str) -> Option<Self> {
        match word {
            "bash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }
}

impl Mode {
    /// Those that an option chooses; where several are given the first of this list is compared with the next.
    const OPTIONS: [(&'static str, Self); 14] = [
        ("help", Self::Help),
        ("version", Self::Version),
        ("status", Self::Status),
        ("enable", Self::Enable),
        ("disable", Self::Disable),
        ("preview", Self::Preview),
        ("explain", Self::Explain),
        ("schema", Self::Schema),
        ("runs", Self::Runs),
        ("show", Self::Show),
        ("report", Self::Report),
        ("send", Self::Send),
        ("forget", Self::Forget),
        ("man", Self::Man),
    ];
}

/// A command line, understood as far as words go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// What takes the command's place.
    pub mode: Mode,
    /// `--json`.
    pub json: bool,
    /// `--record`.
    pub record: bool,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--tap-stdout`.
    pub tap_stdout: bool,
    /// `--tty=direct`.
    pub tty_direct: bool,
    /// `--summary`.
    pub summary: bool,
    /// `--ci-summary`.
    pub ci_summary: bool,
    /// `--html`.
    pub html: Option<PathBuf>,
    /// `--against`.
    pub against: Option<PathBuf>,
    /// The command, or what stands in its place.
    pub operands: Vec<OsString>,
}

impl Typed {
    const fn new(operands: Vec<OsString>) -> Self {
        Self {
            mode: Mode::Run,
            json: false,
            record: false,
            config: None,
            tap_stdout: false,
            tty_direct: false,
            summary: false,
            ci_summary: false,
            html: None,
            against: None,
            operands,
        }
    }
}

/// Why a command line is refused, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, naming the word.
    pub error: String,
    /// What to do.
    pub hint: String,
}

impl Refusal {
    fn new(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            hint: hint.into(),
        }
    }
}

/// Reads the words after the program's name.
///
/// # Errors
/// A refusal for an unknown option, a missing command, or options that exclude each other.
pub fn parse(mut arguments: Vec<OsString>) -> Result<Typed, Refusal> {
    if let Some(typed) = plain_run(&mut arguments) {
        return Ok(typed);
    }
    let operands = divide(&mut arguments);
    let mut parser = parser();
    let matches = parser
        .try_get_matches_from_mut(std::iter::once(NAME.into()).chain(arguments))
        .map_err(|error| of_parser(&error))?;
    let mode = mode(&matches)?;
    let flag = |name: &str| matches.get_flag(name);
    let typed = Typed {
        mode,
        json: flag("json"),
        record: flag("record"),
        config: matches.get_one::<PathBuf>("config").cloned(),
        tap_stdout: flag("tap-stdout"),
        tty_direct: matches.contains_id("tty"),
        summary: flag("summary"),
        ci_summary: flag("ci-summary"),
        html: matches.get_one::<PathBuf>("html").cloned(),
        against: matches.get_one::<PathBuf>("against").cloned(),
        operands,
    };
    check::combination(&typed)?;
    check::operands(&typed)?;
    Ok(typed)
}

/// The quick way, for the command lines that start a training: flags of a run, then the command. Building the
/// parser takes longer than everything else before the start.
fn plain_run(arguments: &mut Vec<OsString>) -> Option<Typed> {
    let mut typed = Typed::new(Vec::new());
    let mut options = 0;
    for word in arguments.iter() {
        match word.to_str() {
            Some("--record") => typed.record = true,
            Some("--tap-stdout") => typed.tap_stdout = true,
            Some("--summary") => typed.summary = true,
            Some("--ci-summary") => typed.ci_summary = true,
            _ if looks_like_option(word) => return None,
            _ => break,
        }
        options += 1;
    }
    typed.operands = arguments.split_off(options);
    (!typed.operands.is_empty()).then_some(typed)
}

fn looks_like_option(word: &OsStr) -> bool {
    // A lone `-` is a word: the operand that stands for stdin.
    word.len() > 1 && word.as_encoded_bytes().starts_with(b"-")
}

/// Takes the operands out of the words; what is left are our options.
///
/// They end at the first word that is none. Behind a run or a file there is no command whose options could follow:
/// there they may stand anywhere, as in `--report RUN --html FILE`.
fn divide(arguments: &mut Vec<OsString>) -> Vec<OsString> {
    let (mut options, mut operands) = (Vec::new(), Vec::new());
    let mut words = std::mem::take(arguments).into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            operands.extend(words);
            break;
        }
        if looks_like_option(&word) {
            let value = takes_next(&word).then(|| words.next()).flatten();
            options.push(word);
            options.extend(value);
        } else {
            operands.push(word);
            if !options.iter().any(has_operand) {
                operands.extend(words);
                break;
            }
        }
    }
    *arguments = options;
    operands
}

/// Whether the next word is the option's value.
fn takes_next(word: &OsStr) -> bool {
    OPTIONS.iter().any(|row| {
        matches!(row.value, Value::Required(_) | Value::OneOf { .. })
            && word.as_encoded_bytes().strip_prefix(b"--") == Some(row.long.as_bytes())
    })
}

/// Whether the option takes the place of a command, and is followed by a run or a file.
fn has_operand(word: &OsString) -> bool {
    ["--explain", "--show", "--report", "--forget"]
        .iter()
        .any(|option| word == option)
}

fn parser() -> Command {
    Command::new(NAME)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .args(OPTIONS.iter().map(argument))
}

fn argument(row: &OptionRow) -> Arg {
    let argument = Arg::new(row.long).long(row.long).help(row.does);
    let argument = match row.short {
        Some(letter) => argument.short(letter),
        None => argument,
    };
    match row.value {
        Value::None | Value::Operands(_) => argument.action(ArgAction::SetTrue),
        Value::Required(name) => argument
            .value_name(name)
            .value_parser(clap::value_parser!(PathBuf)),
        Value::OneOf { words, .. } => argument.value_parser(words.to_vec()),
    }
}

fn mode(matches: &ArgMatches) -> Result<Mode, Refusal> {
    let shell = matches
        .get_one::<String>("completions")
        .and_then(|word| Shell::named(word));
    let flags = Mode::OPTIONS
        .into_iter()
        .filter(|(name, _)| matches.get_flag(name));
    let mut chosen = flags.chain(shell.map(|shell| ("completions", Mode::Completions(shell))));
    let Some((first, mode)) = chosen.next() else {
        return Ok(Mode::Run);
    };
    match chosen.next() {
        // Whoever asks for help gets help, whatever else stands there.
        Some((second, _)) if !matches!(mode, Mode::Help | Mode::Version) => Err(Refusal::new(
            format!("`--{first}` and `--{second}` exclude each other"),
            "give one of them",
        )),
        _ => Ok(mode),
    }
}

fn of_parser(error: &clap::Error) -> Refusal {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(printable(text)),
        Some(ContextValue::Strings(texts)) => texts.first().map(printable),
        _ => None,
    };
    // clap names an option together with its value: `--config <FILE>`.
    let option = text(ContextKind::InvalidArg).unwrap_or_default();
    let option = option
        .split([' ', '='])
        .next()
        .unwrap_or_default()
        .to_owned();
    let help = format!("`{NAME} --help` lists the options");
    match error.kind() {
        ErrorKind::UnknownArgument => Refusal::new(
            format!("unknown option `{option}`"),
            match text(ContextKind::SuggestedArg) {
                Some(similar) => format!("did you mean `{similar}`? {help}"),
                None => {
                    format!("{help}; a command whose name begins with `-` needs `--` before it")
                }
            },
        ),
        ErrorKind::TooManyValues => Refusal::new(format!("`{option}` takes no value"), help),
        ErrorKind::InvalidValue => {
            match text(ContextKind::InvalidValue).filter(|value| !value.is_empty()) {
                Some(value) => Refusal::new(
                    format!("`{option}` does not know `{value}`"),
                    values_of(&option).unwrap_or(help),
                ),
                None => Refusal::new(
                    format!("`{option}` needs a value"),
                    values_of(&option).unwrap_or(help),
                ),
            }
        }
        _ => Refusal::new("an option cannot be read", help),
    }
}

fn values_of(option: &str) -> Option<String> {
    OPTIONS
        .iter()
        .find(|row| option.strip_prefix("--") == Some(row.long))
        .and_then(|row| match row.value {
            Value::OneOf { words, .. } => Some(
                words
                    .iter()
                    .map(|word| format!("`{option}={word}`"))
                    .collect::<Vec<_>>()
                    .join(" or "),
            ),
            Value::Required(name) => Some(format!("`{option} {name}`")),
            Value::None | Value::Operands(_) => None,
        })
}

/// A word for a message: bounded, and without control characters that could drive a terminal.
#[must_use]
pub fn printable(word: impl AsRef<OsStr>) -> String {
    let text = word.as_ref().to_string_lossy();
    let mut printable = String::new();
    for character in text.chars().take(PRINTABLE_MAX) {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    if text.chars().nth(PRINTABLE_MAX).is_some() {
        printable.push('…');
    }
    printable
}

/// Characters of a word in a message; the longest path that is worth reading.
const PRINTABLE_MAX: usize = 256;

mod check;
mod help;
pub mod notice;
mod options;
pub mod plan;
pub use help::{ABOUT, DESCRIPTION, OPERANDS, exit_statuses, help, shown};
pub use options::{Group, OPTIONS, OptionRow, Value};

#[cfg(test)]
mod tests;
