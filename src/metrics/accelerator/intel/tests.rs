//! Intel's devices as small copies of the kernel's files.

use super::super::tests::Machine;
use super::*;
use axolotl_run_core::public::PublicStr;
use proptest::prelude::*;
use std::time::Duration;

/// A processor's graphics and two devices beside it.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.put("sys/module/xe/version", "");
    let devices = [
        (0, "0000:00:02.0", "0x46a6"),
        (1, "0000:4d:00.0", "0x0bd5"),
        (2, "0000:4e:00.0", "0xffff"),
    ];
    for (card, address, id) in devices {
        let pci = format!("sys/devices/pci/{address}");
        machine
            .put(&format!("{pci}/vendor"), "0x8086\n")
            .put(&format!("{pci}/device"), &format!("{id}\n"))
            .put(&format!("{pci}/hwmon/hwmon3/energy1_input"), "5000000\n")
            .put(&format!("{pci}/hwmon/hwmon3/temp2_input"), "61000\n")
            .link(
                &format!("sys/class/drm/card{card}/device"),
                &format!("../../../devices/pci/{address}"),
            );
    }
    machine
}

/// A descriptor of a process, open on a device's node.
fn client(machine: &Machine, (pid, descriptor): (u32, u32), id: u64, device: &str, more: &str) {
    let text =
        format!("pos:\t0\ndrm-driver:\txe\ndrm-client-id:\t{id}\ndrm-pdev:\t{device}\n{more}");
    machine.put(&format!("proc/{pid}/fdinfo/{descriptor}"), &text);
    let link = format!("proc/{pid}/fd/{descriptor}");
    if !machine.root().join(&link).is_symlink() {
        machine.link(&link, "/dev/dri/renderD128");
    }
}

#[test]
fn memory_is_that_of_the_runs_own_clients_and_each_counts_once() {
    let machine = machine();
    let vram = |mib: u32| format!("drm-total-vram0:\t999 MiB\ndrm-resident-vram0:\t{mib} MiB\n");
    client(&machine, (70, 5), 1, "0000:4d:00.0", &vram(100));
    client(&machine, (70, 6), 2, "0000:4d:00.0", &vram(10));
    // Inherited, somebody else's, and the processor's graphics.
    client(&machine, (71, 5), 1, "0000:4d:00.0", &vram(100));
    client(&machine, (99, 5), 3, "0000:4d:00.0", &vram(50));
    client(&machine, (70, 7), 4, "0000:00:02.0", &vram(20));
    machine
        .link("proc/70/fd/0", "/dev/null")
        .put("proc/70/fdinfo/0", "pos:\t0\n");
    let (facts, readings) = machine.reading(&[70, 71]);
    assert_eq!((facts.kind.as_str(), facts.count), ("xpu", Some(2)));
    let names: Vec<_> = facts
        .info
        .iter()
        .filter_map(|device| device.name.as_ref())
        .map(PublicStr::as_str)
        .collect();
    assert_eq!(names, ["Intel Data Center GPU Max 1550", "Intel"]);
    let memory: Vec<_> = readings
        .iter()
        .map(|reading| (reading.index, reading.memory_bytes))
        .collect();
    assert_eq!(memory, [(0, Some(110 << 20)), (1, Some(0))]);
    let first = readings.first().unwrap();
    assert_eq!(
        (first.attribution, first.temperature_celsius),
        (Some(Attribution::Pid), Some(61))
    );
    assert_eq!(
        (first.energy_joules, first.utilization, first.power_watts),
        (Some(5.0), None, None)
    );
}

#[test]
fn a_kernel_that_counts_no_memory_leaves_it_unknown() {
    let machine = machine();
    client(&machine, (70, 5), 1, "0000:4d:00.0", "");
    let (_, readings) = machine.reading(&[70]);
    assert_eq!(
        readings.first().and_then(|reading| reading.memory_bytes),
        None
    );
}

#[test]
fn load_is_what_was_done_between_two_looks() {
    let machine = machine();
    let cycles = |busy: u64, clock: u64| {
        format!(
            "drm-cycles-ccs:\t{busy}\ndrm-total-cycles-ccs:\t{clock}\ndrm-engine-capacity-ccs:\t2\n"
        )
    };
    let both = |first: u64, second: u64, clock: u64| {
        client(&machine, (70, 5), 1, "0000:4d:00.0", &cycles(first, clock));
        client(&machine, (71, 5), 2, "0000:4d:00.0", &cycles(second, clock));
    };
    let mut gpus = machine.gpus();
    let mut load = || {
        Machine::next(&mut gpus, &[70, 71])
            .first()
            .and_then(|reading| reading.utilization)
    };
    both(1000, 5000, 10_000);
    assert_eq!(load(), None, "one look is none");
    both(1500, 5500, 11_000);
    assert_eq!(load(), Some(0.5), "two engines, each half busy");
    both(1500, 5500, 12_000);
    assert_eq!(load(), Some(0.0));
    // A counter that lags behind itself, and one that is ahead of the clock.
    both(1400, 9500, 13_000);
    assert_eq!(load(), Some(1.0));
}

#[test]
fn nanoseconds_and_joules_are_set_against_our_own_clock() {
    let machine = machine();
    let mut device = IntelDevice {
        device: DrmDevice::at(machine.root().join("sys/class/drm/card1/device")),
        address: "0000:4d:00.0".into(),
        last: None,
    };
    let used = |busy: u64| {
        let mut usage = BTreeMap::new();
        let text = format!(
            "drm-driver:\ti915\ndrm-pdev:\ta\ndrm-client-id:\t1\ndrm-engine-render:\t{busy} ns\n"
        );
        add_client(&text, &mut usage).unwrap();
        usage.remove("a").unwrap()
    };
    let begin = Instant::now();
    device.read(0, used(1_000_000_000), begin);
    machine.put(
        "sys/devices/pci/0000:4d:00.0/hwmon/hwmon3/energy1_input",
        "805000000\n",
    );
    let reading = device.read(0, used(2_000_000_000), begin + Duration::from_secs(4));
    assert_eq!(
        (reading.utilization, reading.power_watts),
        (Some(0.25), Some(200.0))
    );
    let again = device.read(0, DeviceUsage::default(), begin + Duration::from_secs(5));
    assert_eq!(
        (again.utilization, again.power_watts, again.memory_bytes),
        (None, Some(0.0), Some(0))
    );
}

#[test]
fn both_drivers_are_understood_and_nothing_else() {
    let xe = "pos:\t0\nflags:\t0100002\ndrm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:4d:00.0\n\
              drm-total-gtt:\t192 KiB\ndrm-total-vram0:\t23992 KiB\ndrm-shared-vram0:\t16 MiB\n\
              drm-resident-vram0:\t23 MiB\ndrm-resident-vram1:\t1 MiB\ndrm-cycles-ccs:\t500\n\
              drm-total-cycles-ccs:\t7655183225\ndrm-engine-capacity-ccs:\t4\n";
    let i915 = "drm-driver:\ti915\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t7\ndrm-resident-system0:\t0\n\
                drm-resident-local0:\t2 MiB\ndrm-engine-render:\t25662044495 ns\ndrm-engine-compute:\t0 ns\n";
    let mut usage = BTreeMap::new();
    add_client(xe, &mut usage).unwrap();
    assert_eq!(add_client(xe, &mut usage), None, "the same client");
    add_client(i915, &mut usage).unwrap();
    let (xe, i915) = (&usage["0000:4d:00.0"], &usage["0000:03:00.0"]);
    let ccs = &xe.engines["ccs"];
    assert_eq!((ccs.busy, ccs.clock, ccs.capacity), (500, 7_655_183_225, 4));
    assert_eq!((xe.memory, i915.memory), (Some(24 << 20), Some(2 << 20)));
    assert_eq!(
        (i915.engines.len(), i915.engines["render"].busy),
        (2, 25_662_044_495)
    );
    for text in [
        "",
        "pos:\t0\nflags:\t02\n",
        "drm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t7\n",
        "drm-driver:\txe\ndrm-client-id:\t7\n",
        "drm-driver:\txe\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\tx\n",
    ] {
        assert_eq!(add_client(text, &mut usage), None, "{text:?}");
    }
}

#[test]
fn what_is_in_the_processor_does_not_count() {
    let machine = Machine::new();
    machine
        .put("sys/module/i915/version", "")
        .put("sys/devices/pci/0000:00:02.0/vendor", "0x8086\n");
    machine.link(
        "sys/class/drm/card0/device",
        "../../../devices/pci/0000:00:02.0",
    );
    let (facts, readings) = machine.reading(&[70]);
    assert_eq!(
        (facts.kind.as_str(), facts.count, readings),
        ("none", Some(0), Vec::new())
    );
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(lines in "(drm-(driver|pdev|client-id|engine-|cycles-|resident-vram)[a-z0-9]{0,3}: (xe|[0-9]{1,22})( [KM]iB)?\n){0,90}") {
        add_client(&lines, &mut BTreeMap::new());
    }
}
