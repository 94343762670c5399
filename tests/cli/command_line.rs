//! The command line, end to end: refusals, exit codes, and words that must reach the command untouched.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use support::{Launch, Stream};

/// A launch on which nothing of ours is to be seen.
fn silent() -> Launch {
    Launch::new().env("AXOLOTL_DO_NOT_TRACK", "1")
}

#[test]
fn the_exit_code_is_the_commands() {
    for code in [0, 1, 2, 42, 124, 125, 126, 127, 128, 130, 255] {
        silent()
            .run(&["sh", "-c", &format!("exit {code}")])
            .expect_code(code)
            .expect_stderr("");
    }
    silent()
        .run(&["sh", "-c", "kill -TERM $$"])
        .expect_signal(nix::sys::signal::Signal::SIGTERM);
}

#[test]
fn a_command_that_cannot_be_executed_is_told_once() {
    let home = tempfile::tempdir().unwrap();
    let plain = home.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    let plain = plain.to_str().unwrap();
    let below = format!("{plain}/x");
    let missing = format!("{plain}-that-is-missing");
    for (command, code, reason) in [
        (&missing as &str, 127, "No such file or directory"),
        ("no-such-program", 127, "No such file or directory"),
        ("", 127, "No such file or directory"),
        (&below, 127, "Not a directory"),
        (plain, 126, "Permission denied"),
        ("/", 126, "Permission denied"),
    ] {
        let expected = format!("axolotl-run: {command}: {reason}\n");
        silent()
            .run(&[command])
            .expect_code(code)
            .expect_stdout("")
            .expect_stderr(&expected);
    }
    silent()
        .run(&["--", "--status"])
        .expect_code(127)
        .expect_stderr("axolotl-run: --status: No such file or directory\n");
    silent()
        .run(&["\u{1b}[31m"])
        .expect_code(127)
        .expect_stderr("axolotl-run: \\u{1b}[31m: No such file or directory\n");
}

#[test]
fn a_refusal_is_an_error_and_a_hint() {
    let words: [(&[&str], &str); 12] = [
        (&[], "no command was given"),
        (&["--"], "no command was given"),
        (&["--record"], "no command was given"),
        (&["--recrod", "true"], "unknown option `--recrod`"),
        (
            &["--status", "--enable"],
            "`--status` and `--enable` exclude each other",
        ),
        (
            &["--status", "true"],
            "`--status` runs nothing, but `true` follows it",
        ),
        (&["--json", "true"], "`--json` has nothing to print"),
        (&["--tty=raw", "true"], "`--tty` does not know `raw`"),
        (
            &["--completions", "tcsh"],
            "`--completions` does not know `tcsh`",
        ),
        (&["--completions"], "`--completions` needs a value"),
        (
            &["--completions", "zsh", "true"],
            "`--completions` runs nothing, but `true` follows it",
        ),
        (
            &["--json", "--man"],
            "`--json` and `--man` exclude each other",
        ),
    ];
    for (line, error) in words {
        let done = Launch::new().run(line);
        done.expect_code(125)
            .expect_stdout("")
            .expect_in_stderr(&format!("axolotl-run: error: {error}"));
        let lines: Vec<_> = done.stderr.lines().collect();
        assert!(
            matches!(lines[..], [_, "", hint] if hint.starts_with("hint: ")),
            "{lines:?}"
        );
    }
    Launch::new()
        .stderr(Stream::Closed)
        .run(&["--recrod"])
        .expect_code(125);
}

#[test]
fn the_commands_words_reach_it_byte_for_byte() {
    let print = "for word; do printf '[%s]' \"$word\"; done";
    let odd: Vec<&OsStr> = [
        &b"--status"[..],
        b"--",
        b"",
        b"a b",
        b"\xff\xfe",
        b"-h",
        b"*",
        b"\n",
    ]
    .map(OsStr::from_bytes)
    .into();
    for options in [&[][..], &["--"]] {
        let mut line: Vec<&OsStr> = options.iter().map(OsStr::new).collect();
        line.extend(["sh", "-c", print, "sh"].map(OsStr::new));
        line.extend(&odd);
        let done = silent().run(&line);
        done.expect_code(0)
            .expect_stdout("[--status][--][][a b][\u{fffd}\u{fffd}][-h][*][\n]")
            .expect_stderr("");
    }
}

/// The environment, the descriptors and what the kernel knows of the process are as they would be without us.
#[test]
fn off_changes_nothing_that_the_command_can_see() {
    let look = "env | sort; umask; pwd; ls /proc/self/fd; \
        grep -E 'Sig(Blk|Ign|Cgt)|Umask|NoNewPrivs|CapEff|Seccomp|Cpus_allowed_list' /proc/self/status; cat /proc/self/oom_score_adj";
    let script = format!(
        "trap '' HUP USR2; exec 7</dev/null; (exec sh -c \"{look}\") >direct; (exec \"$@\" sh -c \"{look}\")"
    );
    let done = silent()
        .before(&["bash", "-c", &script, "bash"])
        .run(&[] as &[&str]);
    done.expect_code(0)
        .expect_stdout(&done.file("direct").expect("the same without the launcher"))
        .expect_stderr("");
    done.expect_in_stdout("\n7\n")
        .expect_in_stdout("AXOLOTL_DO_NOT_TRACK=1");
}

#[test]
fn questions_are_answered_on_stdout_whatever_the_consent() {
    for environment in ["0", "1", "maybe"] {
        let launch = || {
            Launch::new()
                .env("AXOLOTL_DO_NOT_TRACK", environment)
                .env("RANK", "1")
        };
        launch()
            .run(&["--help"])
            .expect_code(0)
            .expect_in_stdout("AXOLOTL_DO_NOT_TRACK")
            .expect_stderr("");
        let version = format!("axolotl-run {}\n", env!("CARGO_PKG_VERSION"));
        launch()
            .run(&["--version"])
            .expect_code(0)
            .expect_stdout(&version)
            .expect_stderr("");
        launch()
            .run(&["--schema"])
            .expect_code(0)
            .expect_in_stdout("exception_type")
            .expect_stderr("");
    }
    for question in [&["--status", "--json"][..], &["--schema", "--json"]] {
        let done = Launch::new().run(question);
        done.expect_code(0);
        let value: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
        assert!(value.is_object(), "{value}");
    }
    let full = Launch::new()
        .before(&["sh", "-c", "exec \"$@\" >/dev/full", "sh"])
        .run(&["--help"]);
    full.expect_code(1)
        .expect_in_stderr("axolotl-run: error: failed to print the answer: No space left");
}

/// What is wrong with the words is refused; what is right and has no answer is a failure, as everywhere.
#[test]
fn a_question_without_an_answer_is_no_refusal() {
    for question in [&["--show"][..], &["--show", "0f"], &["--send"]] {
        let done = Launch::new().run(question);
        done.expect_code(1)
            .expect_stdout("")
            .expect_in_stderr("axolotl-run: error: ")
            .expect_in_stderr("\n\nhint: ");
    }
    Launch::new().run(&["--show", "0f", "0e"]).expect_code(125);
    Launch::new()
        .run(&["--help"])
        .expect_in_stdout("\n  1   ")
        .expect_in_stdout("\n  125   ");
}

/// The file is the observer's to read; what is wrong with its name is said while somebody is there to hear it.
#[test]
fn a_configuration_that_cannot_be_opened_is_said_and_stops_nothing() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (good, missing, locked, pipe) = (
        at("good.yml"),
        at("missing.yml"),
        at("good.yml/below"),
        at("pipe"),
    );
    std::fs::write(&good, "learning_rate: 0.1\n").unwrap();
    nix::unistd::mkfifo(pipe.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (file, reason) in [
        (&missing, "No such file or directory"),
        (&locked, "Not a directory"),
        (&pipe, "it is not a regular file"),
        (&at(""), "it is not a regular file"),
    ] {
        let warning = format!(
            "axolotl-run: warning: `--config {file}` can't be opened: {reason}; the command runs all the same, its \
             configuration is not recorded; name a YAML file that can be read\n"
        );
        let done =
            Launch::new().run(&["--record", "--config", file, "sh", "-c", "echo out; exit 3"]);
        done.expect_code(3)
            .expect_stdout("out\n")
            .expect_stderr(&warning);
        // Off means gone: nothing is opened, so there is nothing to say.
        silent()
            .run(&["--config", file, "true"])
            .expect_code(0)
            .expect_stderr("");
    }
    Launch::new()
        .run(&["--record", "--config", &good, "echo", "out"])
        .expect_code(0)
        .expect_stderr("");
    let closed = Launch::new().stderr(Stream::Closed);
    closed
        .run(&["--record", "--config", &missing, "echo", "out"])
        .expect_code(0)
        .expect_stdout("out\n");
}
