//! Ends in a collective operation: those who tell of them are mostly the victims.

use super::{Case, CollectiveTrouble, Finding, Kind};
use crate::knowledge::Meaning;
use crate::status::End;

/// How much later than the others began to wait a death may be seen that made them wait, in seconds.
const DEATH_SEEN_LATE_SECONDS: f64 = 10.0;

impl Case<'_> {
    /// A collective operation failed, and nothing else explains the end.
    pub fn in_collective(self) -> Option<Finding> {
        self.ending.end?;
        let collective = self.collective?;
        if !self.blames_collective() || self.died_before_the_others_waited() {
            return None;
        }
        let kind = match collective.trouble {
            CollectiveTrouble::Mismatch => Kind::CollectiveMismatch,
            CollectiveTrouble::NotAllJoined | CollectiveTrouble::Unreachable => {
                Kind::RendezvousFailed
            }
            CollectiveTrouble::PeerLost => Kind::PeerLost,
            _ if self.judgement.watchdogs.is_of_nccl() => Kind::NcclTimeout,
            _ => Kind::CollectiveTimeout,
        };
        // A rank that lost another one says so when that one is dead already.
        if kind == Kind::PeerLost && self.somebody_else_failed_first() {
            return None;
        }
        let mut evidence = vec![collective.evidence];
        let how_told = self.how_it_was_told();
        if self.judgement.error.is_some() && !evidence.contains(&how_told) {
            evidence.push(how_told);
        }
        Some((kind, collective.confidence, evidence))
    }

    /// Whether what the program died of is about other ranks, and no error of its own.
    fn blames_collective(self) -> bool {
        let meaning = self.judgement.meaning;
        if self.raised() {
            return matches!(
                meaning,
                Some(
                    Meaning::CollectiveTimeout
                        | Meaning::CollectiveMismatch
                        | Meaning::CollectiveError
                        | Meaning::NetworkFailure
                )
            );
        }
        if self.judgement.error.is_none() {
            return true;
        }
        matches!(
            meaning,
            Some(
                Meaning::CollectiveTimeout
                    | Meaning::CollectiveMismatch
                    | Meaning::CollectiveError
                    | Meaning::NetworkFailure
                    | Meaning::Abort
                    | Meaning::Terminated
                    | Meaning::WorkerLost
            )
        )
    }

    /// Whether the kernel saw a process end before the first time-out minus its limit: that is why the others waited.
    pub fn died_before_the_others_waited(self) -> bool {
        let (Some(failure), Some(collective)) = (self.ending.first_failure, self.collective) else {
            return false;
        };
        let (Some(timed_out_at), Some(timeout)) = (
            self.judgement.watchdogs.first_timeout_at,
            &collective.timeout,
        ) else {
            return false;
        };
        let limit = timeout.limit_ms as f64 / 1000.0;
        let late = DEATH_SEEN_LATE_SECONDS.min(limit / 2.0);
        failure.at <= timed_out_at - limit + late
    }

    /// Whether the kernel saw another rank fail before the one whose error was printed, or one that cannot have printed it.
    fn somebody_else_failed_first(self) -> bool {
        let Some(failure) = self.ending.first_failure else {
            return false;
        };
        let printed = self.judgement.error.as_ref().and_then(|error| error.rank);
        let is_another = failure.rank.is_some() && printed.is_some() && failure.rank != printed;
        is_another || matches!(failure.end, End::Signaled(_))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Confidence, Evidence, judge};
    use super::*;
    use crate::event::ErrorEvent;
    use crate::observation::{Ending, Failure};
    use crate::output::progress::Training;
    use crate::output::traceback::Judgement;
    use crate::output::watchdogs::WatchdogReader;
    use crate::public::PublicStr;
    use Confidence::{High, Low, Medium};

    /// What was read at second 700, and the exception that was told.
    fn said(lines: &[String], exception: Option<(&'static str, Meaning)>) -> Judgement {
        let mut reader = WatchdogReader::default();
        reader.now = Some(700.0);
        lines.iter().for_each(|line| reader.line(line));
        let mut judgement = Judgement {
            watchdogs: reader.facts,
            ..Judgement::default()
        };
        if let Some((class, meaning)) = exception {
            judgement.meaning = Some(meaning);
            judgement.error = Some(ErrorEvent {
                exception_type: Some(PublicStr::constant(class)),
                rank: Some(0),
                ..ErrorEvent::default()
            });
        }
        judgement
    }

    fn timed_out(rank: u64, sequence: u64) -> String {
        format!(
            "[rank{rank}]:[E ProcessGroupNCCL.cpp:632] [Rank {rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum={sequence}, OpType=ALLREDUCE, NumelIn=4, NumelOut=4, Timeout(ms)=600000) ran for 600017 milliseconds before timing out."
        )
    }

    fn failed(rank: u64, end: End, at: f64) -> Ending {
        Ending {
            at: 701.0,
            end: Some(End::Exited(1)),
            oom_kills_cgroup: Some(0),
            world_size: Some(3),
            first_failure: Some(Failure {
                rank: Some(rank),
                end,
                at,
                is_helper: false,
            }),
            ..Ending::default()
        }
    }

    #[test]
    fn whoever_says_so_first_is_a_victim_unless_the_kernel_saw_a_death_before() {
        let two_wait = [timed_out(0, 9), timed_out(2, 9)];
        let lost = ["RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:3483".to_owned()];
        let network = Some(("RuntimeError", Meaning::NetworkFailure));
        let own = Some(("ValueError", Meaning::BadData));
        for (title, judgement, ending, expected, rank) in [
            (
                "two of three wait, and the watchdog of one aborts it first",
                said(&two_wait, None),
                failed(0, End::Signaled(6), 700.5),
                (Kind::NcclTimeout, Medium),
                Some(1),
            ),
            (
                "rank 1 was dead before they began to wait",
                said(&two_wait, None),
                failed(1, End::Signaled(9), 99.0),
                (Kind::KilledUnknown, Low),
                Some(1),
            ),
            (
                "a rank raised an error of its own",
                said(&two_wait, own),
                failed(0, End::Exited(1), 700.5),
                (Kind::Exception, High),
                Some(0),
            ),
            (
                "only a victim is here, and the kernel saw it end",
                said(&lost, network),
                failed(0, End::Exited(1), 700.5),
                (Kind::PeerLost, Low),
                None,
            ),
            (
                "the kernel saw whom it lost",
                said(&lost, network),
                failed(1, End::Signaled(11), 700.5),
                (Kind::Segfault, High),
                Some(1),
            ),
        ] {
            let verdict = judge(&ending, &judgement, &Training::default());
            assert_eq!(
                ((verdict.kind, verdict.confidence), verdict.rank),
                (expected, rank),
                "{title}: {verdict:?}"
            );
            let by_the_kernel = verdict.evidence.contains(&Evidence::FirstFailedRank);
            assert!(
                !verdict.kind.is_of_collectives() || !by_the_kernel,
                "{title}"
            );
        }
    }

    #[test]
    fn how_the_first_one_ended_is_told() {
        let exited = judge(
            &failed(1, End::Exited(3), 700.0),
            &Judgement::default(),
            &Training::default(),
        );
        assert_eq!(
            (exited.kind, exited.rank, exited.rank_end),
            (Kind::ExitNonzero, Some(1), Some(End::Exited(3)))
        );
        assert!(exited.evidence.contains(&Evidence::WorkerExitCode));
        let mut helper = failed(1, End::Signaled(9), 700.0);
        helper.first_failure = helper.first_failure.map(|failure| Failure {
            is_helper: true,
            ..failure
        });
        let mut judgement = said(&[], Some(("RuntimeError", Meaning::Killed)));
        for (words, evidence) in [
            (None, Evidence::HelperFailed),
            (
                Some("DataLoader worker is killed by signal: Killed."),
                Evidence::DataWorkerFailed,
            ),
        ] {
            if let Some(error) = &mut judgement.error {
                error.exception = words.map(PublicStr::constant);
            }
            let verdict = judge(&helper, &judgement, &Training::default());
            assert!(verdict.evidence.contains(&evidence), "{verdict:?}");
        }
    }
}
