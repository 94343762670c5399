//! Who was waited for in a collective operation: what follows from all that the ranks said.
//!
//! When a collective times out, those who say so are the victims; the one that they waited for says nothing. So what they
//! say is compared: who is behind, who called something else, who is missing. Only ranks of the same process group may be
//! compared, and their numbers are the group's. What cannot be told is said to be so. A pure function; its rules come in
//! the order of their trust.

use super::words::{CollectiveTrouble, Confidence, Evidence};
use crate::event::CollectiveReport;
use crate::event::value::Number;
use crate::knowledge::lists::UNEVEN_OPERATIONS;
use crate::output::watchdogs::{
    CollectiveTimeout, Fingerprint, GroupStatus, NamedRank, ProcessGroup, WatchdogFacts,
};
use crate::public::PublicStr;
use std::collections::{BTreeMap, BTreeSet};

/// Ranks that are named; of more, their number says enough.
const RANKS_NAMED_MAX: usize = 16;

/// How many times its limit an operation ran where the watchdog itself was held up.
const HELD_UP: f64 = 1.5;

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectiveFinding {
    /// What went wrong.
    pub trouble: CollectiveTrouble,
    /// What says so.
    pub evidence: Evidence,
    /// How sure that is.
    pub confidence: Confidence,
    /// Who was waited for, or called something else.
    pub ranks: Vec<u64>,
    /// The group whose ranks these are; None where they are the job's.
    pub group: Option<ProcessGroup>,
    /// The operation that was waited in.
    pub timeout: Option<CollectiveTimeout>,
    /// How many ranks said that it timed out.
    pub timed_out: u64,
    /// Processes that came to the rendezvous, and that were expected.
    pub clients: Option<(u64, u64)>,
}

impl CollectiveFinding {
    fn new(trouble: CollectiveTrouble, evidence: Evidence, confidence: Confidence) -> Self {
        Self {
            trouble,
            evidence,
            confidence,
            ranks: Vec::new(),
            group: None,
            timeout: None,
            timed_out: 0,
            clients: None,
        }
    }

    fn naming(mut self, ranks: impl IntoIterator<Item = u64>) -> Self {
        self.ranks = ranks.into_iter().collect();
        self
    }

    /// The rank of the job that is to blame, where it is one.
    pub fn rank(&self) -> Option<u64> {
        match self.ranks.as_slice() {
            [rank] if self.group.is_none() && self.confidence < Confidence::Low => Some(*rank),
            _ => None,
        }
    }
}

impl From<&CollectiveFinding> for CollectiveReport {
    fn from(finding: &CollectiveFinding) -> Self {
        let mut report = Self {
            trouble: Some(finding.trouble.public()),
            confidence: Some(finding.confidence.public()),
            process_group: finding.group.map(|group| group.number),
            ..Self::default()
        };
        if !finding.ranks.is_empty() {
            let named = finding.ranks.iter().copied().take(RANKS_NAMED_MAX);
            report.ranks = Some(named.collect());
            report.ranks_named = Some(finding.ranks.len() as u64);
        }
        if finding.timed_out > 0 {
            report.timed_out = Some(finding.timed_out);
        }
        if let Some((joined, expected)) = finding.clients {
            report.joined = Some(joined);
            report.expected = Some(expected);
        }
        let Some(timeout) = &finding.timeout else {
            return report;
        };
        report.operation = timeout.operation.map(PublicStr::constant);
        report.sequence = timeout.sequence;
        report.elements = timeout.elements.map(|(elements_in, _)| elements_in);
        report.timeout_seconds = Number::new(timeout.limit_ms as f64 / 1000.0);
        if timeout.ran_ms as f64 > HELD_UP * timeout.limit_ms as f64 {
            report.held_up = Some(true);
        }
        report
    }
}

/// What follows from what was said; `world_size`: how many ranks there are, where all of them can be heard.
pub fn judge(facts: &WatchdogFacts, world_size: Option<u64>) -> Option<CollectiveFinding> {
    let mut finding = named_by_themselves(facts)
        .or_else(|| compared(facts, world_size))
        .or_else(|| silent_in_gloo(facts, world_size))
        .or_else(|| without_a_name(facts))?;
    if finding.timeout.is_none() {
        finding.timeout = facts.timeouts.values().next().cloned();
    }
    if finding.timed_out == 0 {
        finding.timed_out = facts.distinct_timeouts().len() as u64;
    }
    Some(finding)
}

/// What names the ranks itself: the desync report, fingerprints, a monitored barrier.
fn named_by_themselves(facts: &WatchdogFacts) -> Option<CollectiveFinding> {
    use Confidence::High;
    if !facts.lagging.is_empty() {
        let mut finding =
            CollectiveFinding::new(CollectiveTrouble::Lagging, Evidence::DesyncReport, High)
                .naming(facts.lagging.iter().copied());
        finding.group = only_part_of_the_job(facts);
        return Some(finding);
    }
    if !facts.fingerprints.is_empty() {
        let finding = CollectiveFinding::new(
            CollectiveTrouble::Mismatch,
            Evidence::CollectiveFingerprints,
            High,
        );
        return Some(finding.naming(outvoted(&facts.fingerprints)));
    }
    if !facts.missing_at_barrier.is_empty() {
        let mut finding = CollectiveFinding::new(
            CollectiveTrouble::NeverCame,
            Evidence::MonitoredBarrier,
            High,
        )
        .naming(facts.missing_at_barrier.iter().copied());
        finding.timeout = waited_in(facts, Some("BARRIER"));
        return Some(finding);
    }
    None
}

/// The rank that stands alone among three or more; else all.
fn outvoted(fingerprints: &BTreeMap<u64, Fingerprint>) -> Vec<u64> {
    let mut votes: BTreeMap<&Fingerprint, Vec<u64>> = BTreeMap::new();
    for (rank, fingerprint) in fingerprints {
        votes.entry(fingerprint).or_default().push(*rank);
    }
    let mut parties: Vec<Vec<u64>> = votes.into_values().collect();
    parties.sort_by_key(Vec::len);
    match parties.as_slice() {
        [alone, others] if alone.len() == 1 && others.len() > 1 => alone.clone(),
        _ => fingerprints.keys().copied().collect(),
    }
}

/// A group of processes, and what its ranks say.
#[derive(Default)]
struct GroupReport<'facts> {
    group: Option<ProcessGroup>,
    timeouts: BTreeMap<NamedRank, &'facts CollectiveTimeout>,
    statuses: BTreeMap<NamedRank, GroupStatus>,
}

/// Compares the time-outs of the ranks of each group; of several groups the one that says most.
fn compared(facts: &WatchdogFacts, world_size: Option<u64>) -> Option<CollectiveFinding> {
    let mut best: Option<CollectiveFinding> = None;
    for report in by_group(facts) {
        let mut finding = report.judge(world_size);
        finding.timed_out = report.timeouts.len() as u64;
        if finding.timeout.is_none() {
            finding.timeout = report.timeouts.values().next().copied().cloned();
        }
        if best
            .as_ref()
            .is_none_or(|best| finding.confidence < best.confidence)
        {
            best = Some(finding);
        }
    }
    best
}

/// The time-outs by groups. Their own lines do not name it: that is the group in which the rank's operation failed, or the
/// only one that there is.
fn by_group(facts: &WatchdogFacts) -> Vec<GroupReport<'_>> {
    let all_groups: BTreeSet<ProcessGroup> =
        facts.statuses.keys().map(|(group, _)| *group).collect();
    let only_group = match all_groups.len() {
        1 => all_groups.first().copied(),
        _ => None,
    };
    let mut reports: BTreeMap<Option<ProcessGroup>, GroupReport<'_>> = BTreeMap::new();
    for (rank, timeout) in facts.distinct_timeouts() {
        let mut group = only_group;
        for ((candidate, reporter), status) in &facts.statuses {
            let has_failed = status.failed.is_some() && status.failed == timeout.sequence;
            if *reporter == rank && has_failed {
                group = Some(*candidate);
                break;
            }
        }
        let report = reports.entry(group).or_default();
        report.group = group;
        // A rank that waits in several operations came to the first of them.
        report.timeouts.entry(rank).or_insert(timeout);
    }
    for ((group, rank), status) in &facts.statuses {
        if let Some(report) = reports.get_mut(&Some(*group)) {
            report.statuses.insert(*rank, *status);
        }
    }
    reports.into_values().collect()
}

impl GroupReport<'_> {
    fn judge(&self, world_size: Option<u64>) -> CollectiveFinding {
        use Confidence::{High, Low, Medium};
        let timeouts: Vec<&CollectiveTimeout> = self.timeouts.values().copied().collect();
        let mut sequences = BTreeSet::new();
        let mut operations = BTreeSet::new();
        for timeout in &timeouts {
            sequences.insert(timeout.sequence);
            operations.insert(timeout.operation);
        }
        let compared = Evidence::TimeoutsCompared;
        if let [_, ..] = timeouts.as_slice()
            && sequences.len() > 1
        {
            let behind = self.ranks_where(|timeout| Some(&timeout.sequence) == sequences.first());
            let mut trouble = CollectiveTrouble::Lagging;
            // Without a group in their lines they may be of two groups.
            let mut confidence = if self.group.is_some() { Medium } else { Low };
            if operations.len() > 1 {
                trouble = CollectiveTrouble::Mismatch;
                confidence = Medium;
            }
            let mut finding = self.naming(trouble, compared, confidence, &behind);
            let first_behind = behind.first().and_then(|rank| self.timeouts.get(rank));
            finding.timeout = first_behind.copied().cloned();
            return finding;
        }
        if let Some(minority) = self.minority() {
            let confidence = if timeouts.len() > 2 { High } else { Medium };
            return self.naming(CollectiveTrouble::Mismatch, compared, confidence, &minority);
        }
        let never_came = self.never_came();
        if !never_came.is_empty() {
            // One that waits alone has called what nobody else does.
            if timeouts.len() == 1 && never_came.len() > 1 {
                let alone = self.ranks_where(|_| true);
                return self.naming(CollectiveTrouble::Mismatch, compared, Medium, &alone);
            }
            let evidence = Evidence::NotEnqueued;
            return self.naming(CollectiveTrouble::NeverCame, evidence, High, &never_came);
        }
        let Some(size) = self.size(world_size) else {
            return self.naming(CollectiveTrouble::Untold, compared, Low, &[]);
        };
        let silent = self.silent(size);
        if silent.is_empty() {
            let trouble = if self.is_first() {
                CollectiveTrouble::FirstConnection
            } else {
                CollectiveTrouble::NobodyLags
            };
            return self.naming(trouble, compared, Medium, &[]);
        }
        let confidence = if silent.len() == 1 { Medium } else { Low };
        let evidence = Evidence::SilentRank;
        let mut finding = self.naming(CollectiveTrouble::NeverCame, evidence, confidence, &[]);
        finding.ranks = silent;
        if !self.is_whole_job() {
            finding.group = self.group;
        }
        finding
    }

    /// Names ranks by their numbers in the job, or where one of them has none, by those in their group.
    fn naming(
        &self,
        trouble: CollectiveTrouble,
        evidence: Evidence,
        confidence: Confidence,
        ranks: &[NamedRank],
    ) -> CollectiveFinding {
        let finding = CollectiveFinding::new(trouble, evidence, confidence);
        let mut in_job: BTreeSet<u64> = ranks.iter().filter_map(|rank| rank.in_job).collect();
        if in_job.len() < ranks.len() {
            in_job = ranks.iter().map(|rank| rank.in_group).collect();
            if !self.is_whole_job() {
                return CollectiveFinding {
                    group: self.group,
                    ..finding.naming(in_job)
                };
            }
        }
        finding.naming(in_job)
    }

    fn is_whole_job(&self) -> bool {
        self.group.is_none_or(ProcessGroup::is_whole_job)
    }

    fn ranks_where(&self, holds: impl Fn(&CollectiveTimeout) -> bool) -> Vec<NamedRank> {
        let mut ranks = Vec::new();
        for (rank, timeout) in &self.timeouts {
            if holds(timeout) {
                ranks.push(*rank);
            }
        }
        ranks
    }

    /// The ranks whose operation of the same number is another one, or of another size: the smaller party. Nobody of two
    /// equal ones; None where all are the same.
    fn minority(&self) -> Option<Vec<NamedRank>> {
        let mut parties: BTreeMap<_, Vec<NamedRank>> = BTreeMap::new();
        for (rank, timeout) in &self.timeouts {
            let operation = timeout.operation;
            let is_uneven = operation.is_none_or(|name| UNEVEN_OPERATIONS.contains(&name));
            // One half of a pair sends, the other receives.
            let is_paired =
                operation.is_some_and(|name| name == "SEND" || name.starts_with("RECV"));
            let name = operation.filter(|_| !is_paired);
            let elements = timeout.elements.filter(|_| !is_uneven);
            parties.entry((name, elements)).or_default().push(*rank);
        }
        let mut sizes: Vec<usize> = parties.values().map(Vec::len).collect();
        sizes.sort_unstable();
        match sizes.as_slice() {
            [] | [_] => None,
            [smallest, next, ..] if smallest < next => {
                parties.into_values().find(|party| party.len() == *smallest)
            }
            _ => Some(Vec::new()),
        }
    }

    /// Ranks that had completed all that they had begun, and had not begun what the others waited in.
    fn never_came(&self) -> Vec<NamedRank> {
        let awaited = self.timeouts.values().find_map(|timeout| timeout.sequence);
        let Some(awaited) = awaited.and_then(|sequence| i64::try_from(sequence).ok()) else {
            return Vec::new();
        };
        let mut ranks = Vec::new();
        for (rank, status) in &self.statuses {
            let has_timed_out = self.timeouts.contains_key(rank);
            if !has_timed_out
                && status.enqueued.is_some()
                && status.enqueued == status.completed
                && status.enqueued < Some(awaited)
            {
                ranks.push(*rank);
            }
        }
        ranks
    }

    /// How many ranks the group has: an operation that gathers or scatters tells by its sizes.
    fn size(&self, world_size: Option<u64>) -> Option<u64> {
        for timeout in self.timeouts.values() {
            if let Some((elements_in, elements_out)) = timeout.elements {
                let (whole, part) = match timeout.operation {
                    Some("_ALLGATHER_BASE") => (elements_out, elements_in),
                    Some("_REDUCE_SCATTER_BASE") => (elements_in, elements_out),
                    _ => continue,
                };
                if part > 0 && whole.is_multiple_of(part) {
                    return Some(whole / part);
                }
            }
        }
        world_size.filter(|_| self.is_whole_job())
    }

    /// Ranks of the group that did not say that they waited.
    fn silent(&self, size: u64) -> Vec<u64> {
        let heard: BTreeSet<u64> = self.timeouts.keys().map(|rank| rank.in_group).collect();
        (0..size.min(heard.len() as u64 + RANKS_NAMED_MAX as u64))
            .filter(|rank| !heard.contains(rank))
            .collect()
    }

    /// Whether no operation was ever completed.
    fn is_first(&self) -> bool {
        let mut timeouts = self.timeouts.values();
        let mut statuses = self.statuses.values();
        let is_first = |timeout: &&CollectiveTimeout| timeout.sequence == Some(1);
        let has_completed_none =
            |status: &GroupStatus| status.completed.is_some_and(|last| last < 1);
        timeouts.all(is_first) || !self.statuses.is_empty() && statuses.all(has_completed_none)
    }
}

/// The only rank that did not say that it waited in an operation of gloo's, where several did.
fn silent_in_gloo(facts: &WatchdogFacts, world_size: Option<u64>) -> Option<CollectiveFinding> {
    let size = world_size?;
    let heard = facts.waited.len() as u64;
    if heard < 2 || heard + 1 != size {
        return None;
    }
    let silent = (0..size).find(|rank| !facts.waited.contains(rank))?;
    let (evidence, confidence) = (Evidence::SilentRank, Confidence::Medium);
    let mut finding =
        CollectiveFinding::new(CollectiveTrouble::NeverCame, evidence, confidence).naming([silent]);
    finding.timeout = waited_in(facts, None);
    finding.timed_out = heard;
    Some(finding)
}

/// What says that somebody was waited for or lost, and not whom.
fn without_a_name(facts: &WatchdogFacts) -> Option<CollectiveFinding> {
    use Confidence::{High, Low, Medium};
    if facts.sizes_differ {
        let evidence = Evidence::Marker;
        return Some(CollectiveFinding::new(
            CollectiveTrouble::Mismatch,
            evidence,
            Medium,
        ));
    }
    let said = Evidence::RendezvousMessage;
    if let Some((joined, expected)) = facts.clients {
        let mut finding = CollectiveFinding::new(CollectiveTrouble::NotAllJoined, said, High);
        finding.clients = Some((joined, expected));
        finding.timeout = facts.rendezvous_seconds.map(|seconds| CollectiveTimeout {
            limit_ms: seconds.saturating_mul(1000),
            ..CollectiveTimeout::default()
        });
        return Some(finding);
    }
    if !facts.awaited.is_empty() {
        // The line does not say of which group its ranks are.
        let mut finding = CollectiveFinding::new(CollectiveTrouble::NeverCame, said, Low)
            .naming(facts.awaited.iter().copied());
        finding.group = only_part_of_the_job(facts);
        return Some(finding);
    }
    if facts.is_unreachable {
        return Some(CollectiveFinding::new(
            CollectiveTrouble::Unreachable,
            said,
            Medium,
        ));
    }
    if !facts.stuck.is_empty() {
        let evidence = Evidence::Marker;
        let finding = CollectiveFinding::new(CollectiveTrouble::WatchdogStuck, evidence, Low);
        return Some(finding.naming(facts.stuck.iter().copied()));
    }
    let victim = Evidence::LostPeer;
    if facts.has_waited || facts.barrier_passed {
        let mut finding = CollectiveFinding::new(CollectiveTrouble::Untold, victim, Low);
        finding.timeout = waited_in(facts, None);
        return Some(finding);
    }
    let lost = facts.has_lost_another;
    lost.then(|| CollectiveFinding::new(CollectiveTrouble::PeerLost, victim, Low))
}

/// The operation in which gloo waited.
fn waited_in(facts: &WatchdogFacts, operation: Option<&'static str>) -> Option<CollectiveTimeout> {
    let limit_ms = facts.waited_ms?;
    Some(CollectiveTimeout {
        operation,
        limit_ms,
        ran_ms: limit_ms,
        ..CollectiveTimeout::default()
    })
}

/// The group that is spoken of, where it is one, and not of all ranks.
fn only_part_of_the_job(facts: &WatchdogFacts) -> Option<ProcessGroup> {
    let groups: BTreeSet<ProcessGroup> = facts.statuses.keys().map(|(group, _)| *group).collect();
    let mut failed = facts
        .statuses
        .iter()
        .filter(|(_, status)| status.failed.is_some());
    match groups.len() {
        0 => None,
        1 => groups
            .first()
            .copied()
            .filter(|group| !group.is_whole_job()),
        _ => {
            let ((group, _), _) = failed.next()?;
            Some(*group).filter(|group| !group.is_whole_job())
        }
    }
}

#[cfg(test)]
mod tests;
