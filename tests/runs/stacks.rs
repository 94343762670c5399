//! Where the ranks of a run are: asked from another terminal while it runs, and sampled while it takes steps.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use support::observed::{files, state};
use support::{Launch, poll_until, program};

/// Three ranks: two wait in what is `torch.distributed` by its place, one sleeps in a function of its own.
const RANKS: &str = r#"
import importlib.util, os, subprocess, sys, time
launcher = os.getppid()
def acme_secret_step():
    while os.getppid() == launcher: time.sleep(0.1)
if "RANK" not in os.environ:
    starts = [sys.executable, __file__]
    ranks = [subprocess.Popen(starts, env=dict(os.environ, RANK=str(rank), LOCAL_WORLD_SIZE="3")) for rank in range(3)]
    sys.exit(max(rank.wait() for rank in ranks))
path = os.path.dirname(__file__) + "/lib/python3/site-packages/torch/distributed/distributed_c10d.py"
specification = importlib.util.spec_from_file_location("c10d", path)
c10d = importlib.util.module_from_spec(specification)
specification.loader.exec_module(c10d)
acme_secret_step() if os.environ["RANK"] == "1" else c10d.barrier()
"#;
const BARRIER: &str = "import os, time\nlauncher = os.getppid()\ndef barrier():\n    while os.getppid() == launcher: time.sleep(0.1)\n";

#[test]
fn the_stacks_of_a_running_run_say_which_rank_the_others_wait_for() {
    let launch = Launch::new();
    let home = launch.home();
    let package = home.join("lib/python3/site-packages/torch/distributed");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("distributed_c10d.py"), BARRIER).unwrap();
    fs::write(home.join("acme_train.py"), RANKS).unwrap();
    let running = launch.start(&["--record", "python3", "acme_train.py"]);
    let ask = |words: &[&str]| {
        let mut command = program(support::launch_path());
        command
            .args(words)
            .env("HOME", &home)
            .env_remove("XDG_STATE_HOME");
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mut answer = Value::Null;
    let found = poll_until(|| {
        answer = serde_json::from_str(&ask(&["--stacks", "--json"])).unwrap_or_default();
        answer["suspect_rank"] == 1
    });
    assert!(found, "{answer:#}");
    let places = answer["places"].as_array().unwrap();
    assert_eq!(places.len(), 2, "{answer:#}");
    assert_eq!(places[0]["ranks"], serde_json::json!([1]), "{answer:#}");
    assert_eq!(places[1]["ranks"], serde_json::json!([0, 2]), "{answer:#}");
    assert_eq!(places[1]["stands_in"], "collective", "{answer:#}");
    let public = answer["places"].to_string();
    assert!(
        !public.contains("acme") && !public.contains("secret"),
        "{public}"
    );
    let text = ask(&["--stacks"]);
    for expected in [
        "acme_secret_step (",
        "acme_train.py:5)",
        "ranks 0 and 2: torch/distributed/distributed_c10d.py:4 in a collective\n",
        "rank 1: your code, line 5, sleeping\n",
        "rank 1 is not where the others wait: look there first\n",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    running.signal(Signal::SIGTERM);
    running.finish();
    assert_eq!(ask(&["--stacks"]), "");
}

/// Takes steps, for each of which it waits in what is torch's data loader by its place.
const LOADS: &str = r#"
import importlib.util, os, sys, time
launcher = os.getppid()
path = os.path.dirname(os.path.abspath(__file__)) + "/lib/python3/site-packages/torch/utils/data/dataloader.py"
specification = importlib.util.spec_from_file_location("dataloader", path)
dataloader = importlib.util.module_from_spec(specification)
specification.loader.exec_module(dataloader)
for step in range(100000):
    if os.getppid() != launcher: break
    dataloader.get_data()
    print(f"\r{step // 1000:3d}%|##        | {step}/100000 [00:01<00:09,  5.00it/s]", end="", file=sys.stderr, flush=True)
"#;

#[test]
fn what_a_training_does_is_sampled_while_it_takes_steps_unless_its_owner_does_not_want_it() {
    let begin = |wish: &str| {
        let launch = Launch::new().env("AXOLOTL_RUN_STACKS", wish);
        let home = launch.home();
        let package = home.join("lib/python3/site-packages/torch/utils/data");
        fs::create_dir_all(&package).unwrap();
        let loader = "import time\ndef get_data():\n    time.sleep(0.1)\n";
        fs::write(package.join("dataloader.py"), loader).unwrap();
        fs::write(home.join("acme_train.py"), LOADS).unwrap();
        let running = launch.start(&["--record", "python3", "acme_train.py"]);
        (state(&home), running)
    };
    let lines_of = |state: &Path| {
        let mut lines: Vec<Value> = Vec::new();
        for (path, bytes) in files(state) {
            if path.ends_with("samples.jsonl") {
                let text = String::from_utf8(bytes).unwrap();
                lines.extend(
                    text.lines()
                        .filter_map(|line| serde_json::from_str(line).ok()),
                );
            }
        }
        lines
    };
    let (sampled, running) = begin("");
    let (unwanted, other) = begin("0");
    let found = poll_until(|| {
        lines_of(&sampled)
            .iter()
            .any(|line| line["time"]["data"].as_f64() > Some(0.5))
    });
    assert!(found, "{:?}", lines_of(&sampled));
    assert!(poll_until(|| lines_of(&unwanted)
        .iter()
        .any(|line| line["at"].as_f64() > Some(11.0))));
    assert!(
        lines_of(&unwanted)
            .iter()
            .all(|line| line["time"].is_null())
    );
    for running in [running, other] {
        running.signal(Signal::SIGTERM);
        running.finish();
    }
}
