//! From a command's first word to the Python that it will run.
//!
//! The path is NOT resolved: `venv/bin/python` is a link to the system's Python, and it is by the link's
//! place that Python finds its packages. A word is looked up as the kernel and the shell would; a console
//! script names its interpreter in its first line. Shims that are shell scripts (pyenv's) lead nowhere: None.

use crate::metrics::files;
use crate::metrics::start_facts::host::Environment;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::words;
use axolotl_run_core::limits;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The interpreter of a command; None where something before it chooses another environment than ours. A launcher that
/// is no Python itself runs the next program in the same environment.
pub fn of_command(command: &CommandLine<'_>, environment: Environment<'_>) -> Option<PathBuf> {
    if command.chooses_python() {
        return None;
    }
    for word in command.programs() {
        let program = find(word, environment);
        let python = program.and_then(|program| of_program(&program, environment));
        if python.is_some() {
            return python;
        }
    }
    None
}

/// Looks a program up as `execvp` does.
fn find(word: &OsStr, environment: Environment<'_>) -> Option<PathBuf> {
    if word.is_empty() {
        return None;
    }
    // With a slash it is a path, which no directory stands before.
    let mut path = OsString::new();
    if !word.as_bytes().contains(&b'/') {
        path = environment("PATH")?;
    }
    let directories = std::env::split_paths(&path).take(limits::SEARCH_PATH_ENTRIES_MAX);
    let mut places = directories.map(|directory| directory.join(word));
    places.find(|place| is_program(place))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The Python that a program is, or that it names in its first lines.
fn of_program(program: &Path, environment: Environment<'_>) -> Option<PathBuf> {
    // Longer than any line that the kernel accepts, and than two with long paths of virtual environments.
    let head = files::bytes(program, 2048)?;
    let Some(script) = head.strip_prefix(b"#!") else {
        return is_python(program).then(|| program.to_owned());
    };
    let mut lines = script.split(|byte| *byte == b'\n');
    let words = lines.next()?.split(|byte| byte.is_ascii_whitespace());
    let mut words = words.filter(|word| !word.is_empty());
    let first = PathBuf::from(OsStr::from_bytes(words.next()?));
    if first.ends_with("env") {
        let named = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
        let found = find(OsStr::from_bytes(named), environment)?;
        return (is_python(&found) && !is_script(&found)).then_some(found);
    }
    if is_python(&first) {
        return Some(first);
    }
    // Paths too long for the kernel's first line: the script is a shell's and a string of Python's at once.
    let call = lines.next()?.strip_prefix(b"'''exec'")?;
    quoted(call, program).filter(|path| is_python(path))
}

/// The path that follows `'''exec'`, in either sort of quotation marks or in none.
fn quoted(call: &[u8], script: &Path) -> Option<PathBuf> {
    let call = call.trim_ascii_start();
    if call.starts_with(b"\"$(dirname") {
        // An environment that can be moved: its Python is the script's neighbour.
        return Some(script.canonicalize().ok()?.with_file_name("python"));
    }
    let (end, path) = match call.split_first()? {
        (mark @ (b'"' | b'\''), rest) => (*mark, rest),
        _ => (b' ', call),
    };
    let path = path.split(|byte| *byte == end).next()?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

fn is_script(path: &Path) -> bool {
    files::bytes(path, 2).is_none_or(|head| head == b"#!")
}

/// Whether a program is a Python, by its name.
pub fn is_python(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    words::is_python(name)
}
