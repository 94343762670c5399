//! Runs with GPUs, by the real program and the stand-in for the driver's library: what the events say of
//! devices, of the driver's errors, and of a driver that does not answer.

use nix::sys::signal::Signal;
use serde_json::{Map, Value, json};
use std::time::Duration;
use support::nvml::{self, Driver, Scenario};
use support::observed::{Recorded, STARTED, state, until_recorded};
use support::{Done, Launch, assert_within};

const TWO: &str = "devices=2
0.name=NVIDIA H100 80GB HBM3\n0.total=85899345920\n0.used=1000\n0.procs=\n0.util=40\n0.power=350500\n0.energy=9000000\n0.events=1
1.name=NVIDIA H100 80GB HBM3\n1.total=85899345920\n1.used=500\n1.procs=\n1.util=0\n1.power=70000\n1.energy=5000\n1.events=1\n";

/// Lives until the observer's own clock has gone on for longer than a driver is given to answer.
const OBSERVED_FOR_20_SECONDS: &str = r#"until grep -qs '"at":2[0-9]\.' "$HOME"/.local/state/axolotl-run/runs/*/samples.jsonl; do sleep 0.2; done"#;

fn launch(scenario: &Scenario) -> Launch {
    Launch::new()
        .env("AXOLOTL_RUN_NVML_PATH", nvml::library(Driver::Current))
        .env(nvml::VARIABLE, scenario.path())
}

fn run(done: &Done) -> Recorded {
    let run = until_recorded(&state(done.home()), Recorded::is_finished);
    run.assert_ordered("gpu");
    run
}

/// The start event of a run that lives until it is out: one that ends at once has no moment to ask a driver in.
fn start(launch: Launch) -> Map<String, Value> {
    let state = state(&launch.home());
    let running = launch.start(&["--record", "python3", "-c", "import signal; signal.pause()"]);
    let recorded = until_recorded(&state, |run| !run.named("start").is_empty());
    running.signal(Signal::SIGTERM);
    running.finish().expect_signal(Signal::SIGTERM);
    recorded.named("start")[0].clone()
}

#[test]
fn the_start_counts_what_cuda_shows_the_run() {
    let scenario = Scenario::new(TWO);
    for (visible, count, models) in [(None, 2, 2), (Some("1"), 1, 1), (Some(""), 0, 0)] {
        let mut launch = launch(&scenario);
        if let Some(visible) = visible {
            launch = launch.env("CUDA_VISIBLE_DEVICES", visible);
        }
        let start = start(launch);
        assert_eq!(
            (&start["accelerator_type"], &start["accelerator_count"]),
            (&json!("cuda"), &json!(count))
        );
        let info = start
            .get("accelerator_info")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        assert_eq!(info, models, "{visible:?}");
    }
}

#[test]
fn a_library_that_cannot_be_used_is_no_sign_of_a_device() {
    if std::path::Path::new("/dev/nvidiactl").exists() {
        eprintln!("skipped: this machine has a device");
        return;
    }
    let start = start(Launch::new().env("AXOLOTL_RUN_NVML_PATH", "/nonexistent/libnvidia-ml.so"));
    assert_eq!(
        (&start["accelerator_type"], &start["accelerator_count"]),
        (&json!("none"), &json!(0))
    );
}

#[test]
fn an_error_of_the_driver_explains_the_death() {
    let scenario = Scenario::new(&format!("{TWO}xids=0:79\n"));
    // Errors come with a measurement.
    let aborts = format!("{STARTED}\nuntil_recorded('samples.jsonl', '\"gpus\"')\nos.abort()");
    let done = launch(&scenario).run(&["--record", "python3", "-c", &aborts]);
    let run = run(&done);
    let finish = run.finish();
    assert_eq!(
        (&finish["verdict"]["kind"], &finish["verdict"]["confidence"]),
        (&json!("gpu_fault"), &json!("medium"))
    );
    assert_eq!(
        (&finish["gpu_xids"], finish.get("gpu_driver_unresponsive")),
        (&json!([79]), None)
    );
}

#[test]
fn a_driver_that_does_not_answer_is_said_and_holds_nothing_up() {
    let scenario = Scenario::new(&format!("{TWO}nvmlDeviceGetPowerUsage.hang=1\n"));
    let done = launch(&scenario).run(&["--record", "sh", "-c", OBSERVED_FOR_20_SECONDS]);
    done.expect_code(0);
    assert_within(done.elapsed, Duration::from_secs(40), "a silent driver");
    let run = run(&done);
    assert_eq!(
        run.finish()["gpu_driver_unresponsive"],
        json!(true),
        "{:#?}",
        run.finish()
    );
    assert_eq!(
        run.named("start")[0]["accelerator_count"],
        json!(2),
        "what was known before stays"
    );
    // The observer must be able to go although one of its threads never returns.
    run.until_released();
}
