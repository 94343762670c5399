//! Programs that run the command behind their own words: what is in front of a training that is not its launcher.
//!
//! `nice -n 10 conda run -n torchrun python train.py` is a Python, in an environment that `conda` chooses and that its
//! owner has named like a launcher. So the words of such a program are skipped by its own grammar: its subcommand, its
//! options, the words that it takes for itself. An option that is not listed takes no word; what is then taken for the
//! command is no program that anybody knows, and the answer is "unknown".

use super::words::name;
use crate::knowledge::commands::{CommandKind, KnownCommand};
use std::ffi::OsString;

/// Skips all wrappers, and notes them.
pub fn skip<'a>(
    words: &'a [OsString],
    wrappers: &mut Vec<&'static KnownCommand>,
) -> &'a [OsString] {
    let mut command = words;
    while let Some((wrapper, following_words)) = skip_one(command) {
        wrappers.push(wrapper);
        command = following_words;
    }
    command
}

fn skip_one(words: &[OsString]) -> Option<(&'static KnownCommand, &[OsString])> {
    let (first, remaining_words) = words.split_first()?;
    let wrapper = KnownCommand::called(CommandKind::Wrapper, name(first)?)?;
    let mut remaining_words = skip_options(wrapper, remaining_words);
    if !wrapper.subcommands.is_empty() {
        let (subcommand, following_words) = remaining_words.split_first()?;
        if !wrapper.subcommands.iter().any(|name| subcommand == name) {
            return None;
        }
        remaining_words = skip_options(wrapper, following_words);
    }
    for _ in 0..wrapper.operands {
        remaining_words = skip_options(wrapper, remaining_words.get(1..)?);
    }
    // Without a command it is a program like any other.
    if remaining_words.is_empty() {
        return None;
    }
    Some((wrapper, remaining_words))
}

/// What follows the options, up to and with `--`. Assignments are in front of a command as options are.
fn skip_options<'a>(wrapper: &KnownCommand, words: &'a [OsString]) -> &'a [OsString] {
    let mut remaining_words = words;
    while let Some((word, following_words)) = remaining_words.split_first() {
        let bytes = word.as_encoded_bytes();
        if word == "--" {
            return following_words;
        }
        if !bytes.starts_with(b"-") && !is_assignment(bytes) {
            return remaining_words;
        }
        remaining_words = following_words;
        if wrapper.values.iter().any(|option| word == option) {
            remaining_words = remaining_words.get(1..).unwrap_or_default();
        }
    }
    remaining_words
}

/// `NAME=value`, as `env` and `sudo` take it.
fn is_assignment(word: &[u8]) -> bool {
    let Some(end) = word.iter().position(|byte| *byte == b'=') else {
        return false;
    };
    let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    word.iter().take(end).all(belongs)
}
