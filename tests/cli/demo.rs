//! The main job, end to end: a small training that is real, under the launcher with consent, four ways to end.
//!
//! What the user sees must be the training alone, and what the server gets must be what the run's journal says,
//! byte for byte: the start first, progress in between, one finish that tells the end as it was.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::thread;
use support::observed::{Recorded, example, reporting, state, until_recorded};
use support::posthog::Server;
use support::{Done, Launch, Stream, has};

/// Steps of the training, few and slow enough that each report of it falls due.
const STEPS: u64 = 60;

/// One way to end.
#[derive(Clone, Copy, Debug)]
struct Ending {
    name: &'static str,
    options: &'static [&'static str],
    /// What the launcher must end with: an exit code, or a signal.
    status: Result<i32, Signal>,
    finish: &'static [(&'static str, &'static str)],
    steps: u64,
}

const ENDINGS: [Ending; 4] = [
    Ending {
        name: "it ends well",
        options: &[],
        status: Ok(0),
        finish: &[("outcome", "\"success\""), ("exit_code", "0")],
        steps: STEPS,
    },
    Ending {
        name: "it raises",
        options: &["--fail-at", "40"],
        status: Ok(1),
        finish: &[("outcome", "\"error\""), ("exit_code", "1")],
        steps: 39,
    },
    Ending {
        name: "it is killed",
        options: &["--sigkill-at", "40"],
        status: Err(Signal::SIGKILL),
        finish: &[("outcome", "\"signal\""), ("signal", "\"SIGKILL\"")],
        steps: 39,
    },
    Ending {
        name: "it faults",
        options: &["--segfault-at", "40"],
        status: Err(Signal::SIGSEGV),
        finish: &[("outcome", "\"signal\""), ("signal", "\"SIGSEGV\"")],
        steps: 39,
    },
];

impl Ending {
    fn run(self, launch: Launch) -> Done {
        let (script, config) = (example("train.py"), example("train.yml"));
        let steps = (STEPS / 3).to_string();
        let training = ["python3", &script, "--config", &config, "--steps", &steps];
        let words = [
            &["--config", &config, "--"][..],
            &training,
            &["--sleep-per-step", "0.04"],
            self.options,
        ]
        .concat();
        let done = launch.run(&words);
        match self.status {
            Ok(code) => done.expect_code(code),
            Err(signal) => done.expect_signal(signal),
        };
        done
    }

    fn check(self, run: &Recorded, server: &Server, sees_stdout: bool) {
        let name = self.name;
        run.assert_ordered(name);
        run.assert_arrived(name, server);
        let finish = run.finish();
        for (property, expected) in self.finish {
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(finish.get(*property), Some(&expected), "{name}: {finish:?}");
        }
        let one_of = ["exit_code", "signal"].map(|property| finish.contains_key(property));
        assert_eq!(
            one_of.iter().filter(|is_there| **is_there).count(),
            1,
            "{name}: {finish:?}"
        );
        // A bar is drawn ten times a second at the most: what a fault took with it was never printed.
        let steps = finish["total_steps"].as_u64().unwrap();
        assert!(
            (self.steps - 4..=self.steps).contains(&steps),
            "{name}: {steps} of {}",
            self.steps
        );
        assert!(
            self.status.is_err() || steps == self.steps,
            "{name}: {steps} of {}",
            self.steps
        );
        assert_eq!(
            finish.contains_key("loss"),
            sees_stdout && self.status == Ok(0),
            "{name}: {finish:?}"
        );
        // Of a run of two seconds no rate is told: a look at a file that comes late would change it many times. Where the
        // machine is so busy that it took longer, the rate is the training's, which makes 25 steps a second at the most.
        let seconds = finish["total_time_seconds"].as_f64().unwrap();
        let rate = finish.get("steps_per_second").and_then(Value::as_f64);
        assert!(
            rate.is_none_or(|rate| seconds > 5.0 && rate <= 25.0),
            "{name}: {rate:?} steps/s in {seconds} s (files: {sees_stdout})"
        );
        let progress = run.named("progress");
        // A file is looked at once a second; what a pipe brings is seen at once.
        assert!(sees_stdout || !progress.is_empty(), "{name}: {run:#?}");
        assert!(
            progress.iter().all(|event| event["total_steps"] == STEPS),
            "{name}: {progress:?}"
        );
        let config = &run.named("start")[0]["config"];
        assert_eq!(
            config["base_model"],
            json!("meta-llama/Llama-3.2-1B"),
            "{name}: {config}"
        );
        assert_eq!(config["learning_rate"], json!(0.02), "{name}: {config}");
        assert!(
            !config.to_string().contains("interviews"),
            "{name}: {config}"
        );
        let errors = run.named("error");
        if self.name == "it raises" {
            assert_eq!(errors.len(), 1, "{name}: {run:#?}");
            assert_eq!(
                errors[0]["exception_type"],
                json!("json.decoder.JSONDecodeError"),
                "{name}: {errors:?}"
            );
        }
        if self.status == Ok(0) {
            assert_eq!(errors.len(), 0, "{name}: {errors:?}");
        }
    }
}

#[test]
fn each_way_to_end_is_reported_as_it_was() {
    if !has("python3") {
        return;
    }
    let server = Server::start();
    thread::scope(|scope| {
        for ending in ENDINGS {
            for files in [false, true] {
                let server = &server;
                scope.spawn(move || {
                    let mut launch = reporting(Launch::new(), server);
                    if files {
                        launch = launch
                            .stdout(Stream::File("out".into()))
                            .stderr(Stream::File("err".into()));
                    } else {
                        launch = launch.env("PYTHONUNBUFFERED", "1");
                    }
                    let done = ending.run(launch);
                    let run = until_recorded(&state(done.home()), Recorded::is_finished);
                    ending.check(&run, server, files);
                });
            }
        }
    });
    assert_eq!(
        server
            .stored()
            .iter()
            .filter(|event| event["event"] == "finish")
            .count(),
        2 * ENDINGS.len()
    );
}

#[test]
fn the_demonstration_shows_what_arrived() {
    if !has("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    // `cargo test` builds the examples beside the program; where only this file is tested the script builds it.
    let server = support::launch_path()
        .with_file_name("examples")
        .join("posthog");
    let mut command = support::program("sh");
    command
        .arg(example("demo.sh"))
        .env("TMPDIR", directory.path())
        .env("AXOLOTL_RUN", support::launch_path());
    command
        .env_remove("AXOLOTL_RUN_POSTHOG_HOST")
        .env_remove("AXOLOTL_RUN_EXAMPLE_SERVER");
    if server.is_file() {
        command.env("AXOLOTL_RUN_EXAMPLE_SERVER", server);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    for expected in [
        "success",
        "\"exit_code\": 1",
        "SIGKILL",
        "SIGSEGV",
        "4 of 4 runs arrived",
    ] {
        assert!(
            said.contains(expected),
            "{expected:?} in\n{said}\n{complained}"
        );
    }
}
