//! Where the launcher's files are, by the XDG base directory specification.
//!
//! An empty or relative value is invalid and counts as unset, as the specification demands: a relative path
//! would scatter state over every directory that a run is started from. Without a home there is no place.
//!
//! Pure but for the look-up function, which the caller gives.

use super::{CONSENT, DECISION, DELIVERY, EVENTS, LIVE, OURS, RUNS, SAMPLES};
use axolotl_run_core::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The base directory of state.
#[must_use]
pub fn state_home(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    base(&environment, env::XDG_STATE_HOME, ".local/state")
}

/// The base directory of configuration.
#[must_use]
pub fn config_home(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    base(&environment, env::XDG_CONFIG_HOME, ".config")
}

fn base(
    environment: &impl Fn(&str) -> Option<OsString>,
    variable: &str,
    default: &str,
) -> Option<PathBuf> {
    let absolute = |name: &str| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| absolute(env::HOME).map(|home| home.join(default)))
}

/// Every file of the launcher's with what it holds, for the documents.
#[must_use]
pub fn files() -> [(String, &'static str); 7] {
    let run = format!("${}/{OURS}/{RUNS}/UUID/", env::XDG_STATE_HOME);
    let of_run = |name| format!("{run}{name}");
    [
        (
            run.clone(),
            "one recorded run; directories have the mode 0700, files 0600",
        ),
        (
            of_run(EVENTS),
            "its events: exactly what was or would be sent, written before any attempt",
        ),
        (
            of_run(DELIVERY),
            "attempts to send it, and what the server answered",
        ),
        (of_run(SAMPLES), "its measurements over time; never sent"),
        (of_run(CONSENT), "there only if the run may be sent"),
        (
            of_run(LIVE),
            "its lock, held by the observer for as long as it lives",
        ),
        (
            format!("${}/{OURS}/{}", env::XDG_CONFIG_HOME, DECISION),
            "the stored decision",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
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
                state_home(environment).as_deref(),
                expected.map(Path::new),
                "{xdg:?} {home:?}"
            );
        }
    }
}
