//! Why did the run end: one verdict from the exit status, the kernel's counters, the output and the signals
//! that passed through our hands.
//!
//! The order of trust: what the kernel counted, then the status that it gave, then what the program printed,
//! then a status that a shell or a Python launcher merely passed on (128 + n). A counter that moved outranks
//! the exit code, which a launcher may hide; a printed traceback never outranks success, because programs
//! print tracebacks that they survive. What cannot be told is called unknown. Pure; called by
//! [`run`](crate::run) once, at the end.

#[cfg(test)]
mod tests;
mod words;

pub use words::{Confidence, Evidence, Kind, Outcome};

use crate::event::{self, ErrorEvent};
use crate::observation::{Ending, SupervisorLoss};
use crate::progress::Training;
use crate::status::{End, signal_name};
use crate::trace::Judgement;

const HANGUP: i32 = 1;
const INTERRUPT: i32 = 2;
const QUIT: i32 = 3;
const ILLEGAL: i32 = 4;
const ABORT: i32 = 6;
const BUS: i32 = 7;
const FLOATING_POINT: i32 = 8;
const KILL: i32 = 9;
const SEGMENTATION: i32 = 11;
const TERMINATE: i32 = 15;

/// How the run ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub kind: Kind,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<Evidence>,
    /// How sure that is.
    pub confidence: Confidence,
}

impl From<&Verdict> for event::Verdict {
    fn from(verdict: &Verdict) -> Self {
        Self {
            kind: Some(verdict.kind.public()),
            evidence: Some(verdict.evidence.iter().map(|evidence| evidence.public()).collect()),
            confidence: Some(verdict.confidence.public()),
        }
    }
}

/// Judges the end of a run.
#[must_use]
pub fn judge(ending: &Ending, judgement: &Judgement, training: &Training) -> Verdict {
    let case = Case { ending, judgement };
    let (kind, confidence, mut evidence) = case.kind();
    let outcome = match ending.end {
        None => Outcome::Lost,
        Some(End::Exited(0)) => Outcome::Success,
        Some(End::Signaled(_)) => Outcome::Signal,
        Some(End::Exited(_)) if evidence.contains(&Evidence::ExitCodeOfSignal) || kind.is_requested() => {
            Outcome::Signal
        }
        Some(End::Exited(_)) => Outcome::Error,
    };
    for more in case.context(training).into_iter().flatten() {
        if !evidence.contains(&more) {
            evidence.push(more);
        }
    }
    Verdict { outcome, kind, evidence, confidence }
}

/// What a verdict is drawn from.
#[derive(Clone, Copy)]
struct Case<'a> {
    ending: &'a Ending,
    judgement: &'a Judgement,
}

type Finding = (Kind, Confidence, Vec<Evidence>);

impl Case<'_> {
    fn kind(self) -> Finding {
        if self.ending.end == Some(End::Exited(0)) {
            return (Kind::Success, Confidence::High, vec![Evidence::ExitCode]);
        }
        self.asked()
            .or_else(|| self.out_of_memory())
            .or_else(|| self.signalled())
            .or_else(|| self.printed())
            .unwrap_or_else(|| match self.ending.end {
                None => (Kind::Lost, Confidence::Low, vec![Evidence::EndNotSeen]),
                Some(_) => (Kind::ExitNonzero, Confidence::High, vec![Evidence::ExitCode]),
            })
    }

    fn requested(self, signal: i32) -> bool {
        self.ending.requested_signals.contains(&signal)
    }

    /// The signal that ended the command, and whether only a shell's 128 + n says so.
    ///
    /// Where the program printed its error, its exit code is its own business.
    fn signal(self) -> Option<(i32, Evidence)> {
        match self.ending.end? {
            End::Signaled(signal) => Some((signal, Evidence::KilledBySignal)),
            End::Exited(code) => {
                let signal = i32::from(code.checked_sub(128)?);
                let decoded = self.judgement.error.is_none() && signal_name(signal).is_some();
                decoded.then_some((signal, Evidence::ExitCodeOfSignal))
            }
        }
    }

    /// Somebody asked for the end, and it came in the way that was asked for.
    fn asked(self) -> Option<Finding> {
        let signal = self.signal();
        // A program may turn the request into an exit code of its own, with or without a traceback.
        let complied = self.judgement.interrupted || (signal.is_none() && self.judgement.error.is_none());
        for (asked, kind, request) in [
            (INTERRUPT, Kind::SignalledByUser, Evidence::InterruptRequested),
            (QUIT, Kind::SignalledByUser, Evidence::InterruptRequested),
            (TERMINATE, Kind::Terminated, Evidence::TerminationRequested),
            (HANGUP, Kind::HungUp, Evidence::HangupRequested),
        ] {
            let requested = self.requested(asked);
            let died_of_it = signal.filter(|(signal, _)| *signal == asked);
            // Whoever asks politely kills when the time is up: schedulers and container runtimes do.
            let then_killed = signal.filter(|(signal, _)| *signal == KILL && requested && self.kernel_killed() == 0);
            let (confidence, status) = match (died_of_it, then_killed) {
                (Some((_, status)), _) if requested => (Confidence::High, status),
                (Some((_, status)), _) => (Confidence::Medium, status),
                (None, Some((_, status))) => (Confidence::Medium, status),
                (None, None) if requested && complied && self.ending.end.is_some() => {
                    (Confidence::Medium, Evidence::ExitCode)
                }
                (None, None) => continue,
            };
            return Some((kind, confidence, [status].into_iter().chain(requested.then_some(request)).collect()));
        }
        let interrupted = self.judgement.interrupted && self.judgement.error.is_none();
        interrupted.then(|| (Kind::SignalledByUser, Confidence::Medium, vec![Evidence::InterruptTraceback]))
    }

    /// How many processes the kernel is known to have killed for memory.
    fn kernel_killed(self) -> u64 {
        self.ending.oom_kills_cgroup.unwrap_or(0).saturating_add(self.ending.oom_kills_host.unwrap_or(0))
    }

    fn out_of_memory(self) -> Option<Finding> {
        let signal = self.signal();
        let killed = signal.filter(|(signal, _)| *signal == KILL).map(|(_, status)| status);
        let moved = |kills: Option<u64>| kills.is_some_and(|kills| kills > 0);
        if moved(self.ending.oom_kills_cgroup) {
            // The counter also catches the worker whose death a launcher turned into an exit code.
            let confidence = if killed.is_some() { Confidence::High } else { Confidence::Medium };
            let evidence = [Evidence::ControlGroupCounter].into_iter().chain(killed).collect();
            return Some((Kind::OomCgroup, confidence, evidence));
        }
        if moved(self.ending.oom_kills_host) && (killed.is_some() || self.judgement.error.is_none()) {
            // On the whole machine somebody else's process may have been meant.
            let confidence = if killed.is_some() { Confidence::Medium } else { Confidence::Low };
            let evidence = [Evidence::HostCounter].into_iter().chain(killed).collect();
            return Some((Kind::OomHost, confidence, evidence));
        }
        self.judgement.error.as_ref().filter(|error| says_gpu_memory(error))?;
        Some((Kind::OomGpu, Confidence::High, vec![Evidence::Traceback]))
    }

    fn signalled(self) -> Option<Finding> {
        let (signal, status) = self.signal()?;
        let kind = match signal {
            SEGMENTATION => Kind::Segfault,
            ABORT => Kind::Abort,
            ILLEGAL => Kind::IllegalInstruction,
            FLOATING_POINT => Kind::FloatingPointError,
            BUS if self.judgement.error.as_ref().is_some_and(says_shared_memory) => Kind::ShmFull,
            BUS => Kind::BusError,
            KILL => Kind::KilledUnknown,
            _ => Kind::OtherSignal,
        };
        let confidence = match (kind, status) {
            (Kind::KilledUnknown, _) => Confidence::Low,
            (_, Evidence::KilledBySignal) => Confidence::High,
            _ => Confidence::Medium,
        };
        let still = kind == Kind::KilledUnknown && self.ending.oom_kills_cgroup.is_some();
        Some((kind, confidence, [status].into_iter().chain(still.then_some(Evidence::NoCounterMoved)).collect()))
    }

    /// What the program printed, where nothing stronger speaks.
    fn printed(self) -> Option<Finding> {
        self.ending.end?;
        let error = self.judgement.error.as_ref()?;
        if says_shared_memory(error) {
            return Some((Kind::ShmFull, Confidence::Medium, vec![Evidence::Traceback]));
        }
        if error.exception_type.is_some() {
            return Some((Kind::Exception, Confidence::High, vec![Evidence::Traceback]));
        }
        let marker = error.marker.as_ref()?.as_str().to_ascii_lowercase();
        let kind = MARKERS.iter().find_map(|(word, kind)| marker.contains(word).then_some(*kind))?;
        Some((kind, Confidence::Medium, vec![Evidence::Marker]))
    }

    /// What else a reader of the verdict wants to know at once.
    fn context(self, training: &Training) -> [Option<Evidence>; 5] {
        let failed = self.ending.end != Some(End::Exited(0));
        let begun = training.step.is_some_and(|step| step > 0) || training.log_dictionaries > 0;
        let lost = self.ending.supervisor.map(|loss| match loss {
            SupervisorLoss::Crashed => Evidence::LauncherCrashed,
            SupervisorLoss::Killed => Evidence::LauncherKilled,
            SupervisorLoss::OutOfMemory => Evidence::LauncherOutOfMemory,
        });
        let counter = self.ending.oom_kills_cgroup.is_some_and(|kills| kills > 0);
        [
            lost,
            counter.then_some(Evidence::ControlGroupCounter),
            (failed && training.finished).then_some(Evidence::TrainingFinished),
            (failed && !begun).then_some(Evidence::TrainingNotBegun),
            (failed && training.loss.is_some_and(|loss| !loss.is_finite())).then_some(Evidence::LossNotFinite),
        ]
    }
}

/// Words of the public markers of a death without a traceback, as the trace reader names them.
const MARKERS: &[(&str, Kind)] = &[
    ("segmentation", Kind::Segfault),
    ("sigsegv", Kind::Segfault),
    ("watchdog", Kind::NcclTimeout),
    ("bus error", Kind::BusError),
    ("sigbus", Kind::BusError),
    ("illegal instruction", Kind::IllegalInstruction),
    ("floating point", Kind::FloatingPointError),
    ("abort", Kind::Abort),
    ("terminate", Kind::Abort),
    ("corrupt", Kind::Abort),
    ("killed", Kind::KilledUnknown),
    ("sigkill", Kind::KilledUnknown),
];

/// Ray's class of the same name means the machine's memory.
fn says_gpu_memory(error: &ErrorEvent) -> bool {
    let class = error.exception_type.as_ref().map_or("", |class| class.as_str());
    let message = error.exception.as_ref().map_or("", |message| message.as_str());
    (class.ends_with("OutOfMemoryError") && !class.starts_with("ray.")) || message.contains("CUDA out of memory")
}

fn says_shared_memory(error: &ErrorEvent) -> bool {
    let message = error.exception.as_ref().or(error.marker.as_ref()).map_or("", |message| message.as_str());
    message.contains("shared memory") || message.contains("/dev/shm")
}
