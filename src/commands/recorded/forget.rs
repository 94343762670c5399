//! `--forget`: deletes local records, and says what to quote to have deleted what was sent of them.
//!
//! Nothing connects two runs, so the server's side can only be found by a run's UUID, and once the records are gone
//! nobody knows it. It is therefore printed for each run of which an attempt was made: a server that did not answer
//! may have taken the events all the same.

use super::choose::{identify, nothing_recorded};
use crate::commands::output::{AnswerForm, Answered, FAILED, Output, count};
use crate::store::{Forgotten, RecordedRun, Store};
use crate::ui::Complaint;
use serde_json::json;
use std::time::SystemTime;
use uuid::Uuid;

/// The word for every run. No UUID begins with it.
const ALL: &str = "all";

/// What became of the runs that were to be forgotten.
#[derive(Debug, Default)]
struct Gone {
    deleted: Vec<Uuid>,
    /// Of these, the ones that a server may know.
    quote: Vec<Uuid>,
    living: Vec<Uuid>,
    failed: Vec<Uuid>,
}

/// Deletes the run whose identity begins with `what`, or all of them.
pub fn run(store: Option<&Store>, what: &str, output: &mut Output) -> Answered {
    if what.is_empty() {
        let hint = "`axolotl-run --runs` lists the recorded runs";
        return Err(Complaint::new("an empty name matches no run", hint));
    }
    let store = store.ok_or_else(nothing_recorded)?;
    let mut chosen = Vec::new();
    if what == ALL {
        chosen = store.runs(output.now);
    } else {
        let (_, run) = identify(Some(store), Some(what), output.now)?;
        chosen.extend(store.summary(run, output.now));
    }
    if chosen.is_empty() {
        return Err(nothing_recorded());
    }
    let mut gone = Gone::default();
    for run in &chosen {
        gone.forget(store, run, output.now);
    }
    gone.report(output)
}

impl Gone {
    fn forget(&mut self, store: &Store, run: &RecordedRun, now: SystemTime) {
        match store.forget(run.run, now) {
            Forgotten::Deleted => {
                self.deleted.push(run.run);
                if run.delivered > 0 || run.last_answer.is_some() {
                    self.quote.push(run.run);
                }
            }
            Forgotten::Living => self.living.push(run.run),
            Forgotten::Failed => self.failed.push(run.run),
        }
    }

    fn report(&self, output: &mut Output) -> Answered {
        let left = !self.living.is_empty() || !self.failed.is_empty();
        if output.form == AnswerForm::Json {
            let status = output.document(&json!({
                "forgotten": self.deleted,
                "quote": self.quote,
                "still_running": self.living,
                "failed": self.failed,
            }))?;
            return Ok(if left { FAILED } else { status });
        }
        let status = output.answer(&self.text())?;
        for (runs, what, hint) in [
            (
                &self.living,
                "being recorded now",
                "forget it once its command has ended",
            ),
            (
                &self.failed,
                "not deleted",
                "`axolotl-run --status` says where the records are",
            ),
        ] {
            if let Some(run) = runs.first() {
                let number = count(runs.len() as u64, "run");
                let verb = if runs.len() == 1 { "is" } else { "are" };
                let error = format!("{number} {verb} {what}, such as `{run}`");
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
        let mut text = format!("deleted the records of {runs}\n");
        if self.quote.is_empty() {
            text.push_str("none of it had been sent\n");
            return text;
        }
        text.push_str("\nTo have the sent events deleted, send these run ids to the maintainers of Axolotl:\n");
        for run in &self.quote {
            text.push_str(&format!("{run}\n"));
        }
        text
    }
}
