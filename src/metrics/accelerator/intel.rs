//! Intel's devices: what the run's own processes use of them, and their sensors.
//!
//! The kernel shows no device's memory in use as a whole, but what each process holds of it (`drm-usage-stats`, in
//! `/proc/PID/fdinfo`): so memory and load are the run's alone. Duplicates of a descriptor, and those that children
//! inherit, are one client. i915 counts nanoseconds of work, xe cycles beside a clock in cycles.

use super::driver::{Places, Questions};
use super::drm;
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::observation::{Attribution, GpuReading};
use axolotl_run_core::public::hardware::intel_name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Descriptors of a process that are looked through for those of a device; a training's sockets and shards are some 100.
const DESCRIPTORS_MAX: usize = 4096;

const VENDOR: &str = "0x8086";
/// Where the graphics of Intel's processors always are; they are no accelerators.
const INTEGRATED: &str = "0000:00:02.0";

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

#[derive(Debug)]
struct IntelDevice {
    path: PathBuf,
    /// Its place on the bus, by which clients name it.
    address: String,
    last: Option<(Instant, Option<f64>, DeviceUsage)>,
}

/// Answers questions about Intel's devices until nobody asks any more.
pub fn serve(places: &Places, questions: &Questions) {
    let (mut devices, mut info) = (Vec::new(), Vec::new());
    for path in drm::devices(&places.root, VENDOR) {
        let link = std::fs::read_link(&path).unwrap_or_default();
        let address = link.file_name().unwrap_or_default().to_string_lossy();
        if address != INTEGRATED {
            let id = files::text(&path.join("device")).unwrap_or_default();
            let name = Some(intel_name(id.trim()));
            info.push(Accelerator { name, memory: None });
            devices.push(IntelDevice {
                path,
                address: address.into(),
                last: None,
            });
        }
    }
    drm::serve(questions, "xpu", info, |tree| {
        let mut used = usage(&places.root.join("proc"), tree);
        let mut readings = Vec::new();
        for (index, device) in (0..).zip(&mut devices) {
            let used = used.remove(&device.address).unwrap_or_default();
            readings.push(device.read(index, used, Instant::now()));
        }
        readings
    });
}

/// What the processes use, by the device's address.
fn usage(processes: &Path, tree: &[u32]) -> BTreeMap<String, DeviceUsage> {
    let mut usage = BTreeMap::new();
    for pid in tree {
        let process = processes.join(pid.to_string());
        let descriptors = files::names(&process.join("fd"), DESCRIPTORS_MAX);
        for name in descriptors.unwrap_or_default() {
            let target = std::fs::read_link(process.join("fd").join(&name));
            if target.is_ok_and(|target| target.starts_with("/dev/dri")) {
                let text = files::text(&process.join("fdinfo").join(name));
                add_client(&text.unwrap_or_default(), &mut usage);
            }
        }
    }
    usage
}

/// Adds what one file says, if it is of a client that is not known yet.
fn add_client(text: &str, usage: &mut BTreeMap<String, DeviceUsage>) -> Option<()> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let said: BTreeMap<&str, &str> = lines.map(|(key, value)| (key, value.trim())).collect();
    if !matches!(*said.get("drm-driver")?, "i915" | "xe") {
        return None;
    }
    let client = said.get("drm-client-id")?.parse().ok()?;
    let used = usage.entry((*said.get("drm-pdev")?).into()).or_default();
    if !used.clients.insert(client) {
        return None;
    }
    for (key, value) in said {
        let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
        let number: u64 = number.parse().unwrap_or(0);
        let busy = key.strip_prefix("drm-cycles-");
        // The device's own memory is `vram0` on xe, `local0` on i915.
        if key.starts_with("drm-resident-vram") || key.starts_with("drm-resident-local") {
            let scale = ["", "KiB", "MiB", "GiB"]
                .iter()
                .position(|it| *it == unit)?;
            let bytes = number.saturating_mul(1 << (10 * scale));
            used.memory = Some(bytes.saturating_add(used.memory.unwrap_or(0)));
        } else if let Some(name) = key.strip_prefix("drm-engine-capacity-") {
            used.engines.entry(name.into()).or_default().capacity = number;
        } else if let Some(name) = key.strip_prefix("drm-total-cycles-") {
            used.engines.entry(name.into()).or_default().clock = number;
        } else if let Some(name) = busy.or_else(|| key.strip_prefix("drm-engine-")) {
            let engine = used.engines.entry(name.into()).or_default();
            engine.busy = engine.busy.saturating_add(number);
        }
    }
    Some(())
}

impl IntelDevice {
    fn read(&mut self, index: u32, used: DeviceUsage, now: Instant) -> GpuReading {
        let sensors = drm::sensors(&self.path);
        // The package is the second on xe, where the first, on i915, is it.
        let sensor = |one: &str, two| {
            files::number(&sensors.join(one)).or_else(|| files::number(&sensors.join(two)))
        };
        let energy = sensor("energy1_input", "energy2_input").map(|micro| micro as f64 / 1e6);
        let mut reading = GpuReading {
            index,
            memory_bytes: used.memory.or(used.clients.is_empty().then_some(0)),
            temperature_celsius: sensor("temp2_input", "temp1_input").map(|milli| milli / 1000),
            energy_joules: energy,
            ..GpuReading::default()
        };
        reading.attribution = reading.memory_bytes.map(|_| Attribution::Pid);
        if let Some((at, joules, before)) = &self.last {
            let seconds = now.saturating_duration_since(*at).as_secs_f64();
            if let (Some(energy), Some(before)) = (energy, joules) {
                let watts = (energy - before) / seconds;
                reading.power_watts = (watts.is_finite() && watts >= 0.0).then_some(watts);
            }
            for (name, engine) in &used.engines {
                let Some(before) = before.engines.get(name) else {
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
        self.last = Some((now, energy, used));
        reading
    }
}

#[cfg(test)]
mod tests;
