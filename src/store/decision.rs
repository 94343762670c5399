//! The decision that `--enable`, `--disable` and `--record-always` store.
//!
//! A small YAML file that users may read and edit. A broken file must not keep a training from starting: what cannot
//! be understood counts as no decision, and `--status` says so. A new file replaces the old one in one step, so that no
//! reader ever sees half a decision. Other keys and comments in the file are kept.
//!
//! Unlike in the state directory, links are followed: people keep their configuration elsewhere.

pub mod channels;
pub mod price;

use super::layout::{self, DECISION, OURS, StoreProblem};
use axolotl_run_core::config::is_too_complex;
use axolotl_run_core::consent::{Recording, Stored, Telemetry};
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::files::{Access, Directory, Missing, behind_own_link};
use axolotl_run_sys::probe::open_regular;
use axolotl_run_sys::random;
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};
use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of the stored decision; ours has about 100.
const DECISION_BYTES_MAX: u64 = 16 * 1024;

/// Values of the file, and brackets that may be open at once: it is read before each command, and a parser's work on
/// brackets grows with the square of their number.
const DECISION_NODES_MAX: usize = 1000;
const DECISION_BRACKETS_MAX: usize = 32;

const HEADING: &str = "# Written by `axolotl-run --enable`, `--disable` or `--record-always`.\n";

/// What the file says.
#[derive(Debug, PartialEq)]
pub enum StoredDecision {
    /// There is no file.
    Nothing,
    /// There is a file, and it can't be understood; the fragment reads after "the stored decision ".
    Unreadable(&'static str),
    /// A decision.
    Decision(Stored),
}

/// The keys of [`DecisionFile`], which are ours to exchange.
const OUR_KEYS: [&str; 4] = ["telemetry", "record", "policy", "date"];

#[derive(Serialize, Deserialize)]
struct DecisionFile {
    telemetry: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    record: Value,
    policy: u64,
    #[serde(default)]
    date: String,
}

/// Reads the decision.
pub fn read(environment: Environment<'_>) -> StoredDecision {
    match layout::config_home(environment) {
        Ok(home) => read_file(&home.join(OURS).join(DECISION)),
        Err(_) => StoredDecision::Nothing,
    }
}

fn read_file(path: &Path) -> StoredDecision {
    match load_text(path) {
        Ok(file_text) => parse(&file_text),
        Err(stored) => stored,
    }
}

/// The file's text, or what it says without any.
fn load_text(path: &Path) -> Result<String, StoredDecision> {
    let decision_file = open_regular(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoredDecision::Nothing,
        _ => StoredDecision::Unreadable("can't be opened"),
    })?;
    let mut file_text = String::new();
    let mut beginning = decision_file.take(DECISION_BYTES_MAX + 1);
    if beginning.read_to_string(&mut file_text).is_err() {
        return Err(StoredDecision::Unreadable("is not text"));
    }
    if file_text.len() as u64 > DECISION_BYTES_MAX
        || is_too_complex(&file_text, DECISION_NODES_MAX, DECISION_BRACKETS_MAX)
    {
        return Err(StoredDecision::Unreadable("is too long"));
    }
    Ok(file_text)
}

fn parse(file_text: &str) -> StoredDecision {
    let Ok(decision_file) = serde_yaml::from_str::<DecisionFile>(file_text) else {
        return StoredDecision::Unreadable("is not a decision");
    };
    let telemetry = match switch_word(decision_file.telemetry).as_str() {
        "on" | "true" => Telemetry::On,
        "off" | "false" => Telemetry::Off,
        _ => return StoredDecision::Unreadable("says neither on nor off"),
    };
    let recording = match switch_word(decision_file.record).as_str() {
        "always" | "on" | "true" => Recording::Always,
        _ => Recording::OnRequest,
    };
    StoredDecision::Decision(Stored {
        telemetry,
        recording,
        policy_version: decision_file.policy,
        decided: Some(decision_file.date).filter(|date| !date.is_empty()),
    })
}

/// YAML 1.1 reads `on` as true, YAML 1.2 as text; people write either.
fn switch_word(value: Value) -> String {
    match value {
        Value::Bool(switch) => switch.to_string(),
        Value::String(switch_word) => switch_word.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// Stores a decision in the place of any older one; where it is now.
///
/// # Errors
/// Why it can't be stored; the text reads after "failed to".
pub fn write(environment: Environment<'_>, new_decision: &Stored) -> Result<PathBuf, StoreProblem> {
    let home = layout::config_home(environment)?;
    let path = home.join(OURS).join(DECISION);
    let old_text = load_text(&path).unwrap_or_default();
    new_text(&old_text, new_decision)
        .map_err(io::Error::other)
        .and_then(|file_text| replace_file(&path, &file_text))
        .map_err(|error| StoreProblem::Io(path.clone(), error))?;
    Ok(path)
}

/// Puts a file with this text in the place of any older one. The name may be a link of the user's own making, and so may
/// our directory.
fn replace_file(path: &Path, file_text: &str) -> io::Result<()> {
    let path = behind_own_link(path);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str))
    else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let directory = Directory::open(parent, Missing::Create)?;
    let unique = u128::from_ne_bytes(random::bytes()?);
    let temporary = format!("{name}.{unique:032x}");
    let mut temporary_file = directory.file(&temporary, Access::CreateNew)?;
    let written = temporary_file
        .write_all(file_text.as_bytes())
        .and_then(|()| temporary_file.sync_all())
        .and_then(|()| directory.rename(&temporary, name));
    if written.is_err() {
        let _ = directory.remove_file(&temporary);
    }
    written?;
    // It is stored. Syncing the directory only helps after a power failure.
    let _ = directory.sync();
    Ok(())
}

/// The new file: the old one with the decision exchanged. A way of carrying the rest over counts only if it can
/// be seen to have worked; where none does, the decision is what matters.
fn new_text(old_text: &str, new_decision: &Stored) -> Result<String, serde_yaml::Error> {
    let decision_file = DecisionFile {
        telemetry: new_decision.telemetry.as_str().into(),
        record: match new_decision.recording {
            Recording::Always => Recording::Always.as_str().into(),
            Recording::OnRequest => Value::Null,
        },
        policy: new_decision.policy_version,
        date: new_decision.decided.clone().unwrap_or_default(),
    };
    let our_lines = serde_yaml::to_string(&decision_file)?;
    let alone = format!("{HEADING}{our_lines}");
    let Some(other_keys) = other_keys(old_text) else {
        return Ok(alone);
    };
    let without_comments = format!("{alone}{}", serde_yaml::to_string(&other_keys)?);
    for file_text in [exchanged(old_text, &our_lines), without_comments] {
        if file_text.len() as u64 <= DECISION_BYTES_MAX
            && parse(&file_text) == StoredDecision::Decision(new_decision.clone())
            && self::other_keys(&file_text).as_ref() == Some(&other_keys)
        {
            return Ok(file_text);
        }
    }
    Ok(alone)
}

/// What is in the file besides the decision; None where it is empty or cannot be understood.
fn other_keys(file_text: &str) -> Option<Mapping> {
    if file_text.trim().is_empty() {
        return None;
    }
    let mut mapping = serde_yaml::from_str::<Mapping>(file_text).ok()?;
    mapping.retain(|key, _| {
        // A tagged key is read as the same key.
        let key = match key {
            Value::Tagged(tagged) => &tagged.value,
            key => key,
        };
        !OUR_KEYS.contains(&key.as_str().unwrap_or_default())
    });
    Some(mapping)
}

/// The text with its lines of a decision exchanged for these; all others stay as they are.
fn exchanged(old_text: &str, our_lines: &str) -> String {
    let mut file_text = String::new();
    let mut missing = our_lines;
    for line in old_text.lines() {
        let (key, _) = line.split_once(':').unwrap_or_default();
        if OUR_KEYS.contains(&key) {
            file_text += std::mem::take(&mut missing);
        } else {
            file_text += line;
            file_text += "\n";
        }
    }
    file_text + missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn home(directory: &Path) -> impl Fn(&str) -> Option<OsString> {
        let home = directory.to_owned().into_os_string();
        move |name| (name == "HOME").then(|| home.clone())
    }

    #[test]
    fn a_decision_is_read_back_as_it_was_stored() {
        let directory = tempfile::tempdir().unwrap();
        for telemetry in [Telemetry::On, Telemetry::Off, Telemetry::On] {
            let new_decision = Stored {
                telemetry,
                recording: Recording::OnRequest,
                policy_version: 3,
                decided: Some("2026-11-22".into()),
            };
            let path = write(&home(directory.path()), &new_decision).unwrap();
            assert_eq!(
                path,
                directory.path().join(".config/axolotl-run/config.yaml")
            );
            assert_eq!(read_file(&path), StoredDecision::Decision(new_decision));
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(
                path.parent().unwrap().read_dir().unwrap().count(),
                1,
                "no temporary file is left"
            );
        }
    }

    #[test]
    fn a_link_of_our_own_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (kept, ours) = (
            directory.path().join("dotfiles/decision"),
            directory.path().join(".config/axolotl-run"),
        );
        for folder in [kept.parent().unwrap(), &ours] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let link = ours.join(DECISION);
        symlink("../../dotfiles/decision", &link).unwrap();
        let new_decision = Stored {
            telemetry: Telemetry::Off,
            recording: Recording::OnRequest,
            policy_version: 3,
            decided: None,
        };
        // What a link leads to that nobody has made yet is not known to be a file.
        for makes_file in [true, false] {
            if makes_file {
                std::fs::write(&kept, "colour: blue\n").unwrap();
            } else {
                std::fs::remove_file(&kept).unwrap();
            }
            write(&home(directory.path()), &new_decision).unwrap();
            assert_eq!(link.is_symlink(), makes_file);
            assert_eq!(kept.exists(), makes_file);
            assert_eq!(
                read_file(&link),
                StoredDecision::Decision(new_decision.clone())
            );
        }
    }

    #[test]
    fn recording_is_stored_beside_it_and_taken_back() {
        let mut file_text = String::new();
        for (recording, expected) in [
            (
                Recording::Always,
                "telemetry: off\nrecord: always\npolicy: 1\n",
            ),
            (Recording::OnRequest, "telemetry: off\npolicy: 1\n"),
        ] {
            let new_decision = Stored {
                telemetry: Telemetry::Off,
                recording,
                policy_version: 1,
                decided: Some("2026-11-22".into()),
            };
            file_text = new_text(&file_text, &new_decision).unwrap();
            assert!(file_text.contains(expected), "{file_text}");
            assert_eq!(parse(&file_text), StoredDecision::Decision(new_decision));
        }
    }

    #[test]
    fn what_people_write_is_understood_and_the_rest_is_no_decision() {
        let decided = |telemetry| {
            StoredDecision::Decision(Stored {
                telemetry,
                recording: Recording::OnRequest,
                policy_version: 1,
                decided: None,
            })
        };
        for (file_text, expected) in [
            ("telemetry: on\npolicy: 1\n", decided(Telemetry::On)),
            ("telemetry: 'Off'\npolicy: 1\n", decided(Telemetry::Off)),
            (
                "telemetry: true\npolicy: 1\nmore: ignored\n",
                decided(Telemetry::On),
            ),
            ("telemetry: false\npolicy: 1\n", decided(Telemetry::Off)),
            (
                "telemetry: maybe\npolicy: 1\n",
                StoredDecision::Unreadable("says neither on nor off"),
            ),
            (
                "telemetry: 1\npolicy: 1\n",
                StoredDecision::Unreadable("says neither on nor off"),
            ),
            (
                "telemetry: on\n",
                StoredDecision::Unreadable("is not a decision"),
            ),
            (
                "policy: 1\n",
                StoredDecision::Unreadable("is not a decision"),
            ),
            (
                "telemetry: on\npolicy: -1\n",
                StoredDecision::Unreadable("is not a decision"),
            ),
            ("", StoredDecision::Unreadable("is not a decision")),
            ("{[", StoredDecision::Unreadable("is not a decision")),
        ] {
            assert_eq!(parse(file_text), expected, "{file_text:?}");
        }
    }

    #[test]
    fn what_costs_time_to_read_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        for file_text in [
            "[".repeat(16_000),
            "{a: ".repeat(4000),
            "- ".repeat(8000),
            "? ".repeat(8000),
            "- \n".repeat(5000),
        ] {
            std::fs::write(&path, &file_text).unwrap();
            assert_eq!(
                read_file(&path),
                StoredDecision::Unreadable("is too long"),
                "{}",
                &file_text[..4]
            );
        }
    }

    #[test]
    fn what_its_owner_added_stays() {
        let new_decision = Stored {
            telemetry: Telemetry::On,
            recording: Recording::OnRequest,
            policy_version: 2,
            decided: Some("2026-11-22".into()),
        };
        let our_lines = "telemetry: on\npolicy: 2\ndate: 2026-11-22\n";
        for (old_text, expected) in [
            ("", format!("{HEADING}{our_lines}")),
            ("{[", format!("{HEADING}{our_lines}")),
            ("- a list", format!("{HEADING}{our_lines}")),
            (
                "telemetry: off\npolicy: 1\ndate: 2025-01-01\n",
                our_lines.to_owned(),
            ),
            (
                "# mine\ncolour: [1, 2] # so\ndate: 2025-01-01\ntelemetry: off\nnested:\n  policy: 9",
                format!("# mine\ncolour: [1, 2] # so\n{our_lines}nested:\n  policy: 9\n"),
            ),
            ("colour: blue", format!("colour: blue\n{our_lines}")),
            ("dates: 7\n", format!("dates: 7\n{our_lines}")),
            // Lines cannot be exchanged here, so the comments go and the keys stay.
            (
                "{telemetry: off, colour: blue} # so",
                format!("{HEADING}{our_lines}colour: blue\n"),
            ),
            (
                "date: >\n  long\n  ago\ncolour: blue # so\n",
                format!("{HEADING}{our_lines}colour: blue\n"),
            ),
        ] {
            let temporary_file = new_text(old_text, &new_decision).unwrap();
            assert_eq!(temporary_file, expected, "{old_text:?}");
            assert_eq!(
                new_text(&temporary_file, &new_decision).unwrap(),
                temporary_file,
                "{old_text:?}: once is enough"
            );
        }
        let full = format!(
            "colour: {}\n",
            "x".repeat(usize::try_from(DECISION_BYTES_MAX).unwrap() - 10)
        );
        assert_eq!(
            new_text(&full, &new_decision).unwrap(),
            format!("{HEADING}{our_lines}"),
            "the decision must stay readable"
        );
    }

    #[test]
    fn a_file_that_is_none_is_no_decision_and_hangs_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DECISION);
        assert_eq!(read_file(&path), StoredDecision::Nothing);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(
            read_file(&path),
            StoredDecision::Unreadable("can't be opened")
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(
            read_file(&path),
            StoredDecision::Unreadable("can't be opened")
        );
        std::fs::remove_dir(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert_eq!(
            read_file(&path),
            StoredDecision::Unreadable("can't be opened")
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "#".repeat(1 << 20)).unwrap();
        assert_eq!(read_file(&path), StoredDecision::Unreadable("is too long"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read_file(&path), StoredDecision::Unreadable("is not text"));
    }

    #[test]
    fn without_a_home_there_is_nowhere_to_store_it() {
        let new_decision = Stored {
            telemetry: Telemetry::On,
            recording: Recording::OnRequest,
            policy_version: 1,
            decided: None,
        };
        assert!(matches!(
            write(&|_| None, &new_decision),
            Err(StoreProblem::NoConfigHome)
        ));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(file_text in "(telemetry: |policy: |on|[0-9]|\n|[-:{}&*\\[\\]'\"]|.){0,60}") {
            let _ = parse(&file_text);
            let new_decision = Stored { telemetry: Telemetry::On, recording: Recording::OnRequest, policy_version: 2, decided: Some("2026-11-22".into()) };
            let temporary_file = super::new_text(&file_text, &new_decision).unwrap();
            prop_assert_eq!(parse(&temporary_file), StoredDecision::Decision(new_decision));
            if let Some(other_keys) = other_keys(&file_text) {
                prop_assert_eq!(super::other_keys(&temporary_file), Some(other_keys));
            }
        }
    }
}
