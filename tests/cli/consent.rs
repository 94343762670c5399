//! Consent, end to end: what a user sees, what the command gets, and that off means gone.

use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use support::{Launch, Running, Stream, assert_within, has, poll_until};

/// Prints what consent changes in the command's environment.
const SHOW: [&str; 3] = [
    "sh",
    "-c",
    "echo \"${AXOLOTL_DO_NOT_TRACK-unset} ${AXOLOTL_RUN_ID-unset}\"",
];
const NOTICE: Duration = Duration::from_secs(15);
/// A launch without a notice takes milliseconds.
const AT_ONCE: Duration = Duration::from_secs(10);

fn with(environment: &str) -> Launch {
    environment
        .split_whitespace()
        .fold(Launch::new(), |launch, pair| {
            let (name, value) = pair.split_once('=').expect("a table of pairs");
            launch.env(name, value)
        })
}

#[test]
fn a_word_that_is_no_program_is_answered_before_the_notice() {
    for (words, code, meant) in [
        (&["report"][..], 127, "`axolotl-run --report`"),
        (&["help"], 127, "`axolotl-run --help`"),
        (
            &["train.py", "--steps", "9"],
            127,
            "`axolotl-run python3 train.py --steps 9`",
        ),
        (&["./train.py"], 126, "`axolotl-run python3 ./train.py`"),
    ] {
        let launch = Launch::new();
        let home = launch.home();
        std::fs::write(home.join("train.py"), "").unwrap();
        let done = launch.inside(&home).run(words);
        done.expect_code(code)
            .expect_in_stderr(&format!("hint: did you mean {meant}?"))
            .expect_not_in_stderr("telemetry");
    }
    let unknown = Launch::new().run(&["no-such-program"]);
    unknown
        .expect_code(127)
        .expect_stderr("axolotl-run: no-such-program: No such file or directory\n");
}

#[test]
fn who_records_always_has_a_record_of_each_run_and_sends_nothing() {
    let home = tempfile::tempdir().unwrap();
    let at = || Launch::new().env("HOME", home.path());
    let records = || support::observed::runs(&support::observed::state(home.path()));
    at().run(&["--record-always"])
        .expect_code(0)
        .expect_in_stdout("telemetry  off: decided on 20")
        .expect_in_stdout("\nrecording  always, on this machine\n");
    at().run(&["true"]).expect_code(0).expect_stderr("");
    at().env("DO_NOT_TRACK", "1").run(&["true"]).expect_code(0);
    assert!(poll_until(|| records().len() == 2
        && records()
            .iter()
            .all(support::observed::Recorded::is_finished)));
    for record in records() {
        assert!(record.directory.join("owner.json").exists());
        assert!(!record.directory.join("consent").exists());
        record.until_released();
    }
    at().run(&["--disable"])
        .expect_code(0)
        .expect_in_stdout("\nrecording  with --record only, on this machine\n");
    at().run(&["true"]).expect_code(0).expect_stderr("");
    assert_eq!(records().len(), 2, "records stay, and no other is made");
}

#[test]
fn status_tells_the_effective_state_and_its_cause() {
    for (environment, expected) in [
        ("", "off: nobody has decided yet"),
        (
            "AXOLOTL_DO_NOT_TRACK=0",
            "on: AXOLOTL_DO_NOT_TRACK=0 in the environment",
        ),
        (
            "AXOLOTL_DO_NOT_TRACK=False",
            "on: AXOLOTL_DO_NOT_TRACK=False in the environment",
        ),
        (
            "AXOLOTL_DO_NOT_TRACK=1",
            "off: AXOLOTL_DO_NOT_TRACK=1 in the environment",
        ),
        (
            "AXOLOTL_DO_NOT_TRACK=maybe",
            "off: AXOLOTL_DO_NOT_TRACK=maybe in the environment",
        ),
        ("AXOLOTL_DO_NOT_TRACK=", "off: nobody has decided yet"),
        ("DO_NOT_TRACK=1", "off: DO_NOT_TRACK=1 in the environment"),
        (
            "DO_NOT_TRACK=1 AXOLOTL_DO_NOT_TRACK=0",
            "off: DO_NOT_TRACK=1 in the environment",
        ),
        (
            "DO_NOT_TRACK=0 AXOLOTL_DO_NOT_TRACK=0",
            "on: AXOLOTL_DO_NOT_TRACK=0 in the environment",
        ),
        (
            "RANK=1 AXOLOTL_DO_NOT_TRACK=0",
            "off: RANK says that this is not the main process",
        ),
        (
            "RANK=0 AXOLOTL_DO_NOT_TRACK=0",
            "on: AXOLOTL_DO_NOT_TRACK=0 in the environment",
        ),
        (
            "AXOLOTL_RUN_ID=x AXOLOTL_DO_NOT_TRACK=0",
            "off: AXOLOTL_RUN_ID is set",
        ),
    ] {
        let done = with(environment).run(&["--status"]);
        done.expect_code(0)
            .expect_in_stdout(&format!("telemetry  {expected}"))
            .expect_stderr("");
    }
}

#[test]
fn the_mark_of_a_run_counts_while_its_launcher_lives() {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let place = format!("{}/{}", boot.trim_end(), namespace.display());
    // This test's process began later than a tick after the machine did.
    let ended = format!("{place}/{}/1", std::process::id());
    let elsewhere = format!("{place}0/{}/1", std::process::id());
    for (supervisor, is_inside) in [(ended.as_str(), false), (&elsewhere, true), ("", true)] {
        let launch = with("AXOLOTL_RUN_ID=x").env("AXOLOTL_RUN_SUPERVISOR", supervisor);
        let done = launch.run(&["--record", "sh", "-c", "echo \"[$AXOLOTL_RUN_ID]\""]);
        let said = done.expect_code(0).stdout.clone();
        assert_eq!(said == "[x]\n", is_inside, "{supervisor}: {said}");
    }
    // Directly inside, the launcher lives.
    let inner = format!(
        "{} --record sh -c 'echo $AXOLOTL_RUN_ID'",
        support::launch_path().display()
    );
    let both = format!("echo $AXOLOTL_RUN_ID; {inner}");
    let done = Launch::new().run(&["--record", "sh", "-c", &both]);
    let said = done.expect_code(0).stdout.clone();
    let (outer, inner) = said.trim_end().split_once('\n').expect("two lines");
    assert_eq!(outer, inner);
}

#[test]
fn a_stored_decision_holds_until_a_variable_says_otherwise() {
    let home = Launch::new().home();
    let config = tempfile::tempdir().unwrap();
    let at = || Launch::new().env("XDG_CONFIG_HOME", config.path());
    at().run(&["--enable"])
        .expect_code(0)
        .expect_in_stdout("telemetry  on: decided on 20")
        .expect_stderr("");
    let file = config.path().join("axolotl-run/config.yaml");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        file.parent()
            .unwrap()
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    at().run(&["--status"])
        .expect_in_stdout("telemetry  on: decided on 20");
    at().env("AXOLOTL_DO_NOT_TRACK", "1")
        .run(&["--status"])
        .expect_in_stdout("telemetry  off: AXOLOTL_DO_NOT_TRACK=1");
    at().env("DO_NOT_TRACK", "1")
        .run(&["--enable"])
        .expect_code(0)
        .expect_in_stdout("telemetry  off: DO_NOT_TRACK=1");
    at().run(&["--disable"])
        .expect_code(0)
        .expect_in_stdout("telemetry  off: decided on 20");
    at().run(&SHOW)
        .expect_code(0)
        .expect_stdout("unset unset\n")
        .expect_stderr("");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("policy: 1", "policy: 0")).unwrap();
    at().run(&["--status"])
        .expect_in_stdout("telemetry  off: the stored decision is about policy 0");
    assert!(!home.join(".config").exists());
}

#[test]
fn a_decision_that_cannot_be_stored_is_refused_in_a_line() {
    Launch::new()
        .without_env("HOME")
        .run(&["--enable"])
        .expect_code(1)
        .expect_in_stderr("XDG_CONFIG_HOME");
    let launch = Launch::new();
    std::fs::write(launch.home().join(".config"), "a file in the way").unwrap();
    let refused = launch.run(&["--enable"]);
    refused
        .expect_code(1)
        .expect_in_stderr("axolotl-run: error: failed to use `")
        .expect_not_in_stderr("os error");
}

#[test]
fn a_decision_leaves_the_rest_of_the_file_as_it_is() {
    let config = tempfile::tempdir().unwrap();
    let at = || Launch::new().env("XDG_CONFIG_HOME", config.path());
    let file = config.path().join("axolotl-run/config.yaml");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "# mine\ncolour: blue\ntelemetry: off\npolicy: 1\n").unwrap();
    at().run(&["--enable"])
        .expect_code(0)
        .expect_in_stdout("telemetry  on: decided on 20");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# mine\ncolour: blue\ntelemetry: on\npolicy: 1\ndate: 20"),
        "{text}"
    );
}

#[test]
fn a_file_that_holds_no_decision_is_named_and_decides_nothing() {
    let config = tempfile::tempdir().unwrap();
    let at = || Launch::new().env("XDG_CONFIG_HOME", config.path());
    let file = config.path().join("axolotl-run/config.yaml");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "telemetry: maybe\npolicy: 1\n").unwrap();
    let done = at().run(&["--status"]);
    done.expect_code(0)
        .expect_in_stdout("telemetry  off: nobody has decided yet");
    done.expect_in_stdout("the stored decision says neither on nor off; it is ignored");
    at().run(&["--disable"])
        .expect_code(0)
        .expect_in_stdout("telemetry  off: decided on 20");
}

/// A mistake in the endpoint is no affair of the training's; whoever asks is told.
#[test]
fn a_malformed_endpoint_is_silent_in_a_run_and_named_by_the_status() {
    for (host, problem) in [
        (
            "posthog",
            "`AXOLOTL_RUN_POSTHOG_HOST` must begin with `https://` or `http://`",
        ),
        (
            "https://",
            "`AXOLOTL_RUN_POSTHOG_HOST` is not an address such as `https://",
        ),
    ] {
        let at = || {
            let launch = Launch::new()
                .env("AXOLOTL_DO_NOT_TRACK", "0")
                .env("AXOLOTL_RUN_POSTHOG_KEY", "phc_test");
            launch.env("AXOLOTL_RUN_POSTHOG_HOST", host)
        };
        let done = at().run(&["sh", "-c", "echo out; echo err >&2; exit 3"]);
        done.expect_code(3)
            .expect_stdout("out\n")
            .expect_stderr("err\n");
        at().run(&["--status"])
            .expect_code(0)
            .expect_in_stdout(&format!("endpoint   {problem}"))
            .expect_stderr("");
        let done = at().run(&["--status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
        assert!(
            status["endpoint_problem"]
                .as_str()
                .expect("a problem")
                .starts_with(problem),
            "{status}"
        );
        assert_eq!(
            (&status["endpoint"], &status["telemetry"]),
            (&serde_json::Value::Null, &"on".into())
        );
        at().run(&["--send"])
            .expect_code(1)
            .expect_stdout("")
            .expect_in_stderr(problem);
    }
}

#[test]
fn the_status_for_programs_says_all_that_people_are_told() {
    let done =
        with("DO_NOT_TRACK=1 AXOLOTL_RUN_POSTHOG_KEY=phc_secret").run(&["--status", "--json"]);
    done.expect_code(0).expect_stderr("");
    let status: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(
        (&status["telemetry"], &status["cause"]),
        (&"off".into(), &"DO_NOT_TRACK=1 in the environment".into())
    );
    assert_eq!(
        (&status["key"], &status["waiting"]["events"]),
        (&true.into(), &0.into())
    );
    assert!(
        status["endpoint"]
            .as_str()
            .expect("an endpoint")
            .starts_with("https://"),
        "{status}"
    );
    assert!(!done.stdout.contains("phc_secret"), "{status}");
}

#[test]
fn the_commands_environment_says_whether_it_may_report_itself() {
    for (environment, expected) in [
        ("AXOLOTL_DO_NOT_TRACK=1", "1 unset\n"),
        ("AXOLOTL_DO_NOT_TRACK=true", "true unset\n"),
        ("DO_NOT_TRACK=1", "unset unset\n"),
        ("DO_NOT_TRACK=1 AXOLOTL_DO_NOT_TRACK=0", "0 unset\n"),
        ("RANK=1", "unset unset\n"),
        ("RANK=1 AXOLOTL_DO_NOT_TRACK=0", "0 unset\n"),
        ("AXOLOTL_RUN_ID=x AXOLOTL_DO_NOT_TRACK=0", "0 x\n"),
    ] {
        let done = with(environment).run(&SHOW);
        done.expect_code(0)
            .expect_stdout(expected)
            .expect_stderr("");
        assert_within(done.elapsed, AT_ONCE, environment);
    }
    for (environment, options) in [
        ("AXOLOTL_DO_NOT_TRACK=0", &[][..]),
        ("", &["--record"]),
        ("DO_NOT_TRACK=1", &["--record"]),
    ] {
        let line: Vec<_> = options.iter().chain(&SHOW).collect();
        let done = with(environment).run(&line);
        done.expect_code(0).expect_stderr("");
        let run = done
            .stdout
            .trim()
            .strip_prefix("1 ")
            .expect("the command does not report itself");
        assert_eq!(
            uuid::Uuid::parse_str(run)
                .expect("a UUID")
                .get_version_num(),
            4,
            "{run}"
        );
    }
    with("RANK=1")
        .run(&["--record", "sh", "-c", "echo ${AXOLOTL_RUN_ID-unset}"])
        .expect_stdout("unset\n");
    with("AXOLOTL_RUN_ID=x")
        .run(&["--record", "sh", "-c", "echo ${AXOLOTL_RUN_ID-unset}"])
        .expect_stdout("x\n");
}

#[test]
fn a_value_that_is_not_understood_gets_one_line_and_turns_nothing_on() {
    let warning = "axolotl-run: warning: `AXOLOTL_DO_NOT_TRACK=maybe` is none of `0`, `1`, `true`, `false`; telemetry stays off\n";
    with("AXOLOTL_DO_NOT_TRACK=maybe")
        .run(&SHOW)
        .expect_code(0)
        .expect_stdout("maybe unset\n")
        .expect_stderr(warning);
    with("AXOLOTL_DO_NOT_TRACK=maybe")
        .stderr(Stream::Closed)
        .run(&SHOW)
        .expect_code(0)
        .expect_stdout("maybe unset\n");
    let script = "stty tostop; \"$@\" >out & wait $!; echo code $?";
    let background = with("AXOLOTL_DO_NOT_TRACK=maybe")
        .on_terminal()
        .before(&["bash", "-mc", script, "bash"])
        .run(&SHOW);
    background
        .expect_code(0)
        .expect_in_stdout("code 0")
        .expect_in_stdout("stays off");
    with("AXOLOTL_DO_NOT_TRACK=maybe RANK=3")
        .run(&SHOW)
        .expect_stderr("");
}

/// Prints the signal state that the command was given; not through a shell, because some clear the mask.
const SIGNALS: [&str; 3] = ["grep", "Sig[BI]", "/proc/self/status"];

/// All that wait the notice out, started together: the clock is not to be shortened, but it can be shared.
#[test]
fn the_notice_waits_15_seconds_and_harms_no_one() {
    let in_shell = |script: &str| Launch::new().before(&["bash", "-c", script, "bash"]);
    let piped = Launch::new().start(&SHOW);
    let closed = Launch::new().stderr(Stream::Closed).start(&SHOW);
    // A reader that is gone: its SIGPIPE must hit neither us nor the command, which finds the signal as it was.
    let broken = in_shell("{ \"${@:2}\" >direct; \"$@\" 2>&1 >&3 | :; } 3>&1").start(&SIGNALS);
    // A job in the background of a terminal that stops whoever writes from there.
    let background = Launch::new()
        .on_terminal()
        .before(&[
            "bash",
            "-mc",
            "stty tostop; \"$@\" >out & wait $!; echo code $?",
            "bash",
        ])
        .start(&SHOW);
    let early = Launch::new()
        .on_terminal()
        .typed_ahead("\nearly\n")
        .start(&["sh", "-c", "read a; read b; echo [$a][$b]"]);
    let mut ignored = in_shell("trap '' INT; exec \"$@\"").start(&SHOW);
    ignored.until_said("you have not chosen");
    ignored.signal(Signal::SIGINT);

    // Each one's own time, not that of the one that is asked for last.
    let mut all = [piped, closed, broken, background, early, ignored];
    assert!(poll_until(|| all
        .iter_mut()
        .filter_map(|running| (!running.has_ended()).then_some(()))
        .count()
        == 0));
    let [piped, closed, broken, background, early, ignored] = all;
    let done = piped.finish();
    done.expect_code(0)
        .expect_stdout("1 unset\n")
        .expect_in_stderr("starts in 15 seconds")
        .expect_not_in_stderr("Enter");
    assert!(
        !done.stderr.contains(['\u{1b}', '\r']),
        "plain lines: {}",
        done.stderr
    );
    assert!(done.elapsed >= NOTICE, "{:?}", done.elapsed);
    let done = closed.finish();
    done.expect_code(0).expect_stdout("1 unset\n");
    assert!(done.elapsed >= NOTICE, "{:?}", done.elapsed);
    let done = broken.finish();
    done.expect_code(0)
        .expect_stdout(&done.file("direct").expect("the same without the launcher"));
    done.expect_in_stdout("SigBlk");
    assert!(done.elapsed >= NOTICE, "{:?}", done.elapsed);
    let done = background.finish();
    done.expect_code(0).expect_in_stdout("code 0");
    assert_eq!(done.file("out").as_deref(), Some("1 unset\n"));
    assert!(done.elapsed >= NOTICE, "{:?}", done.elapsed);
    let done = early.finish();
    done.expect_code(0).expect_in_stdout("[][early]");
    assert!(
        done.elapsed >= NOTICE,
        "what was typed before the notice does not end it: {:?}",
        done.elapsed
    );
    let done = ignored.finish();
    done.expect_code(0).expect_stdout("1 unset\n");
    assert!(done.elapsed >= NOTICE, "{:?}", done.elapsed);
}

/// What the countdown says when it has counted; on a busy machine it may miss a second.
const COUNTED: [&str; 5] = ["14 s ", "13 s ", "12 s ", "11 s ", "10 s "];

fn at_the_notice(words: &[&str]) -> Running {
    let mut running = Launch::new().on_terminal().start(words);
    running.until_said("Enter starts now");
    running
}

#[test]
fn enter_ends_the_notice_and_nothing_else_is_taken() {
    let mut running = at_the_notice(&["sh", "-c", "echo started; read a; echo [$a]"]);
    running.type_in("\n");
    running.until_said("started");
    running.type_in("for the command\n");
    let done = running.finish();
    done.expect_code(0).expect_in_stdout("[for the command]");
    assert_within(done.elapsed, NOTICE, "an ended notice");

    let mut running = at_the_notice(&["sh", "-c", "read a; echo [$a]"]);
    running.type_in("a line of text\n");
    let done = running.finish();
    done.expect_code(0).expect_in_stdout("[a line of text]");
    assert_within(done.elapsed, NOTICE, "an ended notice");
}

/// The pty of a program that runs us is not our controlling terminal, and takes an Enter all the same.
#[test]
fn a_terminal_that_knows_no_jobs_is_as_good() {
    let mut running = Launch::new()
        .on_terminal()
        .not_controlling()
        .start(&["echo", "started"]);
    running.until_said("Enter starts now");
    running.type_in("\n");
    let done = running.finish();
    done.expect_code(0).expect_in_stdout("started");
    assert_within(done.elapsed, NOTICE, "an ended notice");
}

/// What was typed is the command's, the end of file included; an Enter behind it ends the notice all the same.
#[test]
fn after_an_end_of_file_enter_still_ends_the_notice() {
    let mut running = at_the_notice(&[
        "sh",
        "-c",
        "cat; echo [end]; read a; echo [$a]; read b; echo [$b]",
    ]);
    running.type_in("\u{4}");
    running.until_said_any(&COUNTED);
    running.type_in("\n");
    running.until_said("[end]");
    running.type_in("more\n");
    let done = running.finish();
    done.expect_code(0)
        .expect_in_stdout("[]\r\n")
        .expect_in_stdout("[more]");
    assert_within(done.elapsed, NOTICE, "an ended notice");
}

/// Where nothing can be drawn over, the seconds stand in a row; and Enter counts there, too.
#[test]
fn a_dumb_terminal_has_a_countdown_without_escapes() {
    for kind in ["dumb", ""] {
        let mut running = Launch::new()
            .on_terminal()
            .env("TERM", kind)
            .start(&["echo", "started"]);
        running.until_said("Press Enter to start now");
        running.until_said("  15");
        running.until_said_any(&[" 13", " 12", " 11", " 10", " 9", " 8"]);
        running.type_in("\n");
        let done = running.finish();
        done.expect_code(0).expect_in_stdout("started");
        assert!(!done.stdout.contains('\u{1b}'), "{:?}", done.stdout);
        assert_within(done.elapsed, NOTICE, "an ended notice");
    }
}

#[test]
fn the_countdown_counts() {
    let mut running = at_the_notice(&["true"]);
    running.until_said("15 s ");
    running.until_said_any(&COUNTED);
    running.type_in("\n");
    let done = running.finish();
    done.expect_code(0)
        .expect_in_stdout("\u{1b}[1maxolotl-run: anonymous telemetry is off");
    assert!(
        done.stdout.ends_with("\u{1b}[2K"),
        "the countdown is wiped away: {:?}",
        done.stdout
    );
    let mut plain = Launch::new()
        .on_terminal()
        .env("NO_COLOR", "1")
        .start(&["true"]);
    plain.until_said("Enter starts now");
    plain.type_in("\n");
    let done = plain.finish();
    assert!(!done.stdout.contains("\u{1b}[1m"), "{:?}", done.stdout);
}

#[test]
fn ctrl_c_and_signals_start_nothing() {
    let nothing = |done: support::Done| assert_eq!(done.file("started"), None);
    let mut running = at_the_notice(&["touch", "started"]);
    running.type_in("\u{3}");
    let done = running.finish();
    done.expect_code(130);
    nothing(done);

    let start = || {
        let mut running = Launch::new().start(&["touch", "started"]);
        running.until_said("you have not chosen");
        running
    };
    let running = start();
    running.signal(Signal::SIGINT);
    let done = running.finish();
    done.expect_code(130);
    nothing(done);
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let running = start();
        running.signal(signal);
        let done = running.finish();
        done.expect_signal(signal);
        assert_within(done.elapsed, NOTICE, signal.as_str());
        nothing(done);
    }
}

/// No second process, no socket, nothing opened for writing, and the command has the very pid.
#[test]
fn off_means_gone() {
    if !has("strace") {
        return;
    }
    let trace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "trace",
        "-e",
        "trace=process,network,openat,open,creat,mkdir,rename,unlink",
    ];
    for environment in [
        "AXOLOTL_DO_NOT_TRACK=1",
        "DO_NOT_TRACK=1",
        "RANK=1",
        "AXOLOTL_RUN_ID=x",
        "RANK=2 AXOLOTL_DO_NOT_TRACK=0",
    ] {
        let done = with(environment).before(&trace).run(&["/bin/true"]);
        done.expect_code(0).expect_stdout("").expect_stderr("");
        let calls = done.file("trace").expect("a trace");
        let ours = calls
            .split("execve(\"/bin/true\"")
            .next()
            .expect("a beginning");
        assert_ne!(
            ours, calls,
            "{environment}: the command was executed\n{calls}"
        );
        // By the names of calls and flags: a path may hold any word.
        for line in ours.lines() {
            let call = line
                .split_whitespace()
                .nth(1)
                .and_then(|call| call.split_once('('))
                .map_or("", |(name, _)| name);
            assert!(
                ["execve", "openat", "open", ""].contains(&call),
                "{environment}: {line}"
            );
            let flags = line.rsplit_once('"').map_or("", |(_, flags)| flags);
            assert!(
                !["O_WRONLY", "O_RDWR", "O_CREAT"]
                    .iter()
                    .any(|write| flags.contains(write)),
                "{environment}: {line}"
            );
        }
        let pids: std::collections::BTreeSet<_> = calls
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(
            pids.len(),
            1,
            "{environment}: one process all along\n{calls}"
        );
    }
}
