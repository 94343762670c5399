//! Gathers what the ranks say about the collective operations in which they wait for one another.
//!
//! A thousand ranks may say it in one log, each of them three times. So only numbers and closed names are kept, once for
//! each rank and operation, and their number is bounded. A terminal may have folded a line, which is joined again. What
//! follows from it all is judged in [`collectives`](crate::judging::collectives).

use crate::knowledge::watchdogs::{self, Tells, WatchdogLine};
use crate::output::prefix;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Time-outs, statuses, fingerprints and named ranks that are kept of each: twice as many as the ranks of large jobs.
const KEPT_MAX: usize = 4096;

/// Lines behind one of these in which every line is looked at: the desync report has no words of its own.
const LISTENING_LINES: u32 = 256;

/// Lines into which a terminal may have folded one, and what another rank has printed before.
const FOLDED_LINES_MAX: usize = 8;

/// Bytes of a folded line; the longest that is known has 900.
const FOLDED_BYTES_MAX: usize = 4096;

/// Numbers of operations above which a counter is a fault of its printer (2.3 prints 76280750235782912).
const SEQUENCE_MAX: i64 = 1 << 40;

/// What a line of these may be the beginning of.
const FOLD_MARKS: [&str; 3] = ["ProcessGroup", "WorkNCCL", "CollectiveFingerPrint"];

/// The group of processes of which a line speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessGroup {
    /// What tells it from others: its name where there is one, since numbers are a process's own.
    key: u64,
    /// Its number, as it is told.
    pub number: u64,
}

impl ProcessGroup {
    /// Whether it holds all ranks of the job, so that its ranks are theirs.
    pub fn is_whole_job(self) -> bool {
        self.key == 0
    }

    fn of(line: &WatchdogLine<'_>) -> Option<Self> {
        let number = line.number("group")?;
        let Some(name) = line.text("group_name") else {
            return Some(Self {
                key: number,
                number,
            });
        };
        let named_number = name.parse().ok();
        Some(Self {
            key: named_number.unwrap_or_else(|| hash_of(name)),
            number: named_number.unwrap_or(number),
        })
    }
}

/// A rank, as it names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedRank {
    /// Its number in the process group.
    pub in_group: u64,
    /// Its number in the job, where its lines say it.
    pub in_job: Option<u64>,
}

/// An operation that timed out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectiveTimeout {
    /// Its number in the group.
    pub sequence: Option<u64>,
    /// What it was.
    pub operation: Option<&'static str>,
    /// Elements that went in and came out.
    pub elements: Option<(u64, u64)>,
    /// Milliseconds that it might take.
    pub limit_ms: u64,
    /// Milliseconds that it took.
    pub ran_ms: u64,
}

/// Where a rank of a group stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupStatus {
    /// The operation that failed, where one did on this rank.
    pub failed: Option<u64>,
    /// The last operation that it has begun.
    pub enqueued: Option<i64>,
    /// The last that it has completed.
    pub completed: Option<i64>,
}

/// What a rank says that it or another one runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// The operation.
    pub operation: Option<&'static str>,
    /// Its number.
    pub sequence: Option<u64>,
    /// The shape of its tensor.
    pub shape: Option<Vec<u64>>,
}

/// All that was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchdogFacts {
    /// Operations that timed out.
    pub timeouts: BTreeMap<(NamedRank, Option<u64>), CollectiveTimeout>,
    /// Where ranks of groups stand.
    pub statuses: BTreeMap<(ProcessGroup, NamedRank), GroupStatus>,
    /// Ranks that the desync report says lag.
    pub lagging: BTreeSet<u64>,
    /// The operation that those have finished last.
    pub lagging_behind: Option<u64>,
    /// What ranks run, where two differ.
    pub fingerprints: BTreeMap<u64, Fingerprint>,
    /// Ranks that did not come to a monitored barrier.
    pub missing_at_barrier: BTreeSet<u64>,
    /// Whether a rank came to that barrier and was let down.
    pub barrier_passed: bool,
    /// Milliseconds that ranks waited in an operation of gloo's, or at that barrier.
    pub waited_ms: Option<u64>,
    /// Whether a rank waited in an operation of gloo's until its time was up.
    pub has_waited: bool,
    /// The ranks that did, where their lines name them.
    pub waited: BTreeSet<u64>,
    /// Whether a rank lost its connection to another one.
    pub has_lost_another: bool,
    /// Whether two ranks sent one another different sizes.
    pub sizes_differ: bool,
    /// Ranks whose watchdog stood still.
    pub stuck: BTreeSet<u64>,
    /// Processes that came to the rendezvous, and how many were expected.
    pub clients: Option<(u64, u64)>,
    /// Seconds that these were waited for.
    pub rendezvous_seconds: Option<u64>,
    /// Whether nobody answered at the place of the rendezvous.
    pub is_unreachable: bool,
    /// Ranks that others waited for before their first operation.
    pub awaited: BTreeSet<u64>,
    /// When the first operation timed out, in seconds since the command's spawn; None where nobody knows the time.
    pub first_timeout_at: Option<f64>,
}

/// Reads the lines of all ranks.
#[derive(Clone, Debug, Default)]
pub struct WatchdogReader {
    /// What was said so far.
    pub facts: WatchdogFacts,
    /// What time it is, in seconds since the command's spawn.
    pub now: Option<f64>,
    /// Lines that are still looked at, whatever their words.
    listening_lines: u32,
    /// A line that may go on in the next one, and of how many lines it is made.
    folded: Option<(String, usize)>,
}

impl WatchdogReader {
    /// Whether a line without the words matters.
    pub fn is_listening(&self) -> bool {
        self.listening_lines > 0
    }

    /// Takes a line that has the words, or any while it is listening.
    pub fn line(&mut self, line_text: &str) {
        self.listening_lines = self.listening_lines.saturating_sub(1);
        if self.read(line_text) {
            self.folded = None;
            return;
        }
        if let Some((beginning, count)) = self.folded.take() {
            for between in ["", " "] {
                let joined = format!("{beginning}{between}{}", line_text.trim_start());
                if self.read(&joined) {
                    return;
                }
            }
            if count < FOLDED_LINES_MAX && beginning.len() + line_text.len() <= FOLDED_BYTES_MAX {
                self.folded = Some((beginning + line_text, count + 1));
                return;
            }
        }
        if FOLD_MARKS.iter().any(|mark| line_text.contains(mark)) {
            self.folded = Some((line_text.to_owned(), 1));
            self.listening_lines = self.listening_lines.max(FOLDED_LINES_MAX as u32);
        }
    }

    /// The launcher has started its workers again: what was said so far was survived.
    pub fn start_again(&mut self) {
        *self = Self {
            now: self.now,
            ..Self::default()
        };
    }

    fn read(&mut self, line_text: &str) -> bool {
        let Some(line) = watchdogs::read(line_text) else {
            return false;
        };
        self.listening_lines = LISTENING_LINES;
        let in_job = rank_of_line(line_text, line.begins_at());
        self.take(&line, in_job);
        true
    }

    fn take(&mut self, line: &WatchdogLine<'_>, in_job: Option<u64>) {
        let facts = &mut self.facts;
        let rank = line.number("rank");
        let named_rank = rank.map(|in_group| NamedRank { in_group, in_job });
        let is_timeout = matches!(
            line.tells,
            Tells::TimedOut | Tells::Waited | Tells::BarrierFailed
        );
        if is_timeout && facts.first_timeout_at.is_none() {
            facts.first_timeout_at = self.now;
        }
        match line.tells {
            Tells::TimedOut => facts.time_out(line, named_rank),
            Tells::Status => facts.note_status(line, named_rank),
            Tells::Lagging => {
                add(&mut facts.lagging, line.numbers("ranks"));
                facts.lagging_behind = facts.lagging_behind.max(line.number("sequence"));
            }
            Tells::Fingerprints => {
                facts.compare(rank, line, ["operation", "sequence", "shape"]);
                let others = ["other_operation", "other_sequence", "other_shape"];
                facts.compare(line.number("other_rank"), line, others);
            }
            Tells::BarrierFailed => {
                add(&mut facts.missing_at_barrier, line.numbers("ranks"));
                facts.waited_ms = line.number("limit_ms");
            }
            Tells::BarrierPassed => facts.barrier_passed = true,
            Tells::Waited => {
                facts.has_waited = true;
                add(&mut facts.waited, in_job.into_iter().collect());
                facts.waited_ms = facts.waited_ms.or(line.number("limit_ms"));
            }
            Tells::Lost => facts.has_lost_another = true,
            Tells::SizesDiffer => facts.sizes_differ = true,
            Tells::Stuck => add(&mut facts.stuck, rank.into_iter().collect()),
            Tells::Clients => {
                facts.clients = line.number("joined").zip(line.number("expected"));
                facts.rendezvous_seconds = line.number("limit_seconds");
            }
            Tells::Unreachable => facts.is_unreachable = true,
            Tells::IdAwaited => add(
                &mut facts.awaited,
                line.number("other_rank").into_iter().collect(),
            ),
        }
    }
}

impl WatchdogFacts {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a watchdog of NCCL speaks.
    pub fn is_of_nccl(&self) -> bool {
        !self.timeouts.is_empty() || !self.statuses.is_empty() || !self.stuck.is_empty()
    }

    /// The time-outs, each once: what a rank dies of is printed again, without the rank before it.
    pub fn distinct_timeouts(&self) -> Vec<(NamedRank, &CollectiveTimeout)> {
        let mut known_in_job = BTreeSet::new();
        for (rank, sequence) in self.timeouts.keys() {
            if rank.in_job.is_some() {
                known_in_job.insert((rank.in_group, *sequence));
            }
        }
        let mut distinct = Vec::new();
        for ((rank, sequence), timeout) in &self.timeouts {
            if rank.in_job.is_some() || !known_in_job.contains(&(rank.in_group, *sequence)) {
                distinct.push((*rank, timeout));
            }
        }
        distinct
    }

    fn time_out(&mut self, line: &WatchdogLine<'_>, rank: Option<NamedRank>) {
        let (Some(rank), Some(limit_ms), Some(ran_ms)) =
            (rank, line.number("limit_ms"), line.number("ran_ms"))
        else {
            return;
        };
        let mut elements = line.number("elements_in").zip(line.number("elements_out"));
        if let Some(shape) = line.shape("shape") {
            let product = shape.iter().copied().fold(1, u64::saturating_mul);
            elements = Some((product, product));
        }
        let sequence = line.number("sequence");
        if self.timeouts.len() >= KEPT_MAX {
            return;
        }
        let timeout = CollectiveTimeout {
            sequence,
            operation: line.operation("operation"),
            elements,
            limit_ms,
            ran_ms,
        };
        self.timeouts.entry((rank, sequence)).or_insert(timeout);
    }

    fn note_status(&mut self, line: &WatchdogLine<'_>, rank: Option<NamedRank>) {
        let (Some(group), Some(rank)) = (ProcessGroup::of(line), rank) else {
            return;
        };
        let is_known = self.statuses.contains_key(&(group, rank));
        if self.statuses.len() >= KEPT_MAX && !is_known {
            return;
        }
        let sane = |number: &i64| *number <= SEQUENCE_MAX;
        let enqueued = line.signed("enqueued").filter(sane);
        let completed = line.signed("completed").filter(sane);
        // What is completed was enqueued before.
        let is_torn = enqueued < completed;
        let status = self.statuses.entry((group, rank)).or_insert(GroupStatus {
            failed: None,
            enqueued,
            completed: completed.filter(|_| !is_torn),
        });
        status.failed = status.failed.or(line.number("sequence"));
    }

    fn compare(&mut self, rank: Option<u64>, line: &WatchdogLine<'_>, holes: [&str; 3]) {
        let [operation, sequence, shape] = holes;
        let Some(rank) = rank else {
            return;
        };
        if self.fingerprints.len() >= KEPT_MAX {
            return;
        }
        self.fingerprints.entry(rank).or_insert(Fingerprint {
            operation: line.operation(operation),
            sequence: line.number(sequence),
            shape: line.shape(shape),
        });
    }
}

fn add(kept: &mut BTreeSet<u64>, ranks: Vec<u64>) {
    for rank in ranks {
        if kept.len() < KEPT_MAX {
            kept.insert(rank);
        }
    }
}

/// The rank in the job that a line's prefix names: PyTorch's own stands behind everything else, a launcher's before.
fn rank_of_line(line_text: &str, begins_at: usize) -> Option<u64> {
    let before = line_text.get(..begins_at)?;
    if let Some((_, behind)) = before.rsplit_once("[rank")
        && let Some((digits, _)) = behind.split_once(']')
    {
        return digits.parse().ok();
    }
    prefix::split(before).0
}

/// A name as a number; only whether two are the same matters. No name is that of the whole job, which is 0.
fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(lines: &[&str]) -> WatchdogFacts {
        let mut reader = WatchdogReader::default();
        lines.iter().for_each(|line| reader.line(line));
        reader.facts
    }

    const TIMED_OUT: &str = "[rank2]:[E ProcessGroupNCCL.cpp:563] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE, NumelIn=4, NumelOut=4, Timeout(ms)=1800000) ran for 1800096 milliseconds before timing out.";

    #[test]
    fn a_rank_has_two_numbers_and_says_it_once() {
        let read = facts(&[TIMED_OUT, TIMED_OUT]);
        let rank = NamedRank {
            in_group: 0,
            in_job: Some(2),
        };
        let timeout = CollectiveTimeout {
            sequence: Some(7),
            operation: Some("ALLREDUCE"),
            elements: Some((4, 4)),
            limit_ms: 1_800_000,
            ran_ms: 1_800_096,
        };
        assert_eq!(read.timeouts, BTreeMap::from([((rank, Some(7)), timeout)]));
    }

    #[test]
    fn a_folded_line_is_joined_again() {
        for width in [60, 80, 100, 120, 200] {
            let pieces: Vec<&str> = TIMED_OUT
                .as_bytes()
                .chunks(width)
                .map(|piece| std::str::from_utf8(piece).unwrap())
                .collect();
            assert_eq!(facts(&pieces), facts(&[TIMED_OUT]), "{width}: {pieces:?}");
        }
        let (before, behind) = TIMED_OUT.split_once(" ran for").unwrap();
        assert_eq!(
            facts(&[before, &format!("ran for{behind}")]),
            facts(&[TIMED_OUT]),
            "folded at a blank"
        );
    }

    #[test]
    fn what_no_counter_can_be_is_unknown() {
        let read = facts(&[
            "[PG 0 Rank 2] Timeout at NCCL work: 7, last enqueued NCCL work: 7, last completed NCCL work: 76280750235782912.",
            "[PG 0 Rank 3] Timeout at NCCL work: 7, last enqueued NCCL work: 7, last completed NCCL work: 8.",
        ]);
        let completed: Vec<_> = read
            .statuses
            .values()
            .map(|status| status.completed)
            .collect();
        assert_eq!(completed, [None, None]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut reader = WatchdogReader::default();
        for number in 0..3 * KEPT_MAX {
            reader.line(&TIMED_OUT.replace("SeqNum=7", &format!("SeqNum={number}")));
            reader.line(&format!(
                "[Rank 0]: Rank {number} failed to pass monitoredBarrier in 6 ms"
            ));
            reader.line(&format!("[PG 0 Rank {number}] Timeout at NCCL work: 7, last enqueued NCCL work: 7, last completed NCCL work: 6."));
            reader.line(&format!("Rank {number} is running collective: CollectiveFingerPrint(OpType=BARRIER), but Rank 0 is running collective: CollectiveFingerPrint(OpType=REDUCE)"));
        }
        let facts = &reader.facts;
        let counts = [
            facts.timeouts.len(),
            facts.missing_at_barrier.len(),
            facts.statuses.len(),
            facts.fingerprints.len(),
        ];
        assert_eq!(counts, [KEPT_MAX; 4]);
    }

    #[test]
    fn the_reader_is_not_lost_in_what_it_joins() {
        let mut reader = WatchdogReader::default();
        for _ in 0..1000 {
            reader.line("ProcessGroup WorkNCCL CollectiveFingerPrint ");
        }
        assert!(reader.facts.is_empty());
        reader.line(TIMED_OUT);
        assert!(!reader.facts.is_empty() && reader.is_listening());
        reader.start_again();
        assert!(reader.facts.is_empty() && !reader.is_listening());
    }
}
