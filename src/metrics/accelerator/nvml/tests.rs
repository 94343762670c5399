//! NVIDIA's accelerators, against a stand-in for the driver's library that does what the scenario says.

use crate::metrics::accelerator::AcceleratorFacts;
use crate::metrics::accelerator::DriverSettings;
use crate::metrics::accelerator::Gpus;
use crate::metrics::accelerator::Health;
use axolotl_run_core::observation::{Attribution, GpuReading};
use axolotl_run_core::public::PublicStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::nvml::{self, Driver, Scenario};

const PATIENCE: Duration = Duration::from_secs(20);

const TWO: &str = "devices=2
0.capability=90
0.name=NVIDIA H100 80GB HBM3\n0.total=85899345920\n0.used=1000\n0.procs=\n0.util=40\n0.power=350500\n0.energy=9000000
0.temp=63\n0.throttle=4\n0.mig=0
1.name=NVIDIA acme internal board\n1.total=85899345920\n1.used=500\n1.procs=\n1.util=0\n1.power=70000\n1.temp=30\n1.throttle=1\n";

/// The world of one test. The stand-in reads one file for the whole process, so the tests take turns.
struct World {
    root: tempfile::TempDir,
    scenario: &'static Scenario,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    fn new(lines: &str) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let scenario = Scenario::of_this_process();
        scenario.set(lines);
        Self {
            root: tempfile::tempdir().unwrap(),
            scenario,
            _turn: turn,
        }
    }

    /// As outside of a container.
    fn with_comparable_pids(self) -> Self {
        std::fs::create_dir_all(self.root.path().join("proc/self/ns")).unwrap();
        std::os::unix::fs::symlink(
            "pid:[4026531836]",
            self.root.path().join("proc/self/ns/pid"),
        )
        .unwrap();
        self
    }

    /// As a driver of this sort has it, and patiently.
    fn settings(&self, driver: Driver) -> DriverSettings {
        DriverSettings {
            root: self.root.path().to_owned(),
            nvml_library: Some(nvml::library(driver).into()),
            answer_timeout: PATIENCE,
            retry_period: PATIENCE,
            ..DriverSettings::default()
        }
    }

    fn gpus(&self, driver: Driver) -> Gpus {
        Gpus::start_with(self.settings(driver))
    }

    fn gpus_with_timeout(&self, driver: Driver, answer_timeout: Duration) -> Gpus {
        Gpus::start_with(DriverSettings {
            answer_timeout,
            ..self.settings(driver)
        })
    }

    /// For a command with this value of CUDA_VISIBLE_DEVICES.
    fn gpus_for(&self, visible: Option<&str>, by_bus: bool) -> Gpus {
        Gpus::start_with(DriverSettings {
            visible_devices: visible.map(str::to_owned),
            by_bus,
            ..self.settings(Driver::Current)
        })
    }
}

fn until<T>(mut wish: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(wished) = wish() {
            return wished;
        }
        assert!(Instant::now() < deadline, "never came");
        std::thread::yield_now();
    }
}

fn facts(gpus: &mut Gpus) -> AcceleratorFacts {
    until(|| gpus.facts())
}

fn reading(gpus: &mut Gpus, pids: &[u32]) -> Vec<GpuReading> {
    facts(gpus);
    gpus.request_sample(pids);
    until(|| gpus.try_reading())
}

fn memory(readings: &[GpuReading]) -> Vec<(Option<u64>, Option<Attribution>)> {
    readings
        .iter()
        .map(|reading| (reading.memory_bytes, reading.attribution))
        .collect()
}

#[test]
fn two_devices_are_named_and_read() {
    let world = World::new(TWO).with_comparable_pids();
    let mut gpus = world.gpus(Driver::Current);
    let facts = facts(&mut gpus);
    assert_eq!((facts.kind.as_str(), facts.count), ("cuda", Some(2)));
    let names: Vec<_> = facts
        .info
        .iter()
        .map(|device| device.name.clone().unwrap().to_string())
        .collect();
    assert_eq!(
        names,
        ["NVIDIA H100 80GB HBM3", "NVIDIA"],
        "a name that is no product's is not repeated"
    );
    assert_eq!(facts.info[0].memory, Some(85_899_345_920));
    let capabilities = facts
        .info
        .iter()
        .map(|device| device.compute_capability.as_ref());
    let capabilities: Vec<_> = capabilities
        .map(|known| known.map(|known| known.as_str()))
        .collect();
    assert_eq!(capabilities, [Some("9.0"), None]);
    let readings = reading(&mut gpus, &[70]);
    assert_eq!(gpus.health(), Health::Working);
    let expected = GpuReading {
        index: 0,
        memory_bytes: Some(0),
        attribution: Some(Attribution::Pid),
        utilization: Some(0.4),
        power_watts: Some(350.5),
        temperature_celsius: Some(63),
        throttled: Some(true),
        energy_joules: Some(9000.0),
        throttle_reasons: vec![PublicStr::constant("power_limit")],
        ecc_errors: None,
        mig: false,
    };
    assert_eq!(readings[0], expected);
    assert_eq!(
        (readings[1].throttled, readings[1].energy_joules),
        (Some(false), None),
        "idle is no throttling"
    );
}

#[test]
fn memory_goes_by_pid_or_by_growth() {
    let world = World::new(TWO);
    let mut gpus = world.gpus(Driver::Current);
    assert_eq!(
        memory(&reading(&mut gpus, &[70])),
        [(Some(0), Some(Attribution::Delta)); 2]
    );
    // Host pids, as some drivers list them in a container.
    world.scenario.set(
        &TWO.replace("0.used=1000", "0.used=9000")
            .replace("0.procs=", "0.procs=31337:8000"),
    );
    assert_eq!(
        memory(&reading(&mut gpus, &[70]))[0],
        (Some(8000), Some(Attribution::Delta))
    );
    // Our own pids, without sizes.
    world.scenario.set(
        &TWO.replace("0.used=1000", "0.used=9000")
            .replace("0.procs=", "0.procs=70:-"),
    );
    assert_eq!(
        memory(&reading(&mut gpus, &[70]))[0],
        (Some(8000), Some(Attribution::Delta))
    );
    // Our own pids, with sizes; somebody else is there too.
    world.scenario.set(
        &TWO.replace("0.used=1000", "0.used=9000")
            .replace("0.procs=", "0.procs=70:5000,71:600,99:3000"),
    );
    let both = memory(&reading(&mut gpus, &[70, 71]));
    assert_eq!(
        both,
        [
            (Some(5600), Some(Attribution::Pid)),
            (Some(0), Some(Attribution::Pid))
        ]
    );
}

#[test]
fn utilization_is_the_mean_of_what_the_driver_sampled_since() {
    let world = World::new(&format!("{TWO}0.samples=100:90,200:80\n"));
    let mut gpus = world.gpus(Driver::Current);
    assert_eq!(
        reading(&mut gpus, &[])[0].utilization,
        Some(0.4),
        "nothing sampled since: the driver's own figure"
    );
    world
        .scenario
        .set(&format!("{TWO}0.samples=100:90,200:80,300:10,400:30\n"));
    assert_eq!(reading(&mut gpus, &[])[0].utilization, Some(0.2));
    world.scenario.set(&TWO.replace("0.mig=0", "0.mig=1"));
    let mut gpus = world.gpus(Driver::Current);
    assert_eq!(
        reading(&mut gpus, &[])[0].utilization,
        None,
        "a slice's utilization is unknown, not 0"
    );
}

#[test]
fn older_drivers_are_asked_in_their_own_words() {
    let world = World::new(&TWO.replace("0.procs=", "0.procs=70:600,71:-")).with_comparable_pids();
    let mut gpus = world.gpus(Driver::Old);
    assert_eq!(facts(&mut gpus).info[0].memory, Some(85_899_345_920));
    let readings = reading(&mut gpus, &[70]);
    assert_eq!(gpus.health(), Health::Working);
    assert_eq!(memory(&readings)[0], (Some(600), Some(Attribution::Pid)));
    assert_eq!(
        (readings[0].utilization, readings[0].power_watts),
        (Some(0.4), Some(350.5))
    );
}

#[test]
fn the_run_s_devices_are_those_that_cuda_shows_it_and_those_that_it_uses() {
    let four = "devices=4\n0.name=Tesla T4\n1.name=Tesla T4\n2.name=Tesla T4\n3.name=Tesla T4\n0.used=5\n1.used=5\n2.used=5\n3.used=5\n";
    let world = World::new(four);
    for (visible, count, indices) in [
        (None, 4, vec![0, 1, 2, 3]),
        (Some("2,0"), 2, vec![0, 2]),
        (Some("1,-1,2"), 1, vec![1]),
        (Some(""), 0, vec![]),
        (Some("NoDevFiles"), 0, vec![]),
        (Some("GPU-stub-3"), 1, vec![3]),
    ] {
        let mut gpus = world.gpus_for(visible, false);
        let facts = facts(&mut gpus);
        assert_eq!(
            (facts.kind.as_str(), facts.count, facts.info.len()),
            ("cuda", Some(count), indices.len()),
            "{visible:?}"
        );
        let read: Vec<u32> = reading(&mut gpus, &[70])
            .iter()
            .map(|reading| reading.index)
            .collect();
        assert_eq!(read, indices, "{visible:?}");
    }
    // What a process of the run uses is the run's, whatever the variable says.
    world.scenario.set(&format!("{four}3.procs=70:5\n"));
    let read: Vec<u32> = reading(&mut world.gpus_for(Some("0"), false), &[70])
        .iter()
        .map(|reading| reading.index)
        .collect();
    assert_eq!(read, [0, 3]);
    // Of unlike devices an index does not say which.
    world
        .scenario
        .set(&four.replace("0.name=Tesla T4", "0.name=NVIDIA A100"));
    let mut gpus = world.gpus_for(Some("0,1"), false);
    assert_eq!(
        (facts(&mut gpus).count, facts(&mut gpus).info.len()),
        (Some(2), 0)
    );
    assert_eq!(reading(&mut gpus, &[70]).len(), 4);
    assert_eq!(
        reading(&mut world.gpus_for(Some("0,1"), true), &[70]).len(),
        2
    );
}

#[test]
fn a_device_that_is_shared_out_shows_its_instances() {
    let shared = "devices=1\n0.name=NVIDIA A100-SXM4-40GB\n0.total=42000000000\n0.used=9000\n0.util=50\n0.mig=1\n0.instances=2\n\
        0.mig.0.name=NVIDIA A100-SXM4-40GB MIG 3g.20gb\n0.mig.0.total=21000000000\n0.mig.0.uuid=MIG-aaaa\n0.mig.0.procs=70:700\n\
        0.mig.1.name=NVIDIA A100-SXM4-40GB MIG 1g.5gb\n0.mig.1.total=5000000000\n0.mig.1.uuid=MIG-bbbb\n0.mig.1.procs=99:800\n";
    let world = World::new(shared).with_comparable_pids();
    let mut gpus = world.gpus_for(Some("MIG-bbbb"), false);
    let of_run = facts(&mut gpus);
    assert_eq!(
        (of_run.count, of_run.info.len(), of_run.info[0].memory),
        (Some(1), 1, Some(5 << 30))
    );
    let all = facts(&mut world.gpus_for(None, false));
    assert_eq!((all.count, all.info[0].memory), (Some(2), Some(20 << 30)));
    assert_eq!(
        all.info[0].name.as_ref().unwrap().as_str(),
        "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
    );
    let readings = reading(&mut gpus, &[70]);
    assert_eq!(memory(&readings), [(Some(700), Some(Attribution::Pid))]);
    assert_eq!(
        (readings[0].mig, readings[0].utilization),
        (true, None),
        "a slice's utilization is unknown, not 0"
    );
}

#[test]
fn the_drivers_own_errors_arrive_once_and_only_those_of_the_runs_devices() {
    let world = World::new(&format!("{TWO}0.events=1\n1.events=1\n"));
    let mut gpus = world.gpus_for(Some("GPU-stub-0"), false);
    reading(&mut gpus, &[]);
    assert_eq!(gpus.take_xids(), [] as [u64; 0]);
    world.scenario.set(&format!(
        "{TWO}0.events=1\n1.events=1\nxids=0:79,1:31,0:999\n"
    ));
    gpus.request_sample(&[]);
    gpus.await_reading(PATIENCE);
    assert_eq!(gpus.take_xids(), [79, 999]);
    reading(&mut gpus, &[]);
    assert_eq!(gpus.take_xids(), [] as [u64; 0], "each once");
    world
        .scenario
        .set(&format!("{TWO}nvmlEventSetCreate.ret=3\n0.events=1\n"));
    assert_eq!(
        reading(&mut world.gpus(Driver::Current), &[]).len(),
        2,
        "a driver that offers none"
    );
}

#[test]
fn errors_of_memory_are_counted_by_the_device() {
    let world = World::new(&format!("{TWO}0.ecc=3\n"));
    let mut gpus = world.gpus(Driver::Current);
    let first = reading(&mut gpus, &[]);
    assert_eq!((first[0].ecc_errors, first[1].ecc_errors), (Some(3), None));
    assert_eq!(
        reading(&mut gpus, &[])[0].ecc_errors,
        None,
        "asked once a minute"
    );
}

#[test]
fn a_missing_library_is_said_and_is_no_error() {
    let world = World::new("");
    let missing = world.root.path().join("libnone.so");
    let mut gpus = Gpus::start_with(DriverSettings {
        nvml_library: Some(missing.into()),
        ..world.settings(Driver::Current)
    });
    // The machine shows no device: that a library was named is no sign of one.
    assert_eq!(facts(&mut gpus), AcceleratorFacts::none());
    gpus.request_sample(&[70]);
    until(|| (gpus.health() == Health::LibraryMissing).then_some(()));
    assert_eq!(gpus.try_reading(), None);
}

#[test]
fn what_a_library_refuses_with_says_whether_there_is_a_device() {
    // Versions that do not fit; no permission; no driver, on a machine without and with a sign of one.
    for (code, sign, expected) in [
        (18, false, ("cuda", None, Health::Failed)),
        (4, false, ("cuda", None, Health::Failed)),
        (9, false, ("none", Some(0), Health::LibraryMissing)),
        (9, true, ("cuda", None, Health::Failed)),
    ] {
        let world = World::new(&format!("{TWO}nvmlInit_v2.ret={code}\n"));
        if sign {
            std::fs::create_dir_all(world.root.path().join("dev/nvidiactl")).unwrap();
        }
        let mut gpus = world.gpus(Driver::Current);
        let facts = facts(&mut gpus);
        assert_eq!(
            (facts.kind.as_str(), facts.count, gpus.health()),
            expected,
            "{code} {sign}"
        );
    }
}

#[test]
fn a_call_that_hangs_is_a_fact_after_the_timeout_and_holds_nothing_up() {
    let world = World::new(TWO);
    let mut gpus = world.gpus_with_timeout(Driver::Current, Duration::from_millis(300));
    facts(&mut gpus);
    world
        .scenario
        .set(&format!("{TWO}nvmlDeviceGetPowerUsage.hang=1\n"));
    let asked = Instant::now();
    gpus.request_sample(&[70]);
    until(|| (gpus.health() == Health::Unresponsive).then_some(()));
    assert!(asked.elapsed() >= Duration::from_millis(300));
    gpus.request_sample(&[70]);
    assert_eq!(gpus.try_reading(), None);
    // It comes back: the readings go on, the fact stays.
    world.scenario.set(TWO);
    until(|| gpus.try_reading());
    assert_eq!(gpus.health(), Health::Working);
    assert!(gpus.ever_unresponsive);
}

#[test]
fn a_hang_at_the_first_call_leaves_everything_unknown_and_dropping_does_not_wait() {
    let world = World::new("nvmlInit_v2.hang=1\n");
    let mut gpus = world.gpus_with_timeout(Driver::Current, Duration::from_millis(100));
    until(|| (gpus.health() == Health::Unresponsive).then_some(()));
    assert_eq!(gpus.facts(), None);
    // Were the thread joined here, the test would never end.
    drop(gpus);
    world.scenario.set("");
}

#[test]
fn a_lost_device_is_left_out_and_the_other_goes_on() {
    let world = World::new(TWO);
    let mut gpus = world.gpus(Driver::Current);
    assert_eq!(reading(&mut gpus, &[70]).len(), 2);
    world
        .scenario
        .set(&format!("{TWO}0.nvmlDeviceGetMemoryInfo_v2.ret=15\n"));
    let readings = reading(&mut gpus, &[70]);
    assert_eq!(
        readings
            .iter()
            .map(|reading| reading.index)
            .collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(gpus.health(), Health::Lost);
    assert_eq!(
        facts(&mut gpus).count,
        Some(2),
        "what was known at the start stays"
    );
}

#[test]
fn one_failing_sensor_is_asked_again_and_an_unsupported_one_is_not() {
    let world = World::new(&format!(
        "{TWO}nvmlDeviceGetPowerUsage.ret=999\nnvmlDeviceGetTemperature.ret=3\n"
    ));
    let mut gpus = world.gpus(Driver::Current);
    let first = reading(&mut gpus, &[]);
    assert_eq!(
        (
            first[0].power_watts,
            first[0].temperature_celsius,
            first[0].utilization
        ),
        (None, None, Some(0.4))
    );
    assert_eq!(gpus.health(), Health::Working);
    world.scenario.set(TWO);
    let second = reading(&mut gpus, &[]);
    assert_eq!(
        (second[0].power_watts, second[0].temperature_celsius),
        (Some(350.5), None)
    );
}

#[test]
fn a_lost_device_comes_back_with_a_new_session_and_keeps_its_baseline() {
    let world = World::new(TWO);
    let mut gpus = Gpus::start_with(DriverSettings {
        retry_period: Duration::ZERO,
        ..world.settings(Driver::Current)
    });
    reading(&mut gpus, &[70]);
    world
        .scenario
        .set(&format!("{TWO}0.nvmlDeviceGetMemoryInfo_v2.ret=15\n"));
    assert_eq!(reading(&mut gpus, &[70]).len(), 1);
    // The driver as a whole is gone for a while.
    world
        .scenario
        .set("nvmlInit_v2.ret=9\nnvmlDeviceGetMemoryInfo_v2.ret=15\n");
    gpus.request_sample(&[70]);
    until(|| (gpus.health() == Health::Lost).then_some(()));
    world
        .scenario
        .set(&TWO.replace("0.used=1000", "0.used=4000"));
    let back = until(|| {
        gpus.request_sample(&[70]);
        gpus.try_reading().filter(|readings| readings.len() == 2)
    });
    assert_eq!(memory(&back)[0], (Some(3000), Some(Attribution::Delta)));
    assert_eq!(gpus.health(), Health::Working);
}

#[test]
fn a_library_that_cannot_count_has_failed_and_one_that_counts_none_has_none() {
    let world = World::new("nvmlDeviceGetCount_v2.ret=999\n");
    let mut gpus = world.gpus(Driver::Current);
    assert_eq!(
        (facts(&mut gpus).count, gpus.health()),
        (None, Health::Failed)
    );
    let world = {
        drop(world);
        World::new("devices=0\n")
    };
    let facts = facts(&mut world.gpus(Driver::Current));
    assert_eq!((facts.kind.as_str(), facts.count), ("none", Some(0)));
}
