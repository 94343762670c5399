use super::*;
use crate::event::wire::Member;
use crate::event::{ErrorEvent, EventName, Finish};
use crate::series::{GpuPoint, SeriesLine};
use serde_json::{Value, json};
use uuid::Uuid;

fn take(summary: &mut Summary, name: EventName, properties: &Value) {
    let member = Member {
        uuid: Uuid::nil(),
        event: name.as_str().to_owned(),
        distinct_id: Uuid::nil(),
        timestamp: String::new(),
        properties: properties.as_object().unwrap().clone(),
    };
    let (event, elapsed_seconds) = member.read().unwrap();
    summary.take(event, elapsed_seconds);
}

fn load(summary: &mut Summary, index: u32, share: f64) {
    let point = GpuPoint {
        index,
        utilization: Some(share),
        ..GpuPoint::default()
    };
    summary.measure(&SeriesLine {
        gpus: vec![point],
        ..SeriesLine::default()
    });
}

fn crashed() -> Summary {
    let mut summary = Summary::default();
    take(
        &mut summary,
        EventName::Start,
        &json!({"elapsed_time": 0.0, "launcher": "torchrun", "memory_total": 1024}),
    );
    take(
        &mut summary,
        EventName::Progress,
        &json!({"elapsed_time": 60.0, "step": 90, "total_steps": 720, "loss": null, "loss_repr": "nan",
            "memory": {"gpu_0_peak_memory_bytes": 5, "gpu_1_peak_memory_bytes": 7}}),
    );
    for (gpu, share) in [(0, 0.5), (0, 1.0), (1, f64::NAN)] {
        load(&mut summary, gpu, share);
    }
    take(
        &mut summary,
        EventName::Error,
        &json!({"exception_type": "torch.OutOfMemoryError", "exception": "CUDA out of memory|", "rank": 3, "frames": [
            {"origin": "user", "line": 139},
            {"origin": "torch", "file": "torch/nn/modules/module.py", "function": "_call_impl", "line": 1751, "repeated": 2}]}),
    );
    take(
        &mut summary,
        EventName::Finish,
        &json!({"outcome": "error", "verdict": {"kind": "oom_gpu", "evidence": ["traceback", "exit_code", "new_word"],
            "confidence": "high"}, "exit_code": 1, "total_time_seconds": 8000.0, "total_steps": 299,
            "steps_per_second": 1.9312, "peak_cpu_memory_bytes": 20_000_000_000_u64, "cpu_seconds": 16_000.0,
            "gpu_energy_joules": 4_500_000.0, "gpu_memory": {"gpu_0_peak_memory_bytes": 9}}),
    );
    summary
}

#[test]
fn the_summary_says_what_happened_and_why() {
    let text = lines::lines(&crashed(), "recorded in /somewhere");
    assert_eq!(
        text,
        "axolotl-run: Out of GPU memory on rank 3, step 299 of 720, after 2h 13m\n\
         axolotl-run: A GPU ran out of memory (high confidence). A traceback in the output. Exit code 1. new word\n\
         axolotl-run: torch.OutOfMemoryError on rank 3: CUDA out of memory|\n\
         axolotl-run: step 299 of 720, 1.93 steps/s, loss nan\n\
         axolotl-run: peak memory 18.6 GiB (largest process), 2 cores on average\n\
         axolotl-run: GPU 0: peak 9 B, 75 % busy; GPU 1: peak 7 B; 1.25 kWh\n\
         axolotl-run: recorded in /somewhere\n"
    );
}

#[test]
fn a_standstill_is_told_unless_it_went_on() {
    let told = |events: &[(EventName, Value)]| {
        let mut summary = Summary::default();
        events
            .iter()
            .for_each(|(name, properties)| take(&mut summary, *name, properties));
        lines::standstill(&summary)
    };
    let progress = |at: f64, more: Value| {
        let mut properties = json!({"elapsed_time": at, "step": 5});
        properties
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        (EventName::Progress, properties)
    };
    let finish = |outcome: &str, step: u64| {
        (
            EventName::Finish,
            json!({"outcome": outcome, "total_time_seconds": 1000.0, "total_steps": step}),
        )
    };
    let still = || progress(700.0, json!({"stalled_seconds": 400.0}));
    let blamed = || progress(700.0, json!({"stalled_seconds": 400.0, "suspect_rank": 2}));
    for (events, expected) in [
        (vec![still()], Some("nothing moved in the last 6m 40s")),
        (
            vec![still(), finish("signal", 5)],
            Some("nothing moved in the last 11m 40s"),
        ),
        (
            vec![blamed(), finish("signal", 5)],
            Some(
                "nothing moved in the last 11m 40s; rank 2 differs from all other ranks: look there first",
            ),
        ),
        (vec![still(), progress(760.0, json!({}))], None),
        (vec![still(), finish("signal", 6)], None),
        (vec![still(), finish("success", 5)], None),
        (vec![finish("signal", 5)], None),
    ] {
        assert_eq!(told(&events).as_deref(), expected, "{events:?}");
    }
    let mut summary = Summary::default();
    for (name, properties) in [still(), finish("signal", 5)] {
        take(&mut summary, name, &properties);
    }
    assert!(
        lines::markdown(&summary)
            .contains("| progress | step 5; nothing moved in the last 11m 40s |\n")
    );
    assert!(
        lines::lines(&summary, "")
            .contains("axolotl-run: step 5; nothing moved in the last 11m 40s\n")
    );
}

#[test]
fn the_rank_that_failed_first_is_named() {
    let mut summary = Summary::default();
    let verdict = json!({"kind": "killed_unknown", "evidence": ["worker_killed_by_signal", "first_failed_rank"],
        "confidence": "low", "rank": 3});
    take(
        &mut summary,
        EventName::Finish,
        &json!({"outcome": "error", "verdict": verdict}),
    );
    let reasons = summary.finish.unwrap().reasons();
    assert_eq!(
        reasons.last().unwrap(),
        "The kernel said that rank 3 failed first.",
        "{reasons:?}"
    );
}

#[test]
fn a_frame_is_one_line_and_private_code_is_only_its_kind() {
    assert_eq!(
        crashed().error.unwrap().frame_lines(),
        [
            "user code:139",
            "torch/nn/modules/module.py:1751 in _call_impl (and 2 more times)"
        ]
    );
}

#[test]
fn markdown_is_six_lines_whatever_it_is_made_of() {
    let mut hostile = crashed();
    let error = hostile.error.as_mut().unwrap();
    error.exception = Some("a|b\n<script>\n```\u{1b}[31m @user **x** \u{202e}".repeat(99));
    for summary in [Summary::default(), crashed(), hostile] {
        let text = lines::markdown(&summary);
        assert_eq!(
            (text.lines().count(), text.ends_with('\n')),
            (6, true),
            "{text}"
        );
        assert!(
            !text.contains("<s") && !text.contains("``") && !text.contains('\u{1b}'),
            "{text}"
        );
        for row in text.lines().skip(3) {
            let bars = row.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 3, "{row}");
        }
    }
    assert!(
        lines::markdown(&crashed())
            .starts_with("### axolotl-run: Out of GPU memory on rank 3, step 299 of 720, after 2h 13m\n| | |\n|---|---|\n")
    );
}

#[test]
fn a_run_of_many_gpus_is_told_in_one_line() {
    let mut summary = crashed();
    for gpu in 2..16 {
        load(&mut summary, gpu, f64::from(gpu) / 16.0);
    }
    let text = lines::lines(&summary, "");
    assert!(
        text.contains("16 GPUs: peaks 7 B to 9 B, 12 % to 94 % busy; 1.25 kWh\n"),
        "{text}"
    );
    assert!(text.lines().count() <= 8, "{text}");
}

#[test]
fn what_is_not_of_the_expected_kind_is_unknown() {
    let mut summary = Summary::default();
    let odd = json!({"elapsed_time": "x", "outcome": 7, "verdict": [], "exit_code": -1, "gpu_memory": {"gpu_x_peak_memory_bytes": 1},
        "frames": 3, "exception_type": {}, "step": 1.5, "accelerator_info": "none", "memory": {"gpu_99999999999_peak_memory_bytes": 1}});
    for name in EventName::ALL {
        take(&mut summary, *name, &odd);
    }
    let finish = summary.finish.take().unwrap();
    assert_eq!(finish.outcome_word(), "unknown");
    assert_eq!(finish.title(), "End unknown");
    assert_eq!(
        summary,
        Summary {
            error: Some(ErrorEvent::default()),
            ..Summary::default()
        }
    );
}

#[test]
fn a_run_without_a_verdict_is_told_by_its_outcome() {
    let ending = Finish {
        outcome: Some("lost".to_owned()),
        ..Finish::default()
    };
    assert_eq!(
        (ending.title().as_str(), ending.meaning()),
        ("End not seen", Some("The end was not observed."))
    );
}
