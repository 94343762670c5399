//! One device of NVIDIA's: what it can be asked, and what it has turned out not to know.

use crate::metrics::accelerator::attribution::Attributor;
use crate::metrics::accelerator::attribution::Listed;
use crate::metrics::accelerator::visible::Device as Shown;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::{Attribution, GpuReading};
use axolotl_run_core::public::PublicStr;
use axolotl_run_core::public::hardware::{Vendor, accelerator_name};
use axolotl_run_sys::nvml::memory as older_memory;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, Sampling, TemperatureSensor};
use nvml_wrapper::enums::device::{SampleValue, UsedGpuMemory};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::{Device, Nvml};

/// Readings between two questions for the errors of memory: a minute.
const ECC_SAMPLES: u32 = 11;

/// How the questions of one reading went.
#[derive(Default)]
pub struct Outcome {
    answered: bool,
    failed: bool,
    lost: bool,
}

/// What a device turned out not to support; it is not asked again.
#[derive(Default)]
struct Unsupported {
    memory: bool,
    processes: bool,
    samples: bool,
    rates: bool,
    power: bool,
    energy: bool,
    temperature: bool,
    throttle: bool,
    ecc: bool,
}

/// One device, with its handle.
pub struct Measured<'nvml> {
    nvml: &'nvml Nvml,
    index: u32,
    /// None if there was no handle to be had: the device is lost.
    device: Option<Device<'nvml>>,
    /// Whether it is shared out in instances.
    mig: bool,
    instances: Vec<Device<'nvml>>,
    unsupported: Unsupported,
    /// Timestamp of the last sample of utilization that was read.
    sampled: u64,
    /// Readings until its memory errors are asked for again; they are counted by the device.
    ecc_in: u32,
}

/// Asks one question, unless the device does not support it.
fn ask<T>(
    unsupported: &mut bool,
    outcome: &mut Outcome,
    question: impl FnOnce() -> Result<T, NvmlError>,
) -> Option<T> {
    use NvmlError as E;
    if *unsupported || outcome.lost {
        return None;
    }
    match question() {
        Ok(value) => {
            outcome.answered = true;
            return Some(value);
        }
        Err(E::NotSupported | E::FailedToLoadSymbol(_) | E::FunctionNotFound | E::NoPermission) => {
            *unsupported = true
        }
        Err(
            E::GpuLost
            | E::ResetRequired
            | E::Uninitialized
            | E::DriverNotLoaded
            | E::LibRmVersionMismatch,
        ) => {
            outcome.lost = true;
        }
        // Nothing new since the last sample.
        Err(E::NotFound | E::NoData) => outcome.answered = true,
        Err(_) => outcome.failed = true,
    }
    None
}

/// Whether a driver is too old for a function.
const fn is_missing<T>(answer: &Result<T, NvmlError>) -> bool {
    matches!(
        answer,
        Err(NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound)
    )
}

/// All bytes of memory, and those in use.
fn memory_of(nvml: &Nvml, device: &Device<'_>) -> Result<(u64, u64), NvmlError> {
    let answer = device
        .memory_info()
        .map(|memory| (memory.total, memory.used));
    if is_missing(&answer) {
        older_memory(nvml, device)
    } else {
        answer
    }
}

fn processes_of(device: &Device<'_>) -> Result<Vec<Listed>, NvmlError> {
    let bytes = |memory| match memory {
        UsedGpuMemory::Used(bytes) => Some(bytes),
        UsedGpuMemory::Unavailable => None,
    };
    let listed = |processes: Vec<ProcessInfo>| {
        processes
            .into_iter()
            .map(|process| (process.pid, bytes(process.used_gpu_memory)))
            .collect()
    };
    let answer = device.running_compute_processes();
    if is_missing(&answer) {
        device.running_compute_processes_v2().map(listed)
    } else {
        answer.map(listed)
    }
}

impl<'nvml> Measured<'nvml> {
    /// Takes hold of a device.
    pub fn new(nvml: &'nvml Nvml, index: u32) -> Self {
        let device = nvml.device_by_index(index).ok();
        let mig = device
            .as_ref()
            .and_then(|device| device.mig_mode().ok())
            .is_some_and(|mode| mode.current == 1);
        let instances = device.as_ref().filter(|_| mig).map(|device| {
            let count = device
                .mig_device_count()
                .unwrap_or(0)
                .min(limits::ACCELERATORS_MAX as u32);
            // The numbers have holes where no instance was made.
            (0..count)
                .filter_map(|number| device.mig_device_by_index(number).ok())
                .collect()
        });
        let mut measured = Self {
            nvml,
            index,
            device,
            mig,
            instances: instances.unwrap_or_default(),
            unsupported: Unsupported::default(),
            sampled: 0,
            ecc_in: 0,
        };
        // What is in the driver's ring already was before the run.
        measured.sampled_utilization(&mut Outcome::default());
        measured
    }

    /// Its handle.
    pub const fn handle(&self) -> Option<&Device<'nvml>> {
        self.device.as_ref()
    }

    /// What tells it apart from others.
    pub fn shown(&self) -> Shown {
        let device = self.device.as_ref();
        Shown {
            uuid: device.and_then(|device| device.uuid().ok()),
            instances: self
                .instances
                .iter()
                .map(|instance| instance.uuid().unwrap_or_default())
                .collect(),
            model: device
                .and_then(|device| device.name().ok())
                .unwrap_or_default(),
        }
    }

    /// Model and memory: of the instances that are meant, of all that there are, or of the device.
    pub fn facts(&self, chosen: &[usize]) -> Vec<Accelerator> {
        let facts = |device: Option<&Device<'_>>| Accelerator {
            name: Some(accelerator_name(
                Vendor::Nvidia,
                &device.and_then(|one| one.name().ok()).unwrap_or_default(),
            )),
            memory: device
                .and_then(|device| memory_of(self.nvml, device).ok())
                .map(|(total, _)| total),
        };
        if self.instances.is_empty() {
            return vec![facts(self.device.as_ref())];
        }
        let meant = |number: &usize| chosen.is_empty() || chosen.contains(number);
        let meant = self
            .instances
            .iter()
            .enumerate()
            .filter(|(number, _)| meant(number));
        meant.map(|(_, instance)| facts(Some(instance))).collect()
    }

    /// Bytes in use, by all.
    pub fn used_memory(&mut self, outcome: &mut Outcome) -> Option<u64> {
        let (nvml, device) = (self.nvml, self.device.as_ref()?);
        ask(&mut self.unsupported.memory, outcome, || {
            memory_of(nvml, device)
        })
        .map(|(_, used)| used)
    }

    /// The processes on it; of a device that is shared out they are listed by its instances.
    fn processes(&mut self, outcome: &mut Outcome) -> Option<Vec<Listed>> {
        let device = self.device.as_ref()?;
        let mut listed = ask(&mut self.unsupported.processes, outcome, || {
            processes_of(device)
        })?;
        for instance in &self.instances {
            let of_instance = processes_of(instance).unwrap_or_default();
            listed.extend(
                of_instance
                    .into_iter()
                    .filter(|(pid, _)| !listed.iter().any(|(known, _)| known == pid))
                    .collect::<Vec<_>>(),
            );
        }
        Some(listed)
    }

    /// The mean of what the driver sampled since the last reading: its own figure is about the last moment.
    fn sampled_utilization(&mut self, outcome: &mut Outcome) -> Option<f64> {
        let device = self.device.as_ref()?;
        let since = self.sampled;
        let samples = ask(&mut self.unsupported.samples, outcome, || {
            device.samples(Sampling::GpuUtilization, Some(since))
        })?;
        self.sampled = samples
            .iter()
            .map(|sample| sample.timestamp)
            .fold(since, u64::max);
        let values = samples
            .iter()
            .filter(|sample| sample.timestamp > since)
            .filter_map(|sample| match sample.value {
                SampleValue::F64(value) => Some(value),
                SampleValue::U32(value) => Some(f64::from(value)),
                SampleValue::U64(value) => Some(value as f64),
                SampleValue::I64(_) => None,
            });
        let (sum, count) =
            values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| share(sum / f64::from(count)))
    }

    fn utilization(&mut self, outcome: &mut Outcome) -> Option<f64> {
        // A share of a device has no utilization of its own; unknown is not 0.
        if self.mig {
            return None;
        }
        if let Some(mean) = self.sampled_utilization(outcome) {
            return Some(mean);
        }
        let device = self.device.as_ref()?;
        let rates = ask(&mut self.unsupported.rates, outcome, || {
            device.utilization_rates()
        })?;
        Some(share(f64::from(rates.gpu)))
    }

    /// Its errors of memory that could not be corrected, since the driver was loaded; asked once a minute.
    fn memory_errors(&mut self, outcome: &mut Outcome) -> Option<u64> {
        let due = self.ecc_in == 0;
        self.ecc_in = if due { ECC_SAMPLES } else { self.ecc_in - 1 };
        let device = self.device.as_ref().filter(|_| due)?;
        let question = || device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile);
        ask(&mut self.unsupported.ecc, outcome, question)
    }

    /// Reads it. None: it is not the run's. `ours`: the run may use it, by its variables.
    ///
    /// # Errors
    /// The device is lost.
    pub fn read(
        &mut self,
        place: usize,
        attributor: &mut Attributor,
        tree: &[u32],
        ours: bool,
    ) -> Result<Option<GpuReading>, ()> {
        let mut outcome = Outcome::default();
        let outcome = &mut outcome;
        let processes = self.processes(outcome);
        // Whatever the variables say: what a process of the run uses is the run's.
        let used_by_us = processes
            .iter()
            .flatten()
            .any(|(pid, _)| tree.contains(pid));
        if !ours && !used_by_us && !outcome.lost {
            return Ok(None);
        }
        let used = self.used_memory(outcome);
        let utilization = self.utilization(outcome);
        let ecc_errors = self.memory_errors(outcome);
        let device = self.device.as_ref().ok_or(())?;
        let unsupported = &mut self.unsupported;
        let power = ask(&mut unsupported.power, outcome, || device.power_usage());
        let energy = ask(&mut unsupported.energy, outcome, || {
            device.total_energy_consumption()
        });
        let temperature = ask(&mut unsupported.temperature, outcome, || {
            device.temperature(TemperatureSensor::Gpu)
        });
        let throttle = ask(&mut unsupported.throttle, outcome, || {
            device.current_throttle_reasons()
        });
        // In a container whose access was taken away every single call fails with an error that says nothing.
        if outcome.lost || (outcome.failed && !outcome.answered) {
            return Err(());
        }
        let memory = attributor.attribute(place, used, processes.as_deref(), tree);
        // Of a device that is shared out the whole device's figure is mostly somebody else's.
        let memory = memory.map(|(bytes, by)| {
            (
                bytes,
                if self.mig && by != Attribution::Pid {
                    Attribution::Device
                } else {
                    by
                },
            )
        });
        Ok(Some(GpuReading {
            index: self.index,
            memory_bytes: memory.map(|(bytes, _)| bytes),
            attribution: memory.map(|(_, attribution)| attribution),
            utilization,
            power_watts: power.map(|milliwatts| f64::from(milliwatts) / 1000.0),
            temperature_celsius: temperature.map(u64::from),
            throttled: throttle.map(|reasons| {
                SLOWDOWNS
                    .iter()
                    .any(|(slowdown, _)| reasons.contains(*slowdown))
            }),
            throttle_reasons: throttle.map(slowdowns).unwrap_or_default(),
            energy_joules: energy.map(|millijoules| millijoules as f64 / 1000.0),
            ecc_errors,
            mig: self.mig,
        }))
    }
}

/// A percentage as a share.
fn share(percent: f64) -> f64 {
    percent.clamp(0.0, 100.0) / 100.0
}

/// The reasons for lower clocks that are about heat or power, not about idleness or settings.
const SLOWDOWNS: [(ThrottleReasons, PublicStr); 5] = [
    (
        ThrottleReasons::SW_POWER_CAP,
        PublicStr::constant("power_limit"),
    ),
    (
        ThrottleReasons::HW_SLOWDOWN,
        PublicStr::constant("hardware"),
    ),
    (
        ThrottleReasons::SW_THERMAL_SLOWDOWN,
        PublicStr::constant("heat"),
    ),
    (
        ThrottleReasons::HW_THERMAL_SLOWDOWN,
        PublicStr::constant("heat_hardware"),
    ),
    (
        ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN,
        PublicStr::constant("power_brake"),
    ),
];

fn slowdowns(reasons: ThrottleReasons) -> Vec<PublicStr> {
    SLOWDOWNS
        .iter()
        .filter(|(slowdown, _)| reasons.contains(*slowdown))
        .map(|(_, name)| name.clone())
        .collect()
}
