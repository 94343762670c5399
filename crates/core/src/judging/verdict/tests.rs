use super::*;
use crate::event::ErrorEvent;
use crate::knowledge;
use crate::knowledge::lists::SignalSender;
use crate::observation::{Failure, GpuTroubles, Hang, MemoryPressure, Request, StackFindings, Xid};
use crate::public::PublicStr;
use Confidence::{High, Low, Medium};

fn error(
    class: Option<&'static str>,
    message: Option<&'static str>,
    marker: Option<&'static str>,
) -> Judgement {
    let error = ErrorEvent {
        exception_type: class.map(PublicStr::constant),
        exception: message.map(PublicStr::constant),
        marker: marker.map(PublicStr::constant),
        ..ErrorEvent::default()
    };
    let said = message.and_then(knowledge::message);
    let meaning = said
        .map(|known| known.meaning)
        .filter(|meaning| !meaning.is_vague())
        .or_else(|| class.and_then(knowledge::class))
        .or_else(|| marker.and_then(|marker| knowledge::meaning_of(marker, &[])))
        .or_else(|| marker.and_then(|marker| Some(knowledge::saying(marker)?.meaning)));
    Judgement {
        meaning,
        error: Some(error),
        ..Judgement::default()
    }
}

fn ended(end: End) -> Ending {
    Ending {
        at: 100.0,
        end: Some(end),
        oom_kills_cgroup: Some(0),
        oom_kills_host: Some(0),
        ..Ending::default()
    }
}

fn after(requested: &[i32], end: End) -> Ending {
    from(SignalSender::Unknown, requested, end)
}

/// An end at second 100, shortly after this sender has asked for it.
fn from(sender: SignalSender, requested: &[i32], end: End) -> Ending {
    let request = |signal| Request {
        signal,
        sender,
        at: 99.0,
        seconds_left: None,
    };
    Ending {
        requests: requested.iter().copied().map(request).collect(),
        ..ended(end)
    }
}

fn said(marker: &'static str) -> Judgement {
    Judgement {
        signs: vec![knowledge::saying(marker).unwrap()],
        ..Judgement::default()
    }
}

fn worker(rank: Option<u64>, end: End) -> Option<Failure> {
    Some(Failure {
        rank,
        end,
        at: 98.0,
        is_helper: false,
    })
}

fn verdict(ending: &Ending, judgement: &Judgement) -> (Outcome, Kind, Confidence) {
    let training = Training {
        step: Some(3),
        ..Training::default()
    };
    let verdict = judge(ending, judgement, &training);
    assert!(
        !verdict.evidence.is_empty(),
        "a verdict without evidence: {verdict:?}"
    );
    (verdict.outcome, verdict.kind, verdict.confidence)
}

#[test]
fn a_status_alone_says_what_it_can() {
    use End::{Exited, Signaled};
    for (end, expected) in [
        (Exited(0), (Outcome::Success, Kind::Success, High)),
        (Exited(1), (Outcome::Error, Kind::ExitNonzero, High)),
        (Exited(127), (Outcome::Error, Kind::ExitNonzero, High)),
        (Exited(255), (Outcome::Error, Kind::ExitNonzero, High)),
        (Exited(137), (Outcome::Signal, Kind::KilledUnknown, Low)),
        (Exited(139), (Outcome::Signal, Kind::Segfault, Medium)),
        (Exited(143), (Outcome::Signal, Kind::Terminated, Medium)),
        (Exited(128), (Outcome::Error, Kind::ExitNonzero, High)),
        (
            Signaled(2),
            (Outcome::Signal, Kind::SignalledByUser, Medium),
        ),
        (
            Signaled(4),
            (Outcome::Signal, Kind::IllegalInstruction, High),
        ),
        (Signaled(6), (Outcome::Signal, Kind::Abort, High)),
        (Signaled(7), (Outcome::Signal, Kind::BusError, High)),
        (
            Signaled(8),
            (Outcome::Signal, Kind::FloatingPointError, High),
        ),
        (Signaled(9), (Outcome::Signal, Kind::KilledUnknown, Low)),
        (Signaled(11), (Outcome::Signal, Kind::Segfault, High)),
        (Signaled(13), (Outcome::Signal, Kind::OtherSignal, High)),
        (Signaled(40), (Outcome::Signal, Kind::OtherSignal, High)),
    ] {
        assert_eq!(
            verdict(&ended(end), &Judgement::default()),
            expected,
            "{end:?}"
        );
    }
    assert_eq!(
        verdict(&Ending::default(), &Judgement::default()),
        (Outcome::Lost, Kind::Lost, Low)
    );
}

#[test]
fn a_counter_outranks_the_exit_code() {
    let killed = |cgroup, host, end| Ending {
        oom_kills_cgroup: cgroup,
        oom_kills_host: host,
        ..ended(end)
    };
    let none = Judgement::default();
    let python = error(Some("ValueError"), None, None);
    for (ending, judgement, expected) in [
        (
            killed(Some(1), Some(1), End::Signaled(9)),
            &none,
            (Outcome::Signal, Kind::OomCgroup, High),
        ),
        (
            killed(Some(1), None, End::Exited(137)),
            &none,
            (Outcome::Signal, Kind::OomCgroup, High),
        ),
        (
            killed(Some(1), Some(1), End::Exited(1)),
            &none,
            (Outcome::Error, Kind::OomCgroup, Medium),
        ),
        (
            killed(Some(1), Some(1), End::Exited(1)),
            &python,
            (Outcome::Error, Kind::OomCgroup, Medium),
        ),
        (
            killed(Some(1), Some(1), End::Exited(0)),
            &none,
            (Outcome::Success, Kind::Success, High),
        ),
        (
            killed(Some(0), Some(1), End::Signaled(9)),
            &none,
            (Outcome::Signal, Kind::OomHost, Medium),
        ),
        (
            killed(None, Some(1), End::Exited(1)),
            &none,
            (Outcome::Error, Kind::OomHost, Low),
        ),
        (
            killed(Some(0), Some(1), End::Exited(1)),
            &python,
            (Outcome::Error, Kind::Exception, High),
        ),
    ] {
        assert_eq!(verdict(&ending, judgement), expected, "{ending:?}");
    }
    let lost = Ending {
        oom_kills_cgroup: Some(1),
        ..Ending::default()
    };
    assert_eq!(
        verdict(&lost, &none),
        (Outcome::Lost, Kind::OomCgroup, Medium)
    );
}

#[test]
fn what_was_asked_for_is_no_failure() {
    let interrupted = Judgement {
        interrupted: true,
        ..Judgement::default()
    };
    let none = Judgement::default();
    let python = error(Some("ValueError"), None, None);
    for (ending, judgement, expected) in [
        (
            after(&[2], End::Signaled(2)),
            &interrupted,
            (Outcome::Signal, Kind::SignalledByUser, High),
        ),
        (
            after(&[2], End::Exited(130)),
            &none,
            (Outcome::Signal, Kind::SignalledByUser, High),
        ),
        (
            after(&[2], End::Exited(1)),
            &interrupted,
            (Outcome::Signal, Kind::SignalledByUser, Medium),
        ),
        (
            after(&[], End::Exited(1)),
            &interrupted,
            (Outcome::Signal, Kind::SignalledByUser, Medium),
        ),
        (
            after(&[15], End::Signaled(15)),
            &none,
            (Outcome::Signal, Kind::Terminated, High),
        ),
        (
            after(&[15], End::Exited(1)),
            &interrupted,
            (Outcome::Signal, Kind::Terminated, Medium),
        ),
        (
            after(&[15], End::Signaled(9)),
            &none,
            (Outcome::Signal, Kind::Terminated, Medium),
        ),
        (
            after(&[1], End::Signaled(1)),
            &none,
            (Outcome::Signal, Kind::HungUp, High),
        ),
        (
            after(&[15], End::Exited(0)),
            &none,
            (Outcome::Success, Kind::Success, High),
        ),
        (
            after(&[2], End::Signaled(11)),
            &none,
            (Outcome::Signal, Kind::Segfault, High),
        ),
        (
            after(&[15], End::Exited(1)),
            &python,
            (Outcome::Error, Kind::Exception, High),
        ),
    ] {
        assert_eq!(verdict(&ending, judgement), expected, "{ending:?}");
    }
}

#[test]
fn the_output_explains_an_exit_code() {
    for (judgement, end, expected) in [
        (
            error(Some("ValueError"), None, None),
            End::Exited(1),
            Kind::Exception,
        ),
        (
            error(Some("ValueError"), None, None),
            End::Exited(137),
            Kind::Exception,
        ),
        (
            error(Some("torch.OutOfMemoryError"), None, None),
            End::Exited(1),
            Kind::OomGpu,
        ),
        (
            error(Some("RuntimeError"), Some("CUDA out of memory"), None),
            End::Exited(1),
            Kind::OomGpu,
        ),
        (
            error(Some("ray.exceptions.OutOfMemoryError"), None, None),
            End::Exited(1),
            Kind::OomDaemon,
        ),
        (
            error(
                Some("RuntimeError"),
                Some("insufficient shared memory (shm)"),
                None,
            ),
            End::Exited(1),
            Kind::ShmFull,
        ),
        (
            error(None, None, Some("Segmentation fault (SIGSEGV)")),
            End::Exited(1),
            Kind::Segfault,
        ),
        (
            error(
                None,
                None,
                Some("NCCL watchdog timeout (Watchdog caught collective operation timeout)"),
            ),
            End::Exited(1),
            Kind::NcclTimeout,
        ),
        (
            error(None, None, Some("c10::Error")),
            End::Exited(1),
            Kind::ExitNonzero,
        ),
        (
            error(Some("ValueError"), None, None),
            End::Exited(0),
            Kind::Success,
        ),
        (
            error(Some("ValueError"), None, None),
            End::Signaled(11),
            Kind::Segfault,
        ),
    ] {
        assert_eq!(
            verdict(&ended(end), &judgement).1,
            expected,
            "{judgement:?} {end:?}"
        );
    }
}

#[test]
fn who_asked_says_why() {
    use SignalSender::*;
    let none = Judgement::default();
    for (sender, signal, end, expected) in [
        (
            Terminal,
            2,
            End::Signaled(2),
            (Outcome::Signal, Kind::SignalledByUser, High),
        ),
        (
            OwnSession,
            15,
            End::Signaled(15),
            (Outcome::Signal, Kind::SignalledByUser, High),
        ),
        (
            SameUser,
            15,
            End::Signaled(15),
            (Outcome::Signal, Kind::SignalledByUser, Medium),
        ),
        (
            OtherUser,
            15,
            End::Signaled(15),
            (Outcome::Signal, Kind::PreemptedOrCancelled, Medium),
        ),
        (
            Outside,
            15,
            End::Exited(1),
            (Outcome::Signal, Kind::PreemptedOrCancelled, Medium),
        ),
        (
            Outside,
            15,
            End::Signaled(9),
            (Outcome::Signal, Kind::PreemptedOrCancelled, Medium),
        ),
        (
            Scheduler,
            15,
            End::Signaled(15),
            (Outcome::Signal, Kind::PreemptedOrCancelled, Medium),
        ),
        (
            ServiceManager,
            15,
            End::Exited(143),
            (Outcome::Signal, Kind::PreemptedOrCancelled, Medium),
        ),
        (
            TimeLimiter,
            15,
            End::Signaled(15),
            (Outcome::Signal, Kind::TimeLimit, High),
        ),
        (
            TimeLimiter,
            2,
            End::Exited(1),
            (Outcome::Signal, Kind::TimeLimit, Medium),
        ),
        (
            MemoryDaemon,
            15,
            End::Signaled(15),
            (Outcome::Signal, Kind::OomDaemon, High),
        ),
        (
            Terminal,
            1,
            End::Signaled(1),
            (Outcome::Signal, Kind::HungUp, High),
        ),
        (
            Scheduler,
            10,
            End::Exited(1),
            (Outcome::Error, Kind::ExitNonzero, High),
        ),
        (
            Terminal,
            2,
            End::Exited(0),
            (Outcome::Success, Kind::Success, High),
        ),
    ] {
        assert_eq!(
            verdict(&from(sender, &[signal], end), &none),
            expected,
            "{sender:?} {signal} {end:?}"
        );
    }
}

#[test]
fn time_limits_are_told_by_whoever_set_them() {
    let none = Judgement::default();
    let near = |seconds_left, signal, end| Ending {
        requests: vec![Request {
            signal,
            sender: SignalSender::Scheduler,
            at: 99.0,
            seconds_left: Some(seconds_left),
        }],
        ..ended(end)
    };
    let timeout = |end| Ending {
        limits_time: true,
        ..ended(end)
    };
    for (ending, judgement, expected) in [
        (
            near(5.0, 15, End::Signaled(15)),
            &none,
            (Kind::TimeLimit, Medium),
        ),
        (
            near(-20.0, 15, End::Exited(1)),
            &none,
            (Kind::TimeLimit, Medium),
        ),
        (
            near(60.0, 10, End::Exited(1)),
            &none,
            (Kind::TimeLimit, Medium),
        ),
        (
            near(3600.0, 15, End::Signaled(15)),
            &none,
            (Kind::PreemptedOrCancelled, Medium),
        ),
        (timeout(End::Exited(124)), &none, (Kind::TimeLimit, High)),
        (timeout(End::Signaled(9)), &none, (Kind::TimeLimit, Medium)),
        (timeout(End::Exited(1)), &none, (Kind::ExitNonzero, High)),
        (ended(End::Exited(124)), &none, (Kind::TimeLimit, Medium)),
        (ended(End::Signaled(24)), &none, (Kind::TimeLimit, Medium)),
        (
            from(SignalSender::Scheduler, &[15], End::Signaled(15)),
            &said("slurm: CANCELLED DUE TO TIME LIMIT"),
            (Kind::TimeLimit, High),
        ),
        (
            from(SignalSender::Unknown, &[15], End::Signaled(15)),
            &said("slurm: CANCELLED DUE TO PREEMPTION"),
            (Kind::PreemptedOrCancelled, High),
        ),
    ] {
        let (_, kind, confidence) = verdict(&ending, judgement);
        assert_eq!((kind, confidence), expected, "{ending:?}");
    }
}

#[test]
fn the_worker_that_failed_first_explains_its_launcher() {
    let after = |failure, oom| Ending {
        first_failure: failure,
        oom_kills_cgroup: oom,
        ..ended(End::Exited(1))
    };
    let launcher = error(Some("ChildFailedError"), None, None);
    for (ending, judgement, expected, rank) in [
        (
            after(worker(Some(3), End::Signaled(11)), None),
            &launcher,
            (Kind::Segfault, High),
            Some(3),
        ),
        (
            after(worker(Some(1), End::Signaled(9)), Some(1)),
            &launcher,
            (Kind::OomCgroup, High),
            Some(1),
        ),
        (
            after(worker(Some(1), End::Signaled(9)), Some(0)),
            &launcher,
            (Kind::KilledUnknown, Low),
            Some(1),
        ),
        (
            after(worker(Some(2), End::Exited(1)), None),
            &launcher,
            (Kind::Exception, High),
            Some(2),
        ),
        (
            after(worker(None, End::Signaled(4)), None),
            &Judgement::default(),
            (Kind::IllegalInstruction, High),
            None,
        ),
        (
            after(worker(Some(2), End::Signaled(6)), None),
            &said("NCCL watchdog timeout (Watchdog caught collective operation timeout)"),
            (Kind::NcclTimeout, High),
            Some(2),
        ),
    ] {
        let found = judge(
            &ending,
            judgement,
            &Training {
                step: Some(3),
                ..Training::default()
            },
        );
        assert_eq!(
            ((found.kind, found.confidence), found.rank),
            (expected, rank),
            "{ending:?}"
        );
    }
    let survived = Ending {
        first_failure: worker(Some(1), End::Signaled(9)),
        ..ended(End::Exited(0))
    };
    let survived = judge(&survived, &Judgement::default(), &Training::default());
    assert_eq!(
        (survived.kind, survived.rank, survived.evidence.len()),
        (Kind::Success, None, 1)
    );
}

#[test]
fn memory_is_blamed_by_what_was_left_of_it() {
    let short = |left, shm, kills, runs| MemoryPressure {
        memory_left: left,
        shared_memory_used: shm,
        daemon_kills: kills,
        daemon_runs: runs,
    };
    let none = Judgement::default();
    for (memory_pressure, host, end, expected) in [
        (
            short(Some(0.02), None, None, false),
            Some(1),
            End::Signaled(9),
            (Kind::OomHost, High),
        ),
        (
            short(Some(0.50), None, None, false),
            Some(1),
            End::Signaled(9),
            (Kind::OomHost, Medium),
        ),
        (
            short(Some(0.02), None, Some(1), true),
            Some(0),
            End::Signaled(9),
            (Kind::OomDaemon, High),
        ),
        (
            short(Some(0.04), None, Some(0), true),
            Some(0),
            End::Signaled(9),
            (Kind::OomDaemon, Medium),
        ),
        (
            short(Some(0.08), None, None, true),
            Some(0),
            End::Signaled(15),
            (Kind::OomDaemon, Medium),
        ),
        (
            short(Some(0.50), None, None, true),
            Some(0),
            End::Signaled(15),
            (Kind::Terminated, Medium),
        ),
        (
            short(Some(0.04), None, Some(0), false),
            Some(0),
            End::Signaled(9),
            (Kind::KilledUnknown, Low),
        ),
        (
            short(None, Some(0.99), None, false),
            Some(0),
            End::Signaled(7),
            (Kind::ShmFull, High),
        ),
        (
            short(None, Some(0.50), None, false),
            Some(0),
            End::Signaled(7),
            (Kind::BusError, High),
        ),
    ] {
        let ending = Ending {
            memory_pressure,
            oom_kills_host: host,
            ..ended(end)
        };
        let (_, kind, confidence) = verdict(&ending, &none);
        assert_eq!((kind, confidence), expected, "{memory_pressure:?} {end:?}");
    }
    let bus = said("DataLoader worker bus error (shared memory)");
    assert_eq!(verdict(&ended(End::Signaled(7)), &bus).1, Kind::ShmFull);
}

#[test]
fn a_gpu_is_blamed_for_its_own_errors_shortly_before_the_end() {
    let python = error(Some("torch.AcceleratorError"), None, None);
    let none = Judgement::default();
    for (code, at, lost_at, judgement, end, expected) in [
        (79, 95.0, None, &none, End::Signaled(6), Kind::GpuFault),
        (79, 95.0, None, &python, End::Exited(1), Kind::GpuFault),
        (79, 10.0, None, &none, End::Signaled(6), Kind::Abort),
        (31, 95.0, None, &python, End::Exited(1), Kind::Exception),
        (79, 95.0, None, &none, End::Exited(0), Kind::Success),
        (
            31,
            95.0,
            Some(97.0),
            &python,
            End::Exited(1),
            Kind::GpuFault,
        ),
    ] {
        let gpu = GpuTroubles {
            xids: vec![Xid { code, at }],
            lost_at,
            unresponsive: false,
        };
        let ending = Ending { gpu, ..ended(end) };
        assert_eq!(verdict(&ending, judgement).1, expected, "{ending:?}");
        let evidence = judge(&ending, judgement, &Training::default()).evidence;
        assert_eq!(
            evidence.contains(&Evidence::GpuError),
            end != End::Exited(0),
            "{evidence:?}"
        );
    }
}

#[test]
fn the_stacks_say_who_a_hang_is_due_to_and_how_sure_that_is() {
    for (suspect, is_sure, rank, confidence, is_evidence) in [
        (Some(1), true, Some(1), Confidence::High, true),
        (Some(1), false, Some(1), Confidence::Medium, true),
        (None, false, Some(3), Confidence::Medium, false),
    ] {
        let ending = Ending {
            hang: Some(Hang {
                since: 10.0,
                suspect_rank: Some(3),
            }),
            stacks: Some(StackFindings {
                suspect,
                is_sure,
                ..StackFindings::default()
            }),
            ..from(SignalSender::Terminal, &[2], End::Signaled(2))
        };
        let verdict = judge(&ending, &Judgement::default(), &Training::default());
        assert_eq!((verdict.kind, verdict.rank), (Kind::Hang, rank));
        assert_eq!(verdict.confidence, confidence);
        let is_named = verdict.evidence.contains(&Evidence::PythonStacks);
        assert_eq!(is_named, is_evidence);
    }
}

#[test]
fn standing_still_outranks_whoever_ended_it() {
    let hang = Some(Hang {
        since: 10.0,
        suspect_rank: Some(3),
    });
    for (ending, expected) in [
        (
            from(SignalSender::Terminal, &[2], End::Signaled(2)),
            Kind::Hang,
        ),
        (
            from(SignalSender::Scheduler, &[15], End::Signaled(9)),
            Kind::Hang,
        ),
        (ended(End::Signaled(9)), Kind::Hang),
        (ended(End::Signaled(11)), Kind::Segfault),
        (ended(End::Exited(0)), Kind::Success),
    ] {
        let failure = Failure {
            rank: Some(1),
            end: End::Signaled(2),
            at: 9.0,
            is_helper: false,
        };
        let ending = Ending {
            hang,
            first_failure: Some(failure),
            ..ending
        };
        let said = judge(&ending, &Judgement::default(), &Training::default());
        assert_eq!(said.kind, expected, "{ending:?}");
        let rank = match expected {
            Kind::Hang => Some(3),
            Kind::Segfault => Some(1),
            _ => None,
        };
        assert_eq!(
            said.rank, rank,
            "whoever stood still, or whoever failed first: {ending:?}"
        );
        assert_eq!(
            said.evidence.contains(&Evidence::FirstFailedRank),
            rank == Some(1),
            "{said:?}"
        );
    }
}

#[test]
fn the_context_is_told_once_and_only_of_failures() {
    let mut training = Training {
        finished: true,
        ..Training::default()
    };
    training.metrics.put(Metric::Loss, f64::NAN);
    let failed = judge(&ended(End::Exited(1)), &Judgement::default(), &training);
    assert_eq!(
        failed.evidence,
        [
            Evidence::ExitCode,
            Evidence::TrainingFinished,
            Evidence::TrainingNotBegun,
            Evidence::LossNotFinite
        ]
    );
    let oom = Ending {
        oom_kills_cgroup: Some(2),
        ..ended(End::Signaled(9))
    };
    let oom = judge(
        &Ending {
            supervisor: Some(SupervisorLoss::OutOfMemory),
            ..oom
        },
        &Judgement::default(),
        &training,
    );
    let counters = oom
        .evidence
        .iter()
        .filter(|evidence| **evidence == Evidence::ControlGroupCounter)
        .count();
    assert!(
        counters == 1 && oom.evidence.contains(&Evidence::LauncherOutOfMemory),
        "{oom:?}"
    );
    let done = judge(&ended(End::Exited(0)), &Judgement::default(), &training);
    assert_eq!(done.evidence, [Evidence::ExitCode]);
}

#[test]
fn nothing_is_sure_where_output_was_missed() {
    for (end, judgement) in [
        (End::Exited(0), Judgement::default()),
        (End::Exited(1), Judgement::default()),
        (End::Exited(1), said("slurm: CANCELLED DUE TO TIME LIMIT")),
        (End::Signaled(11), Judgement::default()),
        (End::Signaled(9), Judgement::default()),
    ] {
        let mut ending = ended(end);
        let sure = judge(&ending, &judgement, &Training::default());
        ending.dropped.copy_bytes = Some(1);
        let unsure = judge(&ending, &judgement, &Training::default());
        assert_ne!(unsure.confidence, High, "{end:?}");
        if sure.confidence != High {
            assert_eq!(unsure.confidence, sure.confidence, "{end:?}");
        }
        ending.dropped.copy_bytes = None;
        ending.dropped.streams = Some(1);
        let unseen = judge(&ending, &judgement, &Training::default());
        assert_eq!(
            unseen.confidence != sure.confidence,
            sure.kind == Kind::ExitNonzero,
            "{end:?}"
        );
        // Of what was not read nobody knows whether there was a step.
        let failed = end != End::Exited(0);
        assert!(
            !unseen.evidence.contains(&Evidence::TrainingNotBegun),
            "{end:?}"
        );
        assert_eq!(
            unseen.evidence.contains(&Evidence::OutputUnread),
            failed,
            "{end:?}"
        );
        assert_eq!(unsure.kind, sure.kind, "{end:?}");
        assert!(unsure.evidence.contains(&Evidence::OutputMissed), "{end:?}");
        assert!(!sure.evidence.contains(&Evidence::OutputMissed), "{end:?}");
    }
}

#[test]
fn no_word_stands_for_two_things() {
    let mut words: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Kind::ALL.len());
    let mut words: Vec<_> = Evidence::ALL
        .iter()
        .map(|evidence| evidence.as_str())
        .collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Evidence::ALL.len());
}
