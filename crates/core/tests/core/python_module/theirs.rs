//! The tests of Axolotl's own telemetry, re-expressed one by one.

use super::{
    an_error_is_told_once_and_its_class_and_chain_are_kept, error_of,
    what_is_sent_of_a_configuration, what_is_told_of_the_files_of_a_trace,
};
use crate::documents::read;
use axolotl_run_core::consent::{self, Telemetry};
use axolotl_run_core::event::{Event, Start};
use axolotl_run_core::judging::explanation::Explanation;
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::launch::rank::RankVerdict;
use axolotl_run_core::observation::{Attribution, Ending, GpuReading, Sample, Stream};
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::status::End;
use serde_json::{Value, json};
use std::ffi::OsString;

/// How ours stands to what a test of theirs asserts.
enum Standing {
    Same,
    /// Less is said or sent, and why.
    Stricter(&'static str),
    /// It is done otherwise, and why.
    Other(&'static str),
}

/// What shows it here.
enum Shown {
    By(fn()),
    /// A test of another program: its file and name.
    There(&'static str, &'static str),
}

use Shown::{By, There};
use Standing::{Other, Same, Stricter};

const ZEROS: &str = "what is unknown is absent: 0 would be a loss";
const OUTSIDE: &str =
    "there is no object to be made: what is observed are the output and the process";

/// The 47 tests of `tests/telemetry` of Axolotl (commit 067b021), one by one.
const THEIRS: &[(&str, Standing, Shown)] = &[
    (
        "callbacks: initialization",
        Other(OUTSIDE),
        By(nothing_is_told_before_it_is_seen),
    ),
    (
        "callbacks: on_train_begin",
        Other("no event of its own: setup_seconds of `setup` says when the first step was"),
        By(the_first_step_is_told_at_once),
    ),
    (
        "callbacks: on_train_end",
        Same,
        By(the_end_has_the_totals_and_the_last_metrics),
    ),
    (
        "callbacks: on_epoch_begin",
        Same,
        By(epochs_are_numbered_from_0),
    ),
    ("callbacks: on_epoch_end", Same, By(epochs_are_timed)),
    (
        "callbacks: on_step_end_no_report",
        Same,
        By(steps_between_two_reports_are_not_told),
    ),
    (
        "callbacks: on_step_end_report_interval_steps",
        Other(
            "each minute and each tenth, not each 100 steps: of a fast training these would be thousands of events",
        ),
        By(a_hundred_steps_alone_are_no_report),
    ),
    (
        "callbacks: on_step_end_report_time_elapsed",
        Same,
        By(a_minute_is_a_report),
    ),
    (
        "callbacks: on_step_end_first_step",
        Same,
        By(the_first_step_is_told_at_once),
    ),
    (
        "callbacks: log_history_empty",
        Other(ZEROS),
        By(without_a_log_there_is_no_loss),
    ),
    (
        "errors: sanitize_stack_trace",
        Stricter("source lines and the exception's own words are left out"),
        By(what_is_told_of_the_files_of_a_trace),
    ),
    (
        "errors: sanitize_windows_paths",
        Stricter("a script's name is the user's"),
        By(what_is_told_of_the_files_of_a_trace),
    ),
    (
        "errors: sanitize_mixed_paths",
        Stricter("a script's name is the user's"),
        By(what_is_told_of_the_files_of_a_trace),
    ),
    (
        "errors: sanitize_venv_paths",
        Stricter("only files of public releases"),
        By(what_is_told_of_the_files_of_a_trace),
    ),
    (
        "errors: sanitize_dist_packages",
        Stricter("only files of public releases"),
        By(what_is_told_of_the_files_of_a_trace),
    ),
    (
        "errors: sanitize_project_paths",
        Stricter("only files of public releases"),
        By(what_is_told_of_the_files_of_a_trace),
    ),
    (
        "errors: send_errors_successful_execution",
        Same,
        By(a_success_is_no_error),
    ),
    (
        "errors: send_errors_with_exception",
        Stricter("the message only where the catalogue has it"),
        By(an_error_is_told_once_and_its_class_and_chain_are_kept),
    ),
    (
        "errors: send_errors_nested_calls",
        Same,
        By(the_stage_and_the_event_of_theirs_are_told),
    ),
    (
        "errors: send_errors_telemetry_disable",
        Same,
        There("tests/runs/promises.rs", "off_means_gone"),
    ),
    (
        "errors: error_handled_reset",
        Same,
        By(an_error_is_told_once_and_its_class_and_chain_are_kept),
    ),
    (
        "errors: module_path_resolution",
        Same,
        By(the_stage_and_the_event_of_theirs_are_told),
    ),
    (
        "manager: singleton_instance",
        Other("an inner launcher finds AXOLOTL_RUN_ID and vanishes"),
        There(
            "crates/core/src/consent/tests.rs",
            "the_first_row_that_applies_decides",
        ),
    ),
    (
        "manager: do_not_track_env_vars",
        Stricter(
            "what they leave on because nobody forbade it needs consent here; any value but 0 and false forbids",
        ),
        By(the_environment_decides_as_there_or_is_stricter),
    ),
    (
        "manager: telemetry_disabled_for_non_main_process",
        Same,
        By(only_the_main_process_reports),
    ),
    (
        "manager: is_whitelisted",
        Stricter("the whole id has to be a model's, in public words, and no path here"),
        By(what_is_sent_of_a_configuration),
    ),
    (
        "manager: system_info_collection",
        Same,
        There(
            "src/metrics/start_facts/gathering.rs",
            "facts_come_from_the_thread_and_again_after_a_look_at_processes",
        ),
    ),
    (
        "manager: send_event",
        Same,
        There(
            "src/delivery/tests/mod.rs",
            "a_healthy_server_gets_every_event_in_the_form_of_the_contract",
        ),
    ),
    (
        "manager: send_system_info",
        Same,
        There(
            "tests/runs/promises.rs",
            "the_shortest_run_is_reported_like_any",
        ),
    ),
    (
        "manager: redacted_properties",
        Stricter("built from lists, not redacted: what is no public choice of its key is withheld"),
        By(what_is_sent_of_a_configuration),
    ),
    (
        "manager: disable_telemetry",
        Same,
        There("tests/runs/promises.rs", "off_means_gone"),
    ),
    (
        "manager: exception_handling_during_send",
        Other("no warning in the training's output: the event waits on disk"),
        There(
            "tests/network/faults.rs",
            "whatever_a_server_does_first_every_event_arrives_once",
        ),
    ),
    (
        "manager: shutdown",
        Other("the end never waits long: what is not sent waits on disk"),
        There(
            "src/delivery/tests/network.rs",
            "a_server_that_never_answers_costs_ten_seconds_and_no_event",
        ),
    ),
    (
        "runtime metrics: initialization",
        Other(OUTSIDE),
        By(nothing_is_told_before_it_is_seen),
    ),
    (
        "runtime metrics: elapsed_time",
        Other("from the command's spawn, not the trainer's creation"),
        By(the_end_has_the_totals_and_the_last_metrics),
    ),
    ("runtime metrics: epoch_time", Same, By(epochs_are_timed)),
    (
        "runtime metrics: average_epoch_time",
        Same,
        By(epochs_are_timed),
    ),
    (
        "runtime metrics: steps_per_second",
        Same,
        By(without_a_step_there_is_no_rate),
    ),
    (
        "runtime metrics: to_dict_basic",
        Same,
        By(the_end_has_the_totals_and_the_last_metrics),
    ),
    (
        "runtime metrics: to_dict_with_epochs",
        Same,
        By(epochs_are_timed),
    ),
    (
        "runtime metrics: to_dict_with_gpu_memory",
        Other("what the driver counts, not torch's allocator"),
        By(two_gpus_have_their_own_peaks),
    ),
    (
        "tracker: initialization",
        Other(OUTSIDE),
        By(nothing_is_told_before_it_is_seen),
    ),
    ("tracker: start_epoch", Same, By(epochs_are_numbered_from_0)),
    ("tracker: end_epoch", Same, By(epochs_are_timed)),
    (
        "tracker: update_step",
        Other(
            "the step itself, not how often it was called: a resumed training has done the earlier ones",
        ),
        By(the_end_has_the_totals_and_the_last_metrics),
    ),
    ("tracker: update_memory_metrics", Same, By(peaks_never_fall)),
    (
        "tracker: get_memory_metrics",
        Same,
        By(two_gpus_have_their_own_peaks),
    ),
];

#[test]
fn each_test_of_theirs_holds_here_or_has_its_reason() {
    assert_eq!(THEIRS.len(), 47);
    for (name, standing, shown) in THEIRS {
        if let Stricter(reason) | Other(reason) = standing {
            assert!(!reason.is_empty(), "{name}");
        }
        match shown {
            By(check) => check(),
            There(file, test) => {
                let source = read(file);
                assert!(source.contains(&format!("fn {test}(")), "{name}: {test}");
            }
        }
    }
}

fn begun() -> Run {
    let mut run = Run::default();
    run.start(Start::default());
    run
}

fn step(run: &mut Run, at: f64, step: u64, total: u64) {
    let percent = step * 100 / total;
    print(
        run,
        at,
        &format!("\r{percent:3}%|#| {step}/{total} [00:01<00:09,  1.00it/s]\n"),
    );
}

fn print(run: &mut Run, at: f64, text: &str) {
    let mut cutter = LineCutter::default();
    run.bytes(Stream::Both, at, &mut cutter, text.as_bytes());
}

fn told(event: Option<Event>) -> Value {
    event.map_or(Value::Null, |event| event.properties(1.0).into())
}

fn finished(run: Run, at: f64) -> Value {
    let ending = Ending {
        at,
        end: Some(End::Exited(0)),
        ..Ending::default()
    };
    told(run.end(ending).pop())
}

fn nothing_is_told_before_it_is_seen() {
    let mut run = begun();
    assert_eq!((run.set_up(), run.due(99.0)), (None, None));
    let finish = finished(run, 100.0);
    for absent in [
        "total_steps",
        "epochs_completed",
        "epoch_times",
        "gpu_memory",
        "loss",
    ] {
        assert_eq!(finish.get(absent), None, "{absent}");
    }
}

fn the_first_step_is_told_at_once() {
    let mut run = begun();
    step(&mut run, 7.0, 1, 1000);
    assert_eq!(told(run.set_up())["setup_seconds"], 7.0);
    assert_eq!(told(run.due(7.0))["step"], 1);
}

fn steps_between_two_reports_are_not_told() {
    let mut run = begun();
    step(&mut run, 7.0, 41, 1000);
    assert!(run.due(7.0).is_some());
    step(&mut run, 8.0, 42, 1000);
    assert_eq!(run.due(8.0), None);
}

fn a_hundred_steps_alone_are_no_report() {
    let mut run = begun();
    step(&mut run, 0.0, 1, 100_000);
    assert!(run.due(0.0).is_some());
    step(&mut run, 50.0, 101, 100_000);
    assert_eq!(run.due(50.0), None);
}

fn a_minute_is_a_report() {
    let mut run = begun();
    step(&mut run, 0.0, 1, 100_000);
    assert!(run.due(0.0).is_some());
    step(&mut run, 61.0, 62, 100_000);
    let report = told(run.due(61.0));
    assert_eq!(report["time_since_last_report"], 61.0);
    assert_eq!(report["steps_per_second"], 1.0);
}

fn without_a_log_there_is_no_loss() {
    let mut run = begun();
    step(&mut run, 0.0, 1, 100);
    let report = told(run.due(0.0));
    assert_eq!(report["step"], 1);
    assert_eq!(
        (report.get("loss"), report.get("learning_rate")),
        (None, None)
    );
}

fn without_a_step_there_is_no_rate() {
    assert_eq!(finished(begun(), 50.0).get("steps_per_second"), None);
    let mut run = begun();
    step(&mut run, 10.0, 1, 101);
    step(&mut run, 35.0, 51, 101);
    step(&mut run, 60.0, 101, 101);
    assert_eq!(finished(run, 60.0)["steps_per_second"], 2.0);
}

/// A training of three epochs of ten steps, one a second, that ends after so many steps.
fn epochs_until(steps: u64) -> Run {
    let mut run = begun();
    run.plan(Some(3.0));
    for done in 0..=steps {
        step(&mut run, done as f64, done, 30);
    }
    run
}

fn epochs_are_timed() {
    let finish = finished(epochs_until(30), 30.0);
    assert_eq!(
        finish["epoch_times"],
        json!({"epoch_0_seconds": 10.0, "epoch_1_seconds": 10.0, "epoch_2_seconds": 10.0})
    );
    assert_eq!(finish["average_epoch_time_seconds"], 10.0);
    // One that has not ended is not counted.
    let finish = finished(epochs_until(15), 15.0);
    assert_eq!(finish["epoch_times"], json!({"epoch_0_seconds": 10.0}));
    assert_eq!(finish["epochs_completed"], 1);
    assert_eq!(finish["average_epoch_time_seconds"], 10.0);
    let finish = finished(epochs_until(5), 5.0);
    assert_eq!(
        (&finish["epochs_completed"], finish.get("epoch_times")),
        (&json!(0), None)
    );
}

fn epochs_are_numbered_from_0() {
    for (logged, epoch, progress) in [
        ("0.1", 0, 0.1),
        ("1.0", 0, 1.0),
        ("1.5", 1, 1.5),
        ("3.0", 2, 3.0),
    ] {
        let mut run = begun();
        step(&mut run, 1.0, 1, 30);
        print(
            &mut run,
            1.0,
            &format!("{{'loss': 2.0, 'epoch': {logged}}}\n"),
        );
        let report = told(run.due(1.0));
        assert_eq!(
            (&report["epoch"], &report["progress"]),
            (&json!(epoch), &json!(progress))
        );
    }
}

fn the_end_has_the_totals_and_the_last_metrics() {
    let mut run = epochs_until(30);
    print(
        &mut run,
        30.0,
        "{'loss': 0.5, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'ppl': 1.65, 'tokens/total': 90, 'tokens/trainable': 60, 'tokens/train_per_sec_per_gpu': 12.5, 'epoch': 3.0}\n{'train_runtime': 9.5, 'train_loss': 1.9, 'epoch': 3.0}\n",
    );
    let finish = finished(run, 33.0);
    for (name, expected) in [
        ("total_time_seconds", json!(33.0)),
        ("total_steps", json!(30)),
        ("loss", json!(0.5)),
        ("ppl", json!(1.65)),
        ("learning_rate", json!(1e-5)),
        ("grad_norm", json!(1.5)),
        ("tokens/total", json!(90)),
        ("tokens/trainable", json!(60)),
        ("tokens/train_per_sec_per_gpu", json!(12.5)),
    ] {
        assert_eq!(finish[name], expected, "{name}");
    }
}

fn sample(at: f64, rss: u64, gpus: [u64; 2]) -> Sample {
    let gpu = |(index, bytes): (u32, u64)| GpuReading {
        index,
        memory_bytes: Some(bytes),
        attribution: Some(Attribution::Pid),
        ..GpuReading::default()
    };
    Sample {
        at,
        rss_max_process_bytes: Some(rss),
        gpus: (0..).zip(gpus).map(gpu).collect(),
        ..Sample::default()
    }
}

fn peaks_never_fall() {
    let mut run = begun();
    step(&mut run, 1.0, 1, 100);
    run.sample(sample(2.0, 900, [10, 20]));
    run.sample(sample(3.0, 300, [5, 6]));
    let memory = told(run.due(4.0))["memory"].clone();
    assert_eq!(
        (
            &memory["cpu_memory_bytes"],
            &memory["peak_cpu_memory_bytes"]
        ),
        (&json!(300), &json!(900))
    );
    assert_eq!(finished(run, 5.0)["peak_cpu_memory_bytes"], 900);
}

fn two_gpus_have_their_own_peaks() {
    let mut run = begun();
    step(&mut run, 1.0, 1, 100);
    run.sample(sample(2.0, 900, [10, 20]));
    run.sample(sample(3.0, 900, [5, 30]));
    let memory = told(run.due(4.0))["memory"].clone();
    for (name, bytes) in [
        ("gpu_0_memory", 5),
        ("gpu_1_memory", 30),
        ("gpu_0_peak_memory", 10),
        ("gpu_1_peak_memory", 30),
    ] {
        assert_eq!(memory[format!("{name}_bytes")], bytes, "{name}");
    }
    assert_eq!(
        finished(run, 5.0)["gpu_memory"],
        json!({"gpu_0_peak_memory_bytes": 10, "gpu_1_peak_memory_bytes": 30})
    );
}

fn a_success_is_no_error() {
    let told = Explanation::of(b"done\n", Some(End::Exited(0))).json();
    assert_eq!(told["events"], json!([]));
}

fn the_stage_and_the_event_of_theirs_are_told() {
    let trace = "Traceback (most recent call last):
  File \"/v/site-packages/axolotl/cli/train.py\", line 42, in do_train
  File \"/v/site-packages/axolotl/telemetry/errors.py\", line 115, in wrapper
  File \"/v/site-packages/axolotl/train.py\", line 640, in train
  File \"/v/site-packages/axolotl/train.py\", line 86, in setup_model_and_tokenizer
  File \"/v/site-packages/axolotl/telemetry/errors.py\", line 115, in wrapper
  File \"/v/site-packages/axolotl/loaders/model.py\", line 190, in load
ValueError: jdoe
";
    let error = error_of(trace);
    assert_eq!(error["stage"], "axolotl.train.train");
    assert_eq!(error["module_event"], "axolotl.loaders.model.load-error");
    let error = error_of(&trace.replace("/axolotl/", "/axolotl_jdoe/"));
    assert_eq!(
        (error.get("stage"), error.get("module_event")),
        (None, None)
    );
}

/// Their table of the environment, and what ours comes to: where nobody has consented, a notice.
fn the_environment_decides_as_there_or_is_stricter() {
    for (axolotl, general, theirs, ours) in [
        (None, None, true, "notice"),
        (Some("0"), None, true, "on"),
        (Some("false"), None, true, "on"),
        (Some("1"), None, false, "off"),
        (Some("true"), None, false, "off"),
        (Some(" 1 "), None, false, "off"),
        (None, Some("0"), true, "notice"),
        (None, Some("false"), true, "notice"),
        (None, Some("1"), false, "off"),
        (None, Some("true"), false, "off"),
        (Some("0"), Some("1"), false, "off"),
        (Some("1"), Some("0"), false, "off"),
        (Some("1"), Some("1"), false, "off"),
        (Some("0"), Some("0"), true, "on"),
    ] {
        let environment = |name: &str| {
            let value = match name {
                "AXOLOTL_DO_NOT_TRACK" => axolotl,
                "DO_NOT_TRACK" => general,
                _ => None,
            };
            value.map(OsString::from)
        };
        let decision = consent::decide(&environment, RankVerdict::Main, || None);
        let word = match (decision.telemetry, decision.notice) {
            (Telemetry::On, _) => "on",
            (Telemetry::Off, true) => "notice",
            (Telemetry::Off, false) => "off",
        };
        assert_eq!(word, ours, "{axolotl:?} {general:?}");
        assert!(
            theirs || word == "off",
            "{axolotl:?} {general:?}: never on where theirs is off"
        );
    }
}

fn only_the_main_process_reports() {
    let not_main = RankVerdict::NotMain { variable: "RANK" };
    let allowed = |name: &str| (name == "AXOLOTL_DO_NOT_TRACK").then(|| OsString::from("0"));
    let decision = consent::decide(&allowed, not_main, || None);
    assert_eq!(
        (decision.telemetry, decision.notice),
        (Telemetry::Off, false)
    );
}
