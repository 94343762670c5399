//! The channels that `--notify-store` stores: who is told of every observed run.
//!
//! A text file that users may read and edit: an address or a command a line, `#` begins a comment. It holds secrets, so it is
//! its owner's alone, and it is a file of its own: people show their configuration to others. What cannot be understood
//! is passed over, because it must not keep a training from starting.

use super::replace_file;
use crate::delivery::notify::{Channel, ChannelProblem};
use crate::store::layout::{self, CHANNELS, OURS, StoreProblem};
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::files::{Directory, Missing};
use axolotl_run_sys::probe::open_regular;
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Bytes of the file that are read; eight channels have less.
const CHANNELS_FILE_BYTES_MAX: u64 = 64 * 1024;

const HEADING: &str = "# Written by `axolotl-run --notify-store`: an address or a command a line. Keep it to yourself.\n";

/// The stored channels.
pub fn read(environment: Environment<'_>) -> Vec<Channel> {
    let Ok(home) = layout::config_home(environment) else {
        return Vec::new();
    };
    let Ok(file) = open_regular(&home.join(OURS).join(CHANNELS)) else {
        return Vec::new();
    };
    let mut file_text = String::new();
    let mut beginning = file.take(CHANNELS_FILE_BYTES_MAX);
    if beginning.read_to_string(&mut file_text).is_err() {
        return Vec::new();
    }
    let lines = parse(&file_text).into_iter();
    lines.filter_map(|(_, channel)| channel.ok()).collect()
}

/// What each line of a text says that is neither empty nor a comment, with the line's number.
pub fn parse(file_text: &str) -> Vec<(usize, Result<Channel, ChannelProblem>)> {
    let mut channels = Vec::new();
    for (number, line) in (1..).zip(file_text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            channels.push((number, Channel::parse(OsStr::new(line))));
        }
    }
    channels
}

/// Stores channels in the place of any older ones; where they are now. None are no file.
///
/// # Errors
/// Why they can't be stored; the text reads after "failed to".
pub fn write(environment: Environment<'_>, channels: &[Channel]) -> Result<PathBuf, StoreProblem> {
    let home = layout::config_home(environment)?;
    let path = home.join(OURS).join(CHANNELS);
    replace(&home.join(OURS), channels).map_err(|error| StoreProblem::Io(path.clone(), error))?;
    Ok(path)
}

fn replace(ours: &Path, channels: &[Channel]) -> io::Result<()> {
    if channels.is_empty() {
        let Ok(directory) = Directory::open(ours, Missing::Fail) else {
            return Ok(());
        };
        return match directory.remove_file(CHANNELS) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let mut file_text = HEADING.to_owned();
    for channel in channels {
        file_text.push_str(channel.typed());
        file_text.push('\n');
    }
    replace_file(&ours.join(CHANNELS), &file_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_stored_is_read_back_and_is_its_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().to_owned().into_os_string();
        let environment =
            move |name: &str| -> Option<OsString> { (name == "HOME").then(|| base.clone()) };
        assert_eq!(
            write(&environment, &[]).unwrap().file_name().unwrap(),
            CHANNELS
        );
        assert_eq!(read(&environment), []);
        let text = "# mine\n\nhttps://ntfy.sh/topic\n  mail -s done me\nftp://no\n";
        assert_eq!(parse(text)[2], (5, Err(ChannelProblem::Scheme)));
        let lines = parse(text).into_iter();
        let channels: Vec<_> = lines.filter_map(|(_, channel)| channel.ok()).collect();
        assert_eq!(channels.len(), 2);
        let path = write(&environment, &channels).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&environment), channels);
        write(&environment, &[]).unwrap();
        assert!(!path.exists());
        write(&environment, &[]).unwrap();
    }
}
