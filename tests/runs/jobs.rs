//! The records of a job's processes: every one of them records, the main one alone sends, and together they say who failed
//! first.

use crate::promises::observer_of;
use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use support::observed::{Recorded, reporting, runs, until_recorded};
use support::posthog::Server;
use support::{Launch, Running, has, poll_until};

/// A machine's launcher with one worker, which does what it is ordered to.
const NODE: &str = r#"
import os, subprocess, sys
worker = '''
import os, signal, time
while not os.path.exists(os.environ["ORDERS"] + "/" + os.environ["RANK"]): time.sleep(0.05)
order = open(os.environ["ORDERS"] + "/" + os.environ["RANK"]).read()
if order == "raise": raise ValueError("row 17")
if order == "kill": os.kill(os.getpid(), signal.SIGKILL)
if order == "fault": os.kill(os.getpid(), signal.SIGSEGV)
if order == "lose": raise RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:3483")
'''
worker = subprocess.run([sys.executable, '-c', worker], env=dict(os.environ, RANK=os.environ['SLURM_NODEID']))
sys.exit(1 if worker.returncode else 0)
"#;

/// Begins a machine of its own, with a name and a start of the machine of its own, and becomes the program behind it.
const MACHINE: [&str; 8] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "--uts",
    "sh",
    "-c",
    r#"hostname "node$SLURM_NODEID" && mount --bind "$BOOT" /proc/sys/kernel/random/boot_id && exec "$@""#,
];

fn can_be_machines() -> bool {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("boot"), "x").unwrap();
    has("unshare")
        && support::program(MACHINE[0])
            .args(&MACHINE[1..])
            .args(["sh", "true"])
            .env("SLURM_NODEID", "0")
            .env("BOOT", directory.path().join("boot"))
            .status()
            .is_ok_and(|status| status.success())
}

/// A job of several machines on one disk.
struct Job {
    directory: tempfile::TempDir,
    nodes: u64,
    are_machines: bool,
}

impl Job {
    fn new(nodes: u64) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            nodes,
            are_machines: can_be_machines(),
        }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn task(&self, node: u64, task: u64, of_node: u64) -> Launch {
        Launch::new()
            .env("XDG_STATE_HOME", self.state())
            .env("SLURM_JOB_ID", "7")
            .env("SLURM_STEP_ID", "0")
            .env("SLURM_NNODES", self.nodes.to_string())
            .env("SLURM_NODEID", node.to_string())
            .env("SLURM_PROCID", task.to_string())
            .env("SLURM_LOCALID", of_node.to_string())
    }

    fn start_node(&self, node: u64) -> Running {
        let boot = self.directory.path().join(format!("boot{node}"));
        fs::write(&boot, format!("{node:08}-0000-0000-0000-000000000000\n")).unwrap();
        let launch = self
            .task(node, node, 0)
            .env("ORDERS", self.directory.path())
            .env("BOOT", boot);
        let words: Vec<_> = MACHINE.into_iter().chain(["sh"]).collect();
        let launch = if self.are_machines {
            launch.before(&words)
        } else {
            launch
        };
        launch.start(&["--record", "python3", "-c", NODE])
    }

    fn order(&self, node: u64, order: &str) {
        let new = self.directory.path().join("new");
        fs::write(&new, order).unwrap();
        fs::rename(new, self.directory.path().join(node.to_string())).unwrap();
    }

    /// The run of a machine, by its place in the job.
    fn run_of(&self, node: u64) -> Option<Recorded> {
        runs(&self.state())
            .into_iter()
            .find(|run| place(&run.directory).is_some_and(|place| place["node"] == node))
    }

    fn ask(&self, words: &[&str]) -> String {
        let done = Launch::new().env("XDG_STATE_HOME", self.state()).run(words);
        done.expect_code(0).expect_stderr("");
        done.stdout.clone()
    }

    fn report(&self) -> Value {
        serde_json::from_str(&self.ask(&["--report", "--json"])).unwrap()
    }
}

fn place(run_directory: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(run_directory.join("job.json")).ok()?).ok()
}

/// A number below a bound that nobody knows before.
fn any_below(bound: u64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::from(now.unwrap().subsec_nanos()) / 1000 % bound
}

/// One of sixteen machines fails, the others lose it.
fn one_of_sixteen_fails(first: u64, order: &str) {
    let what = format!("node {first}: {order}");
    let job = Job::new(16);
    let mut running: Vec<_> = (0..job.nodes).map(|node| job.start_node(node)).collect();
    let has_started = |node: u64| {
        let run = job.run_of(node);
        run.is_some_and(|run| !run.named("start").is_empty())
    };
    assert!(
        poll_until(|| (0..job.nodes).all(has_started)),
        "{what}: {:#?}",
        runs(&job.state())
    );
    let failed = job.run_of(first).unwrap();
    if order == "gone" {
        let supervisor = running[first as usize].pid();
        let (observer, command) = observer_of(supervisor).expect("an observer");
        for pid in [observer, supervisor, command] {
            kill(pid, Signal::SIGKILL).unwrap();
        }
    } else {
        job.order(first, order);
        running[first as usize].until("the first has ended", || {
            job.run_of(first).is_some_and(|run| run.is_finished())
        });
    }
    for node in 0..job.nodes {
        if node != first {
            job.order(node, "lose");
        }
    }
    for node in running {
        node.finish();
    }
    let are_finished = || {
        let finished = runs(&job.state()).into_iter().filter(Recorded::is_finished);
        finished.count() as u64 == job.nodes - u64::from(order == "gone")
    };
    assert!(
        poll_until(are_finished),
        "{what}: {:#?}",
        runs(&job.state())
    );
    if order == "gone" {
        // Its worker, which has lost its launcher.
        job.order(first, "end");
        // What is silent for so long has ended.
        let earlier = SystemTime::now() - Duration::from_secs(100);
        for file in fs::read_dir(&failed.directory).unwrap().flatten() {
            let file = fs::File::options().append(true).open(file.path()).unwrap();
            file.set_modified(earlier).unwrap();
        }
    }
    for run in runs(&job.state()) {
        if run.is_finished() {
            run.assert_ordered(&what);
        }
    }
    let report = job.report();
    let told = &report["job"];
    let processes = told["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 16, "{what}: {told:#}");
    for process in processes {
        let is_first = process["node"] == first;
        assert_eq!(process["is_first"], is_first, "{what}: {told:#}");
        if !is_first {
            assert_eq!(process["class"], "lost another process", "{what}: {told:#}");
        }
    }
    let (confidence, sentence) = match order {
        "raise" => (
            "high",
            format!(
                "Node {first}, rank {first} failed first: ValueError; the others lost it (high confidence)."
            ),
        ),
        "kill" => (
            "high",
            format!(
                "Node {first}, rank {first} failed first: Killed; the others lost it (high confidence)."
            ),
        ),
        "fault" => (
            "high",
            format!(
                "Node {first}, rank {first} failed first: Segmentation fault; the others lost it (high confidence)."
            ),
        ),
        _ => (
            "medium",
            format!(
                "The end of node {first} was not seen; the others lost it (medium confidence)."
            ),
        ),
    };
    assert_eq!(told["confidence"], confidence, "{what}: {told:#}");
    assert_eq!(told["sentences"][0], sentence, "{what}: {told:#}");
    let page = job.ask(&["--report"]);
    assert!(
        page.replace("\n           ", " ").contains(&sentence),
        "{what}: {page}"
    );
    let lines = job.ask(&["--runs"]);
    assert_eq!(lines.lines().count(), 2, "{what}: {lines}");
    let noun = if job.are_machines {
        "nodes"
    } else {
        "processes"
    };
    assert!(lines.contains(&format!("16 {noun}: ")), "{what}: {lines}");
}

const ORDERS: [&str; 4] = ["raise", "kill", "fault", "gone"];

#[test]
fn of_sixteen_machines_the_one_that_failed_first_is_named() {
    if has("python3") {
        let order = any_below(ORDERS.len() as u64) as usize;
        one_of_sixteen_fails(any_below(16), ORDERS[order]);
    }
}

#[test]
#[ignore = "takes minutes: every way to fail, several times"]
fn of_sixteen_machines_the_one_that_failed_first_is_named_whoever_it_is() {
    for order in ORDERS.into_iter().cycle().take(12) {
        one_of_sixteen_fails(any_below(16), order);
    }
}

#[test]
fn sixty_four_writers_lose_nothing() {
    let job = Job::new(8);
    let running: Vec<_> = (0..64)
        .map(|task| {
            let launch = job.task(task / 8, task, task % 8);
            launch.start(&["--record", "sh", "-c", "echo done; exit 3"])
        })
        .collect();
    for task in running {
        task.finish().expect_code(3).expect_stdout("done\n");
    }
    let finished = || runs(&job.state()).into_iter().filter(Recorded::is_finished);
    assert!(
        poll_until(|| finished().count() == 64),
        "{}",
        finished().count()
    );
    let mut tasks = BTreeSet::new();
    for run in finished() {
        run.assert_ordered("one of many");
        let place = place(&run.directory);
        let place = place.unwrap_or_else(|| panic!("no place in the job: {run:#?}"));
        tasks.insert(place["task"].as_u64().unwrap());
        assert!(place["ended"].is_f64(), "{place}");
        let part = match (place["task"].as_u64(), place["node"].as_u64()) {
            (Some(0), _) => "main",
            (Some(task), _) if task % 8 == 0 => "node",
            _ => "task",
        };
        assert_eq!(place["part"], part, "{place}");
    }
    assert_eq!(tasks.len(), 64);
    let lines = job.ask(&["--runs"]);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.contains("64 processes: "), "{lines}");
    let listed: Value = serde_json::from_str(&job.ask(&["--runs", "--json"])).unwrap();
    let mains: BTreeSet<_> = listed["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["job"]["main"].as_str().unwrap())
        .collect();
    assert_eq!(mains.len(), 1, "{listed:#}");
    let told = &job.report()["job"];
    assert_eq!(told["processes"].as_array().unwrap().len(), 64);
    assert_eq!(told["missing_nodes"], serde_json::json!([]));
}

#[test]
fn the_main_process_alone_sends() {
    let job = Job::new(2);
    let server = Server::start();
    let at = |launch| reporting(launch, &server);
    for (node, task, of_node) in [(0, 1, 1), (1, 2, 0), (1, 3, 1), (0, 0, 0)] {
        at(job.task(node, task, of_node))
            .run(&["--summary", "true"])
            .expect_code(0);
    }
    let finished = || runs(&job.state()).into_iter().filter(Recorded::is_finished);
    assert!(poll_until(|| finished().count() == 4));
    let is_main =
        |run: &Recorded| place(&run.directory).is_some_and(|place| place["part"] == "main");
    let main = finished().find(is_main).expect("the main process");
    main.assert_arrived("the main process", &server);
    for run in finished() {
        assert_eq!(
            run.directory.join("consent").exists(),
            is_main(&run),
            "{run:#?}"
        );
        assert!(!run.directory.join("owner.json").exists(), "{run:#?}");
        run.until_released();
    }
    // Nor by a later run, nor when what waits is sent.
    at(Launch::new().env("XDG_STATE_HOME", job.state()))
        .run(&["true"])
        .expect_code(0);
    at(Launch::new().env("XDG_STATE_HOME", job.state()))
        .run(&["--send"])
        .expect_code(0);
    let sent: BTreeSet<_> = server
        .stored()
        .iter()
        .map(|event| event["distinct_id"].clone().to_string())
        .collect();
    assert!(sent.len() <= 2, "{sent:?}");
    let key = place(&main.directory).unwrap()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    for request in server.requests() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains(&key), "{body}");
    }
    for run in finished() {
        let id = run.events[0]["distinct_id"].to_string();
        let is_sent = sent.contains(&id);
        let is_of_others = place(&run.directory).is_some() && !is_main(&run);
        assert!(!(is_sent && is_of_others), "{run:#?}");
    }
}

#[test]
fn copies_of_records_are_read_together() {
    if !has("python3") {
        return;
    }
    let states = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let fail = "raise ValueError('row 17')";
    let lose = "raise RuntimeError('[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:3483')";
    for (node, script) in [(0, lose), (1, fail)] {
        let node: usize = node;
        Launch::new()
            .env("XDG_STATE_HOME", states[node].path())
            .env("MASTER_ADDR", "node0")
            .env("SLURM_NNODES", "2")
            .env("NODE_RANK", node.to_string())
            .run(&["--record", "python3", "-c", script])
            .expect_code(1);
        until_recorded(states[node].path(), Recorded::is_finished);
    }
    let ask = |words: &[&str]| {
        let launch = Launch::new().env("XDG_STATE_HOME", states[0].path());
        launch.run(words)
    };
    let other = states[1].path().to_str().unwrap();
    let alone = ask(&["--report"]);
    alone.expect_in_stdout("No record of node 1.");
    let joined = ask(&["--report", "--with", other]);
    joined.expect_in_stdout("Node 1 failed first: ValueError; the others lost it (high");
    joined.expect_in_stdout("<string>:1 in <module>");
    let page = ask(&["--report", "--with", other, "--html", "-"]);
    page.expect_in_stdout("<h2>Nodes</h2>");
    let host = nix::unistd::gethostname().unwrap();
    assert!(
        !page.stdout.contains(&*host.to_string_lossy()),
        "{}",
        page.stdout
    );
    // The same record twice counts once, and what is no record is said.
    let one = states[1].path().join("axolotl-run");
    let twice = ask(&[
        "--report",
        "--json",
        "--with",
        other,
        "--with",
        one.to_str().unwrap(),
    ]);
    let told: Value = serde_json::from_str(&twice.stdout).unwrap();
    assert_eq!(told["job"]["processes"].as_array().unwrap().len(), 2);
    ask(&["--report", "--with", "/proc"])
        .expect_code(1)
        .expect_in_stderr("no recorded run is in `/proc`");
}
