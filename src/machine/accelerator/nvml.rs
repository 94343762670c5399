//! NVIDIA's management library, on the measuring thread.
//!
//! Each figure is asked for by itself and may be missing by itself: old drivers lack functions, laptops lack
//! sensors, MIG hides utilization. What is not supported is not asked again; any other failure is tried again
//! at the next sample, for drivers do recover. When a device or the whole driver is lost, the library is
//! loaded anew, once per [`limits::GPU_RETRY_PERIOD`](crate::limits::GPU_RETRY_PERIOD) at the most.

use super::attribution::{Attributor, Listed};
use super::presence::{nvidia_without_library, pids_comparable};
use super::{AcceleratorFacts, Answer, Health, Places};
use crate::event::Accelerator;
use crate::limits;
use crate::observation::GpuReading;
use crate::public::PublicStr;
use crate::public::hardware::{Vendor, accelerator_name};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Sampling, TemperatureSensor};
use nvml_wrapper::enums::device::{SampleValue, UsedGpuMemory};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// What is kept while the library is loaded anew.
#[derive(Default)]
struct Memory {
    attributor: Option<Attributor>,
    facts_sent: bool,
}

/// How a session with the library ended.
enum SessionEnd {
    /// Nobody asks any more.
    Done,
    /// Something was lost, some time ago; a new session may help.
    Lost,
    /// The library does not even count the devices.
    Failed,
}

/// Answers requests until nobody makes them any more.
pub fn serve(places: &Places, requests: &Receiver<Vec<u32>>, send: &dyn Fn(Answer) -> bool) {
    let mut memory = Memory::default();
    loop {
        let began = Instant::now();
        let mut builder = Nvml::builder();
        if let Some(path) = &places.nvml {
            builder.lib_path(path);
        }
        let health = match builder.init() {
            Ok(nvml) => match session(&nvml, places, &mut memory, began, requests, send) {
                SessionEnd::Done => return,
                SessionEnd::Lost => continue,
                SessionEnd::Failed if memory.attributor.is_some() => Health::Lost,
                SessionEnd::Failed => Health::Failed,
            },
            Err(_) if memory.attributor.is_some() => Health::Lost,
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => Health::LibraryMissing,
            Err(_) => Health::Failed,
        };
        if !without_library(places, &mut memory, health, began, requests, send) {
            return;
        }
    }
}

/// Answers with what is known without the library, until it is time to load it again.
fn without_library(
    places: &Places,
    memory: &mut Memory,
    health: Health,
    began: Instant,
    requests: &Receiver<Vec<u32>>,
    send: &dyn Fn(Answer) -> bool,
) -> bool {
    if !memory.facts_sent {
        memory.facts_sent = true;
        let facts = Some(nvidia_without_library(&places.root));
        if !send(Answer { health, facts, readings: None }) {
            return false;
        }
    }
    while requests.recv().is_ok() {
        if !send(Answer { health, facts: None, readings: None }) {
            return false;
        }
        if began.elapsed() >= places.retry {
            return true;
        }
    }
    false
}

fn session(
    nvml: &Nvml,
    places: &Places,
    memory: &mut Memory,
    began: Instant,
    requests: &Receiver<Vec<u32>>,
    send: &dyn Fn(Answer) -> bool,
) -> SessionEnd {
    let Ok(count) = nvml.device_count() else { return SessionEnd::Failed };
    let count = count.min(limits::ACCELERATORS_MAX as u32);
    let mut devices: Vec<_> = (0..count).map(|index| Measured::new(nvml, index)).collect();
    let attributor = memory.attributor.get_or_insert_with(|| {
        // The command was only just started; it takes seconds until it can use a device.
        let baselines = devices.iter_mut().map(|measured| measured.used_memory(&mut Outcome::default()));
        Attributor::new(pids_comparable(&places.root), baselines.collect())
    });
    if !memory.facts_sent {
        memory.facts_sent = true;
        let info = devices.iter().map(Measured::facts).collect();
        let kind = PublicStr::constant(if count == 0 { "none" } else { "cuda" });
        let facts = Some(AcceleratorFacts { kind, count: Some(count.into()), info });
        if !send(Answer { health: Health::Working, facts, readings: None }) {
            return SessionEnd::Done;
        }
    }
    while let Ok(tree) = requests.recv() {
        let mut lost = false;
        let mut readings = Vec::new();
        for (position, measured) in devices.iter_mut().enumerate() {
            match measured.read(position, attributor, &tree) {
                Some(reading) => readings.push(reading),
                None => lost = true,
            }
        }
        let health = if lost { Health::Lost } else { Health::Working };
        if !send(Answer { health, facts: None, readings: Some(readings) }) {
            return SessionEnd::Done;
        }
        if lost && began.elapsed() >= places.retry {
            return SessionEnd::Lost;
        }
    }
    SessionEnd::Done
}

/// How the questions of one reading went.
#[derive(Default)]
struct Outcome {
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
}

/// One device, with its handle.
struct Measured<'nvml> {
    index: u32,
    /// None if there was no handle to be had: the device is lost.
    device: Option<Device<'nvml>>,
    mig: bool,
    unsupported: Unsupported,
    /// Timestamp of the last sample of utilization that was read.
    sampled: u64,
}

/// Asks one question, unless the device does not support it.
fn ask<T>(unsupported: &mut bool, outcome: &mut Outcome, question: impl FnOnce() -> Result<T, NvmlError>) -> Option<T> {
    use NvmlError as E;
    if *unsupported || outcome.lost {
        return None;
    }
    match question() {
        Ok(value) => {
            outcome.answered = true;
            return Some(value);
        }
        Err(E::NotSupported | E::FailedToLoadSymbol(_) | E::FunctionNotFound | E::NoPermission) => *unsupported = true,
        Err(E::GpuLost | E::ResetRequired | E::Uninitialized | E::DriverNotLoaded | E::LibRmVersionMismatch) => {
            outcome.lost = true;
        }
        // Nothing new since the last sample.
        Err(E::NotFound | E::NoData) => outcome.answered = true,
        Err(_) => outcome.failed = true,
    }
    None
}

impl<'nvml> Measured<'nvml> {
    fn new(nvml: &'nvml Nvml, index: u32) -> Self {
        let device = nvml.device_by_index(index).ok();
        let mig = device.as_ref().and_then(|device| device.mig_mode().ok()).is_some_and(|mode| mode.current == 1);
        let mut measured = Self { index, device, mig, unsupported: Unsupported::default(), sampled: 0 };
        // What is in the driver's ring already was before the run.
        measured.sampled_utilization(&mut Outcome::default());
        measured
    }

    fn facts(&self) -> Accelerator {
        let device = self.device.as_ref();
        let name = device.and_then(|device| device.name().ok()).unwrap_or_default();
        Accelerator {
            name: Some(accelerator_name(Vendor::Nvidia, &name)),
            memory: device.and_then(|device| device.memory_info().ok()).map(|memory| memory.total),
        }
    }

    fn used_memory(&mut self, outcome: &mut Outcome) -> Option<u64> {
        let device = self.device.as_ref()?;
        ask(&mut self.unsupported.memory, outcome, || device.memory_info()).map(|memory| memory.used)
    }

    fn processes(&mut self, outcome: &mut Outcome) -> Option<Vec<Listed>> {
        let device = self.device.as_ref()?;
        let processes = ask(&mut self.unsupported.processes, outcome, || device.running_compute_processes())?;
        let bytes = |memory| match memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        };
        Some(processes.into_iter().map(|process| (process.pid, bytes(process.used_gpu_memory))).collect())
    }

    /// The mean of what the driver sampled since the last reading: its own figure is about the last moment.
    fn sampled_utilization(&mut self, outcome: &mut Outcome) -> Option<f64> {
        let device = self.device.as_ref()?;
        let since = self.sampled;
        let samples =
            ask(&mut self.unsupported.samples, outcome, || device.samples(Sampling::GpuUtilization, Some(since)))?;
        self.sampled = samples.iter().map(|sample| sample.timestamp).fold(since, u64::max);
        let values = samples.iter().filter(|sample| sample.timestamp > since).filter_map(|sample| match sample.value {
            SampleValue::F64(value) => Some(value),
            SampleValue::U32(value) => Some(f64::from(value)),
            SampleValue::U64(value) => Some(value as f64),
            SampleValue::I64(_) => None,
        });
        let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
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
        let rates = ask(&mut self.unsupported.rates, outcome, || device.utilization_rates())?;
        Some(share(f64::from(rates.gpu)))
    }

    /// None: the device is lost.
    fn read(&mut self, position: usize, attributor: &mut Attributor, tree: &[u32]) -> Option<GpuReading> {
        let mut outcome = Outcome::default();
        let outcome = &mut outcome;
        let used = self.used_memory(outcome);
        let processes = self.processes(outcome);
        let utilization = self.utilization(outcome);
        let device = self.device.as_ref()?;
        let unsupported = &mut self.unsupported;
        let power = ask(&mut unsupported.power, outcome, || device.power_usage());
        let energy = ask(&mut unsupported.energy, outcome, || device.total_energy_consumption());
        let temperature = ask(&mut unsupported.temperature, outcome, || device.temperature(TemperatureSensor::Gpu));
        let throttle = ask(&mut unsupported.throttle, outcome, || device.current_throttle_reasons());
        // In a container whose access was taken away every single call fails with an error that says nothing.
        if outcome.lost || (outcome.failed && !outcome.answered) {
            return None;
        }
        let memory = attributor.attribute(position, used, processes.as_deref(), tree);
        Some(GpuReading {
            index: self.index,
            memory_bytes: memory.map(|(bytes, _)| bytes),
            attribution: memory.map(|(_, attribution)| attribution),
            utilization,
            power_watts: power.map(|milliwatts| f64::from(milliwatts) / 1000.0),
            temperature_celsius: temperature.map(u64::from),
            throttled: throttle.map(|reasons| reasons.intersects(slowdowns())),
            energy_joules: energy.map(|millijoules| millijoules as f64 / 1000.0),
        })
    }
}

/// A percentage as a share.
fn share(percent: f64) -> f64 {
    percent.clamp(0.0, 100.0) / 100.0
}

/// The reasons for lower clocks that are about heat or power, not about idleness or settings.
fn slowdowns() -> ThrottleReasons {
    ThrottleReasons::SW_POWER_CAP
        | ThrottleReasons::HW_SLOWDOWN
        | ThrottleReasons::SW_THERMAL_SLOWDOWN
        | ThrottleReasons::HW_THERMAL_SLOWDOWN
        | ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN
}
