//! From a command's first word to the Python that it will run.
//!
//! The path is NOT resolved: `venv/bin/python` is a link to the system's Python, and it is by the link's
//! place that Python finds its packages. A word is looked up as the kernel and the shell would; a console
//! script names its interpreter in its first line. Shims that are shell scripts (pyenv's) lead nowhere: None.

use crate::metrics::files;
use axolotl_run_core::launch::Environment;
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
        if let Some(program) = find_program(word, environment)
            && let Some(python) = of_program(&program, environment)
        {
            return Some(python);
        }
    }
    None
}

/// Looks a program up as `execvp` does.
fn find_program(word: &OsStr, environment: Environment<'_>) -> Option<PathBuf> {
    if word.is_empty() {
        return None;
    }
    // With a slash it is a path, which no directory stands before.
    let mut search_path = OsString::new();
    if !word.as_bytes().contains(&b'/') {
        search_path = environment("PATH")?;
    }
    for directory in std::env::split_paths(&search_path).take(limits::SEARCH_PATH_ENTRIES_MAX) {
        let path = directory.join(word);
        if let Ok(metadata) = path.metadata()
            && metadata.is_file()
            && metadata.permissions().mode() & 0o111 != 0
        {
            return Some(path);
        }
    }
    None
}

/// The Python that a program is, or that it names in its first lines.
fn of_program(program: &Path, environment: Environment<'_>) -> Option<PathBuf> {
    // Longer than any line that the kernel accepts, and than two with long paths of virtual environments.
    let beginning = files::read_bytes(program, 2048)?;
    let Some(script) = beginning.strip_prefix(b"#!") else {
        return is_python(program).then(|| program.to_owned());
    };
    let mut lines = script.split(|byte| *byte == b'\n');
    let mut words = lines
        .next()?
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty());
    let interpreter = path_of(words.next()?);
    if interpreter.ends_with("env") {
        let named = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
        let python = find_program(OsStr::from_bytes(named), environment)?;
        let is_script = files::read_bytes(&python, 2)? == b"#!";
        return (is_python(&python) && !is_script).then_some(python);
    }
    if is_python(&interpreter) {
        return Some(interpreter);
    }
    // Paths too long for the kernel's first line: the script is a shell's and a string of Python's at once.
    let call = lines.next()?.strip_prefix(b"'''exec'")?;
    let called = called_path(call.trim_ascii_start(), program)?;
    is_python(&called).then_some(called)
}

/// The path that follows `'''exec'`, in either sort of quotation marks or in none.
fn called_path(call: &[u8], script: &Path) -> Option<PathBuf> {
    if call.starts_with(b"\"$(dirname") {
        // An environment that can be moved: its Python is the script's neighbour.
        return Some(script.canonicalize().ok()?.with_file_name("python"));
    }
    let (end, path) = match call.split_first()? {
        (mark @ (b'"' | b'\''), quoted) => (*mark, quoted),
        _ => (b' ', call),
    };
    let path = path.split(|byte| *byte == end).next()?;
    Some(path_of(path))
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Whether a program is a Python, by its name.
pub fn is_python(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    words::is_python(name)
}
