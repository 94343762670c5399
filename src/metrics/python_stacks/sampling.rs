//! What the ranks of a training do, sampled once a second while it goes on.
//!
//! A sample costs a fortieth of a millisecond a rank, so only the main threads of the ranks are looked at each second. Who
//! is a rank and who is a data worker is found out with each measurement, which also asks what the processors gave them;
//! what a process turned out to be is not asked again. The samples are not quite a second apart: steps that take just
//! that long would be met in the same place each time.

use super::process::{PROCESSES_MAX, PythonProcess, Refused, find};
use crate::metrics::files::{self, KeptFile};
use crate::metrics::processes::{kernel_wait, ranks, run_queue};
use crate::metrics::tree::stat;
use axolotl_run_core::knowledge::python::stack_classes::{
    StackClass, class_at_work, class_of, is_data_worker,
};
use axolotl_run_core::observation::{ProcessorUse, RankSample, StackSample, WorkerSample};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Samples from one measurement to the next; that at the measurement is one of them.
const SAMPLES: u32 = 5;
/// Between two of them: the mean, and by how much they differ.
const BETWEEN: Duration = Duration::from_secs(1);
const BETWEEN_VARIES: f64 = 0.3;
/// The golden ratio's part behind the point: its multiples are even and never the same.
const GOLDEN: f64 = 0.618_033_988_749_895;
/// The longest time that a sample stands for.
const SECONDS_MAX: f64 = 2.0;
/// How often a process that is neither a rank nor a data worker is looked at in the beginning, when it may yet become
/// one, and with how many measurements once it has had that time.
const FIRST_LOOKS: u32 = 3;
const LATER_LOOKS: u32 = 12;
/// Samples in a row that cannot be read of a process which is another program by now; one may be torn.
const UNREAD_MAX: u32 = 5;

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessRole {
    /// The training itself.
    Training,
    /// One that prepares its data.
    DataWorker,
    /// Anything else, or not known yet, after so many looks.
    Other(u32),
}

/// What is kept of a process.
struct Sampled {
    rank: Option<u64>,
    role: ProcessRole,
    times: KeptFile,
    /// What it has had of a processor, when that was asked last.
    before: Option<(Instant, f64, f64)>,
    /// Samples in a row that could not be read.
    unread: u32,
}

impl Sampled {
    fn new(procfs: &Path, pid: u32) -> Self {
        Self {
            rank: ranks::of(procfs, pid),
            role: ProcessRole::Other(0),
            times: KeptFile::new(procfs.join(format!("{pid}/schedstat"))),
            before: None,
            unread: 0,
        }
    }

    /// What its main thread has had of a processor since this was asked last.
    fn processor(&mut self) -> Option<ProcessorUse> {
        let now = Instant::now();
        let (ran, waited) = run_queue::used_and_waited(&self.times.read_text::<64>()?)?;
        let (at, ran_before, waited_before) = self.before.replace((now, ran, waited))?;
        Some(ProcessorUse {
            seconds: now.duration_since(at).as_secs_f64(),
            ran: (ran - ran_before).max(0.0),
            waited: (waited - waited_before).max(0.0),
        })
    }
}

/// What was sampled since it was last asked.
#[derive(Default)]
pub struct Samples {
    pub taken: Vec<StackSample>,
    /// Processes whose memory the kernel does not let us open.
    pub refused: Vec<u32>,
}

/// Samples a run.
#[derive(Default)]
pub struct StackSampling {
    all: BTreeMap<u32, Sampled>,
    /// The first process of each rank.
    trainings: BTreeMap<Option<u64>, u32>,
    samples: Samples,
    /// Samples that are still to be taken before somebody asks again, and all that were.
    left: u32,
    count: u32,
    last: Option<Instant>,
}

impl StackSampling {
    /// How long until the next sample; None where none is wanted.
    pub fn wait(&self) -> Option<Duration> {
        if self.left == 0 || self.trainings.is_empty() {
            return None;
        }
        let part = (f64::from(self.count) * GOLDEN).fract();
        let wait = BETWEEN.mul_f64(1.0 + BETWEEN_VARIES * (2.0 * part - 1.0));
        Some(wait.saturating_sub(self.last.map_or(Duration::ZERO, |last| last.elapsed())))
    }

    /// A measurement of these processes: finds out who is who, takes a sample, and gives what was taken since the last
    /// measurement.
    pub fn measure(
        &mut self,
        procfs: &Path,
        pids: &[u32],
        opened: Vec<(u32, File)>,
        known: &mut BTreeMap<u32, PythonProcess>,
    ) -> Samples {
        self.all.retain(|pid, _| pids.contains(pid));
        self.meet(procfs, pids, opened, known);
        self.take(procfs, known);
        if let Some(sample) = self.samples.taken.last_mut() {
            measure_processors(procfs, &mut self.all, &self.trainings, sample);
        }
        self.left = SAMPLES - 1;
        std::mem::take(&mut self.samples)
    }

    /// Finds out what the processes are of which that is not known.
    fn meet(
        &mut self,
        procfs: &Path,
        pids: &[u32],
        mut opened: Vec<(u32, File)>,
        known: &mut BTreeMap<u32, PythonProcess>,
    ) {
        self.trainings.clear();
        for &pid in pids.iter().take(PROCESSES_MAX) {
            let sampled = self
                .all
                .entry(pid)
                .or_insert_with(|| Sampled::new(procfs, pid));
            if sampled.role == ProcessRole::Training && !known.contains_key(&pid) {
                sampled.role = ProcessRole::Other(0);
            }
            let given = opened.iter().position(|(owner, _)| *owner == pid);
            let given = given.map(|index| opened.swap_remove(index).1);
            if let ProcessRole::Other(looks) = sampled.role {
                sampled.role = ProcessRole::Other(looks.saturating_add(1));
                if given.is_none() && looks >= FIRST_LOOKS && !looks.is_multiple_of(LATER_LOOKS) {
                    continue;
                }
                match find(procfs, pid, given) {
                    Ok(Some(mut process)) => {
                        if let Some(role) = role(&mut process, sampled.rank) {
                            sampled.role = role;
                        }
                        if sampled.role == ProcessRole::Training {
                            known.insert(pid, process);
                        }
                    }
                    Ok(None) => {}
                    Err(Refused) => self.samples.refused.push(pid),
                }
            }
            if sampled.role == ProcessRole::Training {
                self.trainings.entry(sampled.rank).or_insert(pid);
            }
        }
        if self.trainings.len() > 1 {
            // A program that starts ranks is none.
            self.trainings.remove(&None);
        }
        // Others of a rank's than the first are its helpers.
        for (pid, sampled) in &mut self.all {
            if sampled.role == ProcessRole::Training
                && self.trainings.get(&sampled.rank) != Some(pid)
            {
                sampled.role = ProcessRole::Other(FIRST_LOOKS);
                known.remove(pid);
            }
        }
    }

    /// Takes a sample.
    pub fn take(&mut self, procfs: &Path, known: &mut BTreeMap<u32, PythonProcess>) {
        self.left = self.left.saturating_sub(1);
        self.count = self.count.wrapping_add(1);
        let before = self.last.replace(Instant::now());
        let mut sample = StackSample {
            seconds: before.map_or(1.0, |before| {
                before.elapsed().as_secs_f64().min(SECONDS_MAX)
            }),
            ranks: Vec::new(),
        };
        for (&rank, &pid) in &self.trainings {
            let calls = known.get_mut(&pid).and_then(PythonProcess::main_calls);
            let Some(sampled) = self.all.get_mut(&pid) else {
                continue;
            };
            let Some(calls) = calls else {
                sampled.unread += 1;
                if sampled.unread >= UNREAD_MAX {
                    known.remove(&pid);
                }
                continue;
            };
            sampled.unread = 0;
            let class = class_at_work(&calls, || kernel_wait::sleeps(procfs, pid));
            sample.ranks.push(RankSample {
                rank,
                class,
                processor: None,
                workers: None,
            });
        }
        if !sample.ranks.is_empty() {
            self.samples.taken.push(sample);
        }
    }
}

/// What a process is; None where it could not be read.
fn role(process: &mut PythonProcess, rank: Option<u64>) -> Option<ProcessRole> {
    let calls = process.main_calls()?;
    if is_data_worker(&calls) {
        return Some(ProcessRole::DataWorker);
    }
    if rank.is_none() && class_of(&calls).0 == StackClass::ChildProcess {
        return None;
    }
    Some(ProcessRole::Training)
}

/// Adds to a sample what the processors gave the ranks and their data workers.
fn measure_processors(
    procfs: &Path,
    all: &mut BTreeMap<u32, Sampled>,
    trainings: &BTreeMap<Option<u64>, u32>,
    sample: &mut StackSample,
) {
    for rank in &mut sample.ranks {
        let training = trainings.get(&rank.rank).and_then(|pid| all.get_mut(pid));
        rank.processor = training.and_then(Sampled::processor);
        let mut workers = WorkerSample::default();
        for (pid, sampled) in all.iter_mut() {
            if sampled.role != ProcessRole::DataWorker || sampled.rank != rank.rank {
                continue;
            }
            workers.count += 1;
            let line = files::read_text(&procfs.join(format!("{pid}/stat")));
            let state = stat::fields(line.as_bytes()).and_then(|mut fields| fields.next());
            workers.blocked += u64::from(state == Some("D"));
            if let Some(processor) = sampled.processor() {
                workers.processor.add(processor);
            }
        }
        rank.workers = Some(workers);
    }
}
