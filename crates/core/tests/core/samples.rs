//! The pure path against what real trainings printed: `tests/samples` (its README says what a folder holds).
//!
//! The bytes are fed in the order and the pieces in which they were read, each stream through its own cutter,
//! and what is known at the end is compared with what the training itself recorded and with what of it can
//! be seen in the bytes at all.

use crate::documents::path;
use axolotl_run_core::event::schema::check;
use axolotl_run_core::event::value::Number;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::event::{Event, EventName, Start};
use axolotl_run_core::judging::explanation::Explanation;
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::observation::{Ending, Stream};
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::output::progress::{Metric, ProgressReader, Training};
use axolotl_run_core::privacy::{Gate, Identity};
use axolotl_run_core::public::dictionary;
use axolotl_run_core::status::{End, signal_name};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use uuid::Uuid;

fn samples() -> Vec<PathBuf> {
    let folder = path("tests/samples");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("meta.json").is_file())
        .collect();
    samples.sort();
    assert!(samples.len() >= 9, "{samples:?}");
    samples
}

/// Replays one recording; `peek` also looks at unfinished lines after each read, as the observer does.
fn replay(folder: &Path, suffix: &str, peek: bool) -> Training {
    let read = |name: &str| std::fs::read(folder.join(format!("{name}{suffix}"))).unwrap();
    let (stdout, stderr, timing) = (
        read("stdout"),
        read("stderr"),
        String::from_utf8(read("timing")).unwrap(),
    );
    let mut streams = [
        (Stream::Stdout, stdout.as_slice(), LineCutter::default()),
        (Stream::Stderr, stderr.as_slice(), LineCutter::default()),
    ];
    let mut reader = ProgressReader::default();
    let mut at = 0.0;
    for record in timing.lines() {
        let fields: Vec<_> = record.split(' ').collect();
        at = fields[0].parse::<f64>().unwrap() / 1000.0;
        let (stream, bytes, cutter) = &mut streams[usize::from(fields[1] == "e")];
        let (piece, rest) = bytes.split_at(fields[2].parse::<usize>().unwrap());
        *bytes = rest;
        cutter.push(piece, |line| reader.line(*stream, at, &line));
        if peek {
            cutter.peek(|line| reader.peek(*stream, at, &line));
        }
    }
    for (stream, bytes, cutter) in &mut streams {
        assert!(
            bytes.is_empty(),
            "the timing of {folder:?}{suffix} covers all bytes"
        );
        cutter.finish(|line| reader.line(*stream, at, &line));
    }
    reader.training.clone()
}

/// Replays one recording as a run whose two streams are the same terminal or pipe, or two of them.
fn replay_run(folder: &Path, suffix: &str, one: bool, end: End) -> Vec<Event> {
    let read = |name: &str| std::fs::read(folder.join(format!("{name}{suffix}"))).unwrap();
    let (stdout, stderr, timing) = (
        read("stdout"),
        read("stderr"),
        String::from_utf8(read("timing")).unwrap(),
    );
    let mut bytes = [stdout.as_slice(), stderr.as_slice()];
    let mut cutters = [LineCutter::default(), LineCutter::default()];
    let streams = if one {
        [Stream::Both; 2]
    } else {
        [Stream::Stdout, Stream::Stderr]
    };
    let mut run = Run::default();
    let mut events = vec![run.start(Start::default())];
    let mut at = 0.0;
    for record in timing.lines() {
        let fields: Vec<_> = record.split(' ').collect();
        at = fields[0].parse::<f64>().unwrap() / 1000.0;
        let which = usize::from(fields[1] == "e");
        let (piece, rest) = bytes[which].split_at(fields[2].parse::<usize>().unwrap());
        bytes[which] = rest;
        let cutter = &mut cutters[if one { 0 } else { which }];
        cutter.push(piece, |line| run.line(streams[which], at, &line));
        cutter.peek(|line| run.peek(streams[which], at, &line));
        events.extend(run.set_up());
        events.extend(run.due(at));
    }
    for (cutter, stream) in cutters.iter_mut().zip(streams) {
        cutter.finish(|line| run.line(stream, at, &line));
    }
    events.extend(run.end(Ending {
        at,
        end: Some(end),
        ..Ending::default()
    }));
    events
}

#[test]
fn a_recording_becomes_events_of_the_published_list() {
    for folder in samples() {
        let meta: Value =
            serde_json::from_slice(&std::fs::read(folder.join("meta.json")).unwrap()).unwrap();
        for (kind, suffix, one) in [
            ("pipe", "", false),
            ("pipe", "", true),
            ("pty", ".pty", false),
            ("pty", ".pty", true),
        ] {
            let name = format!(
                "{}/{kind} (one stream: {one})",
                folder.file_name().unwrap().display()
            );
            let end = match meta[kind]["exit_code"].as_u64() {
                Some(code) => End::Exited(u8::try_from(code).unwrap()),
                None => End::Signaled(9),
            };
            let events = replay_run(&folder, suffix, one, end);
            let names: Vec<_> = events.iter().map(Event::name).collect();
            let rank = |name: &EventName| EventName::ALL.iter().position(|other| other == name);
            assert!(names.is_sorted_by_key(rank), "{name}: {names:?}");
            assert!(
                names
                    .iter()
                    .filter(|name| **name == EventName::Progress)
                    .count()
                    <= 12,
                "{name}: {names:?}"
            );
            for event in &events {
                assert_eq!(
                    check(event.name(), &event.properties(1.0)),
                    Ok(()),
                    "{name}"
                );
                // What is written down must still be ours when it is read back.
                let gate = Gate::new(Identity::default())
                    .knowing(dictionary::is_public)
                    .knowing_functions(dictionary::is_public_function);
                let member = Member::new(Uuid::nil(), Uuid::nil(), event, UNIX_EPOCH, 1.0);
                assert!(gate.check_recorded(&member).is_ok(), "{name}: {event:?}");
            }
            let survived = meta["expected"]["ends_ok"] == true;
            assert!(
                !(survived && names.contains(&EventName::Error)),
                "{name}: a survived traceback is no error"
            );
            let finish = events.last().unwrap().properties(1.0);
            let visible = &meta[kind]["visible"];
            assert_eq!(
                finish.get("total_steps").and_then(Value::as_u64),
                visible["step"].as_u64(),
                "{name}"
            );
            assert_eq!(
                finish["outcome"] == "success",
                survived,
                "{name}: {finish:?}"
            );
            // What the owner is told at the end is what the log's last lines say, one number for one thing.
            let logs = meta[kind]["truth"]["logs"].as_array();
            let shown = visible["logs"].as_u64().unwrap_or(0) as usize;
            let logs = logs.map_or(&[] as &[Value], |logs| &logs[..shown]);
            let old = meta["versions"]["transformers"]
                .as_str()
                .is_some_and(|version| version.starts_with('4'));
            for (field, key) in [
                ("loss", "loss"),
                ("grad_norm", "grad_norm"),
                ("learning_rate", "learning_rate"),
                ("ppl", "ppl"),
                ("eval_loss", "eval_loss"),
                ("progress", "epoch"),
                ("tokens/total", "tokens/total"),
            ] {
                let last = logs.iter().rev().find_map(|log| log[key].as_f64());
                let told = finish.get(field).and_then(Value::as_f64);
                assert!(
                    printed_equals(told, last, old && key == "epoch"),
                    "{name}: {field}: {told:?}, recorded {last:?}"
                );
            }
            // Our own clock against the trainer's, which counts the first step in; a short run is mostly that.
            let rate = meta[kind]["truth"]["logs"]
                .as_array()
                .and_then(|logs| logs.last()?["train_steps_per_second"].as_f64());
            if let (Some(rate), Some(known)) =
                (rate, finish.get("steps_per_second").and_then(Value::as_f64))
            {
                assert!(
                    (known / rate - 1.0).abs() < 0.35,
                    "{name}: {known} steps/s, recorded {rate}"
                );
            }
        }
    }
}

/// The trainer measures its own training; ours begins with its first sign and ends with its last step.
#[test]
fn the_phases_of_a_training_are_those_that_it_measured() {
    let mut compared = 0;
    for folder in samples() {
        let meta = std::fs::read(folder.join("meta.json")).unwrap();
        let meta: Value = serde_json::from_slice(&meta).unwrap();
        let logs = meta["pipe"]["truth"]["logs"].as_array();
        let Some(runtime) = logs.and_then(|logs| logs.last()?["train_runtime"].as_f64()) else {
            continue;
        };
        let events = replay_run(&folder, "", false, End::Exited(0));
        let Some(Event::Finish(finish)) = events.last() else {
            panic!("{folder:?}");
        };
        let phases = finish.phases.clone().unwrap();
        let seconds = |phases: &[Option<Number>]| -> f64 {
            phases.iter().flatten().map(|seconds| seconds.get()).sum()
        };
        let training = [phases.training, phases.evaluation, phases.checkpoint];
        let around = [phases.startup, phases.download, phases.data, phases.model];
        let behind = [phases.saving, phases.end];
        let ours = seconds(&training);
        assert!(
            (ours - runtime).abs() < 0.5 + 0.2 * runtime,
            "{folder:?}: {ours}, recorded {runtime}: {phases:?}"
        );
        let all = ours + seconds(&around) + seconds(&behind);
        let total = finish.total_time_seconds.unwrap().get();
        assert!((all - total).abs() < 1e-6, "{folder:?}: {all} of {total}");
        compared += 1;
    }
    assert!(compared >= 5, "{compared} recordings");
}

/// Equal as far as `%.4g`, or two decimals for the epochs of transformers 4, show it.
fn printed_equals(known: Option<f64>, truth: Option<f64>, decimals: bool) -> bool {
    match (known, truth) {
        (Some(known), Some(truth)) => {
            let bound = if decimals {
                0.005_001
            } else {
                truth.abs() * 0.000_51
            };
            (known - truth).abs() <= bound
        }
        (known, truth) => known == truth,
    }
}

#[test]
fn what_the_bytes_show_is_what_is_known() {
    let mut checked = 0;
    for folder in samples() {
        let meta: Value =
            serde_json::from_slice(&std::fs::read(folder.join("meta.json")).unwrap()).unwrap();
        for (kind, suffix) in [("pipe", ""), ("pty", ".pty")] {
            for peek in [false, true] {
                let name = format!(
                    "{}/{kind} (peek: {peek})",
                    folder.file_name().unwrap().display()
                );
                let training = replay(&folder, suffix, peek);
                let visible = &meta[kind]["visible"];
                assert_eq!(training.step, visible["step"].as_u64(), "{name}: step");
                assert_eq!(
                    training.total_steps,
                    visible["total"].as_u64(),
                    "{name}: total"
                );
                let logs = meta[kind]["truth"]["logs"]
                    .as_array()
                    .map_or(&[] as &[Value], Vec::as_slice);
                // A trainer's saved state does not hold the final summary, which is printed all the same.
                let summaries = logs
                    .iter()
                    .filter(|log| log["train_runtime"].is_number())
                    .count() as u64;
                let unrecorded = u64::from(
                    summaries == 0 && training.metrics.get(Metric::TrainRuntime).is_some(),
                );
                let expected = visible["logs"].as_u64().unwrap_or(0);
                assert_eq!(
                    training.log_dictionaries,
                    expected + unrecorded,
                    "{name}: log dictionaries"
                );
                let seen = &logs[..expected as usize];
                let last = |key: &str| seen.iter().rev().find_map(|log| log[key].as_f64());
                let old = meta["versions"]["transformers"]
                    .as_str()
                    .is_some_and(|version| version.starts_with('4'));
                for (known, key) in [
                    (training.metrics.get(Metric::Loss), "loss"),
                    (training.metrics.get(Metric::LearningRate), "learning_rate"),
                    (training.metrics.get(Metric::GradNorm), "grad_norm"),
                    (training.epoch, "epoch"),
                    (training.metrics.get(Metric::EvalLoss), "eval_loss"),
                    (training.metrics.get(Metric::Ppl), "ppl"),
                    (
                        training.metrics.get(Metric::TokensPerSecondPerGpu),
                        "tokens/train_per_sec_per_gpu",
                    ),
                    (
                        training
                            .metrics
                            .count(Metric::TokensTotal)
                            .map(|tokens| tokens as f64),
                        "tokens/total",
                    ),
                    (
                        training
                            .metrics
                            .count(Metric::TokensTrainable)
                            .map(|tokens| tokens as f64),
                        "tokens/trainable",
                    ),
                ] {
                    let same = printed_equals(known, last(key), old && key == "epoch");
                    assert!(same, "{name}: {key}: {known:?}, recorded {:?}", last(key));
                }
                let ended = meta[kind]["truth"]["train_ended"].as_bool();
                if let Some(ended) = ended {
                    assert_eq!(training.finished, ended, "{name}: finished");
                }
                checked += usize::from(visible.is_object());
            }
        }
    }
    assert!(
        checked >= 28,
        "{checked} recordings of trainings were checked"
    );
}

#[test]
fn captures_of_real_trainings_are_told_rightly() {
    let mut seen = 0;
    for entry in std::fs::read_dir(path("tests/samples")).unwrap() {
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
            let told = Explanation::of(&capture, end).json();
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
