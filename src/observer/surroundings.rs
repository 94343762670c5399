//! What the observer must know before it leaves the working directory: who the user is (for the gate, which
//! lets none of it out), and the training's configuration.

use crate::config::{self, Located, Vetted};
use crate::env;
use crate::limits;
use crate::privacy::{Facts, Gate, Identity};
use crate::public::dictionary;
use crate::sys::{probe, role};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

/// The gate that knows this user.
#[must_use]
pub fn gate(command: &[OsString], directory: &Path) -> Gate {
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    let variable = |name: &str| std::env::var_os(name).map(|value| text(&value)).unwrap_or_default();
    let arguments: Vec<String> = command.iter().map(|argument| text(argument)).collect();
    let environment: Vec<(String, String)> =
        std::env::vars_os().map(|(name, value)| (text(&name), text(&value))).collect();
    let user = role::user_name().unwrap_or_else(|| variable(env::USER));
    let identity = Identity::new(&Facts {
        user: &user,
        home: &variable(env::HOME),
        host: &role::host_name().unwrap_or_default(),
        working_directory: &text(directory.as_os_str()),
        arguments: &arguments,
        environment: &environment,
        withheld: &[],
    });
    Gate::new(identity).knowing(dictionary::is_public).knowing_functions(dictionary::is_public_function)
}

/// Looks for the training's configuration on a thread of its own: its file system may not answer.
#[must_use]
pub fn configuration(command: Vec<OsString>, named: Option<PathBuf>, directory: PathBuf) -> Receiver<Vetted> {
    let (found, answer) = sync_channel(1);
    let work = move || {
        let located = config::locate(&command);
        let overrides = located.as_ref().map(|located| located.overrides.clone()).unwrap_or_default();
        let path = named.or_else(|| located.map(|Located { path, .. }| path));
        let vetted = path.and_then(|path| {
            let mut yaml = String::new();
            let file = probe::open_regular(&directory.join(path)).ok()?;
            // One byte more than is allowed, so that a longer file is known and not half a configuration.
            file.take(limits::CONFIG_FILE_BYTES_MAX + 1).read_to_string(&mut yaml).ok()?;
            if yaml.len() as u64 > limits::CONFIG_FILE_BYTES_MAX {
                return None;
            }
            let exists = |path: &str| directory.join(path).symlink_metadata().is_ok();
            config::read(&yaml, &overrides, &exists).ok()
        });
        // A configuration that cannot be read is none; the sender's end says so.
        if let Some(vetted) = vetted {
            let _ = found.send(vetted);
        }
    };
    let _ = std::thread::Builder::new().name("config".into()).spawn(work);
    answer
}
