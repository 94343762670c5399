//! `--forget`: deletes local records, and says what to quote to have deleted what was sent of them.
//!
//! Nothing connects two runs, so the server's side can only be found by a run's UUID, and once the records are gone
//! nobody knows it. It is therefore printed for each run of which an attempt was made: a server that did not answer
//! may have taken the events all the same.

use super::choose::{choose, nothing};
use crate::commands::output::{AnswerForm, FAILED, Output, count};
use crate::store::{Forgotten, RecordedRun, Store};
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
pub fn run(
    store: Option<&Store>,
    what: &str,
    now: SystemTime,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let Some(store) = store else {
        return nothing(output);
    };
    let chosen = if what == ALL {
        store.runs(now)
    } else if what.is_empty() {
        return output.complain(
            "an empty name matches no run",
            Some("`axolotl-run --runs` lists the recorded runs"),
        );
    } else {
        match choose(store, Some(what), now, output) {
            Ok(run) => vec![run],
            Err(status) => return status,
        }
    };
    if chosen.is_empty() {
        return nothing(output);
    }
    let mut gone = Gone::default();
    for run in &chosen {
        gone.forget(store, run, now);
    }
    gone.report(form, output)
}

impl Gone {
    fn forget(&mut self, store: &Store, run: &RecordedRun, now: SystemTime) {
        match store.forget(run.run, now) {
            Forgotten::Deleted => {
                self.deleted.push(run.run);
                if run.delivered > 0 || run.said.is_some() {
                    self.quote.push(run.run);
                }
            }
            Forgotten::Living => self.living.push(run.run),
            Forgotten::Failed => self.failed.push(run.run),
        }
    }

    fn report(&self, form: AnswerForm, output: &mut Output<'_>) -> u8 {
        let left = !self.living.is_empty() || !self.failed.is_empty();
        if form == AnswerForm::Json {
            let answer = json!({
                "forgotten": self.deleted,
                "quote": self.quote,
                "still_running": self.living,
                "failed": self.failed,
            });
            let status = output.document(&answer);
            return if left { FAILED } else { status };
        }
        let status = output.answer(&self.text());
        if let Some(run) = self.living.first() {
            let error = format!(
                "{} being recorded now, such as `{run}`",
                is_or_are(self.living.len())
            );
            return output.complain(&error, Some("forget it once its command has ended"));
        }
        if let Some(run) = self.failed.first() {
            let error = format!(
                "{} not deleted, such as `{run}`",
                is_or_are(self.failed.len())
            );
            return output.complain(
                &error,
                Some("`axolotl-run --status` says where the records are"),
            );
        }
        status
    }

    fn text(&self) -> String {
        if self.deleted.is_empty() {
            return String::new();
        }
        let mut text = format!(
            "deleted the records of {}\n",
            count(self.deleted.len() as u64, "run")
        );
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

fn is_or_are(runs: usize) -> String {
    format!(
        "{} {}",
        count(runs as u64, "run"),
        if runs == 1 { "is" } else { "are" }
    )
}
