//! `--explain` over the public sample of the privacy corpus and over captures of real trainings.
//!
//! The corpus's own scorer judges: it knows forms in which a name can hide that a test here would not think
//! of. Nothing may leak, nothing that maintainers need may be lost, and the end must be told rightly.

use axolotl_run::commands::Form;
use axolotl_run::commands::Streams;
use axolotl_run::commands::explain::explain;
use axolotl_run::commands::explain::run;
use axolotl_run_core::status::{End, signal_name};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the scorer; its summary.
fn score(arguments: &[&str]) -> Value {
    let corpus = repository().join("tests/corpus");
    let mut scorer = Command::new("python3");
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
fn captures_of_real_trainings_are_told_rightly() {
    let mut seen = 0;
    for entry in std::fs::read_dir(repository().join("tests/samples")).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(meta) = std::fs::read(folder.join("meta.json")) else {
            continue;
        };
        let meta: Value = serde_json::from_slice(&meta).unwrap();
        let expected = &meta["expected"];
        for (stream, run) in [("stderr", "pipe"), ("stderr.pty", "pty")] {
            let code = meta[run]["exit_code"]
                .as_u64()
                .map(|code| End::Exited(u8::try_from(code).unwrap()));
            let signal = meta[run]["signal"].as_str().map(|name| {
                (1..32)
                    .find(|signal| signal_name(*signal) == Some(name))
                    .unwrap()
            });
            let end = signal.map(End::Signaled).or(code);
            let capture = std::fs::read(folder.join(stream)).unwrap();
            let told = explain(capture.as_slice(), end).unwrap().json();
            let error = &told["events"][0]["properties"];
            assert_eq!(
                told["fatal"] == false,
                expected["ends_ok"] == true,
                "{folder:?} {stream} {told}"
            );
            assert_eq!(
                told["events"].as_array().unwrap().is_empty(),
                expected["ends_ok"] == true,
                "{folder:?} {stream} {told}"
            );
            if let Some(class) = expected["exception"].as_str() {
                assert_eq!(error["exception_type"], class, "{folder:?} {stream}");
            }
            if let Some(category) = expected["category"].as_str() {
                assert_eq!(error["marker"], category, "{folder:?} {stream}");
            }
            if let Some(chain) = expected["chain"].as_array() {
                let classes = error["chain"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|class| class.as_str().unwrap().rsplit('.').next().unwrap());
                assert!(
                    classes.eq(chain.iter().map(|class| class.as_str().unwrap())),
                    "{folder:?} {stream} {error}"
                );
            }
            if let Some(rank) = expected["fault_ranks"][0].as_u64() {
                assert_eq!(error["rank"], rank, "{folder:?} {stream}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 18, "only {seen} captures");
}

#[test]
fn people_are_told_the_same_and_no_private_word() {
    let case = repository().join("tests/corpus/cases/p07_chain_cause.stderr");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(
        run(
            Some(&case),
            None,
            Form::Text,
            &mut Streams::plain(&mut out, &mut err)
        ),
        0
    );
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("RuntimeError")
            && text.contains("File \"torch/nn/functional.py\", line 592, in cross_entropy"),
        "{text}"
    );
    assert!(!text.contains("canary") && err.is_empty(), "{text}");
}

#[test]
fn a_log_that_cannot_be_read_has_no_answer() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let missing = Some(Path::new("no such log"));
    assert_eq!(
        run(
            missing,
            None,
            Form::Json,
            &mut Streams::plain(&mut out, &mut err)
        ),
        1
    );
    assert!(out.is_empty());
    let said = String::from_utf8(err).unwrap();
    assert!(
        said.starts_with("axolotl-run: error: failed to explain `no such log`: ")
            && said.contains("\n\nhint: "),
        "{said}"
    );
}
