//! Every way to die, for real: the run is recorded by the real program, and its verdict is compared.
//!
//! `cargo test --test alone deaths -- --nocapture` prints the table: each death, the status that the shell sees, our
//! verdict, its evidence and confidence. What needs root or a control group says plainly when it was skipped.
//! What takes minutes or a batch system is in `tests/slow_deaths.py`.

use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use support::observed::{Recorded, runs, state, until_recorded};
use support::{Done, Launch, Running, Stream, has};

/// A kill for memory raises a counter of the whole machine, which the verdicts of other tests look at.
static MACHINE: RwLock<()> = RwLock::new(());

fn machine() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A death, and what must be said of it.
struct Death<'a> {
    name: &'a str,
    verdict: (&'a str, &'a str),
    evidence: &'a [&'a str],
    rank: Option<u64>,
}

const fn death<'a>(
    name: &'a str,
    verdict: (&'a str, &'a str),
    evidence: &'a [&'a str],
) -> Death<'a> {
    Death {
        name,
        verdict,
        evidence,
        rank: None,
    }
}

impl Death<'_> {
    const fn of_rank(self, rank: u64) -> Self {
        Self {
            rank: Some(rank),
            ..self
        }
    }

    /// Compares the recorded verdict, and prints the death's line of the table.
    #[track_caller]
    fn check(&self, done: &Done) {
        let run = until_recorded(&state(done.home()), Recorded::is_finished);
        run.assert_ordered(self.name);
        let finish = run.finish();
        let verdict = &finish["verdict"];
        let word = |name: &str| verdict[name].as_str().unwrap_or_default().to_owned();
        let evidence: Vec<_> = verdict["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one.as_str())
            .collect();
        let status = match (done.status.code(), done.status.signal()) {
            (Some(code), _) => code.to_string(),
            (None, Some(signal)) => format!("128+{signal}"),
            (None, None) => "?".to_owned(),
        };
        let rank = verdict["rank"].as_u64();
        let said = format!(
            "{:<34} {status:>6}  {:<22} {:<6} {:<4} {}",
            self.name,
            word("kind"),
            word("confidence"),
            rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string()),
            evidence.join(", ")
        );
        println!("{said}");
        assert_eq!(
            (word("kind").as_str(), word("confidence").as_str()),
            self.verdict,
            "{said}\n{finish:#?}"
        );
        assert_eq!(rank, self.rank, "{said}");
        for expected in self.evidence {
            assert!(evidence.contains(expected), "{expected}: {said}");
        }
    }
}

fn recorded(launch: Launch, words: &[&str]) -> Done {
    let words: Vec<&str> = ["--record"]
        .into_iter()
        .chain(words.iter().copied())
        .collect();
    launch.run(&words)
}

#[track_caller]
fn dies(words: &[&str], death: &Death<'_>) {
    death.check(&recorded(Launch::new(), words));
}

/// Python that can tell what the observer has found out by now; without single quotes, for shells' sake.
macro_rules! seeing {
    ($program:literal) => {
        concat!(
            r#"
import ctypes, glob, os, subprocess, sys, time
def until(condition):
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
def observer(found=[]):
    for process in found or glob.glob("/proc/[0-9]*"):
        words = open(process + "/cmdline").read()
        if words.startswith("axolotl-run-observer") and os.environ["AXOLOTL_RUN_ID"] in words:
            found[:] = [process]
            return process
def is_watched(pid):
    try:
        return any("Pid:\t%d\n" % pid in open(handle).read() for handle in glob.glob(observer() + "/fdinfo/*"))
    except (OSError, TypeError):
        return None
def is_recorded():
    journals = glob.glob(os.environ["HOME"] + "/.local/state/axolotl-run/runs/*/events.jsonl")
    return any("\"event\":\"start\"" in open(journal).read() for journal in journals)
"#,
            $program
        )
    };
}

/// A launcher of two workers, as torchrun is one: each has its rank, the first failure ends the other, and the
/// launcher's own exit code is 1, whatever the worker died of. The failed one is seen before it is reaped: of the reaped
/// an older kernel tells nothing.
const LAUNCHER: &str = seeing!(
    r#"
workers = [subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ, RANK=str(rank)), start_new_session=True)
           for rank, script in enumerate(sys.argv[1:])]
failed = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT).si_pid
until(lambda: not is_watched(failed))
time.sleep(1)  # as long as real ones take
for worker in workers:
    worker.terminate()
for worker in workers:
    worker.wait()
sys.exit(1)
"#
);

/// Lives until it was found among the run's processes, as every worker that imports torch does; and a look longer, that
/// at its helper, since the first may have found it before it had its rank.
const ALIVE: &str = seeing!(
    r#"
until(lambda: is_watched(os.getpid()))
helper = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
until(lambda: is_watched(helper.pid))
helper.communicate();"#
);

/// Whether the kernel tells how a process ended that its parent has reaped (Linux 6.15).
fn tells_of_the_reaped() -> bool {
    let mut deaths = axolotl_run_sys::deaths::Deaths::new().unwrap();
    let mut child = support::program("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let tells =
        deaths.watch(child.id()) && child.wait().is_ok() && deaths.end_of(child.id()).is_some();
    if !tells {
        eprintln!(
            "skipped: a kernel before 6.15 does not tell how a process ended that was reaped"
        );
    }
    tells
}

#[test]
fn exits_and_exceptions() {
    let _turn = machine();
    if !has("python3") {
        return;
    }
    dies(
        &["true"],
        &death("success", ("success", "high"), &["exit_code"]),
    );
    dies(
        &["sh", "-c", "exit 3"],
        &death(
            "exit code, no word",
            ("exit_nonzero", "high"),
            &["exit_code"],
        ),
    );
    let raise = "import json; json.loads('{')";
    dies(
        &["python3", "-c", raise],
        &death("exception", ("exception", "high"), &["traceback"]),
    );
    let gpu = "class OutOfMemoryError(RuntimeError): pass\nOutOfMemoryError.__module__ = 'torch'\nraise OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')";
    dies(
        &["python3", "-c", gpu],
        &death("GPU out of memory", ("oom_gpu", "high"), &["traceback"]),
    );
}

#[test]
fn signals_that_nobody_sent() {
    let _turn = machine();
    if !has("python3") {
        return;
    }
    let segfault = format!("{ALIVE} ctypes.string_at(0)");
    dies(
        &["python3", "-c", &segfault],
        &death(
            "segmentation fault",
            ("segfault", "high"),
            &["killed_by_signal"],
        ),
    );
    for (exit, name) in [
        ("exit $?", "segmentation fault below a shell"),
        ("exit 1", "segmentation fault, exit code lost"),
    ] {
        if !tells_of_the_reaped() {
            break;
        }
        let script = format!("python3 -c '{segfault}'; {exit}");
        dies(
            &["sh", "-c", &script],
            &death(name, ("segfault", "high"), &["worker_killed_by_signal"]),
        );
    }
    dies(
        &["sh", "-c", "exit 139"],
        &death(
            "a shell's word for it alone",
            ("segfault", "medium"),
            &["exit_code_of_signal"],
        ),
    );
    for (signal, kind, name) in [
        ("ABRT", "abort", "abort"),
        ("ILL", "illegal", "illegal instruction"),
        ("FPE", "fpe", "division by zero"),
    ] {
        let script = format!("kill -{signal} $$");
        dies(
            &["sh", "-c", &script],
            &death(name, (kind, "high"), &["killed_by_signal"]),
        );
    }
    let watchdog = "echo '[rank0]:[E] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL' >&2; kill -ABRT $$";
    dies(
        &["sh", "-c", watchdog],
        &death("NCCL's watchdog", ("nccl_timeout", "high"), &["marker"]).of_rank(0),
    );
    dies(
        &["sh", "-c", "kill -KILL $$"],
        &death("SIGKILL", ("killed_unknown", "low"), &["killed_by_signal"]),
    );
}

#[test]
fn the_rank_that_failed_first_is_named_whatever_its_launcher_says() {
    let _turn = machine();
    if !has("python3") {
        return;
    }
    let wait = "import time; time.sleep(60)";
    let segfault = format!("{ALIVE} ctypes.string_at(0)");
    dies(
        &["python3", "-c", LAUNCHER, wait, &segfault],
        &death(
            "segmentation fault of a rank",
            ("segfault", "high"),
            &["worker_killed_by_signal", "first_failed_rank"],
        )
        .of_rank(1),
    );
    let killed = format!("{ALIVE} os.kill(os.getpid(), 9)");
    dies(
        &["python3", "-c", LAUNCHER, &killed, wait],
        &death(
            "SIGKILL of a rank",
            ("killed_unknown", "low"),
            &["worker_killed_by_signal", "first_failed_rank"],
        )
        .of_rank(0),
    );
    let raises = format!("{ALIVE} import json; json.loads('{{')");
    dies(
        &["python3", "-c", LAUNCHER, wait, &raises],
        &death(
            "exception of a rank",
            ("exception", "high"),
            &["traceback", "first_failed_rank"],
        )
        .of_rank(1),
    );
}

/// A launch whose command lives until the test has done something to it.
fn started(launch: Launch, words: &[&str]) -> Running {
    let words: Vec<&str> = ["--record"]
        .into_iter()
        .chain(words.iter().copied())
        .collect();
    let mut running = launch.start(&words);
    running.until_said("ready");
    running
}

const READY: &str = "echo ready; exec sleep 60";

#[test]
fn whoever_asked_for_the_end_is_seen() {
    let _turn = machine();
    if !has("python3") || !has("timeout") {
        return;
    }
    let mut terminal = started(Launch::new().on_terminal(), &["sh", "-c", READY]);
    terminal.type_in("\u{3}");
    let ctrl_c = death(
        "Ctrl-C",
        ("signalled_by_user", "high"),
        &["interrupt_requested", "sent_by_terminal"],
    );
    ctrl_c.check(&terminal.finish());

    let own = started(Launch::new(), &["sh", "-c", READY]);
    own.signal(Signal::SIGTERM);
    let kill = death(
        "kill from the own session",
        ("signalled_by_user", "high"),
        &["sent_from_own_session"],
    );
    kill.check(&own.finish());

    let around = Launch::new().before(&["timeout", "10"]);
    let around = recorded(around, &["sleep", "60"]);
    death(
        "timeout around the launcher",
        ("time_limit", "high"),
        &["timeout"],
    )
    .check(&around);
    dies(
        &["timeout", "0.5", "sleep", "60"],
        &death(
            "timeout as the command",
            ("time_limit", "high"),
            &["timeout"],
        ),
    );
    dies(
        &["sh", "-c", "ulimit -S -t 1; while :; do :; done"],
        &death(
            "limit of processor time",
            ("time_limit", "medium"),
            &["processor_time"],
        ),
    );
    let slurm = (std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 3)
    .to_string();
    let job = started(
        Launch::new().env("SLURM_JOB_END_TIME", slurm),
        &["sh", "-c", READY],
    );
    job.signal(Signal::SIGTERM);
    death(
        "SIGTERM as the job's time ends",
        ("time_limit", "medium"),
        &["job_end_time"],
    )
    .check(&job.finish());
}

/// A program of this name sends the launcher SIGTERM, from a session of its own, and is there to be seen until the
/// launcher has ended.
fn terminated_by(name: &str, running: Running) -> Done {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join(name);
    std::os::unix::fs::symlink(fs::canonicalize("/bin/sh").unwrap(), &program).unwrap();
    let script = format!("kill -TERM {}; read -r word", running.pid());
    let words = [
        OsStr::new("setsid"),
        program.as_os_str(),
        OsStr::new("-c"),
        OsStr::new(&script),
    ];
    let mut sender = support::program("env")
        .args(words)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let done = running.finish();
    drop(sender.stdin.take());
    sender.wait().unwrap();
    done
}

#[test]
fn who_sent_the_signal_says_why() {
    let _turn = machine();
    if !has("setsid") {
        return;
    }
    for (sender, verdict, evidence) in [
        ("earlyoom", ("oom_daemon", "high"), "sent_by_memory_daemon"),
        (
            "slurmstepd",
            ("preempted_or_cancelled", "medium"),
            "sent_by_scheduler",
        ),
        (
            "containerd-shim",
            ("preempted_or_cancelled", "medium"),
            "sent_by_service_manager",
        ),
        (
            "nobody-special",
            ("signalled_by_user", "medium"),
            "sent_by_same_user",
        ),
    ] {
        let running = started(Launch::new(), &["sh", "-c", READY]);
        let done = terminated_by(sender, running);
        death(
            &format!("SIGTERM by {sender}"),
            verdict,
            &[evidence, "termination_requested"],
        )
        .check(&done);
    }
}

/// What makes of a command the first process of a pid namespace, as a container does.
const NAMESPACE: [&str; 4] = ["unshare", "--pid", "--fork", "--mount-proc"];

fn has_namespaces() -> bool {
    let may = has("unshare")
        && support::program("unshare")
            .args(&NAMESPACE[1..])
            .arg("true")
            .status()
            .unwrap()
            .success();
    if !may {
        eprintln!("skipped: no pid namespace can be made here (root is needed)");
    }
    may
}

#[test]
fn a_container_that_ends_at_once_on_a_crowded_machine() {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    if !has_namespaces() {
        return;
    }
    let processors = std::thread::available_parallelism().unwrap().get();
    let crowd: Vec<_> = (0..2 * processors)
        .map(|_| {
            support::program("sh")
                .args(["-c", "while :; do :; done"])
                .spawn()
                .unwrap()
        })
        .collect();
    let done = Launch::new().before(&NAMESPACE).run(&["--record", "true"]);
    for mut one in crowd {
        one.kill().and_then(|()| one.wait()).unwrap();
    }
    // The observer has hardly had a turn, and ended with the launcher: what is not there now never comes.
    let recorded = runs(&state(done.home()));
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        recorded[0].finish()["verdict"]["kind"],
        "success",
        "{recorded:#?}"
    );
}

#[test]
fn a_container_that_is_stopped_from_outside() {
    let _turn = machine();
    if !has_namespaces() {
        return;
    }
    let launch = Launch::new().before(&NAMESPACE);
    let state = state(&launch.home());
    let mut running = started(launch, &["sh", "-c", READY]);
    // As PID 1 the launcher takes the observer with it when it ends, so what is to be read has to be there by then.
    running.until("the run is recorded", || {
        runs(&state).iter().any(|run| !run.events.is_empty())
    });
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let launcher = fs::read_to_string(children)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(launcher), Signal::SIGTERM).unwrap();
    let evidence = &["sent_from_outside", "termination_requested"];
    death(
        "SIGTERM from outside the container",
        ("preempted_or_cancelled", "medium"),
        evidence,
    )
    .check(&running.finish());
}

/// A control group of version 1 with a limit, which goes with the test.
struct Group(PathBuf);

impl Group {
    /// None where it cannot be made, which is said.
    fn with_limit(megabytes: u64) -> Option<Self> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let name = format!("axolotl-run-deaths-{}-{number}", std::process::id());
        let (one, two) = (
            Path::new("/sys/fs/cgroup/memory"),
            Path::new("/sys/fs/cgroup"),
        );
        let (group, limit) = if one.join("memory.limit_in_bytes").exists() {
            (Self(one.join(name)), "memory.limit_in_bytes")
        } else {
            (Self(two.join(name)), "memory.max")
        };
        let made = fs::create_dir(&group.0).is_ok()
            && fs::write(group.0.join(limit), (megabytes << 20).to_string()).is_ok();
        if !made {
            eprintln!(
                "skipped: a memory control group cannot be made here (root, or a delegated group, is needed)"
            );
        }
        made.then_some(group)
    }

    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Empty once the observer has gone.
        support::poll_until(|| fs::remove_dir(&self.0).is_ok() || !self.0.exists());
    }
}

/// Takes memory until something gives, once the run is known and it is itself, as in a training.
const HOG: &str = seeing!(
    "until(is_recorded)\nuntil(lambda: is_watched(os.getpid()))\nx = [bytearray(1 << 20) for _ in range(4000)]\n"
);

#[test]
fn memory_of_the_control_group() {
    let _turn = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    if !has("python3") {
        return;
    }
    let Some(group) = Group::with_limit(96) else {
        return;
    };
    let evidence: &[&str] = &["cgroup_oom_kill", "killed_by_signal"];
    // The launcher, its observer and the command in one container: the kernel takes what is largest, the command.
    let all = Launch::new().before(&["sh", "-c", &group.enter(), "sh"]);
    death(
        "out of memory, all in a group",
        ("oom_cgroup", "high"),
        evidence,
    )
    .check(&recorded(all, &["python3", "-c", HOG]));
    drop(group);
    // Only the command is in it, as with `systemd-run --scope` or a container that it starts.
    let Some(group) = Group::with_limit(96) else {
        return;
    };
    let enter = group.enter();
    dies(
        &["sh", "-c", &enter, "sh", "python3", "-c", HOG],
        &death(
            "out of memory, the command's group",
            ("oom_cgroup", "high"),
            evidence,
        ),
    );
    if !tells_of_the_reaped() {
        return;
    }
    let below = format!(
        "echo $$ > {}/cgroup.procs; python3 -c '{HOG}'; exit 1",
        group.0.display()
    );
    dies(
        &["sh", "-c", &below],
        &death(
            "out of memory, exit code lost",
            ("oom_cgroup", "high"),
            &["cgroup_oom_kill", "worker_killed_by_signal"],
        ),
    );
}

#[test]
fn memory_of_another_group_than_the_commands() {
    let _turn = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    if !has("python3") {
        return;
    }
    if !tells_of_the_reaped() {
        return;
    }
    let Some(group) = Group::with_limit(96) else {
        return;
    };
    // As where a worker was moved, or nothing but the machine's counter can be read: that one alone has moved.
    let worker = format!(
        "sh -c '{}' sh python3 -c '{HOG}'; exit 1",
        group.enter().replace('\'', "'\\''")
    );
    dies(
        &["sh", "-c", &worker],
        &death(
            "out of memory, by the machine's counter",
            ("oom_host", "medium"),
            &["host_oom_kill", "worker_killed_by_signal"],
        ),
    );
}

#[test]
fn a_daemon_that_kills_for_memory_leaves_its_mark() {
    let _turn = machine();
    if !has("python3") {
        return;
    }
    let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.join("cgroup.controllers").exists());
    let Some(group) =
        root.map(|root| root.join(format!("axolotl-run-oomd-{}", std::process::id())))
    else {
        eprintln!("skipped: no unified hierarchy of control groups");
        return;
    };
    if fs::create_dir(&group).is_err() {
        eprintln!("skipped: a control group cannot be made here (root is needed)");
        return;
    }
    let group = Group(group);
    if !tells_of_the_reaped() {
        return;
    }
    let launch = Launch::new().before(&["sh", "-c", &group.enter(), "sh"]);
    let state = state(&launch.home());
    let mut running = started(launch, &["sh", "-c", "echo ready; sleep 60; exit 1"]);
    // The first measurement says what was there before.
    running.until("the group was looked at", || {
        runs(&state).iter().any(|run| {
            fs::read_to_string(run.directory.join("samples.jsonl"))
                .is_ok_and(|text| !text.is_empty())
        })
    });
    // What systemd-oomd does: it writes the count down, then kills.
    let path = group.0.display().to_string();
    let mark = "import os, sys; os.setxattr(sys.argv[1], 'user.oomd_kill', b'1')";
    let marked = support::program("python3")
        .args(["-c", mark, &path])
        .status()
        .unwrap();
    if !marked.success() {
        eprintln!("skipped: control groups take no attributes here");
        return;
    }
    // The one that sleeps; the launcher and its observer are spared, as they use little.
    let victim = fs::read_to_string(group.0.join("cgroup.procs"))
        .unwrap()
        .lines()
        .rev()
        .find_map(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name.trim() == "sleep").then(|| pid.parse::<i32>().ok())?
        });
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(victim.expect("a sleeper")),
        Signal::SIGKILL,
    )
    .unwrap();
    death(
        "killed by a memory daemon",
        ("oom_daemon", "high"),
        &["memory_daemon_mark"],
    )
    .check(&running.finish());
}

/// Fills a file of the shared memory that is mapped whole, until the file system has no page left.
const BUS: &str = "
import mmap, os, time
print('ready', flush=True)
file = open('/dev/shm/batch', 'wb+')
file.truncate(64 << 20)
pages = mmap.mmap(file.fileno(), 64 << 20)
for page in range(0, 64 << 20, 4096):
    pages[page] = 1
";

#[test]
fn shared_memory_that_is_full() {
    let _turn = machine();
    if !has("python3") || !has("unshare") {
        return;
    }
    let own = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec \"$@\"";
    let may = support::program("unshare")
        .args(["-m", "sh", "-c", own, "sh", "true"])
        .output()
        .unwrap();
    if !may.status.success() {
        eprintln!("skipped: no mount namespace can be made here (root is needed)");
        return;
    }
    // The launcher in the container, with the command.
    let inside = Launch::new()
        .before(&["unshare", "-m", "sh", "-c", own, "sh"])
        .stdout(Stream::Pipe);
    let evidence: &[&str] = &["killed_by_signal", "shared_memory_full"];
    death(
        "shared memory full (SIGBUS)",
        ("shm_full", "high"),
        evidence,
    )
    .check(&recorded(inside, &["python3", "-c", BUS]));
    // The launcher outside: the command enters the container, and a worker of it dies.
    let worker = format!("{ALIVE}\n{BUS}");
    dies(
        &[
            "unshare",
            "-m",
            "sh",
            "-c",
            own,
            "sh",
            "python3",
            "-c",
            LAUNCHER,
            &worker,
            "import time; time.sleep(60)",
        ],
        &death(
            "shared memory full in a container",
            ("shm_full", "high"),
            &["worker_killed_by_signal", "shared_memory_full"],
        )
        .of_rank(0),
    );
}
