//! `--forget`: deletes local records, and says what to quote to have deleted what was sent of them.
//!
//! Nothing connects two runs, so the server's side can only be found by a run's UUID, and once the records are gone
//! nobody knows it. It is therefore printed for each run of which an attempt was made: a server that did not answer
//! may have taken the events all the same.

use super::choose::{identify, nothing_recorded};
use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED, count};
use crate::store::{Forgotten, RecordedRun, Store};
use crate::ui::Complaint;
use serde_json::json;
use std::time::SystemTime;
use uuid::Uuid;

/// The word for every run. No UUID begins with it.
const ALL: &str = "all";

/// What became of the runs that were to be forgotten.
#[derive(Default)]
struct ForgottenRuns {
    deleted: Vec<Uuid>,
    /// Of these, the ones that a server may know.
    quote: Vec<Uuid>,
    still_running: Vec<Uuid>,
    failed: Vec<Uuid>,
}

/// Deletes the run whose identity begins so, or all of them.
pub fn run(
    store: Option<&Store>,
    run_or_all: &str,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    if run_or_all.is_empty() {
        let hint = "`axolotl-run --runs` lists the recorded runs";
        return Err(Complaint::new("an empty name matches no run", hint));
    }
    let store = store.ok_or_else(nothing_recorded)?;
    let mut chosen = Vec::new();
    if run_or_all == ALL {
        chosen = store.runs(answer_output.now);
    } else {
        let (_, run_id) = identify(Some(store), Some(run_or_all), answer_output.now)?;
        chosen.extend(store.summary(run_id, answer_output.now));
    }
    if chosen.is_empty() {
        return Err(nothing_recorded());
    }
    let mut forgotten_runs = ForgottenRuns::default();
    for recorded_run in &chosen {
        forgotten_runs.forget(store, recorded_run, answer_output.now);
    }
    forgotten_runs.report(answer_output)
}

impl ForgottenRuns {
    fn forget(&mut self, store: &Store, recorded_run: &RecordedRun, now: SystemTime) {
        let forgotten = store.forget(recorded_run.run_id, now);
        match forgotten {
            Forgotten::Deleted | Forgotten::DeletedWhileSent => {
                self.deleted.push(recorded_run.run_id);
                let is_known = recorded_run.delivered > 0 || recorded_run.last_answer.is_some();
                if is_known || forgotten == Forgotten::DeletedWhileSent {
                    self.quote.push(recorded_run.run_id);
                }
            }
            Forgotten::Living => self.still_running.push(recorded_run.run_id),
            Forgotten::Failed => self.failed.push(recorded_run.run_id),
        }
    }

    fn report(&self, answer_output: &mut AnswerOutput) -> AnswerResult {
        let left = !self.still_running.is_empty() || !self.failed.is_empty();
        if answer_output.form == AnswerForm::Json {
            let status = answer_output.document(&json!({
                "forgotten": self.deleted,
                "quote": self.quote,
                "still_running": self.still_running,
                "failed": self.failed,
            }))?;
            return Ok(if left { FAILED } else { status });
        }
        let status = answer_output.answer(&self.text())?;
        for (run_ids, state, hint) in [
            (
                &self.still_running,
                "being recorded now",
                "forget it once its command has ended",
            ),
            (
                &self.failed,
                "not deleted",
                "`axolotl-run --status` says where the records are",
            ),
        ] {
            if let Some(run_id) = run_ids.first() {
                let number = count(run_ids.len() as u64, "run");
                let verb = if run_ids.len() == 1 { "is" } else { "are" };
                let error = format!("{number} {verb} {state}, such as `{run_id}`");
                return Err(Complaint::new(error, hint));
            }
        }
        Ok(status)
    }

    fn text(&self) -> String {
        if self.deleted.is_empty() {
            return String::new();
        }
        let runs = count(self.deleted.len() as u64, "run");
        let mut text = format!("deleted the records of {runs}, with what was kept for you alone\n");
        if self.quote.is_empty() {
            text.push_str("none of it had been sent\n");
            return text;
        }
        text.push_str("\nTo have the sent events deleted, send these run ids to the maintainers of Axolotl:\n");
        for run_id in &self.quote {
            text.push_str(&format!("{run_id}\n"));
        }
        text
    }
}
