//! NVIDIA's management library, on the measuring thread.
//!
//! Each figure is asked for by itself and may be missing by itself: old drivers lack functions, laptops lack
//! sensors, MIG hides utilization. What is not supported is not asked again; any other failure is tried again
//! at the next sample, for drivers do recover. When a device or the whole driver is lost, the library is
//! loaded anew, once per [`limits::GPU_RETRY_PERIOD`](axolotl_run_core::limits::GPU_RETRY_PERIOD) at the most. The run's
//! devices are those of the variables that CUDA reads (`cuda_visible`) and those on which its processes compute.

mod device;
mod xid;

use super::attribution::Attributor;
use super::cuda_visible::{CudaDevice, RunDevices, VisibleDevices};
use super::driver::{AcceleratorFacts, DriverAnswer, DriverSettings, Health, Questions};
use super::presence::{has_nvidia_device, nvidia_without_library, pids_comparable};
use axolotl_run_core::limits;
use device::{Lost, NvidiaDevice};
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::time::Instant;
use xid::XidErrors;

/// What is kept while the library is loaded anew.
struct Memory<'settings> {
    attributor: Option<Attributor>,
    run_devices: RunDevices<'settings>,
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

/// Answers questions until nobody asks any more.
pub fn serve(settings: &DriverSettings, questions: &Questions) {
    let mut memory = Memory {
        attributor: None,
        run_devices: RunDevices::new(settings),
        facts_sent: false,
    };
    loop {
        let session_start = Instant::now();
        let mut builder = Nvml::builder();
        if let Some(path) = &settings.nvml_library {
            builder.lib_path(path);
        }
        let mut health = match builder.init() {
            Ok(nvml) => match session(&nvml, settings, &mut memory, session_start, questions) {
                SessionEnd::Done => return,
                SessionEnd::Lost => continue,
                SessionEnd::Failed => Health::Failed,
            },
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => {
                Health::LibraryMissing
            }
            // A library that is installed without its driver, as in images for both kinds of machines.
            Err(NvmlError::DriverNotLoaded) if !has_nvidia_device(&settings.root) => {
                Health::LibraryMissing
            }
            Err(_) => Health::Failed,
        };
        if memory.attributor.is_some() {
            health = Health::Lost;
        }
        if !without_library(settings, &mut memory, health, session_start, questions) {
            return;
        }
    }
}

/// Answers with what is known without the library, until it is time to load it again.
fn without_library(
    settings: &DriverSettings,
    memory: &mut Memory<'_>,
    health: Health,
    session_start: Instant,
    questions: &Questions,
) -> bool {
    if !memory.facts_sent {
        memory.facts_sent = true;
        // A library that was named, cannot be used and has no device to speak for is no sign of an accelerator. One
        // that runs and refuses is: it has found a driver.
        let facts = if health == Health::LibraryMissing && !has_nvidia_device(&settings.root) {
            AcceleratorFacts::none()
        } else {
            nvidia_without_library(&settings.root)
        };
        questions.answer(DriverAnswer {
            facts: Some(facts),
            ..DriverAnswer::of(health)
        });
    }
    while questions.requests.recv().is_ok() {
        questions.answer(DriverAnswer::of(health));
        if session_start.elapsed() >= settings.retry_period {
            return true;
        }
    }
    false
}

fn session(
    nvml: &Nvml,
    settings: &DriverSettings,
    memory: &mut Memory<'_>,
    session_start: Instant,
    questions: &Questions,
) -> SessionEnd {
    let Ok(count) = nvml.device_count() else {
        return SessionEnd::Failed;
    };
    let count = count.min(limits::ACCELERATORS_MAX as u32);
    let mut devices: Vec<_> = (0..count)
        .map(|index| NvidiaDevice::new(nvml, index))
        .collect();
    let attributor = memory.attributor.get_or_insert_with(|| {
        // The command was only just started; it takes seconds until it can use a device.
        Attributor {
            pids_comparable: pids_comparable(&settings.root),
            baselines: devices.iter_mut().map(NvidiaDevice::used_memory).collect(),
        }
    });
    let shown_devices: Vec<CudaDevice> = devices.iter().map(NvidiaDevice::identity).collect();
    if !memory.facts_sent {
        memory.facts_sent = true;
        questions.answer(DriverAnswer {
            facts: Some(facts(
                &devices,
                &memory.run_devices.selection(&shown_devices),
            )),
            ..DriverAnswer::of(Health::Working)
        });
    }
    let mut errors = XidErrors::listen(
        nvml,
        devices.iter().filter_map(|device| device.device.as_ref()),
    );
    while let Ok(run_pids) = questions.requests.recv() {
        memory.run_devices.look_at(&run_pids);
        let selection = memory.run_devices.selection(&shown_devices);
        let mut health = Health::Working;
        let mut readings = Vec::new();
        for (device_place, device) in devices.iter_mut().enumerate() {
            let is_visible = selection.has(device_place);
            match device.read(device_place, attributor, &run_pids, is_visible) {
                Ok(reading) => readings.extend(reading),
                Err(Lost) if is_visible => health = Health::Lost,
                Err(Lost) => {}
            }
        }
        let xids = match &mut errors {
            Some(errors) => errors.take(|device_place| selection.has(device_place)),
            None => Vec::new(),
        };
        questions.answer(DriverAnswer {
            readings: Some(readings),
            xids,
            ..DriverAnswer::of(health)
        });
        if health == Health::Lost && session_start.elapsed() >= settings.retry_period {
            return SessionEnd::Lost;
        }
    }
    SessionEnd::Done
}

/// What the start event says: the devices that the run can use, as its own framework will count them.
fn facts(devices: &[NvidiaDevice<'_>], selection: &VisibleDevices) -> AcceleratorFacts {
    let mut info = Vec::new();
    for (device_place, instance) in &selection.places {
        if let Some(device) = devices.get(*device_place)
            && !selection.is_unknown
        {
            info.extend(device.facts(*instance));
        }
    }
    let kind = if devices.is_empty() { "none" } else { "cuda" };
    AcceleratorFacts {
        count: Some(selection.places.len() as u64),
        ..AcceleratorFacts::new(kind, info)
    }
}

#[cfg(test)]
mod tests;
