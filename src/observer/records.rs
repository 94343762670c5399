//! What the training writes down by itself, where its output is not ours to read.
//!
//! Standard output that is a pipe of its own is left alone, and with it the log lines. Axolotl copies them into
//! `debug.log` in its output directory, and the Trainer keeps a state beside each checkpoint. A thread looks at both:
//! the directory may be on a file system that does not answer. Of `debug.log` nothing but metrics is taken, and only
//! what this run has added: an earlier one's is emptied, or, where a training is resumed, continued.

use super::follow::{Chunk, FollowRequest, read_on};
use crate::metrics::trainer_state::TrainerStates;
use axolotl_run_sys::probe;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::time::SystemTime;

/// Between two looks for a trainer's state; checkpoints are minutes apart.
const TRAINER_STATE_PERIOD: Duration = Duration::from_secs(30);

/// Whether the log is read as well as the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// The same text can be read elsewhere.
    Ignored,
    /// It is all that there is.
    Read,
}

/// The output directory of one run.
pub struct Records {
    directory: PathBuf,
    states: TrainerStates,
    log: Option<DebugLog>,
    /// When the states are looked at next, in seconds since the spawn.
    states_at: f64,
}

/// The log, as far as it was read.
#[derive(Default)]
struct DebugLog {
    file: Option<File>,
    /// Which file that is, and up to where it was read.
    identity: Option<FileIdentity>,
    position: u64,
    /// What was there before this run wrote, and how long it was.
    earlier: Option<(FileIdentity, u64)>,
}

impl Records {
    /// To be made as early as possible: what is in the log now is an earlier run's.
    pub fn of(directory: PathBuf, spawned: SystemTime, log: Log) -> Self {
        let mut debug_log = None;
        if log == Log::Read {
            debug_log = Some(DebugLog::of(&directory, spawned));
        }
        Self {
            states: TrainerStates::of(directory.clone(), spawned),
            directory,
            log: debug_log,
            states_at: 0.0,
        }
    }

    /// Looks at what has been added.
    pub fn look(&mut self, request: FollowRequest) -> Chunk {
        let mut chunk = Chunk::empty(request.at);
        if let Some(log) = &mut self.log
            && let Some((bytes, cut)) = log.read(&self.directory)
        {
            chunk.bytes = bytes;
            chunk.cut = cut;
        }
        if request.last || request.at >= self.states_at {
            self.states_at = request.at + TRAINER_STATE_PERIOD.as_secs_f64();
            chunk.state = self.states.newest();
        }
        chunk
    }
}

const LOG: &str = "debug.log";

/// Device and number.
type FileIdentity = (u64, u64);

impl DebugLog {
    fn of(directory: &Path, spawned: SystemTime) -> Self {
        let mut log = Self::default();
        // What was written since the spawn is this run's already.
        if let Ok(earlier) = directory.join(LOG).metadata()
            && earlier.modified().is_ok_and(|modified| modified < spawned)
        {
            log.earlier = Some((identity(&earlier), earlier.len()));
        }
        log
    }

    /// The next bytes, and whether they do not continue what was read before.
    fn read(&mut self, directory: &Path) -> Option<(Vec<u8>, bool)> {
        let path = directory.join(LOG);
        let mut is_exchanged = false;
        if let Ok(present) = path.metadata()
            && self.identity != Some(identity(&present))
        {
            let file = probe::open_regular(&path).ok()?;
            let opened = identity(&file.metadata().ok()?);
            self.position = match self.earlier {
                Some((earlier, length)) if earlier == opened => length,
                _ => 0,
            };
            is_exchanged = self.identity.replace(opened).is_some();
            self.file = Some(file);
        }
        let (bytes, cut) = read_on(self.file.as_ref()?, &mut self.position)?;
        Some((bytes, cut || is_exchanged))
    }
}

fn identity(file: &Metadata) -> FileIdentity {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;
    use std::time::Duration;

    fn look(records: &mut Records) -> (String, bool) {
        let chunk = records.look(FollowRequest {
            at: 1.0,
            last: false,
        });
        (String::from_utf8(chunk.bytes).unwrap(), chunk.cut)
    }

    #[test]
    fn only_what_this_run_has_written_is_read() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join(LOG);
        let append = |text: &str| {
            let mut file = fs::File::options()
                .append(true)
                .create(true)
                .open(&log)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        let later = SystemTime::now() + Duration::from_secs(60);
        let mut fresh = Records::of(home.path().to_owned(), later, Log::Read);
        assert_eq!(
            look(&mut fresh),
            (String::new(), false),
            "there is none yet"
        );
        append("old\n");
        let mut resumed = Records::of(home.path().to_owned(), later, Log::Read);
        assert_eq!(
            look(&mut resumed),
            (String::new(), false),
            "an earlier run's"
        );
        append("new\n");
        assert_eq!(look(&mut resumed), ("new\n".into(), false));
        assert_eq!(
            look(&mut fresh),
            ("old\nnew\n".into(), false),
            "begun after the look: this run's"
        );
        // Axolotl takes the old one away where nothing is resumed.
        fs::remove_file(&log).unwrap();
        append("anew\n");
        assert_eq!(look(&mut resumed), ("anew\n".into(), true));
        fs::write(&log, "x\n").unwrap();
        assert_eq!(look(&mut resumed), ("x\n".into(), true), "emptied in place");
        let early = SystemTime::now() - Duration::from_secs(60);
        let mut late = Records::of(home.path().to_owned(), early, Log::Read);
        assert_eq!(
            look(&mut late),
            ("x\n".into(), false),
            "written since the spawn"
        );
        assert_eq!(
            look(&mut Records::of(
                home.path().to_owned(),
                early,
                Log::Ignored
            )),
            (String::new(), false)
        );
    }

    #[test]
    fn what_is_no_file_is_never_waited_for() {
        let home = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&home.path().join(LOG), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut records = Records::of(home.path().to_owned(), SystemTime::UNIX_EPOCH, Log::Read);
        assert_eq!(look(&mut records), (String::new(), false));
    }
}
