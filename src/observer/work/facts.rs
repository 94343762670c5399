//! The start event: what it waits for, and when it goes out all the same.
//!
//! Facts about the machine come from threads that may never answer, the configuration from a file system that
//! may not either, and which machine reports may show only when a worker has a rank. Part of the observer's
//! loop, which asks at each turn.

use super::Work;
use crate::metrics::Sampler;
use crate::metrics::processes::ranks;
use crate::observer::reporter::Reporter;
use axolotl_run_core::event::Start;
use axolotl_run_core::judging::run::RunFacts;
use axolotl_run_core::limits;
use axolotl_run_sys::background::Arrived;
use std::time::Instant;

/// What is known for the start event, and whether it is out.
pub(super) struct Facts {
    /// Since when they are looked for.
    asked: Instant,
    pub(super) start: Start,
    pub(super) gathered: bool,
    pub(super) configured: bool,
    pub(super) accelerators: bool,
    pub(super) sent: bool,
    /// Another machine's rank 0 reports; we stay silent.
    pub(super) silent: bool,
}

impl Default for Facts {
    fn default() -> Self {
        let (asked, start, no) = (Instant::now(), Start::default(), false);
        Self {
            asked,
            start,
            gathered: no,
            configured: no,
            accelerators: no,
            sent: no,
            silent: no,
        }
    }
}

impl Work {
    /// Sends the start event as soon as it is complete, or has waited for long enough, or must go now.
    pub(super) fn begin_report(&mut self, must: bool) {
        self.gather();
        // After the facts: what they say of the command's program is true of one that has entered its group by now.
        self.sampler.iter_mut().for_each(Sampler::regroup);
        self.settle_rank(must || self.now() > limits::RANK_WAIT.as_secs_f64());
        if self.reporter.is_none() {
            return;
        }
        let facts = &mut self.facts;
        // From our own beginning: on a busy machine that is long after the command's, and nothing was asked before.
        let waited = facts.asked.elapsed();
        let found = facts.start.python_version.is_some() && facts.configured;
        let patience = if found {
            limits::START_WAIT
        } else {
            limits::START_WAIT_FILES
        };
        let complete = facts.gathered
            && facts.configured
            && facts.accelerators
            && facts.start.python_version.is_some();
        if facts.sent || !(must || complete || waited >= patience) {
            return;
        }
        facts.sent = true;
        let event = self.run.start(std::mem::take(&mut facts.start));
        if let Some(reporter) = &mut self.reporter {
            reporter.report(&event, self.birth.spawned(), 0.0);
        }
    }

    /// Where only a worker's rank can tell whether this machine reports: looks whether there is one by now.
    fn settle_rank(&mut self, must: bool) {
        if self.undecided.is_none() {
            return;
        }
        let reports =
            match ranks::lowest(&self.sampler.as_ref().map(Sampler::pids).unwrap_or_default()) {
                Some(0) => true,
                // Rank 0 is another machine's, and so is the report.
                Some(_) => false,
                None if must => true,
                None => return,
            };
        self.facts.silent = !reports;
        if let (Some((gate, owner)), true) = (self.undecided.take(), reports) {
            let settings = &self.birth.settings;
            self.reporter = Some(Reporter::open(settings.run, settings.sending, gate, owner));
            self.write_counters();
        }
    }

    /// A command may die of its configuration before that was read: at the end the facts have a last moment.
    pub(super) fn await_facts(&mut self) {
        let deadline = Instant::now() + limits::FACTS_TAIL_WAIT;
        while !(self.facts.sent || self.facts.gathered && self.facts.configured)
            && Instant::now() < deadline
        {
            self.gather();
            std::thread::sleep(limits::FACTS_TAIL_WAIT / 50);
        }
    }

    fn gather(&mut self) {
        if let Some(found) = self.gathering.try_facts() {
            // What was found about the machine takes the place of all but the parts that come from elsewhere.
            let known = std::mem::replace(&mut self.facts.start, found);
            let start = &mut self.facts.start;
            (start.config, start.config_unknown_keys) = (known.config, known.config_unknown_keys);
            (
                start.accelerator_type,
                start.accelerator_count,
                start.accelerator_info,
            ) = (
                known.accelerator_type,
                known.accelerator_count,
                known.accelerator_info,
            );
            self.facts.gathered = true;
        }
        let arrived = match &mut self.configuration {
            Some(configuration) => configuration.take(),
            None => Arrived::Over,
        };
        match arrived {
            Arrived::Answer(Ok(vetted)) => {
                self.facts.configured = true;
                self.reporter
                    .iter_mut()
                    .for_each(|reporter| reporter.withhold(&vetted.withheld));
                self.undecided
                    .iter_mut()
                    .for_each(|(gate, _)| gate.withhold(&vetted.withheld));
                self.run.plan(RunFacts {
                    planned_epochs: vetted.planned.epochs(),
                });
                self.facts.start.config = Some(vetted.value);
                self.facts.start.config_unknown_keys = Some(vetted.unknown_keys);
                self.output
                    .follow_records(vetted.output_directory.as_deref());
            }
            Arrived::Answer(Err(_)) | Arrived::Over => self.facts.configured = true,
            Arrived::Nothing => {}
        }
        if let Some(accelerators) = self.sampler.as_mut().and_then(Sampler::accelerators) {
            accelerators.apply(&mut self.facts.start);
            self.facts.accelerators = true;
        }
    }
}
