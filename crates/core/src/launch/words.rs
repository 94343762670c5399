//! Words of a command line: names of programs, options and their values.

use std::ffi::OsStr;
use std::path::Path;

/// A program's name, without its directory.
pub fn name(word: &OsStr) -> Option<&str> {
    Path::new(word).file_name()?.to_str()
}

/// Whether a program's name is Python's: `python`, `python3`, `python3.11`, `python3.13t`, `pypy3`.
pub fn is_python(name: &str) -> bool {
    let Some(version) = name.strip_prefix("python").or(name.strip_prefix("pypy")) else {
        return false;
    };
    let belongs = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b't';
    version.bytes().all(belongs)
}

/// An option as it was typed.
#[derive(Clone, Copy)]
pub struct OptionWord<'a> {
    /// Its name, with its dashes.
    pub name: &'a str,
    /// What `=` attaches to it.
    pub attached: Option<&'a str>,
}

impl<'a> OptionWord<'a> {
    /// None where the word is no option. A lone `-` is none: it names stdin.
    pub fn of(word: &'a OsStr) -> Option<Self> {
        let bytes = word.as_encoded_bytes();
        if bytes.len() < 2 || !bytes.starts_with(b"-") {
            return None;
        }
        // What is not UTF-8 is an option that nobody knows, and no number.
        let text = word.to_str().unwrap_or("--=");
        let (name, attached) = match text.split_once('=') {
            Some((name, attached)) => (name, Some(attached)),
            None => (text, None),
        };
        Some(Self { name, attached })
    }

    /// Whether it is this option. Hyphens and underscores are the same, and so are one dash and two.
    pub fn is(self, option: &str) -> bool {
        let plain = |byte: u8| if byte == b'_' { b'-' } else { byte };
        let typed = self.name.trim_start_matches('-').bytes().map(plain);
        typed.eq(option.trim_start_matches('-').bytes().map(plain))
    }

    /// Whether it is one of these options.
    pub fn is_one_of(self, options: &[&str]) -> bool {
        options.iter().any(|option| self.is(option))
    }

    /// The option of a single letter to which something is joined, and what: `-n` and the 4 of `-n4`.
    pub fn joined_to(self, options: &[&'static str]) -> Option<(&'static str, &'a str)> {
        for option in options {
            if option.len() == 2
                && let Some(joined) = self.name.strip_prefix(option)
                && !joined.is_empty()
            {
                return Some((option, joined));
            }
        }
        None
    }
}
