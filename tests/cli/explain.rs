//! `--explain` over the public sample of the privacy corpus; crates/core has it over captures of real trainings.
//!
//! The corpus's own scorer judges: it knows forms in which a name can hide that a test here would not think
//! of. Nothing may leak, nothing that maintainers need may be lost, and the end must be told rightly.

use serde_json::Value;
use std::fs;
use std::path::Path;
use support::Launch;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the scorer; its summary.
fn score(arguments: &[&str]) -> Value {
    let corpus = repository().join("tests/corpus");
    let mut scorer = support::program("python3");
    scorer
        .arg(corpus.join("score.py"))
        .arg("--cases")
        .arg(corpus.join("cases"));
    scorer
        .arg("--cmd")
        .arg(format!(
            "{} --explain - --json",
            env!("CARGO_BIN_EXE_axolotl-run")
        ))
        .args([
            "--max-leak",
            "0",
            "--show-leaks",
            "20",
            "--show-lost",
            "20",
            "--jobs",
            "2",
        ])
        .args(arguments);
    let output = scorer.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{scorer:?}\n{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

#[test]
fn nothing_leaks_and_nothing_that_is_needed_is_lost() {
    let summary = score(&["--min-keep", "1"]);
    for rate in [
        "keep_rate",
        "frames_kept",
        "words_kept",
        "exception_type_kept",
        "nonfatal_keep_rate",
        "primary_type_ok",
        "traces_ok",
        "fatal_ok",
    ] {
        assert_eq!(summary[rate], 1.0, "{rate}: {summary}");
    }
    assert_eq!(summary["leaked"], 0);
}

#[test]
fn damaged_and_spliced_streams_leak_nothing() {
    assert_eq!(score(&["--mutate", "2", "--seed", "7"])["leaked"], 0);
}

#[test]
fn people_are_told_the_same_and_no_private_word() {
    let case = repository().join("tests/corpus/cases/p07_chain_cause.stderr");
    let done = Launch::new().run(&["--explain".as_ref(), case.as_os_str()]);
    let text = &done.expect_code(0).expect_stderr("").stdout;
    assert!(
        text.contains("RuntimeError")
            && text.contains("File \"torch/nn/functional.py\", line 592, in cross_entropy"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_log_that_cannot_be_read_has_no_answer() {
    let done = Launch::new().run(&["--explain", "--json", "no such log"]);
    let said = &done.expect_code(1).expect_stdout("").stderr;
    assert!(
        said.starts_with("axolotl-run: error: failed to explain `no such log`: ")
            && said.contains("\n\nhint: "),
        "{said}"
    );
}

#[test]
fn what_the_gate_would_refuse_is_shown() {
    let log = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0\n";
    let launch = Launch::new().env("A_SECRET", "20.00 MiB");
    fs::write(launch.home().join("log"), log).unwrap();
    let done = launch.run(&["--explain", "log"]);
    let text = &done.expect_code(0).stdout;
    assert!(
        text.contains("privacy gate would refuse more of it: it has a word of your environment"),
        "{text}"
    );
    assert!(text.contains("OutOfMemoryError"), "{text}");
    assert!(!text.contains("20.00 MiB"), "{text}");
}
