//! `tools/check_gpu.py`, on a machine without a GPU: the stand-in for the driver's library on one side, a stand-in for
//! nvidia-smi on the other. Where the two say the same it has to agree, where they differ it has to say so.

use std::path::Path;
use support::has;
use support::nvml::{self, Driver, Scenario};

const DEVICE: &str = "devices=1\n0.name=NVIDIA H100 80GB HBM3\n0.total=85899345920\n0.used=1048576000\n0.procs=\n\
                      0.util=40\n0.power=350500\n0.energy=9000000\n0.temp=61\n";

/// Runs the script beside an nvidia-smi that answers with this line; its exit status and what it printed.
fn check(answer: Option<&str>) -> (Option<i32>, String) {
    let scenario = Scenario::new(DEVICE);
    let place = tempfile::tempdir().unwrap();
    if let Some(answer) = answer {
        let program = place.path().join("nvidia-smi");
        let script = format!("#!/bin/sh\ncase $1 in --query-gpu=*) echo '{answer}';; esac\n");
        support::write_program(&program, script);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let done = support::program("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/check_gpu.py"))
        .args([
            "--wrapper",
            env!("CARGO_BIN_EXE_axolotl-run"),
            "--seconds",
            "4",
            "--no-cost",
        ])
        .env("PATH", format!("{}:{path}", place.path().display()))
        .env("HOME", place.path())
        .env("AXOLOTL_RUN_NVML_PATH", nvml::library(Driver::Current))
        .env(nvml::VARIABLE, scenario.path())
        .output()
        .unwrap();
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stdout).into_owned(),
    )
}

#[test]
fn the_script_agrees_where_both_say_the_same_and_only_there() {
    if !has("python3") || has("nvidia-smi") {
        return;
    }
    std::thread::scope(|scope| {
        for (answer, status, differing) in [
            (
                Some("0, NVIDIA H100 80GB HBM3, 81920, 1000, 40, 350.50, 61"),
                0,
                &[][..],
            ),
            (
                Some("0, NVIDIA H100 80GB HBM3, 81920, 1000, [N/A], 350.50, 61"),
                0,
                &[],
            ),
            (
                Some("0, NVIDIA A100, 40960, 1000, 40, 120.00, 61"),
                1,
                &["0: model", "0: memory", "0: power_watts"],
            ),
            (None, 2, &[]),
        ] {
            scope.spawn(move || {
                let (code, printed) = check(answer);
                assert_eq!(code, Some(status), "{answer:?}\n{printed}");
                let rows: Vec<_> = printed
                    .lines()
                    .filter(|line| line.ends_with("DIFFERS"))
                    .collect();
                assert_eq!(rows.len(), differing.len(), "{answer:?}\n{printed}");
                for (row, what) in rows.iter().zip(differing) {
                    assert!(row.trim_start().starts_with(what), "{row}");
                }
            });
        }
    });
}
