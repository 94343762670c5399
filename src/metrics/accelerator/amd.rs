//! AMD's devices, through files of the kernel: no library, no program, microseconds.
//!
//! `/sys/class/drm/cardN/device` has a device's memory, load and sensors; `/sys/class/kfd` lists what each
//! process holds of it (by the host's pids).

use super::attribution::{Attributor, Listed};
use super::driver::{Places, Questions};
use super::drm;
use super::presence::pids_comparable;
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::hardware::{Vendor, accelerator_name};
use std::path::{Path, PathBuf};

/// Main memory of a graphics device that is counted as an accelerator: the firmware gives integrated ones less.
const ACCELERATOR_MEMORY_MIN: u64 = 2 * 1024 * 1024 * 1024;

const AMD: &str = "0x1002";

/// Answers questions about AMD's devices until nobody asks any more.
pub fn serve(places: &Places, questions: &Questions) {
    let cards = amd_cards(&places.root);
    let baselines = cards.iter().map(Card::used_memory).collect();
    let mut attributor = Attributor::new(pids_comparable(&places.root), baselines);
    let info = cards.iter().map(Card::facts).collect();
    drm::serve(questions, "hip", info, |tree| {
        let mut readings = Vec::new();
        for (position, card) in cards.iter().enumerate() {
            readings.push(card.read(position, &mut attributor, tree));
        }
        readings
    });
}

/// One of AMD's devices.
#[derive(Debug)]
struct Card {
    index: u32,
    device: PathBuf,
    memory: u64,
    sensors: PathBuf,
    /// The list of processes, and the name of this device's file in it.
    processes: Option<(PathBuf, String)>,
}

fn amd_cards(root: &Path) -> Vec<Card> {
    let mut cards = Vec::new();
    for device in drm::devices(root, AMD) {
        let memory = files::number(&device.join("mem_info_vram_total")).unwrap_or(0);
        if memory < ACCELERATOR_MEMORY_MIN {
            continue;
        }
        let id = compute_id(root, &device);
        let processes = root.join("sys/class/kfd/kfd/proc");
        cards.push(Card {
            index: cards.len() as u32,
            sensors: drm::sensors(&device),
            device,
            memory,
            processes: id.map(|id| (processes, format!("vram_{id}"))),
        });
    }
    cards
}

/// The number that the compute driver has given a device: both know the device's render node.
fn compute_id(root: &Path, device: &Path) -> Option<u64> {
    let minors = files::numbers(&device.join("drm"), "renderD", 64)?;
    let minor = u64::from(*minors.first()?);
    let nodes = root.join("sys/class/kfd/kfd/topology/nodes");
    for node in files::names(&nodes, limits::ACCELERATORS_MAX * 2)? {
        let node = nodes.join(node);
        let properties = files::text(&node.join("properties")).unwrap_or_default();
        if files::field(&properties, "drm_render_minor") == Some(minor) {
            return files::number(&node.join("gpu_id"));
        }
    }
    None
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
        let mut listed = Vec::new();
        for pid in files::numbers(processes, "", limits::TREE_PROCESSES_MAX)? {
            let bytes = files::number(&processes.join(format!("{pid}/{file}")));
            // A process that computes on another device has 0 here.
            if bytes != Some(0) {
                listed.push((pid, bytes));
            }
        }
        Some(listed)
    }

    fn sensor(&self, name: &str) -> Option<u64> {
        files::number(&self.sensors.join(name))
    }

    fn read(&self, position: usize, attributor: &mut Attributor, tree: &[u32]) -> GpuReading {
        let listed = self.listed();
        let memory = attributor.attribute(position, self.used_memory(), listed.as_deref(), tree);
        let busy = files::number(&self.device.join("gpu_busy_percent"));
        let power = self.sensor("power1_average");
        let power = power.or_else(|| self.sensor("power1_input"));
        let degrees = self.sensor("temp1_input");
        let energy = self.sensor("energy1_input");
        GpuReading {
            index: self.index,
            memory_bytes: memory.map(|(bytes, _)| bytes),
            attribution: memory.map(|(_, attribution)| attribution),
            utilization: busy.map(|percent| percent.min(100) as f64 / 100.0),
            power_watts: power.map(|micro| micro as f64 / 1e6),
            temperature_celsius: degrees.map(|milli| milli / 1000),
            energy_joules: energy.map(|micro| micro as f64 / 1e6),
            ..GpuReading::default()
        }
    }
}

#[cfg(test)]
mod tests;
