//! AMD's devices, through files of the kernel: no library, no program, microseconds.
//!
//! `/sys/class/drm/cardN/device` has a device's memory, load and sensors; `/sys/class/kfd` lists what each
//! process holds of it (by the host's pids).

use super::attribution::{Attributor, Listed};
use super::driver::{DriverSettings, Questions};
use super::drm::{self, DrmDevice};
use super::presence::pids_comparable;
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::hardware::{Vendor, accelerator_name, whole_gibibytes};
use std::path::{Path, PathBuf};

/// Main memory of a graphics device that is counted as an accelerator: the firmware gives integrated ones less.
const ACCELERATOR_MEMORY_MIN: u64 = 2 * 1024 * 1024 * 1024;

const AMD: &str = "0x1002";

/// Answers questions about AMD's devices until nobody asks any more.
pub fn serve(settings: &DriverSettings, questions: &Questions) {
    let mut cards = Vec::new();
    let mut info = Vec::new();
    let mut baselines = Vec::new();
    for device in DrmDevice::all_of(&settings.root, AMD) {
        let memory = device.number("mem_info_vram_total").unwrap_or(0);
        if memory < ACCELERATOR_MEMORY_MIN {
            continue;
        }
        info.push(Accelerator {
            name: Some(accelerator_name(Vendor::Amd, &device.text("product_name"))),
            memory: Some(whole_gibibytes(memory)),
            ..Accelerator::default()
        });
        let card = Card {
            process_file: compute_id(&settings.root, &device).map(|id| format!("vram_{id}")),
            processes: settings.root.join("sys/class/kfd/kfd/proc"),
            device,
        };
        baselines.push(card.used_memory());
        cards.push(card);
    }
    let mut attributor = Attributor {
        pids_comparable: pids_comparable(&settings.root),
        baselines,
    };
    drm::serve(questions, "hip", info, |run_pids| {
        let mut readings = Vec::new();
        for (index, card) in (0..).zip(&cards) {
            readings.push(card.read(index, &mut attributor, run_pids));
        }
        readings
    });
}

/// One of AMD's devices.
struct Card {
    device: DrmDevice,
    /// The list of processes.
    processes: PathBuf,
    /// The name of this device's file in it.
    process_file: Option<String>,
}

/// The number that the compute driver has given a device: both know the device's render node.
fn compute_id(root: &Path, device: &DrmDevice) -> Option<u64> {
    let render_nodes = files::numbered_entries(&device.path.join("drm"), "renderD", 64);
    let render_node = u64::from(*render_nodes.first()?);
    let nodes = root.join("sys/class/kfd/kfd/topology/nodes");
    for name in files::entry_names(&nodes, limits::ACCELERATORS_MAX * 2) {
        let node = nodes.join(name);
        let properties = files::read_text(&node.join("properties"));
        if files::field_value(&properties, "drm_render_minor") == Some(render_node) {
            return files::read_number(&node.join("gpu_id"));
        }
    }
    None
}

impl Card {
    fn used_memory(&self) -> Option<u64> {
        self.device.number("mem_info_vram_used")
    }

    /// The processes that compute on the device; few, whatever the size of the tree.
    fn listed(&self) -> Option<Vec<Listed>> {
        let process_file = self.process_file.as_ref()?;
        if !self.processes.is_dir() {
            return None;
        }
        let mut listed_processes = Vec::new();
        for pid in files::numbered_entries(&self.processes, "", limits::TREE_PROCESSES_MAX) {
            let bytes = files::read_number(&self.processes.join(format!("{pid}/{process_file}")));
            // A process that computes on another device has 0 here.
            if bytes != Some(0) {
                listed_processes.push((pid, bytes));
            }
        }
        Some(listed_processes)
    }

    fn read(&self, index: u32, attributor: &mut Attributor, run_pids: &[u32]) -> GpuReading {
        let mut reading = self.device.reading(index, ["temp1_input"; 2]);
        let listed_processes = self.listed();
        let used_bytes = self.used_memory();
        if let Some((bytes, attribution)) = attributor.attribute(
            index as usize,
            used_bytes,
            listed_processes.as_deref(),
            run_pids,
        ) {
            reading.memory_bytes = Some(bytes);
            reading.attribution = Some(attribution);
        }
        if let Some(percent) = self.device.number("gpu_busy_percent") {
            reading.utilization = Some(percent.min(100) as f64 / 100.0);
        }
        let microwatts = self.device.sensor(["power1_average", "power1_input"]);
        reading.power_watts = microwatts.map(|micro| micro as f64 / 1e6);
        reading
    }
}

#[cfg(test)]
mod tests;
