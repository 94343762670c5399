//! What the questions to NVIDIA's library cost: each call by itself, a whole reading, and the memory of a process
//! that has the library loaded.
//!
//! `cargo bench --bench accelerators` on a machine with a GPU; AXOLOTL_RUN_NVML_PATH names another library. The
//! targets: at most 3 ms of processor time a device and reading, at most 25 MB more memory. `tools/check_gpu.py`
//! runs this and compares the values with nvidia-smi.

use axolotl_run::bench::{DriverSettings, Gpus};
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, Sampling, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::time::{Duration, Instant};

/// How often each call is made; drivers answer some from a cache that is filled ten times a second.
const TIMES: u32 = 50;

type Question = fn(&Device<'_>) -> Result<(), NvmlError>;

const QUESTIONS: [(&str, Question); 9] = [
    ("memory_info", |device| device.memory_info().map(drop)),
    ("running_compute_processes", |device| {
        device.running_compute_processes().map(drop)
    }),
    ("samples (utilization)", |device| {
        device.samples(Sampling::GpuUtilization, None).map(drop)
    }),
    ("utilization_rates", |device| {
        device.utilization_rates().map(drop)
    }),
    ("power_usage", |device| device.power_usage().map(drop)),
    ("total_energy_consumption", |device| {
        device.total_energy_consumption().map(drop)
    }),
    ("temperature", |device| {
        device.temperature(TemperatureSensor::Gpu).map(drop)
    }),
    ("current_throttle_reasons", |device| {
        device.current_throttle_reasons().map(drop)
    }),
    ("total_ecc_errors", |device| {
        device
            .total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile)
            .map(drop)
    }),
];

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or(0)
        * 1024
}

fn main() {
    let path = std::env::var_os("AXOLOTL_RUN_NVML_PATH").filter(|path| !path.is_empty());
    let before = resident_bytes();
    let began = Instant::now();
    let mut builder = Nvml::builder();
    if let Some(path) = &path {
        builder.lib_path(path);
    }
    let nvml = match builder.init() {
        Ok(nvml) => nvml,
        Err(error) => {
            println!("skipped: NVIDIA's library cannot be used here ({error})");
            return;
        }
    };
    println!(
        "load and init   {:8.2} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    println!(
        "resident memory {:8.1} MB more",
        resident_bytes().saturating_sub(before) as f64 / 1e6
    );
    for index in 0..nvml.device_count().unwrap_or(0) {
        let Ok(device) = nvml.device_by_index(index) else {
            continue;
        };
        println!("device {index}: {}", device.name().unwrap_or_default());
        for (name, question) in QUESTIONS {
            let began = Instant::now();
            let failed = (0..TIMES).filter(|_| question(&device).is_err()).count();
            let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES);
            let failed = if failed > 0 {
                format!("  ({failed} of {TIMES} without an answer)")
            } else {
                String::new()
            };
            println!("  {name:<26} {each:9.1} us{failed}");
        }
    }
    drop(nvml);
    let mut gpus = Gpus::start_with(DriverSettings {
        root: "/".into(),
        nvml_library: path,
        answer_timeout: Duration::from_secs(10),
        retry_period: Duration::from_secs(60),
        ..DriverSettings::default()
    });
    let began = Instant::now();
    while gpus.facts().is_none() && began.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    let began = Instant::now();
    for _ in 0..TIMES {
        gpus.request_sample(&[std::process::id()]);
        gpus.await_reading(Duration::from_secs(10));
        let _ = gpus.try_reading();
    }
    println!(
        "a whole reading of all devices {:9.3} ms",
        began.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES)
    );
}
