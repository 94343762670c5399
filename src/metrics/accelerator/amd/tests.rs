//! AMD's devices as small copies of the kernel's files.

use super::super::driver::{AcceleratorFacts, DriverSettings, Health};
use super::super::gpus::Gpus;
use super::super::tests::Machine;
use super::*;
use axolotl_run_core::observation::Attribution;
use std::fs;

fn amd() -> Machine {
    let machine = Machine::new();
    machine.put("dev/kfd", "");
    for (card, minor, id) in [(1, 128, 4411), (2, 129, 4412)] {
        let device = format!("sys/class/drm/card{card}/device");
        machine
            .put(&format!("{device}/vendor"), "0x1002\n")
            .put(&format!("{device}/mem_info_vram_total"), "68702699520\n")
            .put(&format!("{device}/mem_info_vram_used"), "1000\n")
            .put(&format!("{device}/gpu_busy_percent"), "97\n")
            .put(&format!("{device}/product_name"), "AMD Instinct MI250X\n")
            .put(&format!("{device}/drm/renderD{minor}/dev"), "")
            .put(
                &format!("{device}/hwmon/hwmon5/power1_average"),
                "312000000\n",
            )
            .put(&format!("{device}/hwmon/hwmon5/temp1_input"), "61000\n")
            .put(
                &format!("sys/class/kfd/kfd/topology/nodes/{card}/properties"),
                &format!("drm_render_minor {minor}\n"),
            )
            .put(
                &format!("sys/class/kfd/kfd/topology/nodes/{card}/gpu_id"),
                &format!("{id}\n"),
            );
    }
    // A display's connector, and the processor's graphics.
    machine
        .put("sys/class/drm/card0-DP-1/status", "")
        .put("sys/class/drm/card0/device/vendor", "0x1002\n");
    machine.put(
        "sys/class/drm/card0/device/mem_info_vram_total",
        "536870912\n",
    );
    machine
}

#[test]
fn amd_devices_are_read_and_memory_goes_by_pid() {
    let machine = amd();
    machine
        .put("sys/class/kfd/kfd/proc/70/vram_4411", "600\n")
        .put("sys/class/kfd/kfd/proc/70/vram_4412", "0\n")
        .put("sys/class/kfd/kfd/proc/99/vram_4411", "300\n");
    fs::create_dir_all(machine.root().join("proc/self/ns")).unwrap();
    std::os::unix::fs::symlink("pid:[4026531836]", machine.root().join("proc/self/ns/pid"))
        .unwrap();
    let (facts, readings) = machine.reading(&[70, 71]);
    assert_eq!((facts.kind.as_str(), facts.count), ("hip", Some(2)));
    let name = facts
        .info
        .first()
        .and_then(|device| device.name.clone())
        .unwrap();
    assert_eq!(name.as_str(), "AMD Instinct MI250X");
    let expected = GpuReading {
        index: 0,
        memory_bytes: Some(600),
        attribution: Some(Attribution::Pid),
        utilization: Some(0.97),
        power_watts: Some(312.0),
        temperature_celsius: Some(61),
        ..GpuReading::default()
    };
    assert_eq!(readings.first(), Some(&expected));
    assert_eq!(
        readings
            .get(1)
            .map(|reading| (reading.index, reading.memory_bytes)),
        Some((1, Some(0)))
    );
}

#[test]
fn in_a_container_amd_memory_is_the_growth_since_the_start() {
    let (_, readings) = amd().reading(&[70]);
    let memory: Vec<_> = readings
        .iter()
        .map(|reading| (reading.memory_bytes, reading.attribution))
        .collect();
    assert_eq!(memory, [(Some(0), Some(Attribution::Delta)); 2]);
}

#[test]
fn a_machine_without_accelerators_says_so_at_once_and_starts_nothing() {
    let machine = Machine::new();
    let mut gpus = Gpus::start_with(DriverSettings {
        root: machine.root().to_owned(),
        nvml_library: Some("".into()),
        ..DriverSettings::default()
    });
    assert_eq!(gpus.health(), Health::Absent);
    assert_eq!(gpus.facts(), Some(AcceleratorFacts::none()));
    gpus.request_sample(&[1]);
    assert_eq!(gpus.try_reading(), None);
}
