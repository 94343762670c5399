//! A vendor's devices as the kernel's graphics drivers show them below `/sys/class/drm`.

use super::driver::{AcceleratorFacts, DriverAnswer, Health, Questions};
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::PublicStr;
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
    let facts = AcceleratorFacts {
        kind: PublicStr::constant(kind),
        count: Some(info.len() as u64),
        info,
    };
    let mut answer = DriverAnswer {
        facts: Some(facts),
        ..DriverAnswer::of(health)
    };
    while questions.answer(answer)
        && let Ok(tree) = questions.requests.recv()
    {
        answer = DriverAnswer {
            readings: Some(read(&tree)),
            ..DriverAnswer::of(health)
        };
    }
}

/// The `device` directories of a vendor's cards, in the order of their numbers.
pub fn devices(root: &Path, vendor: &str) -> Vec<PathBuf> {
    let drm = root.join("sys/class/drm");
    // Connectors of displays are called card0-DP-1.
    let numbers = files::numbers(&drm, "card", limits::PACKAGE_ENTRIES_MAX);
    let mut numbers = numbers.unwrap_or_default();
    numbers.sort_unstable();
    let mut devices = Vec::new();
    for number in numbers {
        let device = drm.join(format!("card{number}/device"));
        let found = files::text(&device.join("vendor")).unwrap_or_default();
        if found.trim() == vendor && devices.len() < limits::ACCELERATORS_MAX {
            devices.push(device);
        }
    }
    devices
}

/// Where a device's sensors are.
pub fn sensors(device: &Path) -> PathBuf {
    let hwmon = device.join("hwmon");
    let names = files::names(&hwmon, 8).unwrap_or_default();
    hwmon.join(names.first().cloned().unwrap_or_default())
}
