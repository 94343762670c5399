//! Intel's devices: what the run's own processes use of them, and their sensors.
//!
//! The kernel shows no device's memory in use as a whole, but what each process holds of it ([`fdinfo`](super::fdinfo)):
//! so memory and load are the run's alone. Of the sensors there are a counter of energy, from which the power follows,
//! and on newer kernels a temperature. A processor's own graphics are none of these devices.

use super::card;
use super::fdinfo::{Client, Clients, Work};
use super::{AcceleratorFacts, Answer, Health, Places};
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::observation::{Attribution, GpuReading};
use axolotl_run_core::public::PublicStr;
use axolotl_run_core::public::hardware::intel_name;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Instant;

const VENDOR: &str = "0x8086";
/// Where the graphics of Intel's processors sit, always.
const INTEGRATED: &str = "0000:00:02.0";

/// Answers requests about Intel's devices until nobody makes them any more.
pub fn serve(places: &Places, requests: &Receiver<Vec<u32>>, send: &dyn Fn(Answer) -> bool) {
    let mut devices: Vec<_> = card::devices(&places.root, VENDOR)
        .into_iter()
        .filter_map(Device::at)
        .collect();
    let facts = AcceleratorFacts {
        kind: PublicStr::constant(if devices.is_empty() { "none" } else { "xpu" }),
        count: Some(devices.len() as u64),
        info: devices.iter().map(Device::facts).collect(),
    };
    let health = if devices.is_empty() {
        Health::Absent
    } else {
        Health::Working
    };
    let mut clients = Clients::new(&places.root);
    let mut open = send(Answer {
        facts: Some(facts),
        ..Answer::of(health)
    });
    while open && let Ok(tree) = requests.recv() {
        let found = if devices.is_empty() {
            Vec::new()
        } else {
            clients.look(&tree)
        };
        let now = Instant::now();
        let readings = (0..)
            .zip(&mut devices)
            .map(|(index, device)| device.read(index, &found, now));
        open = send(Answer {
            readings: Some(readings.collect()),
            ..Answer::of(health)
        });
    }
}

/// One device, and what it said last.
#[derive(Debug)]
struct Device {
    path: PathBuf,
    /// Its place on the bus, by which clients name it.
    address: String,
    sensors: Option<PathBuf>,
    last: Option<Last>,
}

/// The counters of the last look.
#[derive(Debug)]
struct Last {
    at: Instant,
    energy_joules: Option<f64>,
    work: BTreeMap<(u64, String), Work>,
}

impl Device {
    /// The device behind this path of the kernel's, unless it is a part of the processor.
    fn at(path: PathBuf) -> Option<Self> {
        let link = std::fs::read_link(&path).ok()?;
        let address = link
            .file_name()
            .filter(|name| *name != INTEGRATED)?
            .to_str()?
            .to_owned();
        Some(Self {
            sensors: card::sensors(&path),
            path,
            address,
            last: None,
        })
    }

    fn facts(&self) -> Accelerator {
        let id = files::text(&self.path.join("device")).unwrap_or_default();
        Accelerator {
            name: Some(intel_name(id.trim())),
            memory: None,
        }
    }

    fn sensor(&self, names: &[&str]) -> Option<u64> {
        let sensors = self.sensors.as_ref()?;
        names
            .iter()
            .find_map(|name| files::number(&sensors.join(name)))
    }

    fn read(&mut self, index: u32, clients: &[Client], now: Instant) -> GpuReading {
        let ours: Vec<_> = clients
            .iter()
            .filter(|client| client.device == self.address)
            .collect();
        let unknown = !ours.is_empty() && ours.iter().all(|client| client.memory.is_none());
        let memory = ours
            .iter()
            .filter_map(|client| client.memory)
            .fold(0, u64::saturating_add);
        let memory = (!unknown).then_some(memory);
        let energy_joules = self
            .sensor(&["energy1_input", "energy2_input"])
            .map(|micro| micro as f64 / 1e6);
        let seconds = self
            .last
            .as_ref()
            .map(|last| now.saturating_duration_since(last.at).as_secs_f64());
        let seconds = seconds.filter(|seconds| *seconds > 0.0);
        let before = self.last.as_ref().and_then(|last| last.energy_joules);
        let drawn = energy_joules
            .zip(before)
            .map(|(now, before)| now - before)
            .filter(|joules| *joules >= 0.0);
        let work = self.work(&ours);
        let reading = GpuReading {
            index,
            memory_bytes: memory,
            attribution: memory.map(|_| Attribution::Pid),
            utilization: seconds.and_then(|seconds| self.load(&work, seconds)),
            power_watts: drawn.zip(seconds).map(|(joules, seconds)| joules / seconds),
            // The package is the second on xe, where the first, on i915, is it.
            temperature_celsius: self
                .sensor(&["temp2_input", "temp1_input"])
                .map(|milli| milli / 1000),
            energy_joules,
            ..GpuReading::default()
        };
        self.last = Some(Last {
            at: now,
            energy_joules,
            work,
        });
        reading
    }

    /// The work of the clients now. A counter may be late for a moment: it stays what it was.
    fn work(&self, ours: &[&Client]) -> BTreeMap<(u64, String), Work> {
        let counters = ours.iter().flat_map(|client| {
            client
                .engines
                .iter()
                .map(|(engine, work)| ((client.id, engine.clone()), *work))
        });
        let before = |key: &(u64, String)| self.last.as_ref()?.work.get(key).map(|work| work.busy);
        counters
            .map(|(key, work)| {
                let busy = work.busy.max(before(&key).unwrap_or(0));
                (key, Work { busy, ..work })
            })
            .collect()
    }

    /// How busy the run kept the busiest sort of engine, 0 to 1, since the last look; None where no client was there
    /// then.
    fn load(&self, now: &BTreeMap<(u64, String), Work>, seconds: f64) -> Option<f64> {
        let last = self.last.as_ref()?;
        let mut loads: BTreeMap<&str, f64> = BTreeMap::new();
        for ((client, engine), work) in now {
            let Some(before) = last.work.get(&(*client, engine.clone())) else {
                continue;
            };
            let passed = match (work.clock, before.clock) {
                (Some(now), Some(before)) => now.saturating_sub(before) as f64,
                _ => seconds * 1e9,
            };
            let done = work.busy.saturating_sub(before.busy) as f64;
            let share = if passed > 0.0 {
                done / passed / work.capacity.unwrap_or(1).max(1) as f64
            } else {
                0.0
            };
            *loads.entry(engine).or_default() += share;
        }
        loads
            .into_values()
            .reduce(f64::max)
            .map(|load| load.min(1.0))
    }
}

#[cfg(test)]
mod tests;
