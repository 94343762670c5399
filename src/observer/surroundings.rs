//! What the observer must know before it leaves the working directory: who the user is (for the gate, which
//! lets none of it out), and the training's configuration.

use axolotl_run_core::config::{self, ConfigProblem, Vetted};
use axolotl_run_core::env;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::limits;
use axolotl_run_core::privacy::{Gate, Identity, IdentityFacts};
use axolotl_run_core::public::dictionary;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::{probe, role};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Directories in which a model's name is looked for; each costs two questions to a file system.
const STANDS_MAX: usize = 32;

/// The gate that knows this user.
pub fn gate(command: &[OsString], directory: &Path) -> Gate {
    let variable = |name| text(&std::env::var_os(name).unwrap_or_default());
    let mut environment = Vec::new();
    for (name, value) in std::env::vars_os() {
        environment.push((text(&name), text(&value)));
    }
    let arguments: Vec<String> = command.iter().map(|argument| text(argument)).collect();
    let identity = Identity::new(&IdentityFacts {
        user: &role::user_name().unwrap_or_else(|| variable(env::USER)),
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

fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

/// Why a configuration that was named is none.
#[derive(Debug)]
pub enum Unread {
    /// It cannot be opened or read. `InvalidInput`: it is no regular file, and what a pipe, a device or a directory
    /// holds is not what the training will read. `InvalidData`: it is not UTF-8.
    Io(io::Error),
    /// It can be read, and is no configuration.
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
        let mut path = named;
        let mut overrides = Vec::new();
        if let Some(located) = CommandLine::read(&command).configuration() {
            overrides = located.overrides;
            path = path.or(Some(located.path));
        }
        if let Some(path) = path {
            let stands = Stands::of(&directory, &path, &command);
            desk.answer(read(&directory, &path, &overrides, &stands));
        }
    })
}

/// The directories that the training may stand in when it looks for its model: a script changes into another one before
/// it (`sh -c 'cd job && …'`, `env -C job`). They are ours, the configuration's with those above it, and each one that
/// the command's words name.
pub struct Stands(Vec<PathBuf>);

impl Stands {
    pub fn of(directory: &Path, configuration: &Path, command: &[OsString]) -> Self {
        let mut stands = vec![directory.to_owned()];
        let above = configuration.ancestors().skip(1);
        stands.extend(above.take(STANDS_MAX / 2).map(|path| directory.join(path)));
        for argument in command {
            let argument = text(argument);
            let ends_word = |c: char| c.is_whitespace() || "\"'`;&|()<>=".contains(c);
            for word in argument.split(ends_word).filter(|word| !word.is_empty()) {
                let path = directory.join(word);
                if stands.len() < STANDS_MAX && path.is_dir() {
                    stands.push(path);
                }
            }
        }
        Self(stands)
    }

    /// Whether there is something of this name in one of them.
    pub fn have(&self, name: &str) -> bool {
        let mut places = self.0.iter().map(|stand| stand.join(name));
        places.any(|place| place.symlink_metadata().is_ok())
    }
}

fn read(
    directory: &Path,
    path: &Path,
    overrides: &[(String, String)],
    stands: &Stands,
) -> Result<Vetted, Unread> {
    let file = probe::open_regular(&directory.join(path)).map_err(Unread::Io)?;
    let mut yaml = String::new();
    // One byte more than is allowed, so that a longer file is known and not half a configuration.
    file.take(limits::CONFIG_FILE_BYTES_MAX + 1)
        .read_to_string(&mut yaml)
        .map_err(Unread::Io)?;
    if yaml.len() as u64 > limits::CONFIG_FILE_BYTES_MAX {
        return Err(Unread::Problem(ConfigProblem::Size));
    }
    config::read(&yaml, overrides, &|name| stands.have(name)).map_err(Unread::Problem)
}
