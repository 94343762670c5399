use super::*;
use crate::event::finish::{GpuMemory, NotFinite};
use crate::event::value::Number;
use crate::event::{Accelerator, Event, Finish, Phases, ProfileReport};
use crate::series::{Allowance, CheckpointPoint, DiskPlace, DiskPoint, GpuPoint, SeriesLine};

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
            &[0.5, 0.4],
            20,
            Some("the 2 GPUs, on average, ran nothing for 55 % of the training"),
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

/// A run that trained for so many measurements of a step and five seconds each, with what each measurement holds.
fn trained(measurements: u64, line: impl Fn(u64) -> SeriesLine) -> Summary {
    let mut summary = ended("success", 5.0 * measurements as f64);
    summary.step = Some(measurements);
    let mut at = 0.0;
    for step in 1..=measurements {
        let measured = line(step);
        // What a line says of its time is how long the step took.
        at += if measured.at > 0.0 { measured.at } else { 5.0 };
        summary.measure(&SeriesLine {
            at,
            step: Some(step),
            ..measured
        });
    }
    summary
}

fn gpu(index: u32, load: f64, slowed: bool) -> GpuPoint {
    GpuPoint {
        index,
        utilization: Some(load),
        slowed: Some(slowed),
        ..GpuPoint::default()
    }
}

fn with_limit(mut summary: Summary, limit: u64) -> Summary {
    summary.measured.allowance.memory_bytes = Some(limit);
    summary
}

fn in_use(bytes: u64) -> SeriesLine {
    SeriesLine {
        rss_sum_bytes: Some(bytes),
        ..SeriesLine::default()
    }
}

fn charged(charged: u64, cache: u64, swapped: u64) -> SeriesLine {
    SeriesLine {
        cgroup_bytes: Some(charged),
        cgroup_cache_bytes: Some(cache),
        cgroup_swap_bytes: Some(swapped),
        ..SeriesLine::default()
    }
}

fn with_phases(training: f64, evaluation: f64, checkpoint: f64) -> Summary {
    let mut summary = ended("success", training + evaluation + checkpoint);
    summary.finish.as_mut().unwrap().phases = Some(Phases {
        training: Number::new(training),
        evaluation: Number::new(evaluation),
        checkpoint: Number::new(checkpoint),
        ..Phases::default()
    });
    summary
}

fn with_gpu_memory(peaks: &[u64], memory: u64) -> Summary {
    let mut summary = trained(100, |_| SeriesLine::default());
    let accelerator = Accelerator {
        memory: Some(memory),
        ..Accelerator::default()
    };
    summary.start.accelerator_info = Some(vec![accelerator; peaks.len()]);
    let peaks = (0..).zip(peaks.iter().copied()).collect();
    let finish = Finish {
        gpu_memory: Some(GpuMemory { peak: Some(peaks) }),
        ..summary.finish.clone().unwrap()
    };
    summary.take(Event::Finish(Box::new(finish)), None);
    summary
}

fn with_cores(usable: u64, count: u64, cpu_seconds: f64) -> Summary {
    let mut summary = ended("success", 1000.0);
    summary.start.cpu_count = Some(count);
    summary.start.cpu_count_usable = Some(usable);
    summary.finish.as_mut().unwrap().cpu_seconds = Number::new(cpu_seconds);
    summary
}

fn with_time(seconds: f64, limit: f64) -> Summary {
    let mut summary = ended("success", seconds);
    summary.measured.allowance.seconds = Some(limit);
    summary
}

/// A run at step 100 of 500, with so many GiB free and a checkpoint of so many GiB each 50 steps.
fn saving(free_gib: u64, checkpoint_gib: Option<u64>, there: u64, ever: u64) -> Summary {
    let mut summary = Summary {
        step: Some(100),
        total_steps: Some(500),
        ..Summary::default()
    };
    summary.measure(&SeriesLine {
        disks: vec![DiskPoint {
            place: DiskPlace::Output,
            free_bytes: free_gib * GIB,
            total_bytes: 1000 * GIB,
            free_inodes: Some(1000),
            total_inodes: Some(10_000),
        }],
        checkpoints: checkpoint_gib.map(|gib| CheckpointPoint {
            step: 100,
            bytes: gib * GIB,
            there,
            ever,
            steps_apart: Some(50),
        }),
        ..SeriesLine::default()
    });
    summary
}

#[test]
fn each_rule_tells_what_it_rests_on_and_keeps_silent_beside_it() {
    let leaking = |step: u64| in_use(10 * GIB + step * 20 * 1024 * 1024);
    let mut on_its_way = with_limit(trained(100, leaking), 16 * GIB);
    on_its_way.total_steps = Some(1000);
    let mut far_from_it = with_limit(trained(100, leaking), 64 * GIB);
    far_from_it.total_steps = Some(1000);
    let shared = |share| {
        trained(3, move |_| SeriesLine {
            shared_memory_used: Some(share),
            ..SeriesLine::default()
        })
    };
    let gpus = |loads: [f64; 3], slowed_until: u64| {
        trained(40, move |step| {
            let gpus = (0..).zip(loads);
            SeriesLine {
                gpus: gpus
                    .map(|(index, load)| gpu(index, load, index == 2 && step < slowed_until))
                    .collect(),
                ..SeriesLine::default()
            }
        })
    };
    let paced = |slowest: f64| {
        trained(100, move |step| SeriesLine {
            at: 1.0 + (slowest - 1.0) * step as f64 / 100.0,
            ..SeriesLine::default()
        })
    };
    for (summary, expected) in [
        (
            on_its_way,
            Some("memory grew by 19.5 GiB in 1,000 steps, to the end; at about step 30"),
        ),
        (
            far_from_it,
            Some("memory grew by 19.5 GiB in 1,000 steps, to the end"),
        ),
        (
            trained(100, |step| in_use(10 * GIB + step % 7 * (100 << 20))),
            None,
        ),
        (trained(10, leaking), None),
        (shared(0.95), Some("/dev/shm was 95 % full")),
        (shared(0.8), None),
        (
            trained(3, |_| charged(4 * GIB, 0, 3 * GIB)),
            Some("up to 3 GiB of the run's memory were swapped out"),
        ),
        (trained(3, |_| charged(4 * GIB, 0, 1 << 20)), None),
        (
            with_limit(trained(3, |_| charged(63 * GIB, 40 * GIB, 0)), 64 * GIB),
            Some(
                "of the 63 GiB charged to the run, close to the limit of 64 GiB, 40 GiB were copies",
            ),
        ),
        (
            with_limit(trained(3, |_| charged(40 * GIB, 20 * GIB, 0)), 64 * GIB),
            None,
        ),
        (
            gpus([0.9, 0.95, 0.3], 0),
            Some("GPU 2 was busy for 30 % of the training, the others for 90 %: look at its rank"),
        ),
        (gpus([0.9, 0.95, 0.8], 0), None),
        (gpus([0.9, 0.95, 0.0], 0), None),
        (
            gpus([0.9, 0.95, 0.9], 21),
            Some("GPU 2 lowered its clocks for heat or to protect itself in 51 % of the training"),
        ),
        (gpus([0.9, 0.95, 0.9], 3), None),
        (paced(2.0), Some("a step took 1.4")),
        (paced(1.1), None),
        (
            with_phases(480.0, 720.0, 0.0),
            Some("evaluating took 12m 00s, longer than training (8m 00s)"),
        ),
        (with_phases(10.0, 12.0, 0.0), None),
        (
            with_phases(600.0, 0.0, 200.0),
            Some("checkpoints took 3m 20s, 25 % of the training"),
        ),
        (with_phases(600.0, 0.0, 40.0), None),
        (
            with_gpu_memory(&[40 * GIB, 79 * GIB], 80 * GIB),
            Some("79 GiB of the 80 GiB of GPU 1 were in use (99 %): a longer example may not fit"),
        ),
        (
            with_gpu_memory(&[20 * GIB, 25 * GIB], 80 * GIB),
            Some(
                "at most 25 GiB of the 80 GiB of a GPU were in use (31 %): a larger batch may fit",
            ),
        ),
        (with_gpu_memory(&[60 * GIB], 80 * GIB), None),
        (
            with_cores(16, 128, 1500.0),
            Some("1.5 of the 16 processors that were asked for were in use on average"),
        ),
        (
            saving(200, Some(50), 1, 1),
            Some(
                "the disk will not hold: 200 GiB are free, room for 4 of the 8 checkpoints still to come, of 50 GiB each",
            ),
        ),
        (saving(450, Some(50), 1, 1), None),
        // Old ones are deleted.
        (saving(200, Some(50), 2, 5), None),
        (
            saving(30, Some(50), 2, 5),
            Some("the disk will not hold: 30 GiB are free, room for 0 of the 1 checkpoints"),
        ),
        (saving(200, None, 1, 1), None),
        (
            saving(3, None, 1, 1),
            Some("the file system of the output directory is almost full: 3 GiB are left"),
        ),
        // The whole machine: nobody asked.
        (with_cores(16, 16, 1500.0), None),
        (with_cores(16, 128, 9000.0), None),
        (
            with_time(1800.0, 86_400.0),
            Some("the run took 30m 00s of the 1d 0h that were asked for"),
        ),
        (with_time(1800.0, 3600.0), None),
    ] {
        let words = words(&summary);
        match expected {
            Some(expected) => assert!(
                words.iter().any(|note| note.starts_with(expected)),
                "{expected}\n{words:?}"
            ),
            None => assert_eq!(words, [""; 0]),
        }
    }
}

#[test]
fn of_many_the_most_useful_are_told() {
    let mut summary = with_limit(
        trained(100, |step| SeriesLine {
            at: step as f64,
            shared_memory_used: Some(0.99),
            gpus: vec![gpu(0, 0.1, true), gpu(1, 0.9, false), gpu(2, 0.9, false)],
            ..charged(63 * GIB, GIB + step, 9 * GIB)
        }),
        64 * GIB,
    );
    summary.finish.as_mut().unwrap().not_finite = Some(NotFinite {
        metric: Some("loss".to_owned()),
        repr: Some("inf".to_owned()),
        since_step: None,
    });
    let words = words(&summary);
    assert_eq!(words.len(), NOTES_MAX, "{words:?}");
    assert!(words[0].starts_with("loss was inf"), "{words:?}");
}

#[test]
fn what_made_it_slow_is_told_with_its_share() {
    let profile = |causes: &[&str]| ProfileReport {
        slow_because: Some(causes.iter().map(|cause| (*cause).to_owned()).collect()),
        data_share: Number::new(0.72),
        saving_share: Number::new(0.5),
        processor_waited_share: Number::new(0.43),
        data_workers: Some(2),
        ..ProfileReport::default()
    };
    let late = |because: &str, gpu_busy| ProfileReport {
        data_because: Some(because.to_owned()),
        gpu_busy_share: gpu_busy,
        ..profile(&["data_bound"])
    };
    for (profile, expected) in [
        (profile(&[]), None),
        (profile(&["a later launcher's"]), None),
        (
            profile(&["data_bound"]),
            Some("it waited for data 72 % of the time"),
        ),
        (
            late("no_workers", None),
            Some(
                "it waited for data 72 % of the time: it loads them itself, `dataloader_num_workers` gives that to others",
            ),
        ),
        (
            late("workers_compute", Number::new(0.2)),
            Some(
                "it waited for data 72 % of the time, and the GPUs were busy 20 %: its 2 data workers computed all the time, so use more, or prepare the data before",
            ),
        ),
        (
            late("workers_wait", None),
            Some(
                "it waited for data 72 % of the time: its 2 data workers waited themselves, for a disk or the network",
            ),
        ),
        (
            ProfileReport {
                straggler_rank: Some(3),
                straggler_does: Some("data".to_owned()),
                straggler_confidence: Some("medium".to_owned()),
                ..profile(&["straggler"])
            },
            Some(
                "the other ranks waited for rank 3, which waited for data or prepared it meanwhile (medium confidence)",
            ),
        ),
        (profile(&["straggler"]), None),
        (
            profile(&["processors_taken"]),
            Some(
                "its main thread had no processor 43 % of the time that it wanted one: others had them, or too few were asked for",
            ),
        ),
        (
            profile(&["saving"]),
            Some("it wrote checkpoints 50 % of the time from the first step on"),
        ),
        (
            ProfileReport {
                compilation_seconds: Number::new(240.0),
                ..ProfileReport::default()
            },
            Some("it compiled 4m 00s before the first step"),
        ),
        (
            ProfileReport {
                compilation_seconds: Number::new(30.0),
                ..ProfileReport::default()
            },
            None,
        ),
    ] {
        let mut summary = ended("success", 600.0);
        summary.profile = Some(profile);
        let words = words(&summary);
        assert_eq!(words.first().map(String::as_str), expected);
    }
}
