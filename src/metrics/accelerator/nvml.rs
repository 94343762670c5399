//! NVIDIA's management library, on the measuring thread.
//!
//! Each figure is asked for by itself and may be missing by itself: old drivers lack functions, laptops lack
//! sensors, MIG hides utilization. What is not supported is not asked again; any other failure is tried again
//! at the next sample, for drivers do recover. When a device or the whole driver is lost, the library is
//! loaded anew, once per [`limits::GPU_RETRY_PERIOD`](axolotl_run_core::limits::GPU_RETRY_PERIOD) at the most. What counts
//! as the run's devices say the variables that CUDA reads (`visible`) and the processes that the driver lists.

mod device;
mod errors;

use super::attribution::Attributor;
use super::presence::{has_nvidia_device, nvidia_without_library, pids_comparable};
use super::users::Users;
use super::visible::{Device as Shown, Selection};
use super::{AcceleratorFacts, Answer, Health, Places};
use axolotl_run_core::limits;
use axolotl_run_core::public::PublicStr;
use device::{Measured, Outcome};
use errors::Errors;
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// What is kept while the library is loaded anew.
#[derive(Default)]
struct Memory {
    attributor: Option<Attributor>,
    users: Users,
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
    let mut memory = Memory {
        users: Users::nvidia(places),
        ..Memory::default()
    };
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
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => {
                Health::LibraryMissing
            }
            // A library that is installed without its driver, as in images for both kinds of machines.
            Err(NvmlError::DriverNotLoaded) if !has_nvidia_device(&places.root) => {
                Health::LibraryMissing
            }
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
        // A library that was named, cannot be used and has no device to speak for is no sign of an accelerator. One
        // that runs and refuses is: it has found a driver.
        let nothing = health == Health::LibraryMissing && !has_nvidia_device(&places.root);
        let facts = if nothing {
            AcceleratorFacts::none()
        } else {
            nvidia_without_library(&places.root)
        };
        if !send(Answer {
            facts: Some(facts),
            ..Answer::of(health)
        }) {
            return false;
        }
    }
    while requests.recv().is_ok() {
        if !send(Answer::of(health)) {
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
    let Ok(count) = nvml.device_count() else {
        return SessionEnd::Failed;
    };
    let count = count.min(limits::ACCELERATORS_MAX as u32);
    let mut devices: Vec<_> = (0..count).map(|index| Measured::new(nvml, index)).collect();
    let attributor = memory.attributor.get_or_insert_with(|| {
        // The command was only just started; it takes seconds until it can use a device.
        let baselines = devices
            .iter_mut()
            .map(|measured| measured.used_memory(&mut Outcome::default()));
        Attributor::new(pids_comparable(&places.root), baselines.collect())
    });
    let shown: Vec<Shown> = devices.iter().map(Measured::shown).collect();
    if !memory.facts_sent {
        memory.facts_sent = true;
        let facts = Some(facts(&devices, &memory.users.selection(&shown)));
        if !send(Answer {
            facts,
            ..Answer::of(Health::Working)
        }) {
            return SessionEnd::Done;
        }
    }
    let mut errors = Errors::listen(nvml, devices.iter().filter_map(Measured::handle));
    while let Ok(tree) = requests.recv() {
        memory.users.look_at(&tree);
        let selection = memory.users.selection(&shown);
        let mut lost = false;
        let mut readings = Vec::new();
        for (place, measured) in devices.iter_mut().enumerate() {
            let ours = selection.has(place);
            match measured.read(place, attributor, &tree, ours) {
                Ok(reading) => readings.extend(reading),
                Err(()) => lost |= ours,
            }
        }
        let xids = errors
            .as_mut()
            .map(|errors| errors.take(|place| selection.has(place)))
            .unwrap_or_default();
        let health = if lost { Health::Lost } else { Health::Working };
        if !send(Answer {
            health,
            facts: None,
            readings: Some(readings),
            xids,
        }) {
            return SessionEnd::Done;
        }
        if lost && began.elapsed() >= places.retry {
            return SessionEnd::Lost;
        }
    }
    SessionEnd::Done
}

/// What the start event says: the devices that the run can use, as its own framework will count them.
fn facts(devices: &[Measured<'_>], selection: &Selection) -> AcceleratorFacts {
    let kind = PublicStr::constant(if devices.is_empty() { "none" } else { "cuda" });
    // Which of unlike devices cannot be told: then no model is named.
    let places = selection.places.as_deref().unwrap_or_default();
    let info = places
        .iter()
        .filter_map(|(place, instances)| Some(devices.get(*place)?.facts(instances)));
    AcceleratorFacts {
        kind,
        count: Some(selection.count),
        info: info.flatten().collect(),
    }
}

#[cfg(test)]
mod tests;
