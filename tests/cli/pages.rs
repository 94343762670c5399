//! What the answers for people look like: on terminals of several widths, in a pipe, and with colour refused.
//!
//! Recorded are the made-up runs, changed to hold what is wide: the longest launcher, more steps than anybody does,
//! lines that cannot be read, a message and paths of the dictionary that fit no line.

use std::fs;
use std::path::{Path, PathBuf};
use support::{Done, Launch, poll_until};

const RUN: &str = "b20d41c7";

/// Every answer that is a page.
const PAGES: &[&[&str]] = &[
    &["--runs"],
    &["--show", RUN],
    &["--report", RUN],
    &["--report", RUN, "--against", "6f1c2e9a"],
    &["--status"],
    &["--schema"],
    &["--preview", "axolotl", "train", "settings.yml"],
    &["--explain", "log"],
    &["--help"],
];

const SETTINGS: &str = "base_model: meta-llama/Llama-3.2-1B\nlearning_rate: 0.0002\n\
    datasets:\n  - path: /home/somebody/interviews-of-the-year.jsonl\n    type: alpaca\n\
    output_dir: ./somewhere\na_key_that_nobody_ever_declared: 1\n";

const LOG: &str = "Traceback (most recent call last):\n  \
    File \"/usr/lib/python3.11/site-packages/transformers/models/llama/modeling_llama.py\", line 318, in forward\n  \
    File \"/usr/lib/python3.11/site-packages/torch/nn/modules/linear.py\", line 125, in forward\n\
    torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.10 GiB\n";

struct State(tempfile::TempDir);

impl State {
    fn new() -> Self {
        let state = Self(tempfile::tempdir().unwrap());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/example_runs.py");
        assert!(
            support::program("python3")
                .arg(script)
                .arg(state.0.path())
                .status()
                .unwrap()
                .success()
        );
        for run in fs::read_dir(state.0.path().join("axolotl-run/runs")).unwrap() {
            let journal = run.unwrap().path().join("events.jsonl");
            let wide = fs::read_to_string(&journal).unwrap();
            let wide = wide.replace("\"torchrun\"", "\"accelerate\"");
            let wide = wide
                .replace("\"step\":", "\"step\":12345678")
                .replace("\"total_steps\":", "\"total_steps\":99999999");
            let trace = format!(
                ",\"stack_trace\":\"Traceback:\\n{}\"",
                "  File \\\"a/b.py\\\", line 7\\n".repeat(9)
            );
            let wide = wide.replace(",\"fatal\":true", &format!("{trace},\"fatal\":true"));
            fs::write(journal, format!("{wide}nonsense\n")).unwrap();
        }
        state
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn launch(&self) -> Launch {
        let launch = Launch::new()
            .env("XDG_STATE_HOME", self.path())
            .env("LC_ALL", "C.UTF-8");
        fs::write(launch.home().join("settings.yml"), SETTINGS).unwrap();
        fs::write(launch.home().join("log"), LOG).unwrap();
        launch
    }
}

/// The characters that are seen: without colours, and without what a terminal makes of line ends.
fn seen(done: &Done) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut characters = done.stdout.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => while characters.next().is_some_and(|character| character != 'm') {},
            '\r' => (),
            '\n' => lines.push(String::new()),
            _ => lines.last_mut().unwrap().push(character),
        }
    }
    lines
}

/// What does not fit, other than single words: those are whole, so that they can be copied.
fn too_wide(lines: &[String], width: usize) -> Vec<&String> {
    lines
        .iter()
        .filter(|line| line.chars().count() > width && line.trim().contains(' '))
        .collect()
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let state = State::new();
    for width in [40_u16, 60, 80, 100, 132] {
        for page in PAGES
            .iter()
            .filter(|page| page != &&["--help"] || width >= 80)
        {
            let done = state.launch().on_terminal().columns(width).run(page);
            done.expect_code(0);
            let lines = seen(&done);
            assert!(lines.len() > 3, "{page:?}: {lines:?}");
            assert_eq!(
                too_wide(&lines, width.into()),
                Vec::<&String>::new(),
                "{page:?} on {width} columns"
            );
        }
    }
}

#[test]
fn a_table_of_narrow_runs_has_a_line_for_each() {
    let state = tempfile::tempdir().unwrap();
    let launch = || Launch::new().env("XDG_STATE_HOME", state.path());
    for words in [["--record", "true"], ["--record", "false"]] {
        launch().run(&words);
    }
    let mut lines = Vec::new();
    // On a busy machine the second run's observer may still be writing when its launcher has gone.
    poll_until(|| {
        lines = seen(&launch().on_terminal().columns(80).run(&["--runs"]));
        lines.len() == 4
            && lines[0].starts_with("RUN ")
            && !lines.iter().any(|line| line.contains("  Running  "))
    });
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines[1].contains("  Exit code 1  ") && lines[2].contains("  Finished  "),
        "{lines:?}"
    );
}

#[test]
fn in_a_pipe_there_is_no_colour_and_json_is_exact() {
    let state = State::new();
    for page in PAGES {
        for (name, value) in [
            ("NO_COLOR", ""),
            ("NO_COLOR", "1"),
            ("COLUMNS", "40"),
            ("TERM", "xterm-256color"),
        ] {
            let done = state.launch().env(name, value).run(page);
            done.expect_code(0).expect_stderr("");
            assert!(!done.stdout.contains('\u{1b}'), "{page:?}");
        }
    }
    let done = state.launch().env("COLUMNS", "40").run(&["--show", RUN]);
    let begin = done.stdout.find("\nerror  ").unwrap();
    let event = done.stdout[begin..]
        .split_once("{\n")
        .unwrap()
        .1
        .split_once("\n}\n")
        .unwrap()
        .0;
    let event: serde_json::Value = serde_json::from_str(&format!("{{{event}}}")).unwrap();
    assert!(event["properties"]["stack_trace"].is_string(), "{event}");
}

#[test]
fn no_colour_where_it_is_refused() {
    let state = State::new();
    for page in PAGES {
        for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let done = state
                .launch()
                .on_terminal()
                .columns(80)
                .env(name, value)
                .run(page);
            assert!(
                !done.expect_code(0).stdout.contains('\u{1b}'),
                "{page:?} with {name}={value}"
            );
        }
    }
    let done = state
        .launch()
        .on_terminal()
        .columns(80)
        .run(&["--report", RUN]);
    assert!(done.stdout.contains('\u{1b}'), "{}", done.stdout);
}
