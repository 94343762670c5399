//! A run's place in its job, kept in the run's directory for whoever reads the records of the job's machines together.
//!
//! ```text
//! $XDG_STATE_HOME/axolotl-run/runs/<run>/job.json
//! ```
//! The rules: it is never sent, and nothing of it is in an event. It says which job, which machine and when, by numbers and
//! hashes, never by names. It is written anew and takes the old one's place in one step, by the run's own observer and by
//! nobody else: on a file system that several machines share, a file that is appended to by one is read torn by another.

use crate::store::layout::JOB;
use crate::store::lock;
use axolotl_run_core::judging::job::{Beginning, jobs};
use axolotl_run_core::launch::job::{JobPart, JobPlace, digest};
use axolotl_run_sys::files::{Access, Directory};
use axolotl_run_sys::role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::time::{Duration, SystemTime};

/// The version of the file's form.
pub const FORM: u32 = 1;
/// The name under which it is written before it takes its place.
const JOB_NEW: &str = "job.new";
/// Bytes that are read; it has some hundreds.
const BYTES_MAX: u64 = 16 * 1024;
/// A file that is made to see which time the file system gives it.
const CLOCK: &str = "clock.new";
/// How often that is tried; the quickest counts.
const CLOCK_TRIES: usize = 3;

/// The file `job.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The version of this form.
    pub form: u32,
    /// Where in its job the run is.
    #[serde(flatten)]
    pub place: JobPlace,
    /// Which part of the job it recorded.
    pub part: JobPart,
    /// A hash that tells machines apart.
    pub machine: String,
    /// When the command was started, in seconds since 1970 on this machine's clock; so are the other times.
    pub began: f64,
    /// When the first of its processes failed.
    pub failed: Option<f64>,
    /// When the command ended.
    pub ended: Option<f64>,
    /// How far the file system's clock is ahead of the machine's, at the beginning and at the end.
    pub clock: Vec<ClockReading>,
}

/// A comparison of two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockReading {
    /// Seconds that the file system's clock is ahead.
    pub ahead: f64,
    /// Seconds that this may be wrong by.
    pub within: f64,
}

impl JobRecord {
    /// Reads it; None where there is none, or it is not ours.
    pub fn read(run_directory: &Directory) -> Option<Self> {
        let file = run_directory.file(JOB, Access::Read).ok()?;
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text).ok()?;
        let record: Self = serde_json::from_str(&text).ok()?;
        (record.form == FORM && record.began.is_finite()).then_some(record)
    }

    /// What orders the runs of a job: the main one, then by machine and rank.
    fn rank_in_job(&self) -> (bool, Option<u64>, Option<u64>) {
        (self.part != JobPart::Main, self.place.node, self.place.task)
    }

    /// Writes it in place of the old one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn write(&self, run_directory: &Directory) -> io::Result<()> {
        let _ = run_directory.remove_file(JOB_NEW);
        let mut file = run_directory.file(JOB_NEW, Access::CreateNew)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        run_directory.rename(JOB_NEW, JOB)
    }

    /// A time of this machine's on the clock of the file system, and how far that may be wrong.
    pub fn on_common_clock(&self, time: f64) -> (f64, f64) {
        let nearest = if self.ended.is_some() {
            self.clock.last()
        } else {
            self.clock.first()
        };
        match nearest {
            Some(reading) => (time + reading.ahead, reading.within),
            None => (time, UNCOMPARED),
        }
    }
}

/// Puts what is of the same job together, the main process of each first, and leaves the order otherwise. What is of no job
/// is alone.
pub fn together<Run>(runs: Vec<Run>, job_of: impl Fn(&Run) -> Option<&JobRecord>) -> Vec<Vec<Run>> {
    let mut beginnings = Vec::new();
    let mut positions = Vec::new();
    for (position, run) in runs.iter().enumerate() {
        if let Some(JobRecord {
            place,
            machine,
            began,
            ..
        }) = job_of(run)
        {
            beginnings.push(Beginning {
                place,
                machine,
                began: *began,
            });
            positions.push(position);
        }
    }
    // The position of the first of each run's job, by the run's own.
    let mut firsts: Vec<usize> = (0..runs.len()).collect();
    for job in jobs(&beginnings) {
        let members: Vec<_> = job
            .iter()
            .filter_map(|number| positions.get(*number))
            .collect();
        let first = members.iter().min().copied().copied();
        for member in members {
            if let (Some(of_member), Some(first)) = (firsts.get_mut(*member), first) {
                *of_member = first;
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<Run>> = BTreeMap::new();
    for (run, first) in runs.into_iter().zip(firsts) {
        groups.entry(first).or_default().push(run);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        group.sort_by_key(|run| job_of(run).map(JobRecord::rank_in_job));
    }
    groups
}

/// Seconds that a clock may be wrong by which nobody has compared.
pub const UNCOMPARED: f64 = 1.0;

impl ClockReading {
    /// Compares the clocks. A file that is made bears the time of the machine that has the disk.
    pub fn take(run_directory: &Directory) -> Option<Self> {
        let mut best: Option<Self> = None;
        for _ in 0..CLOCK_TRIES {
            let reading = Self::try_once(run_directory);
            let _ = run_directory.remove_file(CLOCK);
            let reading = reading?;
            if best.is_none_or(|best| reading.within < best.within) {
                best = Some(reading);
            }
        }
        best
    }

    fn try_once(run_directory: &Directory) -> Option<Self> {
        let before = SystemTime::now();
        let _file = run_directory.file(CLOCK, Access::CreateNew).ok()?;
        let after = SystemTime::now();
        let made = run_directory.look(CLOCK).ok()?.modified;
        let took = after.duration_since(before).unwrap_or_default() / 2;
        Some(Self {
            ahead: seconds(made) - seconds(before + took),
            within: (took + CLOCK_TICK).as_secs_f64(),
        })
    }
}

/// How coarse the times of files are: a tick of a slow kernel.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// A hash that tells this machine from others: several containers of a machine count as several.
pub fn machine() -> String {
    let host = role::host_name().unwrap_or_default();
    digest([lock::boot_id().unwrap_or_default(), host.as_str()])
}

/// Seconds since 1970.
pub fn seconds(time: SystemTime) -> f64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axolotl_run_sys::files::Missing;
    use std::fs;

    fn record() -> JobRecord {
        JobRecord {
            form: FORM,
            place: JobPlace {
                key: "k".into(),
                node: Some(2),
                ..JobPlace::default()
            },
            part: JobPart::Node,
            machine: "m".into(),
            began: 1000.5,
            failed: None,
            ended: None,
            clock: vec![
                ClockReading {
                    ahead: 3.0,
                    within: 0.01,
                },
                ClockReading {
                    ahead: 4.0,
                    within: 0.02,
                },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_not_ours_is_none() {
        let home = tempfile::tempdir().unwrap();
        let run_directory = Directory::open(home.path(), Missing::Fail).unwrap();
        assert_eq!(JobRecord::read(&run_directory), None);
        for _ in 0..2 {
            record().write(&run_directory).unwrap();
            assert_eq!(JobRecord::read(&run_directory), Some(record()));
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        for text in [
            "",
            "{",
            "[]",
            r#"{"form":2}"#,
            "{\"form\":1,\"began\":1e999}",
        ] {
            fs::write(home.path().join(JOB), text).unwrap();
            assert_eq!(JobRecord::read(&run_directory), None, "{text}");
        }
    }

    #[test]
    fn times_are_compared_on_the_clock_of_the_file_system() {
        let mut record = record();
        assert_eq!(record.on_common_clock(7.0), (10.0, 0.01));
        record.ended = Some(9.0);
        assert_eq!(record.on_common_clock(7.0), (11.0, 0.02));
        record.clock.clear();
        assert_eq!(record.on_common_clock(7.0), (7.0, UNCOMPARED));
    }

    #[test]
    fn a_local_disk_has_this_machines_clock() {
        let home = tempfile::tempdir().unwrap();
        let run_directory = Directory::open(home.path(), Missing::Fail).unwrap();
        let reading = ClockReading::take(&run_directory).unwrap();
        assert!(reading.ahead.abs() <= reading.within, "{reading:?}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
