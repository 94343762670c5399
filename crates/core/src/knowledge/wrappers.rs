//! Errors that only say that another one happened: of launchers, of tools above them, of whoever lost a process.
//!
//! Class, frames and message decide, as `knowledge/wrappers.yaml` says: `CalledProcessError` is the cause where a
//! compiler failed, and says nothing where a launcher's worker did.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What an error says about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// It ran a program that failed.
    Runner,
    /// It repeats an error of another process, or points to it.
    Messenger,
    /// It lost another process.
    Bereaved,
}

pub struct WrapperError {
    kind: Wrapper,
    classes: &'static [&'static str],
    files: &'static [&'static str],
    words: &'static [&'static str],
    restarts: &'static [&'static str],
    #[cfg(test)]
    examples: &'static [&'static str],
    #[cfg(test)]
    look_alikes: &'static [&'static str],
}

include!(concat!(env!("OUT_DIR"), "/wrappers.rs"));

/// What the class of an error says; `file` is that of the innermost frame outside the standard library, where public.
pub fn wrapper(class: &str, file: Option<&str>) -> Option<Wrapper> {
    let name = class.rsplit('.').next().unwrap_or(class);
    let entry = ROWS.iter().find(|entry| entry.classes.contains(&name))?;
    let fits = entry.files.is_empty()
        || file.is_none_or(|file| entry.files.iter().any(|start| file.starts_with(start)));
    fits.then_some(entry.kind)
}

static POINTERS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_of(|entry| entry.words));
static RESTARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| any_of(|entry| entry.restarts));

fn any_of(words: impl Fn(&WrapperError) -> &'static [&'static str]) -> Option<AhoCorasick> {
    AhoCorasick::new(ROWS.iter().flat_map(words)).ok()
}

/// Whether a message only points to another error.
pub fn points_elsewhere(message: &str) -> bool {
    POINTERS
        .as_ref()
        .is_some_and(|words| words.is_match(message))
}

/// Whether a line says that all workers are started again.
pub fn restarts(line: &str) -> bool {
    RESTARTS.as_ref().is_some_and(|words| words.is_match(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(entry: &WrapperError, text: &str) -> bool {
        let name = text.split([':', '(']).next().unwrap();
        let class = entry.files.is_empty()
            && wrapper(name, None) == Some(entry.kind)
            && entry.classes.contains(&name.rsplit('.').next().unwrap());
        let starts = |start: &&str| text.starts_with(*start);
        let holds = |words: &&str| text.contains(*words);
        class
            || entry.files.iter().any(starts)
            || entry.words.iter().any(holds)
            || entry.restarts.iter().any(holds)
    }

    #[test]
    fn every_entry_reads_its_examples_and_no_look_alike() {
        for entry in ROWS {
            for example in entry.examples {
                assert!(fits(entry, example), "{example}");
            }
            for text in entry.look_alikes {
                assert!(!fits(entry, text), "{text}");
            }
        }
    }

    #[test]
    fn frames_tell_a_launcher_from_a_compiler() {
        let class = "subprocess.CalledProcessError";
        for (file, kind) in [
            (Some("accelerate/commands/launch.py"), Some(Wrapper::Runner)),
            (Some("triton/runtime/build.py"), None),
            (None, Some(Wrapper::Runner)),
        ] {
            assert_eq!(wrapper(class, file), kind, "{file:?}");
        }
    }
}
