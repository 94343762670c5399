//! What was meant by a word that is no program.
//!
//! The first word that is not an option is always the command, so `axolotl-run report` looks for a program of that name,
//! and finds none. Whoever types that is told what to type, before anything waits or is started.

use super::options::OPTIONS;
use crate::ui::NAME;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Programs that run files of these endings.
const RUN_BY: [(&str, &str); 4] = [
    ("py", "python3"),
    ("sh", "bash"),
    ("yml", "axolotl train"),
    ("yaml", "axolotl train"),
];

/// The line that may have been meant by this command, whose program cannot be run; None where nobody can guess.
pub fn meant(command: &[OsString]) -> Option<String> {
    let word = command.first()?.to_str()?;
    let mut line = shown(command)?;
    let is_option = OPTIONS.iter().any(|option_row| option_row.long == word);
    if is_option {
        return Some(format!("{NAME} --{line}"));
    }
    let path = Path::new(word);
    if !path.is_file() {
        return None;
    }
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let runner = RUN_BY.iter().find(|(ending, _)| *ending == extension);
    line = match runner {
        Some((_, program)) => format!("{program} {line}"),
        None if word.contains('/') => return None,
        None => format!("./{line}"),
    };
    Some(format!("{NAME} {line}"))
}

/// The command as it was typed; None where it cannot be shown in a line.
fn shown(command: &[OsString]) -> Option<String> {
    let mut words = Vec::new();
    for word in command.iter().take(WORDS_MAX) {
        let word = super::printable(word);
        if word.contains(char::is_whitespace) {
            return None;
        }
        words.push(word);
    }
    if command.len() > WORDS_MAX {
        words.push("…".to_owned());
    }
    Some(words.join(" "))
}

/// Words of the command that are repeated.
const WORDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_without_its_dashes_and_a_file_that_lies_here_are_known() {
        let line = |typed: &str| {
            let words: Vec<_> = typed.split(' ').map(OsString::from).collect();
            meant(&words)
        };
        for (typed, expected) in [
            ("report", Some("axolotl-run --report")),
            ("report 6f1c", Some("axolotl-run --report 6f1c")),
            ("help", Some("axolotl-run --help")),
            (
                "record python3 t.py",
                Some("axolotl-run --record python3 t.py"),
            ),
            (
                "examples/train.py --steps 9",
                Some("axolotl-run python3 examples/train.py --steps 9"),
            ),
            (
                "examples/train.yml",
                Some("axolotl-run axolotl train examples/train.yml"),
            ),
            ("LICENSE", Some("axolotl-run ./LICENSE")),
            ("nothing-of-this-name", None),
            ("./nothing-of-this-name.py", None),
        ] {
            assert_eq!(line(typed).as_deref(), expected, "{typed}");
        }
    }
}
