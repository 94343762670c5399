use super::*;
use crate::public::PublicStr;
use Confidence::{High, Low, Medium};

fn error(class: Option<&'static str>, message: Option<&'static str>, marker: Option<&'static str>) -> Judgement {
    let error = ErrorEvent {
        exception_type: class.map(PublicStr::constant),
        exception: message.map(PublicStr::constant),
        marker: marker.map(PublicStr::constant),
        ..ErrorEvent::default()
    };
    Judgement { error: Some(error), ..Judgement::default() }
}

fn ended(end: End) -> Ending {
    Ending { end: Some(end), oom_kills_cgroup: Some(0), oom_kills_host: Some(0), ..Ending::default() }
}

fn after(requested: &[i32], end: End) -> Ending {
    Ending { requested_signals: requested.to_vec(), ..ended(end) }
}

fn verdict(ending: &Ending, judgement: &Judgement) -> (Outcome, Kind, Confidence) {
    let training = Training { step: Some(3), ..Training::default() };
    let verdict = judge(ending, judgement, &training);
    assert!(!verdict.evidence.is_empty(), "a verdict without evidence: {verdict:?}");
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
        (Signaled(2), (Outcome::Signal, Kind::SignalledByUser, Medium)),
        (Signaled(4), (Outcome::Signal, Kind::IllegalInstruction, High)),
        (Signaled(6), (Outcome::Signal, Kind::Abort, High)),
        (Signaled(7), (Outcome::Signal, Kind::BusError, High)),
        (Signaled(8), (Outcome::Signal, Kind::FloatingPointError, High)),
        (Signaled(9), (Outcome::Signal, Kind::KilledUnknown, Low)),
        (Signaled(11), (Outcome::Signal, Kind::Segfault, High)),
        (Signaled(13), (Outcome::Signal, Kind::OtherSignal, High)),
        (Signaled(40), (Outcome::Signal, Kind::OtherSignal, High)),
    ] {
        assert_eq!(verdict(&ended(end), &Judgement::default()), expected, "{end:?}");
    }
    assert_eq!(verdict(&Ending::default(), &Judgement::default()), (Outcome::Lost, Kind::Lost, Low));
}

#[test]
fn a_counter_outranks_the_exit_code() {
    let killed = |cgroup, host, end| Ending { oom_kills_cgroup: cgroup, oom_kills_host: host, ..ended(end) };
    let none = Judgement::default();
    let python = error(Some("ValueError"), None, None);
    for (ending, judgement, expected) in [
        (killed(Some(1), Some(1), End::Signaled(9)), &none, (Outcome::Signal, Kind::OomCgroup, High)),
        (killed(Some(1), None, End::Exited(137)), &none, (Outcome::Signal, Kind::OomCgroup, High)),
        (killed(Some(1), Some(1), End::Exited(1)), &none, (Outcome::Error, Kind::OomCgroup, Medium)),
        (killed(Some(1), Some(1), End::Exited(1)), &python, (Outcome::Error, Kind::OomCgroup, Medium)),
        (killed(Some(1), Some(1), End::Exited(0)), &none, (Outcome::Success, Kind::Success, High)),
        (killed(Some(0), Some(1), End::Signaled(9)), &none, (Outcome::Signal, Kind::OomHost, Medium)),
        (killed(None, Some(1), End::Exited(1)), &none, (Outcome::Error, Kind::OomHost, Low)),
        (killed(Some(0), Some(1), End::Exited(1)), &python, (Outcome::Error, Kind::Exception, High)),
    ] {
        assert_eq!(verdict(&ending, judgement), expected, "{ending:?}");
    }
    let lost = Ending { oom_kills_cgroup: Some(1), ..Ending::default() };
    assert_eq!(verdict(&lost, &none), (Outcome::Lost, Kind::OomCgroup, Medium));
}

#[test]
fn what_was_asked_for_is_no_failure() {
    let interrupted = Judgement { interrupted: true, ..Judgement::default() };
    let none = Judgement::default();
    let python = error(Some("ValueError"), None, None);
    for (ending, judgement, expected) in [
        (after(&[2], End::Signaled(2)), &interrupted, (Outcome::Signal, Kind::SignalledByUser, High)),
        (after(&[2], End::Exited(130)), &none, (Outcome::Signal, Kind::SignalledByUser, High)),
        (after(&[2], End::Exited(1)), &interrupted, (Outcome::Signal, Kind::SignalledByUser, Medium)),
        (after(&[], End::Exited(1)), &interrupted, (Outcome::Signal, Kind::SignalledByUser, Medium)),
        (after(&[15], End::Signaled(15)), &none, (Outcome::Signal, Kind::Terminated, High)),
        (after(&[15], End::Exited(1)), &interrupted, (Outcome::Signal, Kind::Terminated, Medium)),
        (after(&[15], End::Signaled(9)), &none, (Outcome::Signal, Kind::Terminated, Medium)),
        (after(&[1], End::Signaled(1)), &none, (Outcome::Signal, Kind::HungUp, High)),
        (after(&[15], End::Exited(0)), &none, (Outcome::Success, Kind::Success, High)),
        (after(&[2], End::Signaled(11)), &none, (Outcome::Signal, Kind::Segfault, High)),
        (after(&[15], End::Exited(1)), &python, (Outcome::Error, Kind::Exception, High)),
    ] {
        assert_eq!(verdict(&ending, judgement), expected, "{ending:?}");
    }
}

#[test]
fn the_output_explains_an_exit_code() {
    for (judgement, end, expected) in [
        (error(Some("ValueError"), None, None), End::Exited(1), Kind::Exception),
        (error(Some("ValueError"), None, None), End::Exited(137), Kind::Exception),
        (error(Some("torch.OutOfMemoryError"), None, None), End::Exited(1), Kind::OomGpu),
        (error(Some("RuntimeError"), Some("CUDA out of memory"), None), End::Exited(1), Kind::OomGpu),
        (error(Some("ray.exceptions.OutOfMemoryError"), None, None), End::Exited(1), Kind::Exception),
        (error(Some("RuntimeError"), Some("insufficient shared memory (shm)"), None), End::Exited(1), Kind::ShmFull),
        (error(None, None, Some("Segmentation fault")), End::Exited(1), Kind::Segfault),
        (error(None, None, Some("NCCL watchdog timeout")), End::Exited(1), Kind::NcclTimeout),
        (error(None, None, Some("c10::Error")), End::Exited(1), Kind::ExitNonzero),
        (error(Some("ValueError"), None, None), End::Exited(0), Kind::Success),
        (error(Some("ValueError"), None, None), End::Signaled(11), Kind::Segfault),
    ] {
        assert_eq!(verdict(&ended(end), &judgement).1, expected, "{judgement:?} {end:?}");
    }
}

#[test]
fn the_context_is_told_once_and_only_of_failures() {
    let training = Training { finished: true, loss: Some(f64::NAN), ..Training::default() };
    let failed = judge(&ended(End::Exited(1)), &Judgement::default(), &training);
    assert_eq!(
        failed.evidence,
        [Evidence::ExitCode, Evidence::TrainingFinished, Evidence::TrainingNotBegun, Evidence::LossNotFinite]
    );
    let oom = Ending { oom_kills_cgroup: Some(2), ..ended(End::Signaled(9)) };
    let oom = judge(&Ending { supervisor: Some(SupervisorLoss::OutOfMemory), ..oom }, &Judgement::default(), &training);
    let counters = oom.evidence.iter().filter(|evidence| **evidence == Evidence::ControlGroupCounter).count();
    assert!(counters == 1 && oom.evidence.contains(&Evidence::LauncherOutOfMemory), "{oom:?}");
    let done = judge(&ended(End::Exited(0)), &Judgement::default(), &training);
    assert_eq!(done.evidence, [Evidence::ExitCode]);
}

#[test]
fn no_word_stands_for_two_things() {
    let mut words: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Kind::ALL.len());
    let mut words: Vec<_> = Evidence::ALL.iter().map(|evidence| evidence.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Evidence::ALL.len());
}
