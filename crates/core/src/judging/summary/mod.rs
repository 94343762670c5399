//! A run in a few figures, for its owner: what its events say, in the order in which one wants to know it.
//!
//! The problem: the summary at the end, the page of a continuous integration system and the report tell the same
//! story, the first two while the run ends, the last from its files. So there is one reader of events, and it reads
//! them in the form that is written down. The files may hold anything: what is not of the expected kind counts as
//! unknown, texts are kept as they are, and whoever prints them makes them harmless.
//!
//! Pure. The observer feeds it what it reports, the queries what they read.

pub mod culprit;
pub mod lines;
pub mod units;

#[cfg(test)]
mod tests;

use crate::event::EventName;
use crate::judging::verdict::{Evidence, Kind, Outcome};
use crate::limits;
use culprit::Culprit;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A run, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Digest {
    /// Seconds from the spawn to the last event.
    pub seconds: Option<f64>,
    /// What started the training.
    pub launcher: Option<String>,
    /// Bytes of memory that the machine has.
    pub memory_total: Option<u64>,
    /// Processors of the machine.
    pub processors: Option<u64>,
    /// Name and bytes of each accelerator.
    pub accelerators: Vec<(String, Option<u64>)>,
    /// Steps done.
    pub step: Option<u64>,
    /// Steps planned.
    pub total_steps: Option<u64>,
    /// Epochs done.
    pub epoch: Option<f64>,
    /// Steps per second, over all where that is known.
    pub steps_per_second: Option<f64>,
    /// The loss last logged, as text: it may be no number.
    pub loss: Option<String>,
    /// Where it was seen to stand still and was not seen to go on.
    pub stall: Option<Stall>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// What it died of.
    pub culprit: Option<Culprit>,
    /// Highest resident bytes of one process.
    pub peak_process_bytes: Option<u64>,
    /// Processor seconds.
    pub cpu_seconds: Option<f64>,
    /// Joules that the GPUs drew.
    pub gpu_joules: Option<f64>,
    /// What is known of each GPU.
    pub gpus: BTreeMap<u32, Gpu>,
}

/// A training that stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    /// Seconds from the spawn to when anything moved last.
    pub since: f64,
    /// The rank that does something else than all others.
    pub suspect_rank: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// `success`, `error`, `signal` or `lost`.
    pub outcome: String,
    /// The verdict's word.
    pub kind: Option<String>,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// How sure it is.
    pub confidence: Option<String>,
    /// The exit code.
    pub exit_code: Option<u64>,
    /// The signal that killed it.
    pub signal: Option<String>,
    /// The rank that failed first, or that made the others wait.
    pub rank: Option<u64>,
}

/// One GPU over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gpu {
    /// Highest bytes in use.
    pub peak_bytes: Option<u64>,
    load_sum: f64,
    loads: u32,
}

impl Gpu {
    /// Mean share of time in which it was busy.
    #[must_use]
    pub fn load(&self) -> Option<f64> {
        (self.loads > 0).then(|| self.load_sum / f64::from(self.loads))
    }
}

impl Digest {
    /// Takes one event in the form that is written down.
    pub fn take(&mut self, name: EventName, properties: &Map<String, Value>) {
        let fields = Fields(properties);
        self.seconds = fields.number("elapsed_time").or(self.seconds);
        match name {
            EventName::Start => self.start(fields),
            EventName::Progress => self.progress(fields),
            EventName::Error => self.culprit = Some(Culprit::read(properties)),
            EventName::Finish => self.finish(fields),
        }
    }

    /// Takes a measurement of a GPU's load, 0 to 1.
    pub fn load(&mut self, gpu: u32, share: f64) {
        if let Some(gpu) = self.gpu(gpu)
            && share.is_finite()
        {
            gpu.load_sum += share;
            gpu.loads = gpu.loads.saturating_add(1);
        }
    }

    fn gpu(&mut self, index: u32) -> Option<&mut Gpu> {
        let known = self.gpus.contains_key(&index) || self.gpus.len() < limits::GPUS_MAX;
        known.then(|| self.gpus.entry(index).or_default())
    }

    fn start(&mut self, fields: Fields<'_>) {
        self.launcher = fields.text("launcher");
        self.memory_total = fields.count("memory_total");
        self.processors = fields.count("cpu_count");
        let accelerators = fields
            .list("accelerator_info")
            .filter_map(Value::as_object)
            .map(Fields);
        self.accelerators = accelerators
            .map(|accelerator| {
                (
                    accelerator.text("name").unwrap_or_default(),
                    accelerator.count("memory"),
                )
            })
            .collect();
    }

    fn progress(&mut self, fields: Fields<'_>) {
        let stalled = fields
            .number("elapsed_time")
            .zip(fields.number("stalled_seconds"));
        self.stall = stalled.map(|(at, seconds)| Stall {
            since: (at - seconds).max(0.0),
            suspect_rank: fields.count("suspect_rank"),
        });
        self.step = fields.count("step").or(self.step);
        self.total_steps = fields.count("total_steps").or(self.total_steps);
        self.epoch = fields.number("epoch").or(self.epoch);
        self.steps_per_second = fields.number("steps_per_second").or(self.steps_per_second);
        self.loss = fields.loss().or_else(|| self.loss.take());
        if let Some(memory) = fields.object("memory") {
            self.peak_process_bytes = memory
                .count("peak_cpu_memory_bytes")
                .or(self.peak_process_bytes);
            self.gpu_peaks(memory);
        }
    }

    fn finish(&mut self, fields: Fields<'_>) {
        self.seconds = fields.number("total_time_seconds").or(self.seconds);
        let last = fields.count("total_steps").or(self.step);
        let success = fields
            .text("outcome")
            .is_some_and(|outcome| outcome == Outcome::Success.as_str());
        // Between the last report and the end it may have gone on.
        self.stall = self.stall.filter(|_| !success && last == self.step);
        self.step = last;
        self.steps_per_second = fields.number("steps_per_second").or(self.steps_per_second);
        self.loss = fields.loss().or_else(|| self.loss.take());
        self.peak_process_bytes = fields
            .count("peak_cpu_memory_bytes")
            .or(self.peak_process_bytes);
        self.cpu_seconds = fields.number("cpu_seconds");
        self.gpu_joules = fields.number("gpu_energy_joules");
        if let Some(memory) = fields.object("gpu_memory") {
            self.gpu_peaks(memory);
        }
        let verdict = fields.object("verdict");
        let word = |name| verdict.and_then(|verdict| verdict.text(name));
        self.ending = Some(Ending {
            outcome: fields
                .text("outcome")
                .unwrap_or_else(|| "unknown".to_owned()),
            kind: word("kind"),
            evidence: verdict
                .map(|verdict| verdict.texts("evidence"))
                .unwrap_or_default(),
            confidence: word("confidence"),
            exit_code: fields.count("exit_code"),
            signal: fields.text("signal"),
            rank: verdict.and_then(|verdict| verdict.count("rank")),
        });
    }

    fn gpu_peaks(&mut self, memory: Fields<'_>) {
        for (name, value) in memory.0 {
            let index = name
                .strip_prefix("gpu_")
                .and_then(|name| name.strip_suffix("_peak_memory_bytes"));
            if let (Some(Ok(index)), Some(bytes)) = (index.map(str::parse), value.as_u64())
                && let Some(gpu) = self.gpu(index)
            {
                gpu.peak_bytes = gpu.peak_bytes.max(Some(bytes));
            }
        }
    }

    /// For how long it has stood still.
    #[must_use]
    pub fn stalled_seconds(&self) -> Option<f64> {
        self.seconds
            .zip(self.stall)
            .map(|(seconds, stall)| (seconds - stall.since).max(0.0))
    }

    /// Processors busy with it, on average.
    #[must_use]
    pub fn cores_used(&self) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        self.cpu_seconds.map(|used| used / seconds)
    }
}

impl Ending {
    /// Whether it ended as it should.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Success.as_str()
    }

    /// The verdict in a few words, for a headline: the verdict's own, where there is one, else the outcome.
    #[must_use]
    pub fn headline(&self) -> String {
        self.kind
            .as_deref()
            .unwrap_or(&self.outcome)
            .replace('_', " ")
    }

    /// The verdict as a sentence, where its word is one of ours.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        match self.kind.as_deref() {
            Some(kind) => Kind::parse(kind).map(Kind::means),
            None => Outcome::parse(&self.outcome).map(Outcome::means),
        }
    }

    /// What speaks for the verdict, each as a sentence, with the figure where it is one.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let sentence = |word: &String| match (Evidence::parse(word), self.exit_code, &self.signal) {
            (Some(Evidence::ExitCode | Evidence::ExitCodeOfSignal), Some(code), _) => {
                format!("Exit code {code}.")
            }
            (Some(Evidence::KilledBySignal), _, Some(signal)) => {
                format!("The command was killed by {signal}.")
            }
            (Some(Evidence::FirstFailedRank), ..) if let Some(rank) = self.rank => {
                format!("The kernel said that rank {rank} failed first.")
            }
            (Some(known), ..) => known.means().to_owned(),
            (None, ..) => word.replace('_', " "),
        };
        self.evidence.iter().map(sentence).collect()
    }
}

/// An event's fields, each as what it should be or not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn number(self, name: &str) -> Option<f64> {
        self.0
            .get(name)?
            .as_f64()
            .filter(|number| number.is_finite())
    }

    pub(crate) fn count(self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.0
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    pub(crate) fn object(self, name: &str) -> Option<Self> {
        self.0.get(name)?.as_object().map(Self)
    }

    pub(crate) fn list(self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.0
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }

    pub(crate) fn texts(self, name: &str) -> Vec<String> {
        self.list(name)
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    }

    /// The loss, or what stands where it is no number.
    fn loss(self) -> Option<String> {
        self.text("loss_repr")
            .or_else(|| self.number("loss").map(units::number))
    }
}
