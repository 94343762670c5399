//! The journal of one run, as its observer writes it.
//!
//! The rule: nothing is sent that was not appended here before. Appending never fails and never panics; it says where
//! the line went. If the directory cannot be made (a read-only home, no home at all), the journal begins in memory and
//! moves to disk as soon as it can: a run may well outlast a full disk. A run has one journal, held by its observer.

use super::append_log::{AppendLog, Importance, Written};
use super::layout::{CONSENT, DELIVERY, EVENTS, NOTIFICATIONS, SAMPLES, is_permitted};
use super::lock::{self, RunLock};
use axolotl_run_core::consent::Sending;
use axolotl_run_core::limits;
use axolotl_run_sys::files::{Access, Directory, Missing};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use uuid::Uuid;

/// The name under which the thinned samples are written before they take the others' place.
const SAMPLES_NEW: &str = "samples.new";

/// The journal of one run.
pub struct Journal {
    run_id: Uuid,
    sending: Sending,
    runs: Option<Directory>,
    claimed_run: Option<ClaimedRun>,
    events: AppendLog,
    delivery: AppendLog,
    notifications: AppendLog,
    samples: AppendLog,
}

/// The run's directory, ours for as long as the lock is held.
struct ClaimedRun {
    run_directory: Directory,
    /// The names of the run and of its files were handed over to be forced to the disk.
    is_entered: bool,
    _lock: RunLock,
}

/// Events on their way from the kernel's memory to the disk.
pub struct Unforced {
    file: File,
    directories: Vec<Directory>,
}

impl Unforced {
    /// Forces them, which takes as long as the disk takes.
    pub fn force(self) {
        let _ = self.file.sync_data();
        for run_directory in self.directories {
            let _ = run_directory.sync();
        }
    }
}

impl Journal {
    pub(super) fn begin(runs: Option<Directory>, run_id: Uuid, sending: Sending) -> Self {
        let mut journal = Self {
            run_id,
            sending,
            runs,
            claimed_run: None,
            events: AppendLog::new(EVENTS, limits::RUN_EVENTS_BYTES_MAX),
            delivery: AppendLog::new(DELIVERY, limits::RUN_DELIVERY_BYTES_MAX),
            notifications: AppendLog::new(NOTIFICATIONS, limits::RUN_NOTIFICATIONS_BYTES_MAX),
            samples: AppendLog::new(SAMPLES, 2 * limits::RUN_SAMPLES_BYTES_MAX),
        };
        journal.settle();
        journal
    }

    /// A journal for where there is no store: bounded memory, gone with the process.
    pub fn in_memory(run_id: Uuid, sending: Sending) -> Self {
        Self::begin(None, run_id, sending)
    }

    /// Whether what is recorded may be sent. Consent can be withdrawn while a run lasts.
    pub fn may_be_sent(&self) -> bool {
        match &self.claimed_run {
            Some(claimed_run) => {
                self.sending == Sending::Permitted && is_permitted(&claimed_run.run_directory)
            }
            None => self.sending == Sending::Permitted,
        }
    }

    /// The run's directory, for what is kept in it beside the events; None while there is none.
    pub fn directory(&self) -> Option<&Directory> {
        run_directory(&self.claimed_run)
    }

    /// Writes one event down, in the form of a batch member.
    pub fn append(&mut self, line: &str, importance: Importance) -> Written {
        self.settle();
        self.events
            .append(run_directory(&self.claimed_run), line, importance)
    }

    /// What has yet to be forced to the disk for the events to survive the machine's death; ours they survive without.
    pub fn unforced(&mut self) -> Option<Unforced> {
        let file = self.events.handle()?;
        let claimed_run = self.claimed_run.as_mut()?;
        let mut directories = Vec::new();
        if !claimed_run.is_entered {
            claimed_run.is_entered = true;
            directories.extend(claimed_run.run_directory.try_clone());
            if let Some(runs) = &self.runs {
                directories.extend(runs.try_clone());
            }
        }
        Some(Unforced { file, directories })
    }

    /// Writes an attempt to send and its answer down.
    pub fn append_delivery(&mut self, line: &str) -> Written {
        self.settle();
        let run_directory = run_directory(&self.claimed_run);
        self.delivery
            .append(run_directory, line, Importance::Ordinary)
    }

    /// Writes down what became of a message to the user.
    pub fn append_notification(&mut self, line: &str) -> Written {
        self.settle();
        let run_directory = run_directory(&self.claimed_run);
        self.notifications
            .append(run_directory, line, Importance::Ordinary)
    }

    /// Writes one point of the time series down; samples are the first to go where there is no room.
    pub fn append_sample(&mut self, line: &str) -> Written {
        self.settle();
        if line.len() > limits::SAMPLE_BYTES_MAX {
            return Written::Nowhere;
        }
        if self.samples.bytes() > limits::RUN_SAMPLES_BYTES_MAX
            && let Some(claimed_run) = &self.claimed_run
            && thin(&claimed_run.run_directory).is_ok()
        {
            self.samples.reopen();
        }
        let run_directory = run_directory(&self.claimed_run);
        self.samples
            .append(run_directory, line, Importance::Ordinary)
    }

    /// Tries again to write what waits in memory; whether all of it is on disk now.
    pub fn flush(&mut self) -> bool {
        self.settle();
        let run_directory = run_directory(&self.claimed_run);
        let mut is_empty = true;
        for append_log in [
            &mut self.events,
            &mut self.delivery,
            &mut self.notifications,
            &mut self.samples,
        ] {
            is_empty &= append_log.flush(run_directory);
        }
        is_empty
    }

    /// Events that are not on disk, for the finish event's account of what was missed.
    pub fn events_unwritten(&self) -> u64 {
        self.events.unwritten()
    }

    /// Makes the run's directory where there is none yet.
    fn settle(&mut self) {
        if self.claimed_run.is_none()
            && let Some(runs) = &self.runs
        {
            self.claimed_run = ClaimedRun::new(runs, self.run_id, self.sending).ok();
        }
    }
}

fn run_directory(claimed_run: &Option<ClaimedRun>) -> Option<&Directory> {
    Some(&claimed_run.as_ref()?.run_directory)
}

impl ClaimedRun {
    /// The lock comes first and the consent marker second: a run that was cut short in between is not sent.
    fn new(runs: &Directory, run_id: Uuid, sending: Sending) -> io::Result<Self> {
        let run_directory = runs.below(&run_id.to_string(), Missing::Create)?;
        let lock = lock::claim(&run_directory)?;
        if sending == Sending::Permitted {
            // A first try that failed later may have made it.
            run_directory.file(CONSENT, Access::Append)?;
        }
        Ok(Self {
            run_directory,
            is_entered: false,
            _lock: lock,
        })
    }
}

/// Throws every second sample away. What is oldest is thinned most often: a month ago nobody asks for seconds.
fn thin(run_directory: &Directory) -> io::Result<()> {
    let samples = run_directory.file(SAMPLES, Access::Read)?;
    let samples = samples.take(2 * limits::RUN_SAMPLES_BYTES_MAX);
    let _ = run_directory.remove_file(SAMPLES_NEW);
    let mut thinned = BufWriter::new(run_directory.file(SAMPLES_NEW, Access::CreateNew)?);
    for line in BufReader::new(samples).split(b'\n').step_by(2) {
        thinned.write_all(&line?)?;
        thinned.write_all(b"\n")?;
    }
    thinned.flush()?;
    run_directory.rename(SAMPLES_NEW, SAMPLES)
}
