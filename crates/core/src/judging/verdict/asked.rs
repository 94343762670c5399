//! Ends that somebody asked for: a user, a scheduler, a time limit.
//!
//! A program may turn the request into an exit code of its own, with or without a traceback, or may have to be
//! killed when the time is up; all of these are the request's work. Who asked says why: the terminal is the user, what
//! runs in the user's session is the user's, be it a shell or another program; a batch system's daemon is the batch
//! system, near the job's end its clock.

use super::{Case, Confidence, Evidence, Finding, Kind};
use crate::knowledge::{Meaning, Speaker};
use crate::observation::{Request, Sender};
use crate::status::End;
use crate::status::signal::{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};

/// How near the job's end a signal counts as the time limit's, in seconds: schedulers look twice a minute.
const JOB_END_SECONDS: f64 = 120.0;

/// What `timeout` exits with when the time was up.
const TIMED_OUT: u8 = 124;

/// The signals that ask for an end, in the order in which they are looked for.
const REQUESTS: [i32; 7] = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1, SIGUSR2];

impl Case<'_> {
    /// Somebody asked for the end, and it came in the way that was asked for.
    pub(super) fn asked(self) -> Option<Finding> {
        if let Some(finding) = self.own_time_limit() {
            return Some(finding);
        }
        let signal = self.own_signal();
        let complied =
            self.judgement.interrupted || (signal.is_none() && self.judgement.error.is_none());
        for asked in REQUESTS {
            let request = self
                .ending
                .requests
                .iter()
                .rfind(|request| request.signal == asked);
            let died_of_it = signal.filter(|(signal, _)| *signal == asked);
            // Whoever asks politely kills when the time is up: schedulers and container runtimes do.
            let killed =
                || signal.filter(|(signal, _)| *signal == SIGKILL && self.no_kernel_kill());
            let (status, sure) = match (died_of_it, request) {
                (Some((_, status)), Some(_)) => (status, Confidence::High),
                (Some((_, status)), None) => (status, Confidence::Medium),
                (None, Some(_)) if let Some((_, status)) = killed() => (status, Confidence::Medium),
                (None, Some(_)) if complied && self.ending.end.is_some() => {
                    (Evidence::ExitCode, Confidence::Medium)
                }
                _ => continue,
            };
            let Some((kind, reason, at_most)) = self.reason(asked, request) else {
                continue;
            };
            let confidence = sure.max(at_most);
            let requested = request.and_then(|_| request_of(asked));
            return Some((
                kind,
                confidence,
                [Some(status), requested, reason]
                    .into_iter()
                    .flatten()
                    .collect(),
            ));
        }
        let interrupted =
            self.judgement.interrupted && self.judgement.error.is_none() && signal.is_none();
        interrupted.then(|| {
            let kind = match self.judgement.stopped_by {
                Some(SIGHUP) => Kind::HungUp,
                Some(SIGTERM) => Kind::Terminated,
                _ => Kind::SignalledByUser,
            };
            (kind, Confidence::Medium, vec![Evidence::InterruptTraceback])
        })
    }

    /// The command is `timeout`, or a script around it, and says that the time was up.
    fn own_time_limit(self) -> Option<Finding> {
        let (status, confidence) = match self.ending.end? {
            End::Exited(TIMED_OUT) => (Evidence::ExitCode, Confidence::High),
            // With `-s KILL` or `-k` it dies as it has killed.
            End::Signaled(SIGKILL) if self.no_kernel_kill() => {
                (Evidence::KilledBySignal, Confidence::Medium)
            }
            _ => return None,
        };
        if !self.ending.requests.is_empty() {
            return None;
        }
        if self.ending.limits_time {
            let evidence = vec![status, Evidence::TimeLimiter];
            return Some((Kind::TimeLimit, confidence, evidence));
        }
        // A script passes on what its `timeout` exits with; hardly any other program exits so.
        let passed_on = status == Evidence::ExitCode && !self.raised();
        passed_on.then(|| (Kind::TimeLimit, Confidence::Medium, vec![status]))
    }

    /// Why somebody asks with this signal: the kind, what speaks for it, and how sure it can be at best. None where
    /// the signal asks for nothing that we know of.
    fn reason(
        self,
        signal: i32,
        request: Option<&Request>,
    ) -> Option<(Kind, Option<Evidence>, Confidence)> {
        if let Some(kind) = self.scheduler_ended() {
            return Some((kind, Some(Evidence::SchedulersWord), Confidence::High));
        }
        let job_ends = request
            .and_then(|request| request.seconds_left)
            .is_some_and(|seconds| seconds.abs() <= JOB_END_SECONDS);
        let sender = request.map_or(Sender::Unknown, |request| request.sender);
        let cancelled = |evidence| {
            Some((
                Kind::PreemptedOrCancelled,
                Some(evidence),
                Confidence::Medium,
            ))
        };
        match (sender, signal) {
            (_, SIGXCPU) => Some((
                Kind::TimeLimit,
                Some(Evidence::ProcessorTime),
                Confidence::High,
            )),
            (Sender::TimeLimiter, _) => Some((
                Kind::TimeLimit,
                Some(Evidence::TimeLimiter),
                Confidence::High,
            )),
            (Sender::MemoryDaemon, _) => Some((
                Kind::OomDaemon,
                Some(Evidence::SentByMemoryDaemon),
                Confidence::High,
            )),
            _ if job_ends => Some((
                Kind::TimeLimit,
                Some(Evidence::JobEndTime),
                Confidence::Medium,
            )),
            // Whatever a program means by these two, it is not its end.
            (_, SIGUSR1 | SIGUSR2) => None,
            (Sender::Scheduler, _) => cancelled(Evidence::SentByScheduler),
            (Sender::ServiceManager, _) => cancelled(Evidence::SentByServiceManager),
            (Sender::Outside, SIGTERM) => cancelled(Evidence::SentFromOutside),
            (Sender::OtherUser, SIGTERM | SIGINT) => cancelled(Evidence::SentByOtherUser),
            (_, SIGHUP) => Some((Kind::HungUp, None, Confidence::High)),
            (Sender::Terminal, _) => Some((
                Kind::SignalledByUser,
                Some(Evidence::SentByTerminal),
                Confidence::High,
            )),
            (Sender::OwnSession, _) => Some((
                Kind::SignalledByUser,
                Some(Evidence::SentFromOwnSession),
                Confidence::High,
            )),
            (Sender::SameUser, _) => Some((
                Kind::SignalledByUser,
                Some(Evidence::SentBySameUser),
                Confidence::Medium,
            )),
            (_, SIGTERM) => Some((Kind::Terminated, None, Confidence::High)),
            _ => Some((Kind::SignalledByUser, None, Confidence::High)),
        }
        // A request that nobody saw: memory daemons ask politely first, and they are looked at next.
        .filter(|(kind, ..)| {
            request.is_some() || !(*kind == Kind::Terminated && self.memory_daemon_likely())
        })
    }

    /// Why a batch system ended the run, where it has printed that it did.
    pub(super) fn scheduler_ended(self) -> Option<Kind> {
        let signs = self.judgement.signs.iter();
        let mut said = signs
            .filter(|sign| sign.speaker == Speaker::Scheduler)
            .map(|sign| sign.meaning);
        if said.clone().any(|meaning| meaning == Meaning::TimeLimit) {
            return Some(Kind::TimeLimit);
        }
        let taken = |meaning| {
            matches!(
                meaning,
                Meaning::Preempted | Meaning::Cancelled | Meaning::NodeFailure
            )
        };
        said.any(taken).then_some(Kind::PreemptedOrCancelled)
    }

    /// Whether no kill of the kernel for memory is known.
    fn no_kernel_kill(self) -> bool {
        self.ending.oom_kills_cgroup.unwrap_or(0) == 0
            && self.ending.oom_kills_host.unwrap_or(0) == 0
    }
}

/// That the launcher was asked to pass this signal on.
const fn request_of(signal: i32) -> Option<Evidence> {
    match signal {
        SIGINT | SIGQUIT => Some(Evidence::InterruptRequested),
        SIGTERM => Some(Evidence::TerminationRequested),
        SIGHUP => Some(Evidence::HangupRequested),
        _ => None,
    }
}
