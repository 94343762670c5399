//! Which of a job's processes failed first, from the records of all its machines.
//!
//! The problem: when one machine of sixteen dies, the other fifteen print errors that are louder, and each record by itself
//! calls its own the cause. The rule: what kind of end it was comes before when it was. Who died by itself is a cause,
//! who lost another one is a victim, whatever the clocks say; time decides among equals, and only where it differs by more
//! than the clocks can be wrong. Where that names nobody, nobody is named. Pure; the report asks.

use super::verdict::{Confidence, Kind, Outcome};
use crate::event::Finish;
use crate::knowledge::Meaning;
use crate::launch::job::JobPlace;
use crate::status::signal::{SIGHUP, SIGINT, SIGTERM};
use crate::status::signal_name;
use std::collections::{BTreeMap, BTreeSet};

/// Within how many seconds the processes of a job begin whose name is not its own for ever.
const BEGIN_TOGETHER: f64 = 900.0;
/// Seconds after an end in which it is noted for sure, on a machine that is busy.
const NOTED_WITHIN: f64 = 0.25;
/// Seconds of silence after which a process has ended whose end is not to be seen: a file of another machine may be shown a
/// minute late.
pub const SILENT_SECONDS: f64 = 90.0;
/// Machines that are said to be missing, at the most.
const MISSING_MAX: u64 = 4096;

/// The beginning of a run that is a part of a job.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Where in its job.
    pub place: &'a JobPlace,
    /// Its machine.
    pub machine: &'a str,
    /// When, in seconds.
    pub began: f64,
}

/// The runs that are one job, by their numbers: the same key, and none of them twice. What was started again is another job.
pub fn jobs(beginnings: &[Beginning<'_>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..beginnings.len()).collect();
    let began = |index: &usize| beginnings.get(*index).map_or(0.0, |one| one.began);
    order.sort_by(|one, other| began(one).total_cmp(&began(other)));
    let mut jobs: Vec<Vec<usize>> = Vec::new();
    let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
    for index in order {
        let Some(beginning) = beginnings.get(index) else {
            continue;
        };
        let key = beginning.place.key.as_str();
        if let Some(number) = latest.get(key)
            && let Some(job) = jobs.get_mut(*number)
            && job.iter().all(|other| {
                beginnings
                    .get(*other)
                    .is_some_and(|other| beginning.may_join(other))
            })
        {
            job.push(index);
            continue;
        }
        latest.insert(key, jobs.len());
        jobs.push(vec![index]);
    }
    jobs
}

impl Beginning<'_> {
    /// Whether this can be another process of the job that an earlier one is of.
    fn may_join(&self, earlier: &Self) -> bool {
        let (place, other) = (self.place, earlier.place);
        let is_near = self.began - earlier.began <= BEGIN_TOGETHER;
        let is_elsewhere = match (place.task, other.task) {
            (Some(task), Some(other)) => task != other,
            _ => match (place.node, other.node) {
                (Some(node), Some(other)) => node != other,
                // Nothing says which machine this is; on the same one it was started a second time.
                _ => is_near && self.machine != earlier.machine,
            },
        };
        is_elsewhere && (is_near || !place.is_reused)
    }
}

/// How a process of a job ended, the more of a cause the earlier in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberEnd {
    /// It died by itself.
    Itself,
    /// Its end was not seen, and it is silent.
    NotSeen,
    /// It ended with an exit code that nothing explains: perhaps what it said of another one could not be read.
    Unexplained,
    /// It lost another one, or waited for it.
    Victim,
    /// Somebody asked it to end.
    Asked,
    /// It did what it was to do.
    Success,
    /// It runs.
    Runs,
}

impl MemberEnd {
    /// The end that a finish event tells of.
    pub fn of(finish: &Finish<String>) -> Self {
        match finish.outcome.as_deref().and_then(Outcome::parse) {
            Some(Outcome::Success) => return Self::Success,
            Some(Outcome::Lost) => return Self::NotSeen,
            Some(Outcome::Error | Outcome::Signal) | None => {}
        }
        let Some(verdict) = &finish.verdict else {
            return Self::Itself;
        };
        let kind = verdict.kind.as_deref().and_then(Kind::parse);
        if kind.is_some_and(Kind::is_of_collectives) {
            return Self::Victim;
        }
        if kind.is_some_and(|kind| kind.is_requested() || kind == Kind::Hang) {
            return Self::Asked;
        }
        let meaning = verdict.meaning.as_deref().and_then(Meaning::parse);
        let has_lost_another = matches!(
            meaning,
            Some(
                Meaning::NetworkFailure
                    | Meaning::CollectiveTimeout
                    | Meaning::CollectiveMismatch
                    | Meaning::CollectiveError
            )
        );
        // A launcher that loses another machine asks its own workers to go.
        let asked = [SIGTERM, SIGINT, SIGHUP].map(signal_name);
        let was_asked = asked.contains(&verdict.rank_signal.as_deref());
        if has_lost_another || was_asked {
            return Self::Victim;
        }
        if kind == Some(Kind::ExitNonzero) {
            return Self::Unexplained;
        }
        Self::Itself
    }

    /// What is said of it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Itself => "failed by itself",
            Self::NotSeen => "no end seen",
            Self::Unexplained => "gave no reason",
            Self::Victim => "lost another process",
            Self::Asked => "was asked to end",
            Self::Success => "finished",
            Self::Runs => "runs",
        }
    }
}

/// A process of a job, as its record tells.
#[derive(Clone, Debug)]
pub struct JobMember<'a> {
    /// The number of its machine.
    pub node: Option<u64>,
    /// Its machine.
    pub machine: &'a str,
    /// How it ended.
    pub end: MemberEnd,
    /// When it failed first, in seconds.
    pub at: Option<f64>,
    /// Seconds that its clock may be away from the others'.
    pub within: f64,
}

/// Who failed first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// Nobody failed, or nobody is known to have.
    Nobody,
    /// This one, by its number.
    One(usize),
    /// These, at the same time as far as the clocks can tell.
    Together(Vec<usize>),
}

/// What the records say together.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFinding {
    /// Who failed first.
    pub first: First,
    /// How sure that is.
    pub confidence: Confidence,
    /// The machines of which there is no record, by their numbers.
    pub missing: Vec<u64>,
    /// How many more machines there is no record of, whose numbers are not known.
    pub missing_unnumbered: u64,
}

/// Judges the records of a job that has so many machines.
pub fn judge(members: &[JobMember<'_>], nodes: Option<u64>) -> JobFinding {
    let (missing, missing_unnumbered) = missing(members, nodes);
    let is_whole = missing.is_empty() && missing_unnumbered == 0;
    let failed = |member: &&JobMember<'_>| member.end < MemberEnd::Victim;
    let Some(worst) = members.iter().filter(failed).map(|member| member.end).min() else {
        return JobFinding {
            first: First::Nobody,
            confidence: Confidence::Low,
            missing,
            missing_unnumbered,
        };
    };
    let mut candidates = Vec::new();
    for (number, member) in members.iter().enumerate() {
        if member.end == worst {
            candidates.push(number);
        }
    }
    let first = first_in_time(members, &candidates);
    let others_are_known = members
        .iter()
        .all(|member| !matches!(member.end, MemberEnd::NotSeen | MemberEnd::Runs));
    let confidence = if !is_whole {
        Confidence::Low
    } else if candidates.len() == 1 && others_are_known && worst == MemberEnd::Itself {
        Confidence::High
    } else {
        Confidence::Medium
    };
    JobFinding {
        first,
        confidence,
        missing,
        missing_unnumbered,
    }
}

/// The earliest of those that ended alike, and those that may have been as early.
fn first_in_time(members: &[JobMember<'_>], candidates: &[usize]) -> First {
    if let [only] = candidates {
        return First::One(*only);
    }
    let at = |number: &usize| members.get(*number).and_then(|member| member.at);
    if candidates.iter().any(|number| at(number).is_none()) {
        return First::Together(candidates.to_vec());
    }
    let earliest = candidates
        .iter()
        .min_by(|one, other| at(one).unwrap_or(0.0).total_cmp(&at(other).unwrap_or(0.0)));
    let Some(earliest) = earliest.and_then(|number| members.get(*number)) else {
        return First::Nobody;
    };
    let mut together = Vec::new();
    for number in candidates {
        if members
            .get(*number)
            .is_some_and(|member| member.may_be_as_early_as(earliest))
        {
            together.push(*number);
        }
    }
    match together.as_slice() {
        [one] => First::One(*one),
        _ => First::Together(together),
    }
}

impl JobMember<'_> {
    fn may_be_as_early_as(&self, other: &Self) -> bool {
        let mut within = NOTED_WITHIN;
        if self.machine != other.machine {
            within += self.within + other.within;
        }
        self.at.unwrap_or(0.0) - other.at.unwrap_or(0.0) <= within
    }
}

/// The machines without a record: their numbers, and how many more.
fn missing(members: &[JobMember<'_>], nodes: Option<u64>) -> (Vec<u64>, u64) {
    let nodes = nodes.unwrap_or(0).min(MISSING_MAX);
    let mut numbered = BTreeSet::new();
    let mut unnumbered = BTreeSet::new();
    for member in members {
        match member.node {
            Some(node) => drop(numbered.insert(node)),
            None => drop(unnumbered.insert(member.machine)),
        }
    }
    if unnumbered.is_empty() {
        let missing = (0..nodes).filter(|node| !numbered.contains(node));
        return (missing.collect(), 0);
    }
    let known = (numbered.len() + unnumbered.len()) as u64;
    (Vec::new(), nodes.saturating_sub(known))
}

/// The numbers of the members' machines. Where only ranks are known, the machine of the lowest is the first.
pub fn numbers(places: &[(&JobPlace, &str)]) -> Vec<Option<u64>> {
    let known = places.iter().map(|(place, _)| place.node);
    let has_tasks_alone = places
        .iter()
        .all(|(place, _)| place.node.is_none() && place.task.is_some());
    if !has_tasks_alone {
        return known.collect();
    }
    let mut in_order: Vec<_> = places
        .iter()
        .map(|(place, machine)| (place.task, *machine))
        .collect();
    in_order.sort_unstable();
    let mut machines = Vec::new();
    for (_, machine) in in_order {
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let number = |machine: &str| machines.iter().position(|known| *known == machine);
    let numbers = places
        .iter()
        .map(|(_, machine)| Some(number(machine)? as u64));
    numbers.collect()
}

#[cfg(test)]
mod tests;
