//! Ends that somebody asked for: a user, a scheduler, a time limit.
//!
//! A program may turn the request into an exit code of its own, with or without a traceback, or may have to be
//! killed when the time is up; all of these are the request's work. Who asked says why: the terminal is the user, what
//! runs in the user's session is the user's, be it a shell or another program; a batch system's daemon is the batch
//! system, near the job's end its clock.

use super::Confidence::{self, High, Medium};
use super::{Case, Evidence, Finding, Kind};
use crate::knowledge::lists::SignalSender;
use crate::knowledge::{Meaning, Speaker};
use crate::observation::Request;
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
    pub fn asked_for(self) -> Option<Finding> {
        if let Some(finding) = self.own_time_limit() {
            return Some(finding);
        }
        let signal = self.signal_of_command();
        let is_silent = signal.is_none() && self.judgement.error.is_none();
        let complied = self.judgement.interrupted || is_silent;
        for asked in REQUESTS {
            let mut requests = self.ending.requests.iter();
            let request = requests.rfind(|request| request.signal == asked);
            let (status, sure) = match (signal, request) {
                (Some((died_of, status)), Some(_)) if died_of == asked => (status, High),
                (Some((died_of, status)), None) if died_of == asked => (status, Medium),
                // Whoever asks politely kills when the time is up: schedulers and container runtimes do.
                (Some((SIGKILL, status)), Some(_)) if self.kernel_killed_nobody() => {
                    (status, Medium)
                }
                (_, Some(_)) if complied && self.ending.end.is_some() => {
                    (Evidence::ExitCode, Medium)
                }
                _ => continue,
            };
            let Some((kind, reason, at_most)) = self.reason(asked, request) else {
                continue;
            };
            let mut evidence = vec![status];
            if request.is_some() {
                evidence.extend(request_of(asked));
            }
            evidence.extend(reason);
            return Some((kind, sure.max(at_most), evidence));
        }
        if !self.judgement.interrupted || !is_silent {
            return None;
        }
        let kind = match self.judgement.stopped_by {
            Some(SIGHUP) => Kind::HungUp,
            Some(SIGTERM) => Kind::Terminated,
            _ => Kind::SignalledByUser,
        };
        Some((kind, Medium, vec![Evidence::InterruptTraceback]))
    }

    /// The command is `timeout`, or a script around it, and says that the time was up.
    fn own_time_limit(self) -> Option<Finding> {
        let (status, confidence) = match self.ending.end? {
            End::Exited(TIMED_OUT) => (Evidence::ExitCode, High),
            // With `-s KILL` or `-k` it dies as it has killed.
            End::Signaled(SIGKILL) if self.kernel_killed_nobody() => {
                (Evidence::KilledBySignal, Medium)
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
        passed_on.then(|| (Kind::TimeLimit, Medium, vec![status]))
    }

    /// Why somebody asks with this signal: the kind, what speaks for it, and how sure it can be at best. None where
    /// the signal asks for nothing that we know of.
    fn reason(
        self,
        signal: i32,
        request: Option<&Request>,
    ) -> Option<(Kind, Option<Evidence>, Confidence)> {
        if let Some(kind) = self.scheduler_ended() {
            return Some((kind, Some(Evidence::SchedulersWord), High));
        }
        let seconds_left = request.and_then(|request| request.seconds_left);
        let job_ends = seconds_left.is_some_and(|seconds| seconds.abs() <= JOB_END_SECONDS);
        let sender = request.map_or(SignalSender::Unknown, |request| request.sender);
        let (kind, evidence, at_most) = match (sender, signal) {
            (_, SIGXCPU) => (Kind::TimeLimit, Evidence::ProcessorTime, High),
            (SignalSender::TimeLimiter, _) => (Kind::TimeLimit, Evidence::TimeLimiter, High),
            (SignalSender::MemoryDaemon, _) => {
                (Kind::OomDaemon, Evidence::SentByMemoryDaemon, High)
            }
            _ if job_ends => (Kind::TimeLimit, Evidence::JobEndTime, Medium),
            // Whatever a program means by these two, it is not its end.
            (_, SIGUSR1 | SIGUSR2) => return None,
            (SignalSender::Scheduler, _) => (
                Kind::PreemptedOrCancelled,
                Evidence::SentByScheduler,
                Medium,
            ),
            (SignalSender::ServiceManager, _) => (
                Kind::PreemptedOrCancelled,
                Evidence::SentByServiceManager,
                Medium,
            ),
            (SignalSender::Outside, SIGTERM) => (
                Kind::PreemptedOrCancelled,
                Evidence::SentFromOutside,
                Medium,
            ),
            (SignalSender::OtherUser, SIGTERM | SIGINT) => (
                Kind::PreemptedOrCancelled,
                Evidence::SentByOtherUser,
                Medium,
            ),
            (_, SIGHUP) => return Some((Kind::HungUp, None, High)),
            (SignalSender::Terminal, _) => (Kind::SignalledByUser, Evidence::SentByTerminal, High),
            (SignalSender::OwnSession, _) => {
                (Kind::SignalledByUser, Evidence::SentFromOwnSession, High)
            }
            (SignalSender::SameUser, _) => {
                (Kind::SignalledByUser, Evidence::SentBySameUser, Medium)
            }
            // A request that nobody saw: memory daemons ask politely first, and they are looked at next.
            (_, SIGTERM) if request.is_none() && self.memory_daemon_likely() => return None,
            (_, SIGTERM) => return Some((Kind::Terminated, None, High)),
            _ => return Some((Kind::SignalledByUser, None, High)),
        };
        Some((kind, Some(evidence), at_most))
    }

    /// Why a batch system ended the run, where it has printed that it did.
    pub fn scheduler_ended(self) -> Option<Kind> {
        let mut ended = None;
        for sign in &self.judgement.signs {
            match sign.meaning {
                _ if sign.speaker != Speaker::Scheduler => {}
                Meaning::TimeLimit => return Some(Kind::TimeLimit),
                Meaning::Preempted | Meaning::Cancelled | Meaning::NodeFailure => {
                    ended = Some(Kind::PreemptedOrCancelled);
                }
                _ => {}
            }
        }
        ended
    }

    /// Whether no kill of the kernel for memory is known.
    pub fn kernel_killed_nobody(self) -> bool {
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
