//! The completions, tried in the shells that they are for: what a user types, a Tab, and what stands there then.
//!
//! Each shell runs on a terminal of its own and loads its script from the program, as the README says. After the
//! Tab the line is not run: `printf` is put in front of it, and what it prints are the words that were completed.

use std::fs;
use std::path::Path;
use support::{Launch, Running, has, launch_path};

const RUN: &str = "6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e";

/// What somebody else may have made beside it: a shell that expands it makes a file, and it is no run's name.
const PLANTED_NAME: &str = "6f1c-$(touch PLANTED; cd ..; touch PLANTED)`touch PLANTED`";

/// What is typed behind the program's name, and what stands there after the Tab.
const CASES: &[(&str, &str)] = &[
    // Our options, and what follows them.
    ("--reco", "--record"),
    ("--record-a", "--record-always"),
    (
        "--export 6f1c",
        "--export 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e",
    ),
    ("--record --tap", "--record --tap-stdout"),
    ("--tty=di", "--tty=direct"),
    ("--tty di", "--tty direct"),
    ("--completions zs", "--completions zsh"),
    ("--completions=fi", "--completions=fish"),
    ("--config setti", "--config settings.yml"),
    ("--config=setti", "--config=settings.yml"),
    ("--explain setti", "--explain settings.yml"),
    ("--show 6f1c", "--show 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e"),
    (
        "--report 6f1c",
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e",
    ),
    (
        "--against 6f1c",
        "--against 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e",
    ),
    ("--html setti", "--html settings.yml"),
    // What may follow a run.
    (
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e --ht",
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e --html",
    ),
    (
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e --html setti",
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e --html settings.yml",
    ),
    (
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e --against 6f1c",
        "--report 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e --against 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e",
    ),
    ("--forget al", "--forget all"),
    (
        "--forget 6f1c",
        "--forget 6f1c2e9a-0b7d-4c1e-9f39-7a5f1f0c2d3e",
    ),
    // The command: its name, then its own completion, whatever stands before it.
    ("trainthewra", "trainthewrapped"),
    ("--record trainthewra", "--record trainthewrapped"),
    ("trainthewrapped al", "trainthewrapped alpha"),
    ("trainthewrapped alpha be", "trainthewrapped alpha beta"),
    (
        "--record trainthewrapped al",
        "--record trainthewrapped alpha",
    ),
    ("-- trainthewrapped al", "-- trainthewrapped alpha"),
    (
        "--tty=direct trainthewrapped al",
        "--tty=direct trainthewrapped alpha",
    ),
    (
        "--config settings.yml trainthewrapped al",
        "--config settings.yml trainthewrapped alpha",
    ),
    (
        "--config=settings.yml trainthewrapped al",
        "--config=settings.yml trainthewrapped alpha",
    ),
    (
        "--preview trainthewrapped al",
        "--preview trainthewrapped alpha",
    ),
    ("cat setti", "cat settings.yml"),
    // None of our options inside the command, and no command where none can stand.
    ("trainthewrapped --reco", "trainthewrapped --reco"),
    (
        "trainthewrapped alpha --reco",
        "trainthewrapped alpha --reco",
    ),
    ("-- --reco", "-- --reco"),
    ("--status trainthewra", "--status trainthewra"),
    ("--man setti", "--man setti"),
    (
        "--completions bash trainthewra",
        "--completions bash trainthewra",
    ),
    (
        "--completions=bash trainthewra",
        "--completions=bash trainthewra",
    ),
];

/// Starts a shell on a terminal, in a home with a file, a recorded run, and the program on the path.
fn shell(words: &[&str]) -> Running {
    let launch = Launch::new()
        .on_terminal()
        .env("DO_NOT_TRACK", "1")
        .env("LC_ALL", "C.UTF-8");
    let path = std::env::var("PATH").unwrap_or_default();
    let program = launch_path().parent().expect("a directory").display();
    let launch = launch.env("PATH", format!("{program}:{path}"));
    fs::write(launch.home().join("settings.yml"), "").expect("a file");
    let runs = launch.home().join(".local/state/axolotl-run/runs");
    for name in [RUN, PLANTED_NAME] {
        fs::create_dir_all(runs.join(name)).expect("a directory of the runs");
    }
    // Telemetry is off, so that the launcher becomes the shell.
    launch.start(words)
}

/// Loads the completions, then tries every case.
fn try_all(mut shell: Running, setup: &[&str]) {
    for line in setup {
        shell.type_in(&format!("{line}\n"));
    }
    shell.type_in("printf 'it %s\\n' begins\n");
    shell.until_said("it begins");
    let mut wrong = Vec::new();
    for (number, (typed, expected)) in CASES.iter().enumerate() {
        let before = shell.stdout().len();
        // Ctrl-A goes to the line's beginning, Ctrl-E to its end. What is echoed is not what is printed.
        shell.type_in(&format!(
            "axolotl-run {typed}\t\u{1}printf '[%s]' \u{5}; echo ' {number}'-done\n"
        ));
        shell.until_said(&format!(" {number}-done"));
        let said = shell.stdout()[before..].to_owned();
        let words: String = expected
            .split(' ')
            .map(|word| format!("[{word}]"))
            .collect();
        if !said.contains(&format!("[axolotl-run]{words} {number}-done")) {
            wrong.push(format!("{typed:?} became no {expected:?} but {said:?}"));
        }
    }
    shell.type_in("ls -R ~ | grep -c '^PLANTED'; echo 'nothing was'-executed\n");
    shell.until_said("nothing was-executed");
    assert!(
        shell.stdout().contains("0\r\nnothing was-executed"),
        "the shell executed a directory's name: {}",
        shell.stdout()
    );
    shell.type_in("exit\n");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shell.finish().expect_code(0);
}

const TRAINER: &str = "trainthewrapped() { true; }";

/// What bash is told; with `package` bash-completion comes first.
fn bash(package: Option<&str>, completion: &[&str]) {
    if !has("bash") {
        return;
    }
    let package = package
        .map(|file| format!("source {file}"))
        .unwrap_or_default();
    let setup = [
        &[TRAINER, package.as_str()],
        completion,
        &["source <(axolotl-run --completions bash)"],
    ]
    .concat();
    try_all(shell(&["bash", "--norc", "--noprofile", "-i"]), &setup);
}

const BY_FUNCTION: &[&str] = &[
    "_trainer() { COMPREPLY=($(compgen -W 'alpha beta' -- \"${COMP_WORDS[COMP_CWORD]}\")); }",
    "complete -F _trainer trainthewrapped",
];

#[test]
fn bash_alone_completes_options_and_the_wrapped_command() {
    bash(None, &["complete -W 'alpha beta' trainthewrapped"]);
    bash(None, BY_FUNCTION);
    bash(
        None,
        &[BY_FUNCTION, &["COMP_WORDBREAKS=${COMP_WORDBREAKS//=}"]].concat(),
    );
}

#[test]
fn bash_with_bash_completion_completes_options_and_the_wrapped_command() {
    let package = "/usr/share/bash-completion/bash_completion";
    if !Path::new(package).is_file() {
        eprintln!("skipped: bash-completion is not installed");
        return;
    }
    bash(Some(package), BY_FUNCTION);
}

#[test]
fn zsh_completes_options_and_the_wrapped_command() {
    if !has("zsh") {
        return;
    }
    let begin = [
        "bindkey -e",
        "autoload -U compinit",
        "compinit -u -D",
        TRAINER,
    ];
    let trainer = [
        "_trainer() { compadd alpha beta; }",
        "compdef _trainer trainthewrapped",
    ];
    let sourced = ["source <(axolotl-run --completions zsh)"];
    // Found by its name, as a package installs it, it must be there before the completions are set up.
    let installed = [
        "mkdir functions",
        "axolotl-run --completions zsh >functions/_axolotl-run",
        "fpath=(~/functions $fpath)",
    ];
    for setup in [
        [&begin[..], &trainer, &sourced].concat(),
        [&installed[..], &begin, &trainer].concat(),
    ] {
        try_all(shell(&["zsh", "-f", "-i"]), &setup);
    }
}

#[test]
fn fish_completes_options_and_the_wrapped_command() {
    if !has("fish") {
        return;
    }
    let setup = [
        "function trainthewrapped; end",
        "complete -c trainthewrapped -fa 'alpha beta'",
        "axolotl-run --completions fish | source",
    ];
    try_all(shell(&["fish", "-i"]), &setup);
}

/// What the completion script offers, asked for as bash asks: with `=` as a word of its own, or without.
fn completed_in_bash(line: &str, breaks: bool) -> Vec<String> {
    let words = if breaks {
        line.replace('=', " = ")
    } else {
        line.to_owned()
    };
    let script = format!(
        "source '{}'; {BASH_COMPLETION_STUB}
         COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; read -ra COMP_WORDS <<<'{words}'
         [[ '{line}' == *' ' ]] && COMP_WORDS+=('')
         COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _axolotl_run axolotl-run; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        concat!(env!("CARGO_MANIFEST_DIR"), "/completions/axolotl-run.bash")
    );
    let output = support::program("bash")
        .args(["--norc", "-c", &script])
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// Stands for the package that completes other commands: says at which word the command begins.
const BASH_COMPLETION_STUB: &str = "_comp_command_offset() { COMPREPLY=(command-at-$1); };";

#[test]
fn bash_offers_every_match_whether_or_not_an_equals_sign_breaks_words() {
    if !has("bash") {
        return;
    }
    for (line, expected) in [
        ("axolotl-run --rec", &["--record", "--record-always"][..]),
        (
            "axolotl-run --s",
            &[
                "--summary",
                "--status",
                "--schema",
                "--show",
                "--stacks",
                "--send",
            ],
        ),
        ("axolotl-run --tty ", &["direct"]),
        ("axolotl-run --tty d", &["direct"]),
        ("axolotl-run ax", &["command-at-1"]),
        ("axolotl-run axolotl --s", &["command-at-1"]),
        ("axolotl-run --record axolotl --s", &["command-at-2"]),
        ("axolotl-run --config c.yml axolotl ", &["command-at-3"]),
        ("axolotl-run -- --s", &["command-at-2"]),
        ("axolotl-run --preview ax", &["command-at-2"]),
        ("axolotl-run --status ", &[]),
        ("axolotl-run --status --j", &["--json"]),
    ] {
        assert_eq!(completed_in_bash(line, false), expected, "{line}");
    }
    for (line, together, apart) in [
        ("axolotl-run --tty=", "--tty=direct", "direct"),
        ("axolotl-run --tty=d", "--tty=direct", "direct"),
        (
            "axolotl-run --tty=direct axolotl ",
            "command-at-2",
            "command-at-4",
        ),
        (
            "axolotl-run --config=c.yml axolotl ",
            "command-at-2",
            "command-at-4",
        ),
        (
            "axolotl-run --config=c.yml --summ",
            "--summary",
            "--summary",
        ),
    ] {
        assert_eq!(completed_in_bash(line, false), [together], "{line}");
        assert_eq!(completed_in_bash(line, true), [apart], "{line}, `=` apart");
    }
}
