//! Why did the run end: one verdict from the exit status, the kernel's counters, the output, the machine's
//! state and the signals that passed through our hands.
//!
//! The order of trust: what the kernel counted, then the status that it gave (of the command, then of the worker
//! that failed first), then what the program printed, then a status that a shell or a Python launcher merely
//! passed on (128 + n). A counter that moved outranks the exit code, which a launcher may hide; a printed
//! traceback never outranks success, because programs print tracebacks that they survive. What cannot be told
//! is called unknown. Pure; called by [`run`](crate::judging::run) once, at the end.

mod asked;
mod collectives;
mod died;
mod memory;
mod printed;
#[cfg(test)]
mod tests;
mod waited;
mod words;

pub use collectives::{CollectiveFinding, judge as judge_collectives};
pub use words::{CollectiveTrouble, Confidence, Evidence, Kind, Outcome};

use crate::event;
use crate::event::CollectiveReport;
use crate::knowledge::Meaning;
use crate::observation::{EdgeWait, Ending, SupervisorLoss};
use crate::output::progress::{Metric, Training};
use crate::output::traceback::Judgement;
use crate::public::PublicStr;
use crate::status::{End, signal::SIGKILL, signal_name};

/// How the run ended, and why.
#[derive(Debug)]
pub struct Verdict {
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub kind: Kind,
    /// What the output says happened: it tells exceptions apart.
    pub meaning: Option<Meaning>,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<Evidence>,
    /// How sure that is.
    pub confidence: Confidence,
    /// The rank that failed first.
    pub rank: Option<u64>,
    /// How the process ended that failed first, where it was not the command itself.
    pub rank_end: Option<End>,
    /// What the watchdogs say of a collective operation.
    pub collective: Option<CollectiveFinding>,
}

impl From<&Verdict> for event::FinishVerdict {
    fn from(verdict: &Verdict) -> Self {
        let evidence = verdict.evidence.iter();
        Self {
            kind: Some(verdict.kind.public()),
            meaning: verdict.meaning.map(Meaning::public),
            evidence: Some(evidence.map(|evidence| evidence.public()).collect()),
            confidence: Some(verdict.confidence.public()),
            rank: verdict.rank,
            rank_exit_code: match verdict.rank_end {
                Some(End::Exited(code)) => Some(code.into()),
                _ => None,
            },
            rank_signal: match verdict.rank_end {
                Some(End::Signaled(signal)) => signal_name(signal).map(PublicStr::constant),
                _ => None,
            },
            collective: verdict.collective.as_ref().map(CollectiveReport::from),
        }
    }
}

/// Judges the end of a run.
pub fn judge(ending: &Ending, judgement: &Judgement, training: &Training) -> Verdict {
    let collective = judge_collectives(&judgement.watchdogs, ending.world_size)
        .filter(|_| ending.end != Some(End::Exited(0)));
    let case = Case {
        ending,
        judgement,
        collective: collective.as_ref(),
    };
    let (kind, mut confidence, mut evidence) = case.kind();
    // What was missed may have said otherwise.
    if case.has_missed_output() && confidence == Confidence::High {
        confidence = Confidence::Medium;
    }
    let outcome = match ending.end {
        None => Outcome::Lost,
        Some(End::Exited(0)) => Outcome::Success,
        Some(End::Signaled(_)) => Outcome::Signal,
        Some(End::Exited(_))
            if evidence.contains(&Evidence::ExitCodeOfSignal) || kind.is_requested() =>
        {
            Outcome::Signal
        }
        Some(End::Exited(_)) => Outcome::Error,
    };
    // What was ended from outside ended its ranks in any order; one that stood still did so because of a rank, perhaps.
    let died_by_itself = outcome != Outcome::Success && !kind.is_requested() && kind != Kind::Hang;
    let waited_for = collective.as_ref().and_then(CollectiveFinding::rank);
    let mut rank = None;
    if kind == Kind::Hang {
        let by_stacks = ending.stacks.as_ref().and_then(|stacks| stacks.suspect);
        let suspect = ending.hang.and_then(|hang| hang.suspect_rank);
        rank = by_stacks.or(suspect).or(waited_for);
    }
    let mut context = case.context(training);
    let mut rank_end = None;
    if kind == Kind::PeerLost || kind.is_of_collectives() && collective.is_some() {
        // Who says so first is the first victim.
        rank = waited_for;
    } else if died_by_itself {
        rank = ending.first_failure.and_then(|failure| failure.rank);
        rank_end = case.end_of_first();
        if rank.is_some() {
            context.push(Evidence::FirstFailedRank);
        } else {
            let error = judgement.error.as_ref();
            let printed = error.and_then(|error| error.rank);
            rank = printed.or(judgement.first_rank);
        }
        context.extend(case.about_first(kind));
    }
    for more in context {
        if !evidence.contains(&more) {
            evidence.push(more);
        }
    }
    // Where it is known what became of the other one, nobody has to hear that it was lost.
    let collective = collective.filter(|finding| {
        kind.is_of_collectives() || finding.trouble != CollectiveTrouble::PeerLost
    });
    let has_said = judgement.error.is_some() && kind != Kind::Success && !kind.is_requested();
    Verdict {
        outcome,
        kind,
        meaning: judgement.meaning.filter(|_| has_said),
        evidence,
        confidence,
        rank,
        rank_end,
        collective,
    }
}

/// The verdict over a run of which nobody saw the end.
pub fn lost() -> Verdict {
    let training = Training {
        step: Some(1),
        ..Training::default()
    };
    judge(&Ending::default(), &Judgement::default(), &training)
}

/// What a verdict is drawn from.
#[derive(Clone, Copy)]
struct Case<'a> {
    ending: &'a Ending,
    judgement: &'a Judgement,
    collective: Option<&'a CollectiveFinding>,
}

type Finding = (Kind, Confidence, Vec<Evidence>);

impl Case<'_> {
    fn kind(self) -> Finding {
        if self.ending.end == Some(End::Exited(0)) {
            return self.succeeded();
        }
        let found = self
            .counted_by_scheduler()
            .or_else(|| self.asked_for())
            .or_else(|| self.out_of_memory())
            .or_else(|| self.gpu_fault())
            .or_else(|| self.in_collective())
            .or_else(|| self.died())
            .or_else(|| self.printed());
        self.hung(found.unwrap_or_else(|| match self.ending.end {
            None => (Kind::Lost, Confidence::Low, vec![Evidence::EndNotSeen]),
            Some(_) => {
                let evidence = vec![Evidence::ExitCode];
                let confidence = if self.has_seen_output() {
                    Confidence::High
                } else {
                    Confidence::Medium
                };
                (Kind::ExitNonzero, confidence, evidence)
            }
        }))
    }

    /// An exit code of 0. It is not the training's where its last word is a traceback.
    fn succeeded(self) -> Finding {
        if !self.judgement.is_last_word {
            return (Kind::Success, Confidence::High, vec![Evidence::ExitCode]);
        }
        let evidence = vec![Evidence::Traceback, Evidence::ExitCode];
        let printed = match self.judgement.error {
            Some(_) => self.printed_memory(None).or_else(|| self.printed()),
            None => None,
        };
        let kind = printed.map_or(Kind::Success, |(kind, ..)| kind);
        (kind, Confidence::Medium, evidence)
    }

    /// A run that stood still until somebody ended it: who that was says less than that it stood still.
    fn hung(self, (kind, confidence, mut evidence): Finding) -> Finding {
        let ended_by_others = kind.is_requested() || kind == Kind::KilledUnknown;
        if let Some(edge_wait) = self.ending.edge_wait
            && self.ending.hang.is_none()
            && ended_by_others
        {
            evidence.splice(0..0, [Evidence::NoProgress, waited_for(edge_wait)]);
            return (Kind::Hang, Confidence::Medium, evidence);
        }
        if self.ending.hang.is_none() || !ended_by_others {
            return (kind, confidence, evidence);
        }
        evidence.insert(0, Evidence::NoProgress);
        let stacks = self.ending.stacks.as_ref();
        let Some(stacks) = stacks.filter(|stacks| stacks.suspect.is_some()) else {
            return (Kind::Hang, Confidence::Medium, evidence);
        };
        evidence.insert(1, Evidence::PythonStacks);
        let confidence = if stacks.is_sure {
            Confidence::High
        } else {
            Confidence::Medium
        };
        (Kind::Hang, confidence, evidence)
    }

    /// The signal that ended the command itself, and whether only a shell's 128 + n says so.
    ///
    /// Where the program printed its error, its exit code is its own business.
    fn signal_of_command(self) -> Option<(i32, Evidence)> {
        match self.ending.end? {
            End::Signaled(signal) => Some((signal, Evidence::KilledBySignal)),
            End::Exited(code) => {
                let signal = i32::from(code.checked_sub(128)?);
                if self.raised() {
                    return None;
                }
                signal_name(signal)?;
                Some((signal, Evidence::ExitCodeOfSignal))
            }
        }
    }

    /// The signal that ended the run: the command's own, by the kernel's word; that of the worker which failed
    /// first; what a shell passed on.
    fn signal_of_run(self) -> Option<(i32, Evidence)> {
        let own = self.signal_of_command();
        if let Some((_, Evidence::KilledBySignal)) = own {
            return own;
        }
        match self.ending.first_failure.map(|failure| failure.end) {
            Some(End::Signaled(signal)) => Some((signal, Evidence::WorkerKilledBySignal)),
            _ => own,
        }
    }

    /// How the process ended that failed first, by the kernel's word or its launcher's.
    fn end_of_first(self) -> Option<End> {
        let seen = self.ending.first_failure.map(|failure| failure.end);
        seen.or(self.judgement.first_end)
    }

    /// What else is to be said of the process that failed first.
    fn about_first(self, kind: Kind) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        let says_data_worker = self.judgement.blames_data_worker();
        if says_data_worker {
            evidence.push(Evidence::DataWorkerFailed);
        } else if self
            .ending
            .first_failure
            .is_some_and(|failure| failure.is_helper)
        {
            evidence.push(Evidence::HelperFailed);
        }
        if kind == Kind::ExitNonzero && matches!(self.end_of_first(), Some(End::Exited(_))) {
            evidence.push(Evidence::WorkerExitCode);
        }
        if self.died_before_the_others_waited() {
            evidence.push(Evidence::DeathBeforeTimeout);
        }
        evidence
    }

    /// Whether the kernel could be asked for its kills for memory, and has counted none.
    fn no_counter_moved(self) -> bool {
        let counter = self.ending.oom_kills_cgroup.or(self.ending.oom_kills_host);
        counter.is_some() && self.kernel_killed_nobody()
    }

    /// The evidence of a SIGKILL, of the command or of a worker.
    fn sigkill(self) -> Option<Evidence> {
        match self.signal_of_run() {
            Some((SIGKILL, status)) => Some(status),
            _ => None,
        }
    }

    /// Whether there was a look at what the command may have said.
    fn has_seen_output(self) -> bool {
        !self.ending.observer_lost && self.ending.dropped.streams.is_none()
    }

    /// Whether a part of the output was not seen.
    fn has_missed_output(self) -> bool {
        self.ending
            .dropped
            .copy_bytes
            .is_some_and(|bytes| bytes > 0)
    }

    /// What else a reader of the verdict wants to know at once.
    fn context(self, training: &Training) -> Vec<Evidence> {
        let ending = self.ending;
        let gpu = &ending.gpu;
        let failed = ending.end != Some(End::Exited(0));
        let has_begun = training.step.is_some_and(|step| step > 0)
            || training.log_dictionaries > 0
            || !self.has_seen_output();
        let is_unread = ending.dropped.streams.is_some() && training.step.is_none();
        let is_counted = ending.oom_kills_cgroup.is_some_and(|kills| kills > 0);
        let is_lost = |loss| ending.supervisor == Some(loss);
        let not_finite = training
            .metrics
            .get(Metric::Loss)
            .is_some_and(|loss| !loss.is_finite());
        let mut context = Vec::new();
        for (holds, evidence) in [
            (is_lost(SupervisorLoss::Crashed), Evidence::LauncherCrashed),
            (is_lost(SupervisorLoss::Killed), Evidence::LauncherKilled),
            (
                is_lost(SupervisorLoss::OutOfMemory),
                Evidence::LauncherOutOfMemory,
            ),
            (ending.observer_lost, Evidence::ObserverLost),
            (is_counted, Evidence::ControlGroupCounter),
            (self.has_missed_output(), Evidence::OutputMissed),
            (failed && is_unread, Evidence::OutputUnread),
            (failed && !gpu.xids.is_empty(), Evidence::GpuError),
            (failed && gpu.lost_at.is_some(), Evidence::GpuLost),
            (failed && gpu.unresponsive, Evidence::GpuUnresponsive),
            (failed && training.finished, Evidence::TrainingFinished),
            (failed && !has_begun, Evidence::TrainingNotBegun),
            (failed && not_finite, Evidence::LossNotFinite),
        ] {
            if holds {
                context.push(evidence);
            }
        }
        context
    }
}

/// What speaks for a wait before the first step or after the last.
const fn waited_for(edge_wait: EdgeWait) -> Evidence {
    match edge_wait {
        EdgeWait::Rendezvous => Evidence::WaitedForMachines,
        EdgeWait::Download => Evidence::WaitedForDownload,
        EdgeWait::Preparation => Evidence::WaitedForData,
        EdgeWait::End => Evidence::DidNotEnd,
    }
}
