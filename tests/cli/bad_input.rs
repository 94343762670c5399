//! What can be wrong around a run must not touch it: a state directory that cannot be written or was damaged,
//! a full disk, a configuration that cannot be read, a destination that is none, a server that misbehaves.
//!
//! In each case the command's output and status are those of the bare command, nothing that was recorded is
//! lost, and what could not be sent is sent by a later run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::observed::{Recorded, reporting, runs, until_recorded};
use support::posthog::{Behaviour, Server};
use support::{Done, Launch, assert_within, poll_until};

/// What runs; its output and status are told by every test.
const COMMAND: [&str; 3] = ["sh", "-c", "echo out; echo err >&2; exit 7"];

/// Longer than the launcher ever waits for a server.
const AT_ONCE: Duration = Duration::from_secs(8);

fn run(launch: Launch, options: &[&str], command: &[&str]) -> Done {
    let done = launch.run(&[options, &["--"], command].concat());
    done.expect_code(7).expect_stdout("out\n");
    // One line may say what is wrong.
    let ours: Vec<_> = done
        .stderr
        .lines()
        .filter(|line| line.starts_with("axolotl-run"))
        .collect();
    assert!(ours.len() <= 1, "{ours:?}");
    let theirs: Vec<_> = done
        .stderr
        .lines()
        .filter(|line| !line.starts_with("axolotl-run"))
        .collect();
    assert_eq!(theirs, ["err"]);
    assert_within(done.elapsed, AT_ONCE, "a run");
    done
}

fn stored(server: &Server, name: &str) -> usize {
    server
        .stored()
        .iter()
        .filter(|event| event["event"] == name)
        .count()
}

/// The finishes of so many runs arrive, each once, each after its start.
#[track_caller]
fn until_finished(server: &Server, what: &str, finishes: usize) {
    let arrived = poll_until(|| stored(server, "finish") >= finishes);
    let count = (stored(server, "start"), stored(server, "finish"));
    assert!(
        arrived && count == (finishes, finishes),
        "{what}: {count:?} of {finishes}: {:#?}",
        server.stored()
    );
}

/// A state directory of a run that was recorded with consent and could not be sent.
fn unsent(state: &Path) -> Recorded {
    let launch = Launch::new()
        .env("AXOLOTL_DO_NOT_TRACK", "0")
        .env("XDG_STATE_HOME", state);
    run(launch, &[], &COMMAND);
    let recorded = until_recorded(state, Recorded::is_finished);
    recorded.until_released();
    recorded
}

fn at(server: &Server, state: impl AsRef<Path>) -> Launch {
    reporting(Launch::new(), server).env("XDG_STATE_HOME", state.as_ref())
}

#[test]
fn without_a_place_for_the_state_events_are_sent_from_memory() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    File::create(&file).unwrap();
    let dangling = directory.path().join("dangling");
    std::os::unix::fs::symlink("/nowhere/at/all", &dangling).unwrap();
    let foreign = directory.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    File::create(foreign.join("axolotl-run")).unwrap();
    for state in [
        Path::new("/dev/null"),
        Path::new("/proc/axolotl"),
        &file,
        &dangling,
        &foreign,
    ] {
        let server = Server::start();
        run(at(&server, state), &[], &COMMAND);
        until_finished(&server, &state.display().to_string(), 1);
    }
    for (home, state) in [
        (None, None),
        (Some(""), None),
        (Some("relative"), Some("relative/state")),
    ] {
        let server = Server::start();
        let mut launch = reporting(Launch::new(), &server).without_env("HOME");
        for (name, value) in [("HOME", home), ("XDG_STATE_HOME", state)] {
            launch = value
                .into_iter()
                .fold(launch, |launch, value| launch.env(name, value));
        }
        let done = run(launch, &[], &COMMAND);
        until_finished(&server, &format!("{home:?} {state:?}"), 1);
        assert!(
            !done.home().join("relative").exists(),
            "a relative state directory is none"
        );
    }
}

#[test]
fn a_full_disk_costs_no_event() {
    let directory = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        let command = support::program(arguments[0])
            .args(&arguments[1..])
            .arg(directory.path())
            .output();
        command.is_ok_and(|output| output.status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs"]) {
        eprintln!("skipped: mounting a file system is not permitted");
        return;
    }
    let server = Server::start();
    let fill = |name: &str| {
        let mut file = File::create(directory.path().join(name)).unwrap();
        while std::io::Write::write(&mut file, &[0; 512]).is_ok_and(|count| count > 0) {}
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        fill("all");
        run(at(&server, directory.path()), &[], &COMMAND);
        until_finished(&server, "full from the beginning", 1);
    }));
    let unmounted = poll_until(|| mount(&["umount"]));
    assert!(unmounted, "the file system is still in use");
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// What a journal was turned into, from the first line of a good one.
type Damage = (&'static str, fn(&Path, &str));

const DAMAGES: [Damage; 9] = [
    ("garbage", |path, _| {
        fs::write(path, "garbage\n{]\n\u{feff}\n").unwrap()
    }),
    ("zeros", |path, _| fs::write(path, [0; 10_000]).unwrap()),
    ("half a line", |path, begin| {
        fs::write(path, &begin.as_bytes()[..begin.len() / 2]).unwrap()
    }),
    ("a hole of 100 MB", |path, _| {
        File::create(path).unwrap().set_len(100 << 20).unwrap()
    }),
    ("a FIFO", |path, _| {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap()
    }),
    ("a directory", |path, _| fs::create_dir(path).unwrap()),
    ("a device", |path, _| {
        std::os::unix::fs::symlink("/dev/zero", path).unwrap()
    }),
    ("depth", |path, _| {
        fs::write(path, format!("{}\n", "[".repeat(1 << 20))).unwrap()
    }),
    ("another run's", |path, begin| {
        fs::write(
            path,
            format!("{begin}\n{}\n", begin.replace("start", "theft")),
        )
        .unwrap()
    }),
];

#[test]
fn damaged_journals_of_earlier_runs_hold_nobody_up() {
    let check = |name: &str, damages: &[Damage]| {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        let good = unsent(state);
        for (number, (_, damage)) in damages.iter().enumerate() {
            let run = good
                .directory
                .with_file_name(format!("00000000-0000-4000-8000-{number:012}"));
            fs::create_dir(&run).unwrap();
            // A run whose observer has gone: one that may live counts among what is kept, and is left alone.
            for name in ["consent", "live"] {
                fs::copy(good.directory.join(name), run.join(name)).unwrap();
            }
            damage(&run.join("events.jsonl"), &good.lines[0]);
        }
        let server = Server::start();
        run(at(&server, state), &[], &COMMAND);
        until_finished(&server, name, 2);
        good.assert_arrived(name, &server);
    };
    std::thread::scope(|scope| {
        for damage in &DAMAGES {
            scope.spawn(move || check(damage.0, std::slice::from_ref(damage)));
        }
        scope.spawn(move || check("all of it", &DAMAGES));
    });
}

#[test]
fn a_configuration_that_cannot_be_read_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("directory")).unwrap();
    nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(
        path("binary"),
        (0..=255).cycle().take(5000).collect::<Vec<u8>>(),
    )
    .unwrap();
    fs::write(path("nested"), "[".repeat(100_000)).unwrap();
    fs::write(path("bomb"), format!("a: &a [x]\n{}", bomb())).unwrap();
    File::create(path("huge"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let named = [
        "missing",
        "directory",
        "fifo",
        "binary",
        "nested",
        "bomb",
        "huge",
    ]
    .map(path);
    let server = Server::start();
    let mut finished = 0;
    for config in named
        .iter()
        .map(PathBuf::as_path)
        .chain([Path::new("/dev/zero")])
    {
        let state = tempfile::tempdir().unwrap();
        let config = config.to_str().unwrap();
        run(at(&server, state.path()), &["--config", config], &COMMAND);
        finished += 1;
        until_finished(&server, config, finished);
    }
}

/// Contents of a configuration and, where it is none, what is said of it; else what would be sent.
const CONFIGURATIONS: &[(&[u8], Result<&str, &str>)] = &[
    (
        b"\xef\xbb\xbfseed: 7\r\nsequence_len: 512\r\n",
        Ok(r#"{"seed":7,"sequence_len":512}"#),
    ),
    (b"seed: 1\nseed: 2\n", Ok(r#"{"seed":2}"#)),
    (
        b"zqx: &a {seed: 3, adapter: zqx}\n<<: *a\nadapter: lora\n",
        Ok(r#"{"seed":3,"adapter":"lora"}"#),
    ),
    (b"zqx: 1\n? [zqx]\n: 2\nseed: 3\n", Ok(r#"{"seed":3}"#)),
    (b"seed: !!int \"3\"\n", Ok(r#"{"seed":3}"#)),
    (b"base_model: !zqx x\n", Err("not YAML")),
    (
        b"seed: !!python/object/apply:os.system [zqx]\n",
        Err("not YAML"),
    ),
    (b"seed:\n\tzqx: 1\n", Err("not YAML")),
    (b"seed: [1, zqx\n", Err("not YAML")),
    (b"seed: 1\n---\nseed: zqx\n", Err("not YAML")),
    (b"seed: *zqx\n", Err("not YAML")),
    (b"zqx: \x00\n", Err("not YAML")),
    (b"- zqx\n", Err("not a map")),
    (b"zqx\n", Err("not a map")),
    (b"", Err("not YAML")),
    (b"zqx: caf\xe9\n", Err("not UTF-8")),
    (b"\xff\xfes\x00e\x00e\x00d\x00:\x00", Err("not UTF-8")),
];

#[test]
fn the_preview_says_why_a_configuration_is_none_and_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file.yml");
    let preview = |config: &Path| {
        let done = Launch::new().run(&[
            "--preview",
            "--json",
            "--config",
            config.to_str().unwrap(),
            "--",
            "true",
        ]);
        assert_within(done.elapsed, AT_ONCE, &format!("{config:?}"));
        assert!(
            !done.stdout.contains("zqx") && !done.stderr.contains("zqx"),
            "{}{}",
            done.stdout,
            done.stderr
        );
        done
    };
    let refused = |config: &Path, why: &str| {
        let done = preview(config);
        done.expect_code(1).expect_stdout("");
        let said: Vec<_> = done
            .stderr
            .lines()
            .filter(|line| line.contains("error:"))
            .collect();
        assert!(
            said.len() == 1 && said[0].contains(why),
            "{config:?} {why}: {}",
            done.stderr
        );
    };
    for (contents, expected) in CONFIGURATIONS {
        fs::write(&file, contents).unwrap();
        match expected {
            Err(why) => refused(&file, why),
            Ok(config) => {
                let done = preview(&file);
                done.expect_code(0);
                let event: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
                let config: serde_json::Value = serde_json::from_str(config).unwrap();
                assert_eq!(
                    event["properties"]["config"],
                    config,
                    "{}",
                    String::from_utf8_lossy(contents)
                );
            }
        }
    }
    // The parser itself stops what unfolds too far.
    let unfolding = format!("a: &a [x]\n{}", bomb());
    let (nested, long) = ("[".repeat(100_000), format!("a: {}", "x".repeat(1 << 21)));
    for (text, why) in [
        (unfolding, "not YAML"),
        (nested, "too large"),
        (long, "too large"),
    ] {
        fs::write(&file, text).unwrap();
        refused(&file, why);
    }
    // Of nothing but zeroes, and not a byte of the disk's.
    File::create(&file).unwrap().set_len(100 << 20).unwrap();
    refused(&file, "too large");
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [
        fifo.as_path(),
        directory.path(),
        Path::new("/dev/zero"),
        Path::new("/dev/null"),
        Path::new("/dev/fd/0"),
    ] {
        refused(path, "not a file");
    }
    refused(&directory.path().join("missing"), "o such file");
}

/// Anchors that grow tenfold with each line.
fn bomb() -> String {
    let line = |(before, name): (char, char)| {
        format!(
            "{name}: &{name} [{}]\n",
            vec![format!("*{before}"); 10].join(",")
        )
    };
    ('a'..'j').zip('b'..).map(line).collect()
}

#[test]
fn without_a_destination_events_wait_for_the_next_run() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start();
    let bad = [
        ("AXOLOTL_RUN_POSTHOG_HOST", "not a host"),
        ("AXOLOTL_RUN_POSTHOG_HOST", "http://"),
        ("AXOLOTL_RUN_POSTHOG_HOST", "ftp://example.invalid"),
        ("AXOLOTL_RUN_POSTHOG_HOST", "http://[::1"),
        ("AXOLOTL_RUN_POSTHOG_HOST", "http://127.0.0.1:99999"),
        ("AXOLOTL_RUN_POSTHOG_HOST", "http://\u{7f}\u{1b}[31m"),
        ("AXOLOTL_RUN_POSTHOG_KEY", ""),
        ("AXOLOTL_RUN_POSTHOG_KEY", "phx_personal"),
        ("AXOLOTL_RUN_POSTHOG_KEY", "phc_\u{e4}"),
    ];
    for (name, value) in bad {
        run(at(&server, state.path()).env(name, value), &[], &COMMAND);
    }
    assert_eq!(server.connections(), 0);
    let are_finished =
        |runs: &[Recorded]| runs.len() == bad.len() && runs.iter().all(Recorded::is_finished);
    assert!(
        poll_until(|| are_finished(&runs(state.path()))),
        "{:#?}",
        runs(state.path())
    );
    runs(state.path()).iter().for_each(Recorded::until_released);
    run(at(&server, state.path()), &[], &COMMAND);
    until_finished(&server, "all that waited", bad.len() + 1);
    for recorded in runs(state.path()) {
        recorded.assert_arrived("what waited", &server);
    }
}

#[test]
fn whatever_the_server_does_the_run_is_the_same_and_nothing_is_lost() {
    let behaviours = [
        Behaviour::Reset,
        Behaviour::StoreThenReset,
        Behaviour::Html,
        Behaviour::Garbage,
        Behaviour::EndlessBody,
        Behaviour::Status(401),
        Behaviour::Status(429),
        Behaviour::Status(503),
        Behaviour::RetryAfter(503, "1000000".into()),
        Behaviour::Redirect("http://127.0.0.1:1/batch/".into()),
        Behaviour::Stall,
        Behaviour::SlowBody,
    ];
    std::thread::scope(|scope| {
        for behaviour in behaviours {
            scope.spawn(move || {
                let name = format!("{behaviour:?}");
                // These two hold the request for as long as it may take; a later attempt would take that time here.
                let holds = matches!(
                    behaviour,
                    Behaviour::Stall | Behaviour::SlowBody | Behaviour::RetryAfter(..)
                );
                let state = tempfile::tempdir().unwrap();
                let server = Server::start();
                server.always(behaviour);
                run(at(&server, state.path()), &[], &COMMAND);
                let before = until_recorded(state.path(), Recorded::is_finished);
                before.assert_ordered(&name);
                if holds {
                    return;
                }
                server.always(Behaviour::Honest);
                run(at(&server, state.path()), &[], &COMMAND);
                until_finished(&server, &name, 2);
                before.assert_arrived(&name, &server);
            });
        }
    });
}
