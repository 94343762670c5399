//! The stored decision about telemetry: `config.yaml`, read before a run and written by `--enable`, `--disable`.
//!
//! The problem: the file is the user's word, and it is read on the way to every run that no variable decides.
//! A file that is missing, unreadable, too long or not what we write is no decision, never an error that stops
//! a run, and never a yes. Writing replaces the file in one step, so that a run that starts meanwhile sees the
//! old decision or the new one; keys that are not ours are kept.
//!
//! The plan reads it, the questions of the front read and write it.

use crate::consent::{POLICY_VERSION, Stored, Telemetry};
use crate::{env, limits};
use serde_yaml::{Mapping, Value};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const TELEMETRY: &str = "telemetry";
const VERSION: &str = "policy_version";
const DECIDED: &str = "decided";
const ENABLED: &str = "enabled";
const DISABLED: &str = "disabled";

/// Where the decision is stored; None where there is no home to store it in.
///
/// A relative XDG path is to be ignored, says its specification.
#[must_use]
pub fn path(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(env::XDG_CONFIG_HOME).or_else(|| Some(absolute(env::HOME)?.join(".config")))?;
    Some(base.join("axolotl-run").join("config.yaml"))
}

/// Reads the decision; None where there is none that can be understood.
#[must_use]
pub fn read(path: &Path) -> Option<Stored> {
    parse(&read_text(path).ok()?)
}

/// Stores a decision about the current policy.
///
/// # Errors
/// What the system says; or that the file is not one that we could have written, which is then left alone.
pub fn write(path: &Path, telemetry: Telemetry, now: SystemTime) -> io::Result<()> {
    let mut mapping = match read_text(path) {
        Ok(text) if text.trim().is_empty() => Mapping::new(),
        Ok(text) => serde_yaml::from_str(&text).map_err(|_| io::Error::other("the file that is there is not YAML"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Mapping::new(),
        Err(error) => return Err(error),
    };
    let word = if telemetry == Telemetry::On { ENABLED } else { DISABLED };
    mapping.insert(TELEMETRY.into(), word.into());
    mapping.insert(VERSION.into(), POLICY_VERSION.into());
    mapping.insert(DECIDED.into(), day(now).into());
    let text = serde_yaml::to_string(&mapping).map_err(io::Error::other)?;
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    replace(path, &text)
}

fn read_text(path: &Path) -> io::Result<String> {
    // A named pipe in the file's place must not hold up a run.
    let file = OpenOptions::new().read(true).custom_flags(crate::sys::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    file.take(limits::DECISION_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file beside it and puts that in its place.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("yaml.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

fn parse(text: &str) -> Option<Stored> {
    let mapping: Mapping = serde_yaml::from_str(text).ok()?;
    let telemetry = match mapping.get(TELEMETRY)?.as_str()? {
        ENABLED => Telemetry::On,
        DISABLED => Telemetry::Off,
        _ => return None,
    };
    let decided = mapping.get(DECIDED).and_then(Value::as_str).filter(|day| is_day(day)).map(str::to_owned);
    Some(Stored { telemetry, policy_version: mapping.get(VERSION)?.as_u64()?, decided })
}

fn day(time: SystemTime) -> String {
    crate::wire::timestamp(time).chars().take("2026-01-31".len()).collect()
}

fn is_day(text: &str) -> bool {
    text.len() == "2026-01-31".len() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Duration = Duration::from_hours(24 * 20_000);

    #[test]
    fn only_what_we_write_is_a_decision() {
        let on = |policy_version| Some(Stored { telemetry: Telemetry::On, policy_version, decided: None });
        for (text, expected) in [
            ("telemetry: enabled\npolicy_version: 1\n", on(1)),
            ("telemetry: enabled\npolicy_version: 7\nother: [1]\n", on(7)),
            ("telemetry: enabled\npolicy_version: 1\ndecided: \"\\e[31mred\"\n", on(1)),
            ("telemetry: enabled\n", None),
            ("telemetry: true\npolicy_version: 1\n", None),
            ("telemetry: on\npolicy_version: 1\n", None),
            ("telemetry: enabled\npolicy_version: -1\n", None),
            ("telemetry: enabled\npolicy_version: one\n", None),
            ("policy_version: 1\n", None),
            ("", None),
            ("- a\n", None),
            ("telemetry: [", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_rest_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/config.yaml");
        assert_eq!(read(&path), None);
        for telemetry in [Telemetry::On, Telemetry::Off] {
            write(&path, telemetry, SystemTime::UNIX_EPOCH + NOW).unwrap();
            let stored = read(&path).unwrap();
            assert_eq!((stored.telemetry, stored.policy_version), (telemetry, POLICY_VERSION));
            assert_eq!(stored.decided.as_deref(), Some("2024-10-04"));
        }
        fs::write(&path, "mine: 3\ntelemetry: maybe\n").unwrap();
        write(&path, Telemetry::On, SystemTime::UNIX_EPOCH).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("mine: 3"));
        fs::write(&path, "{ not ours").unwrap();
        assert!(write(&path, Telemetry::On, SystemTime::UNIX_EPOCH).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{ not ours");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn the_path_follows_the_xdg_rules() {
        for (xdg, home, expected) in [
            (Some("/x"), Some("/h"), Some("/x/axolotl-run/config.yaml")),
            (Some("x"), Some("/h"), Some("/h/.config/axolotl-run/config.yaml")),
            (Some(""), Some("/h"), Some("/h/.config/axolotl-run/config.yaml")),
            (None, Some("/h"), Some("/h/.config/axolotl-run/config.yaml")),
            (None, Some("h"), None),
            (None, None, None),
        ] {
            let environment = |name: &str| match name {
                env::XDG_CONFIG_HOME => xdg.map(OsString::from),
                env::HOME => home.map(OsString::from),
                _ => None,
            };
            assert_eq!(path(environment), expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }

    #[test]
    fn something_else_in_its_place_is_no_decision() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read(home.path()), None);
        let pipe = home.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert_eq!(read(&pipe), None);
    }

    proptest::proptest! {
        #[test]
        fn no_file_upsets_it(text: String) {
            let _ = parse(&text);
        }
    }
}
