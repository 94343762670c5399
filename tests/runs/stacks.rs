//! Where the ranks of a run are, asked from another terminal while it runs.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
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
