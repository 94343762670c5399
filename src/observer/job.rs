//! Keeps a run's place in its job beside the run, for the report of all its machines.
//!
//! What the variables and options do not say, the workers do: a launcher that meets the others in a rendezvous is given its
//! machine's number there.

use crate::metrics::processes::ranks;
use crate::store::job::{ClockReading, FORM, JobRecord, machine, seconds};
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::job::{JobPart, JobPlace};
use axolotl_run_core::observation::Failure;
use axolotl_run_sys::files::Directory;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The file, and whether it says what is known.
pub struct JobKeeper {
    record: JobRecord,
    is_written: bool,
}

impl JobKeeper {
    /// Begins; None where nothing says that the run is a part of a job.
    pub fn begin(
        part: JobPart,
        command_line: &CommandLine<'_>,
        spawned_at: SystemTime,
    ) -> Option<Self> {
        let place = JobPlace::read(&|name| std::env::var_os(name), command_line)?;
        Some(Self {
            record: JobRecord {
                form: FORM,
                place,
                part,
                machine: machine(),
                began: seconds(spawned_at),
                failed: None,
                ended: None,
                clock: Vec::new(),
            },
            is_written: false,
        })
    }

    /// Looks for what is not known yet, and writes what is new. Which part it is may show late.
    pub fn look(&mut self, run_directory: &Directory, part: JobPart, pids: &[u32]) {
        self.is_written &= self.record.part == part;
        self.record.part = part;
        let place = &mut self.record.place;
        if place.node.is_none() && place.task.is_none() {
            place.node = node_of_workers(pids);
            self.is_written &= place.node.is_none();
        }
        if self.record.clock.is_empty() {
            self.record.clock.extend(ClockReading::take(run_directory));
        }
        self.write(run_directory);
    }

    /// The command has ended, so many seconds after it began.
    pub fn end(&mut self, run_directory: &Directory, lasted: f64, failure: Option<Failure>) {
        self.record.failed = failure.map(|failure| self.record.began + failure.at);
        self.record.ended = Some(self.record.began + lasted);
        self.record.clock.extend(ClockReading::take(run_directory));
        self.is_written = false;
        self.write(run_directory);
    }

    fn write(&mut self, run_directory: &Directory) {
        if !self.is_written {
            self.is_written = self.record.write(run_directory).is_ok();
        }
    }
}

/// Notes the end of a run that no observer saw, so long after it began. What the command's options say of the job is not known
/// here.
pub fn note_end(part: JobPart, run_directory: &Directory, lasted: Duration) {
    let began = SystemTime::now().checked_sub(lasted);
    let command_line = CommandLine::read(&[]);
    let keeper = match JobRecord::read(run_directory) {
        Some(record) => Some(JobKeeper {
            record,
            is_written: true,
        }),
        None => JobKeeper::begin(part, &command_line, began.unwrap_or(SystemTime::UNIX_EPOCH)),
    };
    if let Some(mut keeper) = keeper {
        keeper.end(run_directory, lasted.as_secs_f64(), None);
    }
}

/// The machine's number, by the lowest rank of its workers and how many each machine has.
fn node_of_workers(pids: &[u32]) -> Option<u64> {
    let procfs = Path::new("/proc");
    let workers = pids
        .iter()
        .find_map(|pid| ranks::on_this_machine(procfs, *pid))?;
    ranks::lowest(pids)?.checked_div(workers)
}
