use super::*;
use crate::observation::{Attribution, GpuReading};

fn rank(rank: u64, class: StackClass) -> RankSample {
    RankSample {
        rank: Some(rank),
        class,
        processor: None,
        workers: None,
    }
}

/// A minute in which each rank does the first of its classes in so many of 60 samples, the other one in the rest.
fn minute(profile: &mut Profile, ranks: &[(u64, StackClass, StackClass)]) {
    for second in 0..WINDOW_SAMPLES {
        let mut samples = Vec::new();
        for (index, &(often, first, other)) in ranks.iter().enumerate() {
            let class = if second < often { first } else { other };
            samples.push(rank(index as u64, class));
        }
        let sample = StackSample {
            seconds: 1.0,
            ranks: samples,
        };
        profile.take(&sample, Progressing::Steps);
    }
}

fn words(report: &ProfileReport) -> Vec<&str> {
    let causes = report.slow_because.iter().flatten();
    causes.map(|cause| cause.as_str()).collect()
}

fn gpu(utilization: Option<f64>, memory_bytes: u64) -> Sample {
    Sample {
        gpus: vec![GpuReading {
            utilization,
            memory_bytes: Some(memory_bytes),
            attribution: Some(Attribution::Pid),
            ..GpuReading::default()
        }],
        ..Sample::default()
    }
}

#[test]
fn a_share_of_a_minute_makes_a_cause_and_a_gpu_that_is_busy_or_unknown_does_not() {
    use StackClass::{Collective, Compilation, Data, Evaluation, Other, Saving};
    let none: &[Sample] = &[];
    for (often, class, other, gpus, expected) in [
        (24, Data, Other, none, &["data_bound"][..]),
        (23, Data, Other, none, &[]),
        (54, Data, Other, &[gpu(Some(0.3), 1)], &["data_bound"]),
        (54, Data, Other, &[gpu(Some(0.7), 1)], &[]),
        (54, Data, Other, &[gpu(None, 1)], &[]),
        // The run does not use this one.
        (54, Data, Other, &[gpu(Some(0.9), 0)], &["data_bound"]),
        (30, Evaluation, Other, none, &["evaluation"]),
        (29, Evaluation, Other, none, &[]),
        (30, Saving, Data, none, &["data_bound", "saving"]),
        (30, Compilation, Other, none, &["compilation"]),
        // A rank that waits for others where there are none is nobody's straggler.
        (60, Collective, Other, none, &[]),
    ] {
        let mut profile = Profile::default();
        for sample in gpus {
            profile.measured(sample, Progressing::Steps);
        }
        minute(&mut profile, &[(often, class, other)]);
        let report = profile.take_news().unwrap();
        assert_eq!(words(&report), expected, "{often} {class:?} {gpus:?}");
        assert_eq!(profile.take_news(), None, "once");
        assert_eq!(profile.whole(), Some(report));
    }
}

#[test]
fn the_rank_that_the_others_wait_for_is_named_with_what_it_does() {
    use StackClass::{Collective, Data, Other};
    for (ranks, expected) in [
        // As measured: two ranks that are even, and two of which one loads slowly.
        (vec![(9, Collective, Other), (8, Collective, Other)], None),
        (
            vec![(50, Collective, Other), (58, Data, Collective)],
            Some((1, "data")),
        ),
        (
            vec![(47, Collective, Other), (57, Other, Collective)],
            Some((1, "other")),
        ),
        // Two do not come, or one waits for half as long.
        (
            vec![
                (40, Collective, Other),
                (55, Data, Collective),
                (55, Data, Collective),
            ],
            None,
        ),
        (vec![(40, Collective, Other), (20, Collective, Other)], None),
        (vec![(23, Collective, Other), (0, Collective, Other)], None),
    ] {
        let mut profile = Profile::default();
        minute(&mut profile, &ranks);
        let report = profile.take_news().unwrap();
        let told = report.straggler_rank.zip(report.straggler_does.as_ref());
        let told = told.map(|(rank, does)| (rank, does.as_str()));
        assert_eq!(told, expected, "{ranks:?}");
    }
}

#[test]
fn three_minutes_that_agree_make_sure_of_a_straggler() {
    use StackClass::{Collective, Data};
    let mut profile = Profile::default();
    for confidence in ["medium", "medium", "high"] {
        minute(
            &mut profile,
            &[(55, Collective, Data), (3, Collective, Data)],
        );
        let report = profile.take_news().unwrap();
        let told = report
            .straggler_confidence
            .as_ref()
            .map(|word| word.as_str());
        assert_eq!(told, Some(confidence));
    }
}

#[test]
fn what_data_workers_and_processors_do_says_why_data_are_late() {
    let used = |ran, waited| ProcessorUse {
        seconds: 1.0,
        ran,
        waited,
    };
    for (main, workers, because, causes) in [
        (
            used(0.6, 0.0),
            (0, 0.0, 0.0),
            "no_workers",
            &["data_bound"][..],
        ),
        (
            used(0.1, 0.0),
            (2, 0.9, 0.0),
            "workers_compute",
            &["data_bound"],
        ),
        // What others took of it they would have computed in.
        (
            used(0.1, 0.0),
            (2, 0.4, 0.5),
            "workers_compute",
            &["data_bound"],
        ),
        (
            used(0.1, 0.0),
            (2, 0.01, 0.0),
            "workers_wait",
            &["data_bound"],
        ),
        (used(0.1, 0.0), (2, 0.5, 0.0), "", &["data_bound"]),
        (
            used(0.5, 0.4),
            (0, 0.0, 0.0),
            "no_workers",
            &["data_bound", "processors_taken"],
        ),
        // It waits for a processor, but hardly wants one.
        (
            used(0.05, 0.1),
            (0, 0.0, 0.0),
            "no_workers",
            &["data_bound"],
        ),
    ] {
        let mut profile = Profile::default();
        let (count, ran, waited) = workers;
        let ranks = vec![RankSample {
            rank: None,
            class: StackClass::Data,
            processor: Some(main),
            workers: Some(WorkerSample {
                count,
                blocked: 0,
                processor: ProcessorUse {
                    seconds: count as f64,
                    ran: ran * count as f64,
                    waited: waited * count as f64,
                },
            }),
        }];
        let sample = StackSample {
            seconds: 1.0,
            ranks,
        };
        for _ in 0..WINDOW_SAMPLES {
            profile.take(&sample, Progressing::Steps);
        }
        let report = profile.whole().unwrap();
        let told = report
            .data_because
            .as_ref()
            .map_or("", |word| word.as_str());
        assert_eq!(
            (told, words(&report)),
            (because, causes.to_vec()),
            "{main:?}"
        );
    }
}

#[test]
fn less_than_a_minute_says_nothing_and_the_first_compilation_is_told_in_seconds() {
    let mut profile = Profile::default();
    let sample = StackSample {
        seconds: 1.5,
        ranks: vec![rank(0, StackClass::Compilation)],
    };
    for _ in 0..80 {
        profile.take(&sample, Progressing::BeforeFirstStep);
    }
    for _ in 1..WINDOW_SAMPLES {
        profile.take(&sample, Progressing::Steps);
    }
    assert_eq!(profile.take_news(), None);
    let expected = ProfileReport {
        compilation_seconds: Number::new(120.0),
        ..ProfileReport::default()
    };
    assert_eq!(profile.whole(), Some(expected));
}

#[test]
fn who_waits_for_other_ranks_is_not_slow_for_want_of_a_processor() {
    for (class, expected) in [
        (StackClass::Other, &["processors_taken"][..]),
        (StackClass::Collective, &[]),
    ] {
        let mut profile = Profile::default();
        let mut main = rank(0, class);
        main.processor = Some(ProcessorUse {
            seconds: 1.0,
            ran: 0.1,
            waited: 0.4,
        });
        let sample = StackSample {
            seconds: 1.0,
            ranks: vec![main],
        };
        for _ in 0..WINDOW_SAMPLES {
            profile.take(&sample, Progressing::Steps);
        }
        assert_eq!(words(&profile.whole().unwrap()), expected, "{class:?}");
    }
}
