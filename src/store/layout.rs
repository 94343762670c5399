//! Where the launcher's files are and what they are called, by the XDG base directory specification.
//!
//! An empty or relative value is invalid and counts as unset, as the specification demands: a relative path
//! would scatter state over every directory that a run is started from. Without a home there is no place.

use axolotl_run_core::consent::Sending;
use axolotl_run_core::env;
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::files::{Access, Directory};
use axolotl_run_sys::reason;
use std::path::PathBuf;
use std::{fmt, io};

/// Our directory's name, in the directories of state and of configuration.
pub const OURS: &str = "axolotl-run";
/// The stored decision's file in the directory of configuration.
pub const DECISION: &str = "config.yaml";
/// The file of the stored channels, likewise.
pub const CHANNELS: &str = "notify";
/// What an hour costs, beside the decision.
pub const PRICE: &str = "price";
/// The names within the state directory.
pub const RUNS: &str = "runs";
pub const EVENTS: &str = "events.jsonl";
pub const DELIVERY: &str = "delivery.jsonl";
pub const SAMPLES: &str = "samples.jsonl";
pub const NOTIFICATIONS: &str = "notify.jsonl";
pub const CONSENT: &str = "consent";
pub const LIVE: &str = "live";
pub const JOB: &str = "job.json";

/// Whether what a run recorded may be sent.
pub fn is_permitted(directory: &Directory) -> bool {
    directory.file(CONSENT, Access::Read).is_ok()
}

/// The same as a value.
pub fn sending(directory: &Directory) -> Sending {
    if is_permitted(directory) {
        Sending::Permitted
    } else {
        Sending::Forbidden
    }
}

/// Why nothing can be kept on disk.
#[derive(Debug)]
pub enum StoreProblem {
    /// Neither `XDG_STATE_HOME` nor `HOME` names a directory.
    NoHome,
    /// Neither `XDG_CONFIG_HOME` nor `HOME` names a directory.
    NoConfigHome,
    /// Somebody else made our directory.
    Foreign(PathBuf),
    /// It is a symbolic link, which is not followed: somebody else may have made it.
    Link(PathBuf),
    /// The kernel refused.
    Io(PathBuf, io::Error),
}

impl fmt::Display for StoreProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHome => no_base(formatter, "state", env::XDG_STATE_HOME),
            Self::NoConfigHome => no_base(formatter, "configuration", env::XDG_CONFIG_HOME),
            Self::Foreign(path) => {
                write!(
                    formatter,
                    "use `{}`: it belongs to another user",
                    path.display()
                )
            }
            Self::Link(path) => {
                write!(
                    formatter,
                    "use `{}`: it is a symbolic link; set `{}` to the directory that holds the real one",
                    path.display(),
                    env::XDG_STATE_HOME
                )
            }
            Self::Io(path, error) => {
                write!(formatter, "use `{}`: {}", path.display(), reason(error))
            }
        }
    }
}

fn no_base(
    formatter: &mut fmt::Formatter<'_>,
    kind_of_directory: &str,
    variable_name: &str,
) -> fmt::Result {
    write!(
        formatter,
        "find a {kind_of_directory} directory: neither `{variable_name}` nor `{}` is an absolute path",
        env::HOME
    )
}

/// The base directory of state.
pub fn state_home(environment: Environment<'_>) -> Result<PathBuf, StoreProblem> {
    base_directory(environment, env::XDG_STATE_HOME, ".local/state").ok_or(StoreProblem::NoHome)
}

/// The base directory of configuration.
pub fn config_home(environment: Environment<'_>) -> Result<PathBuf, StoreProblem> {
    base_directory(environment, env::XDG_CONFIG_HOME, ".config").ok_or(StoreProblem::NoConfigHome)
}

fn base_directory(
    environment: Environment<'_>,
    variable_name: &str,
    default_below_home: &str,
) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(environment(name)?);
        path.is_absolute().then_some(path)
    };
    absolute(variable_name).or_else(|| Some(absolute(env::HOME)?.join(default_below_home)))
}

/// A file of a run as the documents name it.
pub fn run_file(name: &str) -> String {
    format!("${}/{OURS}/{RUNS}/UUID/{name}", env::XDG_STATE_HOME)
}

/// Every file of the launcher's with what it holds, for the documents.
pub fn files() -> [(String, &'static str); 11] {
    [
        (
            run_file(""),
            "one recorded run; directories have the mode 0700, files 0600",
        ),
        (
            run_file(EVENTS),
            "its events: exactly what was or would be sent, written before any attempt",
        ),
        (
            run_file(DELIVERY),
            "attempts to send it, and what the server answered",
        ),
        (run_file(SAMPLES), "its measurements over time; never sent"),
        (
            run_file(NOTIFICATIONS),
            "whether your own channels were reached; never sent",
        ),
        (run_file(CONSENT), "there only if the run may be sent"),
        (
            run_file(JOB),
            "of a run that is a part of a job: a hash of the job's name, a hash of the machine, numbers of machine and rank, and when it began, failed and ended; never sent",
        ),
        (
            run_file(LIVE),
            "its lock, held by the observer for as long as it lives",
        ),
        (
            format!("${}/{OURS}/{}", env::XDG_CONFIG_HOME, DECISION),
            "the stored decision",
        ),
        (
            format!("${}/{OURS}/{}", env::XDG_CONFIG_HOME, CHANNELS),
            "who is told of every observed run: an address or a command a line",
        ),
        (
            format!("${}/{OURS}/{}", env::XDG_CONFIG_HOME, PRICE),
            "what an hour costs, for the reports",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::path::Path;

    #[test]
    fn only_absolute_paths_count() {
        for (xdg, home, expected) in [
            (Some("/state"), Some("/home/u"), Some("/state")),
            (Some(""), Some("/home/u"), Some("/home/u/.local/state")),
            (Some("state"), Some("/home/u"), Some("/home/u/.local/state")),
            (
                Some("./state"),
                Some("/home/u"),
                Some("/home/u/.local/state"),
            ),
            (None, Some("/home/u"), Some("/home/u/.local/state")),
            (Some("/state"), None, Some("/state")),
            (None, None, None),
            (None, Some(""), None),
            (None, Some("u"), None),
        ] {
            let environment = |name: &str| match name {
                env::XDG_STATE_HOME => xdg.map(OsString::from),
                env::HOME => home.map(OsString::from),
                _ => None,
            };
            assert_eq!(
                state_home(&environment).ok().as_deref(),
                expected.map(Path::new),
                "{xdg:?} {home:?}"
            );
        }
    }
}
