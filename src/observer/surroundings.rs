//! What the observer must know before it leaves the working directory: who the user is (for the gate, which
//! lets none of it out), and the training's configuration.

use axolotl_run_core::config::{self, ConfigProblem, Vetted};
use axolotl_run_core::env;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::training::Located;
use axolotl_run_core::limits;
use axolotl_run_core::privacy::{Gate, Identity, IdentityFacts};
use axolotl_run_core::public::dictionary;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::{probe, role};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The gate that knows this user.
pub fn gate(command: &[OsString], directory: &Path) -> Gate {
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(|value| text(&value))
            .unwrap_or_default()
    };
    let arguments: Vec<String> = command.iter().map(|argument| text(argument)).collect();
    let environment: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| (text(&name), text(&value)))
        .collect();
    let user = role::user_name().unwrap_or_else(|| variable(env::USER));
    let identity = Identity::new(&IdentityFacts {
        user: &user,
        home: &variable(env::HOME),
        host: &role::host_name().unwrap_or_default(),
        working_directory: &text(directory.as_os_str()),
        arguments: &arguments,
        environment: &environment,
        withheld: &[],
    });
    Gate::new(identity)
        .knowing(dictionary::is_public)
        .knowing_functions(dictionary::is_public_function)
}

/// Why a configuration that was named is none.
#[derive(Debug)]
pub enum Unread {
    /// It cannot be opened or read.
    Io(io::Error),
    /// It is a pipe, a device or a directory: what they hold is not what the training will read.
    NotAFile,
    /// It is larger than any configuration.
    Size,
    /// It is not UTF-8.
    NotText,
    /// It is text, and no configuration.
    Problem(ConfigProblem),
}

/// Looks for the training's configuration on a thread of its own: its file system may not answer. Where the command
/// names none, there is no answer.
pub fn configuration(
    command: Vec<OsString>,
    named: Option<PathBuf>,
    directory: PathBuf,
) -> Option<Background<(), Result<Vetted, Unread>>> {
    Background::start("config", move |desk| {
        let located = CommandLine::read(&command).configuration();
        let overrides = located
            .as_ref()
            .map(|located| located.overrides.clone())
            .unwrap_or_default();
        if let Some(path) = named.or_else(|| located.map(|Located { path, .. }| path)) {
            desk.answer(read(&directory, &path, &overrides));
        }
    })
}

fn read(directory: &Path, path: &Path, overrides: &[(String, String)]) -> Result<Vetted, Unread> {
    let unread = |error: io::Error| match error.kind() {
        // Of what is no regular file, and of no other.
        ErrorKind::InvalidInput => Unread::NotAFile,
        ErrorKind::InvalidData => Unread::NotText,
        _ => Unread::Io(error),
    };
    let file = probe::open_regular(&directory.join(path)).map_err(unread)?;
    let mut yaml = String::new();
    // One byte more than is allowed, so that a longer file is known and not half a configuration.
    file.take(limits::CONFIG_FILE_BYTES_MAX + 1)
        .read_to_string(&mut yaml)
        .map_err(unread)?;
    if yaml.len() as u64 > limits::CONFIG_FILE_BYTES_MAX {
        return Err(Unread::Size);
    }
    let exists = |path: &str| directory.join(path).symlink_metadata().is_ok();
    config::read(&yaml, overrides, &exists).map_err(Unread::Problem)
}
