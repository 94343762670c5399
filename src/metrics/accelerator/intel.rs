//! Intel's devices: what the run's own processes use of them, and their sensors.
//!
//! The kernel shows no device's memory in use as a whole, but what each process holds of it (`drm-usage-stats`, in
//! `/proc/PID/fdinfo`): so memory and load are the run's alone. Duplicates of a descriptor, and those that children
//! inherit, are one client. i915 counts nanoseconds of work, xe cycles beside a clock in cycles.

use super::driver::{DriverSettings, Questions};
use super::drm::{self, DrmDevice};
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::observation::{Attribution, GpuReading};
use axolotl_run_core::public::hardware::intel_name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

/// Descriptors of a process that are looked through for those of a device; a training's sockets and shards are some 100.
const DESCRIPTORS_MAX: usize = 4096;

const VENDOR: &str = "0x8086";
/// Where the graphics of Intel's processors always are; they are no accelerators.
const INTEGRATED: &str = "0000:00:02.0";
/// Units of the kernel's figures, each 1024 of the one before.
const UNITS: [&str; 4] = ["", "KiB", "MiB", "GiB"];

/// What the run's clients hold and do on one device.
#[derive(Debug, Default)]
struct DeviceUsage {
    clients: BTreeSet<u64>,
    memory: Option<u64>,
    engines: BTreeMap<String, Engine>,
}

/// Work of one sort of engine: done, the device's clock where it has one, and how many engines there are.
#[derive(Debug, Default)]
struct Engine {
    busy: u64,
    clock: u64,
    capacity: u64,
}

struct IntelDevice {
    device: DrmDevice,
    /// Its place on the bus, by which clients name it.
    address: String,
    last: Option<(Instant, GpuReading, DeviceUsage)>,
}

impl DeviceUsage {
    fn engine(&mut self, name: &str) -> &mut Engine {
        self.engines.entry(name.to_owned()).or_default()
    }
}

/// Answers questions about Intel's devices until nobody asks any more.
pub fn serve(settings: &DriverSettings, questions: &Questions) {
    let mut devices = Vec::new();
    let mut info = Vec::new();
    for device in DrmDevice::all_of(&settings.root, VENDOR) {
        let link = std::fs::read_link(&device.path).unwrap_or_default();
        let address = link.file_name().unwrap_or_default().to_string_lossy();
        if address != INTEGRATED {
            let name = Some(intel_name(device.text("device").trim()));
            info.push(Accelerator {
                name,
                ..Accelerator::default()
            });
            devices.push(IntelDevice {
                device,
                address: address.into(),
                last: None,
            });
        }
    }
    drm::serve(questions, "xpu", info, |run_pids| {
        let mut usage_by_address = usage(&settings.root.join("proc"), run_pids);
        let mut readings = Vec::new();
        for (index, device) in (0..).zip(&mut devices) {
            let usage = usage_by_address.remove(&device.address);
            readings.push(device.read(index, usage.unwrap_or_default(), Instant::now()));
        }
        readings
    });
}

/// What the processes use, by the device's address.
fn usage(procfs: &Path, run_pids: &[u32]) -> BTreeMap<String, DeviceUsage> {
    let mut usage = BTreeMap::new();
    for pid in run_pids {
        let process = procfs.join(pid.to_string());
        let descriptors = files::entry_names(&process.join("fd"), DESCRIPTORS_MAX);
        for name in descriptors {
            let target = std::fs::read_link(process.join("fd").join(&name));
            if target.is_ok_and(|target| target.starts_with("/dev/dri")) {
                let info = files::read_text(&process.join("fdinfo").join(name));
                add_client(&info, &mut usage);
            }
        }
    }
    usage
}

/// Adds what one file says, if it is of a client that is not known yet.
fn add_client(info: &str, usage: &mut BTreeMap<String, DeviceUsage>) -> Option<()> {
    let mut fields = BTreeMap::new();
    for line in info.lines() {
        if let Some((key, value)) = line.split_once(':') {
            fields.insert(key, value.trim());
        }
    }
    if !matches!(*fields.get("drm-driver")?, "i915" | "xe") {
        return None;
    }
    let client = fields.get("drm-client-id")?.parse().ok()?;
    let address = fields.get("drm-pdev")?.to_string();
    let device = usage.entry(address).or_default();
    if !device.clients.insert(client) {
        return None;
    }
    for (key, value) in fields {
        let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
        let number: u64 = number.parse().unwrap_or(0);
        let cycles = key.strip_prefix("drm-cycles-");
        // The device's own memory is `vram0` on xe, `local0` on i915.
        if key.starts_with("drm-resident-vram") || key.starts_with("drm-resident-local") {
            let scale = UNITS.iter().position(|known| *known == unit)?;
            let bytes = number.saturating_mul(1 << (10 * scale));
            device.memory = Some(bytes.saturating_add(device.memory.unwrap_or(0)));
        } else if let Some(name) = key.strip_prefix("drm-engine-capacity-") {
            device.engine(name).capacity = number;
        } else if let Some(name) = key.strip_prefix("drm-total-cycles-") {
            device.engine(name).clock = number;
        } else if let Some(name) = cycles.or_else(|| key.strip_prefix("drm-engine-")) {
            let busy = &mut device.engine(name).busy;
            *busy = busy.saturating_add(number);
        }
    }
    Some(())
}

impl IntelDevice {
    fn read(&mut self, index: u32, usage: DeviceUsage, now: Instant) -> GpuReading {
        // The package is the second sensor on xe, where the first, on i915, is it.
        let mut reading = self.device.reading(index, ["temp2_input", "temp1_input"]);
        let is_unused = usage.clients.is_empty();
        reading.memory_bytes = usage.memory.or(is_unused.then_some(0));
        reading.attribution = reading.memory_bytes.map(|_| Attribution::Pid);
        if let Some((time_before, reading_before, usage_before)) = &self.last {
            let seconds = now.saturating_duration_since(*time_before).as_secs_f64();
            if let (Some(energy), Some(before)) =
                (reading.energy_joules, reading_before.energy_joules)
            {
                let watts = (energy - before) / seconds;
                reading.power_watts = (watts.is_finite() && watts >= 0.0).then_some(watts);
            }
            for (name, engine) in &usage.engines {
                let Some(before) = usage_before.engines.get(name) else {
                    continue;
                };
                let passed = match engine.clock {
                    0 => seconds * 1e9,
                    clock => clock.saturating_sub(before.clock) as f64,
                };
                let done = engine.busy.saturating_sub(before.busy) as f64;
                if passed > 0.0 {
                    let load = (done / passed / engine.capacity.max(1) as f64).min(1.0);
                    reading.utilization = Some(load.max(reading.utilization.unwrap_or(0.0)));
                }
            }
        }
        self.last = Some((now, reading.clone(), usage));
        reading
    }
}

#[cfg(test)]
mod tests;
