//! The journal of one run, as its observer writes it.
//!
//! The rule: nothing is sent that was not appended here before. Appending never fails and never panics; it says where
//! the line went. If the directory cannot be made (a read-only home, no home at all), the journal begins in memory and
//! moves to disk as soon as it can: a run may well outlast a full disk. A run has one journal, held by its observer.

use super::append_log::{AppendLog, Importance, Written};
use super::layout::{CONSENT, DELIVERY, EVENTS, SAMPLES, is_permitted};
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
#[derive(Debug)]
pub struct Journal {
    run: Uuid,
    sending: Sending,
    runs: Option<Directory>,
    place: Option<RunDirectory>,
    events: AppendLog,
    delivery: AppendLog,
    samples: AppendLog,
}

/// The run's directory, ours for as long as the lock is held.
#[derive(Debug)]
struct RunDirectory {
    directory: Directory,
    /// The names of the run and of its files were handed over to be forced to the disk.
    is_entered: bool,
    _lock: RunLock,
}

/// Events on their way from the kernel's memory to the disk.
#[derive(Debug)]
pub struct Unforced {
    file: File,
    directories: Vec<Directory>,
}

impl Unforced {
    /// Forces them, which takes as long as the disk takes.
    pub fn force(self) {
        let _ = self.file.sync_data();
        for directory in self.directories {
            let _ = directory.sync();
        }
    }
}

impl Journal {
    pub(super) fn begin(runs: Option<Directory>, run: Uuid, sending: Sending) -> Self {
        let mut journal = Self {
            run,
            sending,
            runs,
            place: None,
            events: AppendLog::new(EVENTS, limits::RUN_EVENTS_BYTES_MAX),
            delivery: AppendLog::new(DELIVERY, limits::RUN_DELIVERY_BYTES_MAX),
            samples: AppendLog::new(SAMPLES, 2 * limits::RUN_SAMPLES_BYTES_MAX),
        };
        journal.settle();
        journal
    }

    /// A journal for where there is no store: bounded memory, gone with the process.
    pub fn in_memory(run: Uuid, sending: Sending) -> Self {
        Self::begin(None, run, sending)
    }

    /// Whether what is recorded may be sent. Consent can be withdrawn while a run lasts.
    pub fn may_be_sent(&self) -> bool {
        match &self.place {
            Some(place) => self.sending == Sending::Permitted && is_permitted(&place.directory),
            None => self.sending == Sending::Permitted,
        }
    }

    /// Writes one event down, in the form of a batch member.
    pub fn append(&mut self, line: &str, importance: Importance) -> Written {
        self.settle();
        self.events.append(directory(&self.place), line, importance)
    }

    /// What has yet to be forced to the disk for the events to survive the machine's death; ours they survive without.
    pub fn unforced(&mut self) -> Option<Unforced> {
        let file = self.events.handle()?;
        let place = self.place.as_mut()?;
        let mut directories = Vec::new();
        if !place.is_entered {
            place.is_entered = true;
            directories.extend(place.directory.try_clone());
            if let Some(runs) = &self.runs {
                directories.extend(runs.try_clone());
            }
        }
        Some(Unforced { file, directories })
    }

    /// Writes an attempt to send and its answer down.
    pub fn append_delivery(&mut self, line: &str) -> Written {
        self.settle();
        let directory = directory(&self.place);
        self.delivery.append(directory, line, Importance::Ordinary)
    }

    /// Writes one point of the time series down; samples are the first to go where there is no room.
    pub fn append_sample(&mut self, line: &str) -> Written {
        self.settle();
        if line.len() > limits::SAMPLE_BYTES_MAX {
            return Written::Nowhere;
        }
        if self.samples.bytes() > limits::RUN_SAMPLES_BYTES_MAX
            && let Some(place) = &self.place
            && thin(&place.directory).is_ok()
        {
            self.samples.reopen();
        }
        let directory = directory(&self.place);
        self.samples.append(directory, line, Importance::Ordinary)
    }

    /// Tries again to write what waits in memory; whether all of it is on disk now.
    pub fn flush(&mut self) -> bool {
        self.settle();
        let directory = directory(&self.place);
        let mut is_empty = true;
        for log in [&mut self.events, &mut self.delivery, &mut self.samples] {
            is_empty &= log.flush(directory);
        }
        is_empty
    }

    /// Events that are not on disk, for the finish event's account of what was missed.
    pub fn events_unwritten(&self) -> u64 {
        self.events.unwritten()
    }

    /// Makes the run's directory where there is none yet.
    fn settle(&mut self) {
        if self.place.is_none()
            && let Some(runs) = &self.runs
        {
            self.place = RunDirectory::new(runs, self.run, self.sending).ok();
        }
    }
}

fn directory(place: &Option<RunDirectory>) -> Option<&Directory> {
    Some(&place.as_ref()?.directory)
}

impl RunDirectory {
    /// The lock comes first and the consent marker second: a run that was cut short in between is not sent.
    fn new(runs: &Directory, run: Uuid, sending: Sending) -> io::Result<Self> {
        let directory = runs.below(&run.to_string(), Missing::Create)?;
        let lock = lock::claim(&directory)?;
        if sending == Sending::Permitted {
            // A first try that failed later may have made it.
            directory.file(CONSENT, Access::Append)?;
        }
        Ok(Self {
            directory,
            is_entered: false,
            _lock: lock,
        })
    }
}

/// Throws every second sample away. What is oldest is thinned most often: a month ago nobody asks for seconds.
fn thin(directory: &Directory) -> io::Result<()> {
    let all = directory.file(SAMPLES, Access::Read)?;
    let all = all.take(2 * limits::RUN_SAMPLES_BYTES_MAX);
    let _ = directory.remove_file(SAMPLES_NEW);
    let mut half = BufWriter::new(directory.file(SAMPLES_NEW, Access::CreateNew)?);
    for line in BufReader::new(all).split(b'\n').step_by(2) {
        half.write_all(&line?)?;
        half.write_all(b"\n")?;
    }
    half.flush()?;
    directory.rename(SAMPLES_NEW, SAMPLES)
}
