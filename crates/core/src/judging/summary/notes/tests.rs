use super::*;
use crate::event::Finish;
use crate::event::finish::NotFinite;
use crate::series::{Allowance, GpuPoint, SeriesLine};

const GIB: u64 = 1 << 30;

fn words(summary: &Summary) -> Vec<String> {
    notes(summary).iter().map(Note::sentence).collect()
}

fn ended(outcome: &str, seconds: f64) -> Summary {
    Summary {
        finish: Some(Finish {
            outcome: Some(outcome.to_owned()),
            ..Finish::default()
        }),
        seconds: Some(seconds),
        ..Summary::default()
    }
}

#[test]
fn without_evidence_there_is_no_note() {
    assert_eq!(notes(&Summary::default()), []);
    assert_eq!(notes(&ended("success", 3600.0)), []);
}

#[test]
fn a_number_that_is_none_comes_first() {
    let mut summary = used("success", 600.0, 2 * GIB, Some(64 * GIB));
    let finish = summary.finish.as_mut().unwrap();
    finish.not_finite = Some(NotFinite {
        metric: Some("loss".to_owned()),
        repr: Some("nan".to_owned()),
        since_step: Some(12),
    });
    let words = words(&summary);
    assert_eq!(
        words[0],
        "loss was nan from step 12 on: use no checkpoint that was saved after it"
    );
    assert_eq!(words.len(), 2);
}

fn used(outcome: &str, seconds: f64, used_bytes: u64, limit: Option<u64>) -> Summary {
    let mut summary = ended(outcome, seconds);
    summary.measure(&SeriesLine {
        allowance: Some(Allowance {
            memory_bytes: limit,
            ..Allowance::default()
        }),
        rss_sum_bytes: Some(used_bytes),
        ..SeriesLine::default()
    });
    summary
}

#[test]
fn memory_is_compared_with_what_was_asked_for() {
    let near = "60 GiB of the 64 GiB of memory that the run may use were in use: beyond them the kernel kills it";
    let unused = "at most 4 GiB of the 64 GiB of memory that were asked for were used (6 %)";
    for (outcome, seconds, used_gib, limit_gib, expected) in [
        ("success", 600.0, 4, Some(64), Some(unused)),
        ("success", 600.0, 4, None, None),
        // It ended before it had shown what it needs.
        ("success", 60.0, 4, Some(64), None),
        ("error", 600.0, 4, Some(64), None),
        ("success", 600.0, 30, Some(64), None),
        // Hardly anything is saved.
        ("success", 600.0, 1, Some(8), None),
        ("error", 600.0, 60, Some(64), Some(near)),
        ("success", 600.0, 56, Some(64), None),
        // A sum that counts shared pages more than once.
        ("success", 600.0, 90, Some(64), None),
    ] {
        let summary = used(
            outcome,
            seconds,
            used_gib * GIB,
            limit_gib.map(|gib| gib * GIB),
        );
        let words = words(&summary);
        assert_eq!(
            words.first().map(String::as_str),
            expected,
            "{outcome}, {used_gib} of {limit_gib:?}"
        );
    }
}

#[test]
fn gpus_that_the_training_leaves_idle_are_told_of() {
    for (loads, measurements, expected) in [
        (
            &[0.3][..],
            20,
            Some("the GPU ran nothing for 70 % of the training"),
        ),
        (&[0.3], 5, None),
        (&[0.8], 20, None),
        (
            &[0.5, 0.3],
            20,
            Some("the 2 GPUs, on average, ran nothing for 60 % of the training"),
        ),
        // The other one is not the run's.
        (&[0.9, 0.0], 20, None),
        (&[], 20, None),
    ] {
        let mut summary = Summary::default();
        for step in 1..=measurements {
            let gpus = (0..).zip(loads).map(|(index, load)| GpuPoint {
                index,
                utilization: Some(*load),
                ..GpuPoint::default()
            });
            summary.measure(&SeriesLine {
                step: Some(step),
                gpus: gpus.collect(),
                ..SeriesLine::default()
            });
        }
        assert_eq!(
            words(&summary).first().map(String::as_str),
            expected,
            "{loads:?}"
        );
    }
}
