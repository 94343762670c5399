//! One device of NVIDIA's: what it can be asked, and what it has turned out not to know.

use crate::metrics::accelerator::attribution::{Attributor, Listed};
use crate::metrics::accelerator::cuda_visible::CudaDevice;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::{Attribution, GpuReading};
use axolotl_run_core::public::PublicStr;
use axolotl_run_core::public::hardware::{Vendor, accelerator_name, whole_gibibytes};
use axolotl_run_core::public::text::PublicText;
use axolotl_run_sys::nvml::memory as older_memory;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, Sampling, TemperatureSensor};
use nvml_wrapper::enums::device::{SampleValue, UsedGpuMemory};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

/// Readings between two questions for the errors of memory: a minute.
const ECC_SAMPLES: u32 = 11;

/// What a device can be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    Memory,
    Processes,
    Samples,
    Rates,
    Power,
    Energy,
    Temperature,
    Throttle,
    MemoryErrors,
}

/// How the questions of one reading went; what comes later here outweighs what comes before.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Responses {
    #[default]
    None,
    Failed,
    Answered,
    Lost,
}

/// The device is lost.
pub struct Lost;

/// One device, with its handle.
pub struct NvidiaDevice<'nvml> {
    nvml: &'nvml Nvml,
    index: u32,
    /// None if there was no handle to be had: the device is lost.
    pub device: Option<Device<'nvml>>,
    /// Whether it is shared out in instances.
    mig: bool,
    instances: Vec<Device<'nvml>>,
    /// What it turned out not to support; that is not asked again.
    unsupported: Vec<Topic>,
    responses: Responses,
    /// Timestamp of the last sample of utilization that was read.
    last_sample_time: u64,
    /// Readings until its memory errors are asked for again; they are counted by the device.
    readings_until_ecc: u32,
}

/// Whether a driver is too old for a function.
const fn is_missing<T>(answer: &Result<T, NvmlError>) -> bool {
    matches!(
        answer,
        Err(NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound)
    )
}

/// All bytes of memory, and those in use.
fn total_and_used_memory(nvml: &Nvml, device: &Device<'_>) -> Result<(u64, u64), NvmlError> {
    let answer = device.memory_info();
    if is_missing(&answer) {
        return older_memory(nvml, device);
    }
    let memory = answer?;
    Ok((memory.total, memory.used))
}

/// As NVIDIA numbers it: `9.0`.
fn compute_capability(device: &Device<'_>) -> Option<PublicStr> {
    let capability = device.cuda_compute_capability().ok()?;
    let (major, minor) = (
        capability.major.try_into().ok()?,
        capability.minor.try_into().ok()?,
    );
    Some(
        PublicText::new()
            .integer(major)
            .constant(".")
            .integer(minor)
            .clone()
            .finish(),
    )
}

fn compute_processes(device: &Device<'_>) -> Result<Vec<Listed>, NvmlError> {
    let mut answer = device.running_compute_processes();
    if is_missing(&answer) {
        answer = device.running_compute_processes_v2();
    }
    let mut listed_processes = Vec::new();
    for process in answer? {
        let bytes = match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        };
        listed_processes.push((process.pid, bytes));
    }
    Ok(listed_processes)
}

impl<'nvml> NvidiaDevice<'nvml> {
    /// Takes hold of a device.
    pub fn new(nvml: &'nvml Nvml, index: u32) -> Self {
        let device = nvml.device_by_index(index).ok();
        let mut mig = false;
        let mut instances = Vec::new();
        if let Some(device) = &device
            && let Ok(mode) = device.mig_mode()
            && mode.current == 1
        {
            mig = true;
            let count = device.mig_device_count().unwrap_or(0);
            // The numbers have holes where no instance was made.
            for number in 0..count.min(limits::ACCELERATORS_MAX as u32) {
                instances.extend(device.mig_device_by_index(number));
            }
        }
        let mut measured = Self {
            nvml,
            index,
            device,
            mig,
            instances,
            unsupported: Vec::new(),
            responses: Responses::None,
            last_sample_time: 0,
            readings_until_ecc: 0,
        };
        // What is in the driver's ring already was before the run.
        measured.sampled_utilization();
        measured
    }

    /// Asks one question, unless the device does not support it.
    fn ask<T>(
        &mut self,
        topic: Topic,
        question: impl FnOnce(&Device<'nvml>) -> Result<T, NvmlError>,
    ) -> Option<T> {
        use NvmlError as E;
        let device = self.device.as_ref()?;
        if self.responses == Responses::Lost || self.unsupported.contains(&topic) {
            return None;
        }
        let answer = question(device);
        let response = match &answer {
            // Not found: nothing new since the last sample.
            Ok(_) | Err(E::NotFound | E::NoData) => Responses::Answered,
            Err(
                E::NotSupported | E::FailedToLoadSymbol(_) | E::FunctionNotFound | E::NoPermission,
            ) => {
                self.unsupported.push(topic);
                Responses::None
            }
            Err(
                E::GpuLost
                | E::ResetRequired
                | E::Uninitialized
                | E::DriverNotLoaded
                | E::LibRmVersionMismatch,
            ) => Responses::Lost,
            Err(_) => Responses::Failed,
        };
        self.responses = self.responses.max(response);
        answer.ok()
    }

    /// What tells it apart from others.
    pub fn identity(&self) -> CudaDevice {
        let mut identity = CudaDevice::default();
        if let Some(device) = &self.device {
            identity.uuid = device.uuid().unwrap_or_default();
            identity.model = device.name().unwrap_or_default();
        }
        for instance in &self.instances {
            identity.instances.push(instance.uuid().unwrap_or_default());
        }
        identity
    }

    /// Model and memory: of the instance that is meant, of all that there are, or of the device.
    pub fn facts(&self, chosen: Option<usize>) -> Vec<Accelerator> {
        let mut facts = Vec::new();
        for (number, instance) in self.instances.iter().enumerate() {
            if chosen.is_none_or(|chosen| chosen == number) {
                facts.push(self.facts_of(Some(instance)));
            }
        }
        if self.instances.is_empty() {
            facts.push(self.facts_of(self.device.as_ref()));
        }
        facts
    }

    fn facts_of(&self, device: Option<&Device<'_>>) -> Accelerator {
        let name = device.and_then(|device| device.name().ok());
        let memory = device.and_then(|device| total_and_used_memory(self.nvml, device).ok());
        Accelerator {
            name: Some(accelerator_name(Vendor::Nvidia, &name.unwrap_or_default())),
            memory: memory.map(|(total, _)| whole_gibibytes(total)),
            compute_capability: device.and_then(compute_capability),
        }
    }

    /// Bytes in use, by all.
    pub fn used_memory(&mut self) -> Option<u64> {
        let nvml = self.nvml;
        let (_, used_bytes) =
            self.ask(Topic::Memory, |device| total_and_used_memory(nvml, device))?;
        Some(used_bytes)
    }

    /// The processes on it; of a device that is shared out they are listed by its instances.
    fn processes(&mut self) -> Option<Vec<Listed>> {
        let mut listed_processes = self.ask(Topic::Processes, compute_processes)?;
        for instance in &self.instances {
            for (pid, bytes) in compute_processes(instance).unwrap_or_default() {
                if !listed_processes.iter().any(|(known, _)| *known == pid) {
                    listed_processes.push((pid, bytes));
                }
            }
        }
        Some(listed_processes)
    }

    /// The mean of what the driver sampled since the last reading: its own figure is about the last moment.
    fn sampled_utilization(&mut self) -> Option<f64> {
        let since = self.last_sample_time;
        let samples = self.ask(Topic::Samples, |device| {
            device.samples(Sampling::GpuUtilization, Some(since))
        })?;
        let mut new_values = Vec::new();
        for sample in samples {
            let value = match sample.value {
                SampleValue::F64(value) => value,
                SampleValue::U32(value) => f64::from(value),
                SampleValue::U64(value) => value as f64,
                SampleValue::I64(_) => continue,
            };
            if sample.timestamp > since {
                new_values.push(value);
            }
            self.last_sample_time = self.last_sample_time.max(sample.timestamp);
        }
        if new_values.is_empty() {
            return None;
        }
        let sum: f64 = new_values.iter().sum();
        Some(share(sum / new_values.len() as f64))
    }

    fn utilization(&mut self) -> Option<f64> {
        // A share of a device has no utilization of its own; unknown is not 0.
        if self.mig {
            return None;
        }
        if let Some(mean) = self.sampled_utilization() {
            return Some(mean);
        }
        let rates = self.ask(Topic::Rates, Device::utilization_rates)?;
        Some(share(f64::from(rates.gpu)))
    }

    /// Its errors of memory that could not be corrected, since the driver was loaded; asked once a minute.
    fn memory_errors(&mut self) -> Option<u64> {
        if self.readings_until_ecc > 0 {
            self.readings_until_ecc -= 1;
            return None;
        }
        self.readings_until_ecc = ECC_SAMPLES;
        self.ask(Topic::MemoryErrors, |device| {
            device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile)
        })
    }

    /// Reads it. None: it is not the run's. `ours`: the run may use it, by its variables.
    pub fn read(
        &mut self,
        device_place: usize,
        attributor: &mut Attributor,
        run_pids: &[u32],
        is_visible: bool,
    ) -> Result<Option<GpuReading>, Lost> {
        self.responses = Responses::None;
        let processes = self.processes();
        // Whatever the variables say: what a process of the run uses is the run's.
        let mut listed_processes = processes.iter().flatten();
        let is_used = listed_processes.any(|(pid, _)| run_pids.contains(pid));
        if !is_visible && !is_used && self.responses != Responses::Lost {
            return Ok(None);
        }
        let used_bytes = self.used_memory();
        let mut reading = GpuReading {
            index: self.index,
            utilization: self.utilization(),
            ecc_errors: self.memory_errors(),
            mig: self.mig,
            ..GpuReading::default()
        };
        if let Some(milliwatts) = self.ask(Topic::Power, Device::power_usage) {
            reading.power_watts = Some(f64::from(milliwatts) / 1000.0);
        }
        if let Some(millijoules) = self.ask(Topic::Energy, Device::total_energy_consumption) {
            reading.energy_joules = Some(millijoules as f64 / 1000.0);
        }
        let degrees = self.ask(Topic::Temperature, |device| {
            device.temperature(TemperatureSensor::Gpu)
        });
        reading.temperature_celsius = degrees.map(u64::from);
        if let Some(reasons) = self.ask(Topic::Throttle, Device::current_throttle_reasons) {
            reading.throttle_reasons = slowdowns(reasons);
            reading.throttled = Some(!reading.throttle_reasons.is_empty());
        }
        // In a container whose access was taken away every single call fails with an error that says nothing.
        let is_lost = matches!(self.responses, Responses::Lost | Responses::Failed);
        if is_lost || self.device.is_none() {
            return Err(Lost);
        }
        if let Some((bytes, by)) =
            attributor.attribute(device_place, used_bytes, processes.as_deref(), run_pids)
        {
            // Of a device that is shared out the whole device's figure is mostly somebody else's.
            let is_whole = self.mig && by != Attribution::Pid;
            reading.memory_bytes = Some(bytes);
            reading.attribution = Some(if is_whole { Attribution::Device } else { by });
        }
        Ok(Some(reading))
    }
}

/// A percentage as a share.
fn share(percent: f64) -> f64 {
    percent.clamp(0.0, 100.0) / 100.0
}

/// The reasons for lower clocks that are about heat or power, not about idleness or settings.
const SLOWDOWNS: [(ThrottleReasons, &str); 5] = [
    (ThrottleReasons::SW_POWER_CAP, "power_limit"),
    (ThrottleReasons::HW_SLOWDOWN, "hardware"),
    (ThrottleReasons::SW_THERMAL_SLOWDOWN, "heat"),
    (ThrottleReasons::HW_THERMAL_SLOWDOWN, "heat_hardware"),
    (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "power_brake"),
];

fn slowdowns(reasons: ThrottleReasons) -> Vec<PublicStr> {
    let mut names = Vec::new();
    for (slowdown, name) in SLOWDOWNS {
        if reasons.contains(slowdown) {
            names.push(PublicStr::constant(name));
        }
    }
    names
}
