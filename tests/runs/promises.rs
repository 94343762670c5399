//! Who reports and who does not, with the real program: consent, `--record`, the main process, and a run whose
//! two processes were killed.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use support::observed::{Recorded, files, reporting, runs, state, until_recorded};
use support::posthog::Server;
use support::{Launch, has, poll_until};

fn finishes(server: &Server) -> usize {
    server
        .stored()
        .iter()
        .filter(|event| event["event"] == "finish")
        .count()
}

#[test]
fn what_is_only_recorded_is_never_sent() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start();
    let at = || reporting(Launch::new(), &server).env("XDG_STATE_HOME", directory.path());
    at().run(&["--record", "true"]).expect_code(0);
    let recorded = until_recorded(directory.path(), Recorded::is_finished);
    recorded.assert_ordered("recorded");
    at().run(&["--send"]).expect_code(0);
    assert_eq!(server.connections(), 0, "{:?}", server.requests());
    // Nor by a later run that does report.
    at().run(&["true"]).expect_code(0);
    assert!(poll_until(|| finishes(&server) == 1));
    at().run(&["true"]).expect_code(0);
    assert!(poll_until(|| finishes(&server) == 2));
    let run = &recorded.events[0]["distinct_id"];
    assert!(
        server
            .stored()
            .iter()
            .all(|event| event["distinct_id"] != *run)
    );
}

#[test]
fn a_record_that_cannot_be_made_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("elsewhere")).unwrap();
    symlink("elsewhere", directory.path().join("axolotl-run")).unwrap();
    let at = || Launch::new().env("XDG_STATE_HOME", directory.path());
    // On a busy machine the launcher does not wait until the observer of so short a command has something to say.
    assert!(poll_until(|| {
        let done = at().run(&["--record", "sh", "-c", "echo said >&2; exit 3"]);
        let stderr = done
            .expect_code(3)
            .expect_in_stderr("said\n")
            .stderr
            .clone();
        let warning = "axolotl-run: warning: this run is not recorded: failed to use `";
        stderr.contains(warning) && stderr.contains("it is a symbolic link; set `XDG_STATE_HOME`")
    }));
    at().run(&["--runs"])
        .expect_code(1)
        .expect_in_stderr("it is a symbolic link");
    assert!(files(&directory.path().join("elsewhere")).is_empty());
}

/// An emulator does not start our program again, and neither does the dynamic loader that is asked to run it.
#[test]
fn a_program_that_cannot_be_started_again_says_that_it_records_nothing() {
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    let Some(loader) = loaders
        .into_iter()
        .find(|loader| Path::new(loader).exists())
    else {
        return;
    };
    // As above: on a busy machine it may go before that is known.
    assert!(poll_until(|| {
        let launch = Launch::new().before(&[loader]);
        let done = launch.run(&["--record", "sh", "-c", "echo said >&2; exit 3"]);
        assert!(runs(&state(done.home())).is_empty());
        let stderr = &done.expect_code(3).expect_in_stderr("said\n").stderr;
        stderr.contains("this run is not recorded: the program cannot be started a second time")
    }));
}

#[test]
fn whatever_the_umask_its_owner_can_read_the_record() {
    let directory = tempfile::tempdir().unwrap();
    let at = || {
        Launch::new()
            .env("XDG_STATE_HOME", directory.path().join("state"))
            .env("XDG_CONFIG_HOME", directory.path().join("config"))
            .before(&["sh", "-c", "umask 0777; exec \"$@\"", "sh"])
    };
    at().run(&["--record", "sh", "-c", "umask"])
        .expect_code(0)
        .expect_stdout("0777\n");
    at().run(&["--record-always"]).expect_code(0);
    let run = until_recorded(&directory.path().join("state"), Recorded::is_finished);
    run.until_released();
    let mut places = vec![directory.path().to_owned()];
    let mut seen = 0;
    while let Some(place) = places.pop() {
        let metadata = place.metadata().unwrap();
        let owners = metadata.permissions().mode() & 0o600;
        assert_eq!(owners, 0o600, "{}", place.display());
        seen += 1;
        if metadata.is_dir() {
            places.extend(place.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 8, "{seen}");
}

/// Somebody's folder may be called like a public model. It is looked for where the training will stand, too.
#[test]
fn a_folder_where_the_training_will_stand_is_no_public_model() {
    let model = "Qwen/Qwen2.5-0.5B";
    for (config, is_folder, told) in [
        ("c.yml", false, model),
        ("c.yml", true, "<str>"),
        ("job/c.yml", false, model),
        ("job/c.yml", true, "<str>"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let job = directory.path().join("job");
        fs::create_dir(&job).unwrap();
        if is_folder {
            fs::create_dir_all(job.join(model)).unwrap();
        }
        let text = format!("base_model: {model}\n");
        fs::write(directory.path().join(config), text).unwrap();
        let train = ["--record", "--config", config, "sh", "-c", "cd job && true"];
        // On a busy machine so short a command may end before its configuration is read.
        assert!(poll_until(|| {
            let done = Launch::new().inside(directory.path()).run(&train);
            done.expect_code(0);
            let run = until_recorded(&state(done.home()), Recorded::is_finished);
            let config = run.named("start")[0].get("config");
            config.is_some_and(|config| config["base_model"] == told)
        }));
    }
}

/// The end of a short command may be seen before its beginning.
#[test]
fn the_shortest_run_is_reported_like_any() {
    let server = Server::start();
    let some = || -> Vec<support::Done> {
        let run = |_| {
            let done = reporting(Launch::new(), &server).run(&["true"]);
            done.expect_code(0);
            let run = until_recorded(&state(done.home()), Recorded::is_finished);
            run.assert_ordered("a short run");
            done
        };
        (0..8).map(run).collect()
    };
    // Kept until all has arrived: an observer that finds no record of its consent any more sends nothing.
    let _homes: Vec<_> = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(some));
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        poll_until(|| finishes(&server) == 32),
        "{} of 32",
        finishes(&server)
    );
}

#[test]
fn off_means_gone() {
    for (name, value) in [
        ("AXOLOTL_DO_NOT_TRACK", "1"),
        ("DO_NOT_TRACK", "1"),
        ("AXOLOTL_RUN_ID", "x"),
        ("RANK", "3"),
    ] {
        let server = Server::start();
        let mut launch = reporting(Launch::new(), &server);
        launch = launch.env(name, value);
        let done = launch.run(&["sh", "-c", "echo $PPID"]);
        let parent = std::process::id().to_string();
        done.expect_code(0)
            .expect_stderr("")
            .expect_stdout(&format!("{parent}\n"));
        assert_eq!(server.connections(), 0, "{name}");
        assert!(
            files(done.home()).is_empty(),
            "{name}: {:?}",
            files(done.home())
        );
    }
}

/// Starts a worker as a launcher of several machines does, which says nothing of the rank itself.
const TORCHRUN: &str = "#!/usr/bin/env python3
import os, subprocess, sys
sys.exit(subprocess.call([sys.executable, '-c', sys.argv[-1]], env=dict(os.environ, RANK=os.environ['FIRST_RANK'])))
";

/// A worker that lives until the run's start is recorded, or for as long as an observer needs to look twice.
const WORKER: &str = "
import glob, os, time
end = time.monotonic() + float(os.environ['PATIENCE'])
while time.monotonic() < end and not glob.glob(os.environ['HOME'] + '/.local/state/axolotl-run/runs/*/events.jsonl'):
    time.sleep(0.02)
";

#[test]
fn of_two_machines_the_one_with_the_first_worker_reports() {
    if !has("python3") {
        return;
    }
    for (rank, patience, reports) in [("0", "30", true), ("1", "4", false)] {
        let server = Server::start();
        let launch = reporting(Launch::new(), &server)
            .env("FIRST_RANK", rank)
            .env("PATIENCE", patience);
        let bin = launch.home().join("bin");
        fs::create_dir(&bin).unwrap();
        support::write_program(&bin.join("torchrun"), TORCHRUN);
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let done = launch
            .env("PATH", path)
            .run(&["torchrun", "--nnodes", "2", WORKER]);
        done.expect_code(0).expect_stderr("");
        if reports {
            let run = until_recorded(&state(done.home()), Recorded::is_finished);
            run.assert_ordered("rank 0");
            run.assert_arrived("rank 0", &server);
        } else {
            let run = until_recorded(&state(done.home()), Recorded::is_finished);
            run.until_released();
            assert!(!run.directory.join("consent").exists(), "{run:#?}");
            assert_eq!(server.connections(), 0);
        }
    }
}

/// The observer of a supervisor, and the command's pid, from the observer's own arguments.
pub fn observer_of(supervisor: Pid) -> Option<(Pid, Pid)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.into_iter().find_map(|pid| {
        let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let config = arguments.strip_prefix("axolotl-run-observer\0")?;
        let config: serde_json::Value = serde_json::from_str(config.split('\0').next()?).ok()?;
        if config["supervisor"] != supervisor.as_raw() {
            return None;
        }
        let command = i32::try_from(config["command"].as_i64()?).ok()?;
        Some((Pid::from_raw(pid), Pid::from_raw(command)))
    })
}

#[test]
fn the_arguments_of_the_command_are_its_own() {
    let script = "echo ready; exec sleep 600";
    let mut running = Launch::new().start(&["--record", "sh", "-c", script, "hunter2-secret"]);
    running.until_said("ready");
    let mut observer = None;
    let supervisor = running.pid();
    running.until("there is an observer", || {
        observer = observer_of(supervisor);
        observer.is_some()
    });
    let (observer, command) = observer.unwrap();
    for pid in [supervisor, observer] {
        let arguments = || fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let shows = |word: &str| String::from_utf8_lossy(&arguments()).contains(word);
        assert!(
            poll_until(|| !shows("hunter2") && !shows("ready")),
            "{}",
            String::from_utf8_lossy(&arguments())
        );
        assert!(shows("axolotl-run"));
    }
    kill(command, Signal::SIGKILL).unwrap();
    running.finish().expect_signal(Signal::SIGKILL);
}

#[test]
fn a_run_whose_processes_were_both_killed_is_finished_once_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let directory: &Path = directory.path();
    let server = Server::start();
    let at = || reporting(Launch::new(), &server).env("XDG_STATE_HOME", directory);
    if !has("python3") {
        return;
    }
    // The start of a program that may yet turn out to be Python's waits longer.
    let mut running = at().start(&["python3", "-c", "import time; time.sleep(600)"]);
    running.until("the start is recorded", || {
        runs(directory).iter().any(|run| !run.lines.is_empty())
    });
    let lost = runs(directory)[0].clone();
    let (observer, command) = observer_of(running.pid()).expect("an observer");
    for pid in [observer, running.pid(), command] {
        // The command has lost both, and is no part of the question.
        let _ = kill(pid, Signal::SIGKILL);
    }
    running.finish().expect_signal(Signal::SIGKILL);
    assert!(!runs(directory)[0].is_finished());
    for later in 1..=3 {
        at().run(&["true"]).expect_code(0);
        assert!(
            poll_until(|| finishes(&server) == later + 1),
            "{later}: {:#?}",
            server.stored()
        );
    }
    let run = runs(directory)
        .into_iter()
        .find(|run| run.directory == lost.directory)
        .expect("the lost run");
    run.assert_ordered("lost");
    run.assert_arrived("lost", &server);
    assert_eq!(run.finish()["outcome"], json!("lost"));
}

/// Every file below a directory, with what is in it and when that was written.
fn traces(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    files(directory)
        .into_iter()
        .map(|(path, bytes)| (path.clone(), bytes, written(&path)))
        .collect()
}

#[test]
fn what_waits_is_left_alone_without_consent_and_is_gone_once_telemetry_is_turned_off() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start();
    let launch = || {
        Launch::new()
            .env("XDG_STATE_HOME", directory.path())
            .env("XDG_CONFIG_HOME", directory.path())
    };
    let at = || reporting(launch(), &server);
    at().env("AXOLOTL_RUN_POSTHOG_HOST", "http://127.0.0.1:9")
        .run(&["true"])
        .expect_code(0);
    let waiting = until_recorded(directory.path(), Recorded::is_finished);
    waiting.until_released();
    let before = traces(directory.path());
    for refusal in ["AXOLOTL_DO_NOT_TRACK", "DO_NOT_TRACK"] {
        at().env(refusal, "1")
            .run(&["true"])
            .expect_code(0)
            .expect_stderr("");
    }
    assert_eq!(traces(directory.path()), before);
    launch()
        .run(&["--disable"])
        .expect_code(0)
        .expect_in_stdout("\nwithdrawn  2 events of 1 run, never to be sent; the records stay\n");
    launch()
        .run(&["--status"])
        .expect_code(0)
        .expect_in_stdout("\nwaiting    nothing\n");
    let left = Recorded::only(directory.path());
    assert!(left.is_finished() && !left.directory.join("consent").exists());
    at().run(&["true"]).expect_code(0);
    assert!(poll_until(|| finishes(&server) == 1));
    let lost = &waiting.events[0]["distinct_id"];
    assert!(
        server
            .stored()
            .iter()
            .all(|event| event["distinct_id"] != *lost)
    );
}
