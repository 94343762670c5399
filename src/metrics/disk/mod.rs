//! The disk of a run: how much room there is where it writes, and the checkpoints that it has written.
//!
//! The problem: a training that fills the disk dies at a checkpoint, hours after the first one told how large they are.
//! The rule: room and checkpoints are looked at now and then, on a thread of their own, because a file system may not
//! answer. Nothing is opened but an index, nothing is changed. Names and paths stay with whoever asks for them here; what
//! is recorded over time are numbers.

mod checkpoints;

pub use checkpoints::LastCheckpoint;

use super::start_facts::hub_cache;
use axolotl_run_core::env;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::series::{CheckpointPoint, DiskPlace, DiskPoint, SeriesLine};
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use axolotl_run_sys::mounts;
use checkpoints::Checkpoints;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two looks, in a run that is not young: checkpoints are minutes apart.
const LOOK_PERIOD: f64 = 30.0;
/// How long the end waits for a last look.
const TAIL_WAIT: Duration = Duration::from_millis(200);

/// What a look found.
#[derive(Default)]
pub struct DiskLook {
    /// The room where the run writes.
    pub disks: Vec<DiskPoint>,
    /// The checkpoints in the output directory, in numbers.
    pub checkpoints: Option<CheckpointPoint>,
    /// The last one that is whole.
    pub last: Option<LastCheckpoint>,
}

impl DiskLook {
    /// Adds its numbers to a line of the time series.
    pub fn tell(self, line: &mut SeriesLine) {
        line.disks = self.disks;
        line.checkpoints = self.checkpoints;
    }
}

/// Looks at the disk now and then.
pub struct DiskWatch {
    /// None where no thread could be had.
    thread: Option<Background<Option<PathBuf>, DiskLook>>,
    /// Where the training writes, if that is known.
    output: Option<PathBuf>,
    next_at: f64,
    /// The last whole checkpoint.
    pub last: Option<LastCheckpoint>,
}

impl DiskWatch {
    /// Begins to watch the disk of a run that was spawned at this time.
    pub fn begin(environment: Environment<'_>, directory: &Path, spawned: SystemTime) -> Self {
        let mut places = Vec::new();
        for (place, path) in [
            (DiskPlace::Cache, hub_cache(environment)),
            (DiskPlace::Temporary, temporary(environment)),
        ] {
            places.extend(path.map(|path| (place, directory.join(path))));
        }
        let thread = Background::answering("room", move || {
            let mut checkpoints = None;
            move |output: Option<PathBuf>| Some(look(&places, output, &mut checkpoints, spawned))
        });
        Self {
            thread,
            output: None,
            next_at: 0.0,
            last: None,
        }
    }

    /// Where the training writes; the first that is named counts.
    pub fn writes_to(&mut self, output: Option<PathBuf>) {
        if self.output.is_none() {
            self.output = output;
        }
    }

    /// What was found since the last time; asks for the next look where it is time.
    pub fn take(&mut self, at: f64) -> Option<DiskLook> {
        let thread = self.thread.as_mut()?;
        if at >= self.next_at {
            self.next_at = at + LOOK_PERIOD.min(1.0 + at / 4.0);
            thread.ask(self.output.clone());
        }
        let Arrived::Message(look) = thread.take() else {
            return None;
        };
        self.last.clone_from(&look.last);
        Some(look)
    }

    /// Asks for a last look, after the command's end.
    pub fn ask_last(&mut self) {
        if let Some(thread) = &mut self.thread {
            thread.ask(self.output.clone());
        }
    }

    /// What that found, if the disk answers.
    pub fn await_last(&mut self) -> Option<DiskLook> {
        let thread = self.thread.as_mut()?;
        let mut last_look = None;
        // What was asked before the end may be answered first.
        while thread.is_busy()
            && let Arrived::Message(look) = thread.wait(TAIL_WAIT)
        {
            self.last.clone_from(&look.last);
            last_look = Some(look);
        }
        last_look
    }
}

fn look(
    places: &[(DiskPlace, PathBuf)],
    output: Option<PathBuf>,
    checkpoints: &mut Option<Checkpoints>,
    spawned: SystemTime,
) -> DiskLook {
    let mut found = DiskLook::default();
    let output_place = output
        .iter()
        .map(|path| (DiskPlace::Output, path.as_path()));
    let others = places.iter().map(|(place, path)| (*place, path.as_path()));
    for (place, path) in output_place.chain(others) {
        if let Some(room) = existing(path).and_then(mounts::room) {
            found.disks.push(DiskPoint {
                place,
                free_bytes: room.free_bytes,
                total_bytes: room.total_bytes,
                free_inodes: room.free_inodes,
                total_inodes: room.total_inodes,
            });
        }
    }
    if let Some(output) = output {
        let checkpoints = checkpoints.get_or_insert_with(|| Checkpoints::of(output, spawned));
        (found.checkpoints, found.last) = checkpoints.look();
    }
    found
}

/// The path, or what of it is there: the rest is made on the same file system.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|ancestor| ancestor.exists())
}

fn temporary(environment: Environment<'_>) -> Option<PathBuf> {
    let set = environment(env::TMPDIR).filter(|value| !value.is_empty());
    Some(set.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from))
}
