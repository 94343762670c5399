//! What the records of a job's processes say together: a line a machine, and who failed first.
//!
//! The records meet where the state directory is shared; copies of others' are named with `--with`. Machines are numbers;
//! their names are read for their owner alone.

use crate::commands::output::count;
use crate::commands::recorded::choose::SHORT;
use crate::owner_record::OwnerView;
use crate::store::job::{JobRecord, UNCOMPARED, seconds, together};
use crate::store::{RunState, Store};
use crate::ui::OutputTerminal;
use crate::ui::page::Page;
use crate::ui::table::table;
use axolotl_run_core::judging::job::{
    First, JobFinding, JobMember, MemberEnd, SILENT_SECONDS, judge, numbers,
};
use axolotl_run_core::judging::summary::{Summary, lines};
use axolotl_run_core::judging::verdict::{Confidence, Kind};
use axolotl_run_core::launch::job::JobPart;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::SystemTime;
use uuid::Uuid;

/// Frames of the first failure that are told, the innermost.
const FRAMES: usize = 8;

/// One process of the job, or the first of its machine.
pub struct JobProcess {
    run_id: Uuid,
    record: JobRecord,
    summary: Summary,
    /// The number of its machine.
    node: Option<u64>,
    end: MemberEnd,
    /// When it failed or ended, and how far that may be wrong.
    at: Option<(f64, f64)>,
    /// The machine's name, for its owner.
    host: Option<String>,
    /// Its number among the processes of the job, where its machine has several of them.
    task: Option<u64>,
    /// Whether its record is in the same place as that of the run which is shown.
    is_here: bool,
}

/// A job.
pub struct JobReport {
    shown: Uuid,
    processes: Vec<JobProcess>,
    finding: JobFinding,
}

/// A line of the table: what became of a machine.
pub struct JobLine {
    /// Its number.
    pub node: String,
    /// How it ended.
    pub ended: String,
    /// When, after the first failure.
    pub when: String,
    /// The rank that failed first on it.
    pub rank: String,
    /// Cause or victim, with its figures.
    pub words: String,
}

impl JobReport {
    /// Reads the job of a run; None where it is of none, or is all of it.
    pub fn read(
        store: &Store,
        run_id: Uuid,
        copies: &[Store],
        reader: Reader,
        now: SystemTime,
    ) -> Option<Self> {
        let own = JobRecord::read(&store.run_directory(run_id).ok()?)?;
        let mut found: BTreeMap<Uuid, (usize, JobRecord)> = BTreeMap::new();
        let stores: Vec<_> = [store].into_iter().chain(copies).collect();
        for (place, store) in stores.iter().enumerate() {
            for (run_id, record) in store.runs_of_key(&own.place.key) {
                found.entry(run_id).or_insert((place, record));
            }
        }
        let runs: Vec<_> = found.into_iter().collect();
        let jobs = together(runs, |(_, (_, record))| Some(record));
        let is_own = |job: &Vec<(Uuid, _)>| job.iter().any(|(other, _)| *other == run_id);
        let job = jobs.into_iter().find(is_own)?;
        let nodes = job
            .iter()
            .filter_map(|(_, (_, record))| record.place.nodes)
            .max();
        if job.len() < 2 && nodes.unwrap_or(1) < 2 {
            return None;
        }
        let places: Vec<_> = job
            .iter()
            .map(|(_, (_, record))| (&record.place, record.machine.as_str()))
            .collect();
        let numbers = numbers(&places);
        let is_one_place = job.iter().all(|(_, (place, _))| *place == 0);
        let mut processes = Vec::new();
        for ((run_id, (place, record)), node) in job.into_iter().zip(numbers) {
            if let Some(store) = stores.get(place) {
                let mut process = JobProcess::read(store, run_id, record, node, now)?;
                process.is_here = place == 0;
                if reader == Reader::Owner {
                    process.name_host(store);
                }
                if !is_one_place {
                    process.on_clock_of_its_own();
                }
                processes.push(process);
            }
        }
        let nodes_of_all: Vec<_> = processes.iter().map(|process| process.node).collect();
        for process in &mut processes {
            let of_node = nodes_of_all.iter().filter(|node| **node == process.node);
            if of_node.count() > 1 {
                process.task = process.record.place.task;
            }
        }
        let has_ended = |process: &JobProcess| process.summary.finish.is_some();
        if processes.iter().any(has_ended) {
            for process in &mut processes {
                process.miss_end(now);
            }
        }
        let mut members = Vec::new();
        for process in &processes {
            members.push(JobMember {
                node: process.node,
                machine: &process.record.machine,
                end: process.end,
                at: process.at.map(|(at, _)| at),
                within: process.at.map_or(0.0, |(_, within)| within),
            });
        }
        Some(Self {
            shown: run_id,
            finding: judge(&members, nodes),
            processes,
        })
    }

    /// Who failed first, and of whom nothing is known.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        let confidence = match self.finding.confidence {
            Confidence::High => "high confidence",
            Confidence::Medium => "medium confidence",
            Confidence::Low => "low confidence",
        };
        match &self.finding.first {
            First::One(number) => {
                if let Some(process) = self.processes.get(*number) {
                    let others = self.others();
                    let what = process.failure();
                    sentences.push(format!("{what}{others} ({confidence})."));
                }
            }
            First::Together(numbers) => {
                let processes = numbers
                    .iter()
                    .filter_map(|number| self.processes.get(*number));
                let failed: Vec<_> = processes.map(JobProcess::named_end).collect();
                sentences.push(format!(
                    "Failed first, at the same time as far as the clocks can tell: {} ({confidence}).",
                    failed.join("; ")
                ));
            }
            First::Nobody if self.has_victims() => sentences.push(
                "Every record says that another process was lost first, and none says which."
                    .into(),
            ),
            First::Nobody => {}
        }
        let missing = &self.finding.missing;
        if !missing.is_empty() {
            let noun = if missing.len() == 1 { "node" } else { "nodes" };
            sentences.push(format!("No record of {noun} {}.", spans(missing)));
        }
        if self.finding.missing_unnumbered > 0 {
            let machines = count(self.finding.missing_unnumbered, "machine");
            sentences.push(format!("No record of {machines}."));
        }
        sentences
    }

    fn has_victims(&self) -> bool {
        let mut ends = self.processes.iter().map(|process| process.end);
        ends.any(|end| end == MemberEnd::Victim)
    }

    /// What the one failure did to the others.
    fn others(&self) -> &'static str {
        if self.has_victims() {
            "; the others lost it"
        } else {
            ""
        }
    }

    fn first(&self) -> Option<&JobProcess> {
        match self.finding.first {
            First::One(number) => self.processes.get(number),
            First::Together(_) | First::Nobody => None,
        }
    }

    /// The error of the process that failed first, where it is not that of the run which is shown.
    pub fn first_error(&self) -> Vec<String> {
        let Some(first) = self.first().filter(|first| first.run_id != self.shown) else {
            return Vec::new();
        };
        let Some(error) = &first.summary.error else {
            return Vec::new();
        };
        let mut lines = vec![format!("{}: {}", first.name(), error.headline())];
        lines.extend(error.words().map(str::to_owned));
        let frames = error.frame_lines();
        let left_out = frames.len().saturating_sub(FRAMES);
        lines.extend(frames.into_iter().skip(left_out));
        lines
    }

    /// Where the processes were that stood still, of the other machines.
    pub fn standing(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for process in &self.processes {
            if process.run_id != self.shown {
                let standing = lines::standing(&process.summary).into_iter();
                sentences.extend(standing.map(|words| format!("{}: {words}", process.name())));
            }
        }
        sentences
    }

    /// A line for each machine: the worst of its processes, with the figures of the one that was measured.
    pub fn lines(&self) -> Vec<JobLine> {
        let mut machines: BTreeMap<_, Vec<&JobProcess>> = BTreeMap::new();
        for process in &self.processes {
            let number = (process.node.is_none(), process.node);
            let machine = match process.node {
                Some(_) => "",
                None => process.record.machine.as_str(),
            };
            machines.entry((number, machine)).or_default().push(process);
        }
        let failed = self
            .processes
            .iter()
            .filter(|process| process.end < MemberEnd::Asked);
        let first_at = failed
            .filter_map(|process| Some(process.at?.0))
            .min_by(f64::total_cmp);
        let mut lines = Vec::new();
        for processes in machines.values() {
            let at = |process: &&&JobProcess| process.at.map_or(0.0, |(at, _)| at);
            let worst = processes.iter().min_by(|one, other| {
                let by_end = one.end.cmp(&other.end);
                by_end.then(at(one).total_cmp(&at(other)))
            });
            let Some(worst) = worst else {
                continue;
            };
            let measured = processes
                .iter()
                .find(|process| process.record.part != JobPart::Task);
            let mut words = vec![worst.end.words().to_owned()];
            if self
                .first()
                .is_some_and(|first| first.run_id == worst.run_id)
            {
                words = vec!["failed first".to_owned()];
            }
            words.extend(measured.map(|process| lines::figures(&process.summary)));
            words.extend(worst.host.as_ref().map(|host| format!("on {host}")));
            if worst.is_here && worst.run_id != self.shown && worst.end < MemberEnd::Success {
                words.push(format!("run {:.SHORT$}", worst.run_id.to_string()));
            }
            words.retain(|words| !words.is_empty());
            let mut when = None;
            if worst.end < MemberEnd::Success
                && let Some((at, _)) = worst.at
                && let Some(first_at) = first_at
            {
                when = Some(format!("{:+.1}s", at - first_at));
            }
            lines.push(JobLine {
                node: worst.node.map_or("?".to_owned(), |node| node.to_string()),
                ended: worst.ended(),
                when: when.unwrap_or_else(|| "-".to_owned()),
                rank: worst.rank().map_or("-".to_owned(), |rank| rank.to_string()),
                words: words.join(", "),
            });
        }
        lines
    }

    /// The block of the terminal's page.
    pub fn block(&self, terminal: OutputTerminal, label_width: usize) -> String {
        let mut page = Page::new(terminal, label_width);
        page.add_entries("nodes", &self.sentences());
        page.add_entries("where", &self.standing());
        page.add_entries("error", &self.first_error());
        let mut rows = vec![["NODE", "ENDED", "WHEN", "RANK", ""].map(str::to_owned)];
        for line in self.lines() {
            rows.push([line.node, line.ended, line.when, line.rank, line.words]);
        }
        format!("{}{}", page.finish(), table(&rows, terminal))
    }

    /// The same for programs, each process by itself.
    pub fn as_json(&self) -> Value {
        let (firsts, is_together) = match &self.finding.first {
            First::One(number) => (vec![*number], false),
            First::Together(numbers) => (numbers.clone(), true),
            First::Nobody => (Vec::new(), false),
        };
        let mut described = Vec::new();
        for (number, process) in self.processes.iter().enumerate() {
            let end = process.end.words();
            described.push(json!({
                "run": process.run_id,
                "node": process.node,
                "task": process.record.place.task,
                "part": process.record.part,
                "ended": process.ended(),
                "class": end,
                "rank": process.rank(),
                "at": process.at.map(|(at, _)| at),
                "is_first": firsts.contains(&number),
                "stacks": process.summary.finish.as_ref().and_then(|finish| finish.stacks.as_ref()),
            }));
        }
        json!({
            "sentences": self.sentences(),
            "confidence": self.finding.confidence.as_str(),
            "at_the_same_time": is_together,
            "missing_nodes": self.finding.missing,
            "missing_machines": self.finding.missing_unnumbered,
            "first_error": self.first_error(),
            "processes": described,
        })
    }
}

/// Who reads a report.
#[derive(Clone, Copy, PartialEq)]
pub enum Reader {
    /// Its owner, who knows the machines by their names.
    Owner,
    /// Whoever gets it.
    Anybody,
}

impl JobProcess {
    fn read(
        store: &Store,
        run_id: Uuid,
        record: JobRecord,
        node: Option<u64>,
        now: SystemTime,
    ) -> Option<Self> {
        let mut summary = Summary::default();
        let recorded_run = store.events(run_id, now, |recorded_event| {
            if let Some(event) = recorded_event.event {
                summary.take(event, recorded_event.elapsed_seconds);
            }
        })?;
        if record.part != JobPart::Task {
            store.samples(run_id, |line| {
                summary.measure(&line);
                true
            });
        }
        let end = match &summary.finish {
            Some(finish) => MemberEnd::of(finish),
            None if recorded_run.state == RunState::Running => MemberEnd::Runs,
            None => MemberEnd::NotSeen,
        };
        let failed = record.failed.filter(|_| end < MemberEnd::Success);
        let at = failed.or(record.ended).map(|at| record.on_common_clock(at));
        let last_sign = recorded_run
            .activity
            .map(|time| (seconds(time), UNCOMPARED));
        Some(Self {
            run_id,
            record,
            summary,
            node,
            end,
            at: at.or(last_sign),
            host: None,
            task: None,
            is_here: true,
        })
    }

    fn name_host(&mut self, store: &Store) {
        let run_directory = store.run_directory(self.run_id).ok();
        let facts = run_directory.as_ref().and_then(OwnerView::facts);
        self.host = facts.and_then(|facts| facts.host);
    }

    /// Where others have ended, silence is no sign of life.
    fn miss_end(&mut self, now: SystemTime) {
        let is_silent = self
            .at
            .is_none_or(|(at, _)| seconds(now) - at > SILENT_SECONDS);
        if self.end == MemberEnd::Runs && (is_silent || !self.is_here) {
            self.end = MemberEnd::NotSeen;
        }
    }

    /// The records come from several disks, whose clocks nobody has compared.
    fn on_clock_of_its_own(&mut self) {
        let failed = self.record.failed.filter(|_| self.end < MemberEnd::Success);
        if let Some(at) = failed.or(self.record.ended) {
            self.at = Some((at, UNCOMPARED));
        }
    }

    fn rank(&self) -> Option<u64> {
        let finish = self.summary.finish.as_ref();
        finish.and_then(|finish| finish.verdict.as_ref()?.rank)
    }

    /// `node 2`, `node 2, rank 19`, `node 2, task 3`.
    fn name(&self) -> String {
        let node = self.node.map_or("?".to_owned(), |node| node.to_string());
        match (self.rank(), self.task) {
            (Some(rank), _) => format!("node {node}, rank {rank}"),
            (None, Some(task)) => format!("node {node}, task {task}"),
            (None, None) => format!("node {node}"),
        }
    }

    /// How it ended, in a few words: the class of its error, where that says more.
    fn ended(&self) -> String {
        let finish = match (self.end, &self.summary.finish) {
            (MemberEnd::Runs, _) => return "Running".to_owned(),
            (MemberEnd::NotSeen, _) | (_, None) => return Kind::Lost.title().to_owned(),
            (_, Some(finish)) => finish,
        };
        let title = finish.title();
        let error = self.summary.error.as_ref();
        match error.and_then(|error| error.exception_type.as_ref()) {
            Some(class) if title == Kind::Exception.title() => class.clone(),
            _ => title,
        }
    }

    /// The same with its place.
    fn named_end(&self) -> String {
        format!("{}: {}", self.name(), self.ended())
    }

    /// `Node 2, rank 19 failed first: Out of GPU memory`.
    fn failure(&self) -> String {
        if self.end == MemberEnd::NotSeen {
            return format!("The end of {} was not seen", self.name());
        }
        let name = self.name();
        let name = name.trim_start_matches('n');
        format!("N{name} failed first: {}", self.ended())
    }
}

/// `3, 5 to 7`.
fn spans(numbers: &[u64]) -> String {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match spans.last_mut() {
            Some((_, end)) if *end + 1 == *number => *end = *number,
            _ => spans.push((*number, *number)),
        }
    }
    let mut words = Vec::new();
    for (begin, end) in spans {
        words.push(if begin == end {
            begin.to_string()
        } else {
            format!("{begin} to {end}")
        });
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_are_spans() {
        for (numbers, expected) in [
            (&[][..], ""),
            (&[3], "3"),
            (&[1, 2, 3, 7, 9, 10], "1 to 3, 7, 9 to 10"),
        ] {
            assert_eq!(spans(numbers), expected);
        }
    }
}
