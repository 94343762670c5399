//! AMD's devices, through files of the kernel: no library, no program, microseconds.
//!
//! `/sys/class/drm/cardN/device` has a device's memory, load and sensors; `/sys/class/kfd` lists what each
//! process holds of it (by the host's pids). Where a vendor's devices and their sensors are found serves
//! [`intel`](super::intel) too.

use super::attribution::{Attributor, Listed};
use super::presence::pids_comparable;
use super::{AcceleratorFacts, Answer, Health, Places};
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::PublicStr;
use axolotl_run_core::public::hardware::{Vendor, accelerator_name};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

const AMD: &str = "0x1002";

/// Answers requests about AMD's devices until nobody makes them any more.
pub fn serve(places: &Places, requests: &Receiver<Vec<u32>>, send: &dyn Fn(Answer) -> bool) {
    let cards = amd_cards(&places.root);
    let facts = AcceleratorFacts {
        kind: PublicStr::constant(if cards.is_empty() { "none" } else { "hip" }),
        count: Some(cards.len() as u64),
        info: cards.iter().map(Card::facts).collect(),
    };
    let health = if cards.is_empty() {
        Health::Absent
    } else {
        Health::Working
    };
    let baselines = cards.iter().map(Card::used_memory).collect();
    let mut attributor = Attributor::new(pids_comparable(&places.root), baselines);
    if !send(Answer {
        facts: Some(facts),
        ..Answer::of(health)
    }) {
        return;
    }
    while let Ok(tree) = requests.recv() {
        let readings = cards
            .iter()
            .enumerate()
            .map(|(position, card)| card.read(position, &mut attributor, &tree));
        if !send(Answer {
            readings: Some(readings.collect()),
            ..Answer::of(health)
        }) {
            return;
        }
    }
}

/// The `device` directories of a vendor's cards, in the order of their numbers.
pub(super) fn devices(root: &Path, vendor: &str) -> Vec<PathBuf> {
    let drm = root.join("sys/class/drm");
    let names = files::names(&drm, limits::PACKAGE_ENTRIES_MAX).unwrap_or_default();
    // Connectors of displays are called card0-DP-1.
    let mut numbers: Vec<u32> = names
        .iter()
        .filter_map(|name| name.to_str()?.strip_prefix("card")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let devices = numbers
        .into_iter()
        .map(|number| drm.join(format!("card{number}/device")));
    devices
        .filter(|device| {
            files::text(&device.join("vendor")).is_some_and(|text| text.trim() == vendor)
        })
        .take(limits::ACCELERATORS_MAX)
        .collect()
}

/// Where a device's sensors are.
pub(super) fn sensors(device: &Path) -> Option<PathBuf> {
    let hwmon = device.join("hwmon");
    files::names(&hwmon, 8).and_then(|names| Some(hwmon.join(names.first()?)))
}

/// One of AMD's devices.
#[derive(Debug)]
struct Card {
    index: u32,
    device: PathBuf,
    memory: u64,
    sensors: Option<PathBuf>,
    /// The list of processes, and the name of this device's file in it.
    processes: Option<(PathBuf, String)>,
}

fn amd_cards(root: &Path) -> Vec<Card> {
    let devices = devices(root, AMD).into_iter();
    let large = devices.filter_map(|device| {
        let memory = files::number(&device.join("mem_info_vram_total"))?;
        (memory >= limits::ACCELERATOR_MEMORY_MIN).then_some((device, memory))
    });
    let card = |(index, (device, memory)): (u32, (PathBuf, u64))| {
        let sensors = sensors(&device);
        let processes = compute_id(root, &device);
        let processes =
            processes.map(|id| (root.join("sys/class/kfd/kfd/proc"), format!("vram_{id}")));
        Card {
            index,
            device,
            memory,
            sensors,
            processes,
        }
    };
    (0..).zip(large).map(card).collect()
}

/// The number that the compute driver has given a device: both know the device's render node.
fn compute_id(root: &Path, device: &Path) -> Option<u64> {
    let names = files::names(&device.join("drm"), 64)?;
    let minor: u64 = names
        .iter()
        .find_map(|name| name.to_str()?.strip_prefix("renderD")?.parse().ok())?;
    let nodes = root.join("sys/class/kfd/kfd/topology/nodes");
    files::names(&nodes, limits::ACCELERATORS_MAX * 2)?
        .iter()
        .find_map(|node| {
            let node = nodes.join(node);
            let properties = files::text(&node.join("properties"))?;
            (files::field(&properties, "drm_render_minor") == Some(minor))
                .then(|| files::number(&node.join("gpu_id")))?
        })
}

impl Card {
    fn facts(&self) -> Accelerator {
        let name = files::text(&self.device.join("product_name")).unwrap_or_default();
        Accelerator {
            name: Some(accelerator_name(Vendor::Amd, &name)),
            memory: Some(self.memory),
        }
    }

    fn used_memory(&self) -> Option<u64> {
        files::number(&self.device.join("mem_info_vram_used"))
    }

    /// The processes that compute on the device; few, whatever the size of the tree.
    fn listed(&self) -> Option<Vec<Listed>> {
        let (processes, file) = self.processes.as_ref()?;
        let pids = files::names(processes, limits::TREE_PROCESSES_MAX)?;
        let listed = pids.iter().filter_map(|name| {
            let pid = name.to_str()?.parse().ok()?;
            let bytes = files::number(&processes.join(name).join(file));
            // A process that computes on another device has 0 here.
            (bytes != Some(0)).then_some((pid, bytes))
        });
        Some(listed.collect())
    }

    fn sensor(&self, name: &str) -> Option<u64> {
        files::number(&self.sensors.as_ref()?.join(name))
    }

    fn read(&self, position: usize, attributor: &mut Attributor, tree: &[u32]) -> GpuReading {
        let memory =
            attributor.attribute(position, self.used_memory(), self.listed().as_deref(), tree);
        let busy = files::number(&self.device.join("gpu_busy_percent"));
        let power = self
            .sensor("power1_average")
            .or_else(|| self.sensor("power1_input"));
        GpuReading {
            index: self.index,
            memory_bytes: memory.map(|(bytes, _)| bytes),
            attribution: memory.map(|(_, attribution)| attribution),
            utilization: busy.map(|percent| percent.min(100) as f64 / 100.0),
            power_watts: power.map(|microwatts| microwatts as f64 / 1e6),
            temperature_celsius: self
                .sensor("temp1_input")
                .map(|millidegrees| millidegrees / 1000),
            energy_joules: self
                .sensor("energy1_input")
                .map(|microjoules| microjoules as f64 / 1e6),
            ..GpuReading::default()
        }
    }
}

#[cfg(test)]
mod tests;
