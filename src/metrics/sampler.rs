//! What the observer's loop measures of one run, from its spawn to its end.
//!
//! A [`sample`](Sampler::sample) costs a few dozen system calls and never waits.

use super::accelerator::{Gpus, Health};
use super::files::KeptFile;
use super::memory::{MemoryGroup, OomKillWatch, PressureWatch};
use super::processes::{DeathWatch, run_queue};
use super::processor_energy::ProcessorEnergy;
use super::tree::TreeSampler;
use super::tree::stat::ProcessStat;
use axolotl_run_core::limits;
use axolotl_run_core::observation::{GpuTroubles, Sample, Xid};
use std::path::Path;
use std::time::Duration;

/// How long the end waits for a last reading of the accelerators: what the driver has to say comes in milliseconds.
const GPU_TAIL_WAIT: Duration = Duration::from_millis(50);

/// Measures one run, from just after its spawn to its end.
pub struct Sampler {
    command: u32,
    pub tree: TreeSampler,
    /// What /proc says of the command's groups: a command that enters a container or a scope changes them.
    groups: KeptFile,
    groups_now: String,
    /// What the kernel kills for memory, in the command's group and elsewhere.
    pub kill_watch: OomKillWatch,
    /// How the processes end; None where the kernel does not tell.
    pub deaths: Option<DeathWatch>,
    /// How short memory is.
    pub pressure: PressureWatch,
    energy: ProcessorEnergy,
    pub gpus: Gpus,
    /// What went wrong with the accelerators.
    pub troubles: GpuTroubles,
}

impl Sampler {
    /// Begins to measure the command with this pid; what is in use now is the baseline.
    pub fn begin(command: u32, gpus: Gpus) -> Self {
        let mut groups = KeptFile::new(format!("/proc/{command}/cgroup").into());
        Self {
            command,
            groups_now: groups.read_text::<GROUPS_BYTES>().unwrap_or_default(),
            groups,
            tree: TreeSampler::new(command),
            kill_watch: OomKillWatch::begin(command),
            deaths: DeathWatch::begin(command),
            pressure: PressureWatch::begin(command),
            energy: ProcessorEnergy::begin(),
            gpus,
            troubles: GpuTroubles::default(),
        }
    }

    /// Looks for new processes between two measurements, so that their end is seen even if it comes soon.
    pub fn meet(&mut self) {
        self.tree.sample();
        self.follow();
    }

    /// Follows the command into the control group that it has entered since.
    pub fn regroup(&mut self) {
        let groups = self.groups.read_text::<GROUPS_BYTES>().unwrap_or_default();
        if groups.is_empty() || groups == self.groups_now {
            return;
        }
        let stat = ProcessStat::of(Path::new("/proc"), self.command);
        // A process that has ended is in the root group whatever it was in.
        if stat.is_some_and(|stat| !stat.zombie) {
            self.groups_now = groups;
            self.kill_watch.regroup(self.command);
        }
    }

    fn follow(&mut self) {
        let pids = self.tree.pids();
        self.pressure.meet(&pids);
        if let Some(deaths) = &mut self.deaths {
            deaths.follow(&pids);
        }
    }

    /// Notes between two measurements which processes have ended and how short memory is. Takes a few microseconds.
    pub fn look(&mut self, elapsed_seconds: f64) {
        if let Some(deaths) = &mut self.deaths {
            deaths.look(elapsed_seconds);
        }
        self.pressure.look(elapsed_seconds);
    }

    /// One measurement, at so many seconds since the spawn. The accelerators' part is what their driver
    /// answered since the last one; it is asked anew here, so it is one period old. `closely`: each thread is asked what
    /// only it knows.
    pub fn sample(&mut self, elapsed_seconds: f64, closely: bool) -> Sample {
        self.regroup();
        let mut sample = self.tree.sample();
        self.follow();
        let pids = self.tree.pids();
        sample.at = elapsed_seconds;
        sample.gpus = self.gpus.try_reading().unwrap_or_default();
        self.gpus.request_sample(&pids);
        self.note_troubles(elapsed_seconds);
        let have_gpus_failed = matches!(self.gpus.health(), Health::Lost | Health::Unresponsive);
        sample.failures = u64::from(sample.processes.is_none()) + u64::from(have_gpus_failed);
        let group = self.kill_watch.group.as_ref();
        sample.cgroup_bytes = group.and_then(MemoryGroup::current);
        sample.cgroup_cache_bytes = group.and_then(MemoryGroup::cached);
        sample.cgroup_swap_bytes = group.and_then(MemoryGroup::swapped);
        sample.shared_memory_used = self.pressure.figures().shared_memory_used;
        sample.cpu_energy_joules = self.energy.joules();
        if closely {
            sample.waited_seconds = run_queue::waited_seconds(Path::new("/proc"), &pids);
        }
        sample
    }

    /// A last reading of the accelerators, if their driver answers at once: the energy up to the end, and the errors
    /// that it reported.
    pub fn last_sample(&mut self, elapsed_seconds: f64) -> Sample {
        let mut last = Sample {
            at: elapsed_seconds,
            cpu_energy_joules: self.energy.joules(),
            ..Sample::default()
        };
        if self.gpus.health() == Health::Working {
            self.gpus.request_sample(&self.tree.pids());
            self.gpus.await_reading(GPU_TAIL_WAIT);
            self.note_troubles(elapsed_seconds);
            last.gpus = self.gpus.try_reading().unwrap_or_default();
        }
        last
    }

    fn note_troubles(&mut self, elapsed_seconds: f64) {
        for code in self.gpus.take_xids() {
            let xids = &mut self.troubles.xids;
            if xids.len() >= limits::XIDS_MAX {
                // Of many the first ones say what began, the last ones what the run died of.
                xids.remove(limits::XIDS_MAX / 2);
            }
            xids.push(Xid {
                code,
                at: elapsed_seconds,
            });
        }
        if self.gpus.health() == Health::Lost {
            self.troubles.lost_at.get_or_insert(elapsed_seconds);
        }
        self.troubles.unresponsive |= self.gpus.ever_unresponsive;
    }
}

/// Bytes of `/proc/PID/cgroup` that are compared: a dozen hierarchies of version 1 with the longest names in use.
const GROUPS_BYTES: usize = 4096;
