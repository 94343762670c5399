//! A vendor's devices as the kernel's graphics drivers show them below `/sys/class/drm`.

use super::driver::{AcceleratorFacts, DriverAnswer, Health, Questions};
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use std::path::{Path, PathBuf};

/// Says which devices there are, then reads them whenever it is asked.
pub fn serve(
    questions: &Questions,
    kind: &'static str,
    info: Vec<Accelerator>,
    mut read: impl FnMut(&[u32]) -> Vec<GpuReading>,
) {
    let (kind, health) = if info.is_empty() {
        ("none", Health::Absent)
    } else {
        (kind, Health::Working)
    };
    let mut answer = DriverAnswer {
        facts: Some(AcceleratorFacts::new(kind, info)),
        ..DriverAnswer::of(health)
    };
    while questions.answer(answer)
        && let Ok(run_pids) = questions.requests.recv()
    {
        answer = DriverAnswer {
            readings: Some(read(&run_pids)),
            ..DriverAnswer::of(health)
        };
    }
}

/// One of a vendor's devices.
#[derive(Debug)]
pub struct DrmDevice {
    /// Its directory, as the card's link names it.
    pub path: PathBuf,
    sensors: PathBuf,
}

impl DrmDevice {
    /// A vendor's devices, in the order of the cards' numbers.
    pub fn all_of(root: &Path, vendor: &str) -> Vec<Self> {
        let cards = root.join("sys/class/drm");
        // Connectors of displays are called card0-DP-1.
        let mut numbers = files::numbered_entries(&cards, "card", limits::PACKAGE_ENTRIES_MAX);
        numbers.sort_unstable();
        let mut devices = Vec::new();
        for number in numbers {
            let device = Self::at(cards.join(format!("card{number}/device")));
            if device.text("vendor").trim() == vendor && devices.len() < limits::ACCELERATORS_MAX {
                devices.push(device);
            }
        }
        devices
    }

    /// The device of this directory.
    pub fn at(path: PathBuf) -> Self {
        let monitors = path.join("hwmon");
        let names = files::entry_names(&monitors, 8);
        let sensors = monitors.join(names.first().cloned().unwrap_or_default());
        Self { path, sensors }
    }

    pub fn text(&self, file: &str) -> String {
        files::read_text(&self.path.join(file))
    }

    pub fn number(&self, file: &str) -> Option<u64> {
        files::read_number(&self.path.join(file))
    }

    /// What the first of these sensors says that there is.
    pub fn sensor(&self, names: [&str; 2]) -> Option<u64> {
        let [first, second] = names.map(|name| self.sensors.join(name));
        files::read_number(&first).or_else(|| files::read_number(&second))
    }

    /// A reading of what all of them have in common.
    pub fn reading(&self, index: u32, temperatures: [&str; 2]) -> GpuReading {
        let degrees = self.sensor(temperatures);
        let energy = self.sensor(["energy1_input", "energy2_input"]);
        GpuReading {
            index,
            temperature_celsius: degrees.map(|milli| milli / 1000),
            energy_joules: energy.map(|micro| micro as f64 / 1e6),
            ..GpuReading::default()
        }
    }
}
