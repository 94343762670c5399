//! Does what the plan says; the only place where the parts of the front meet.
//!
//! There is one way out: every path ends in a [`Finished`], which the process entry turns into an exit code or
//! a signal. Replacing ourselves with the command does not return at all, unless it fails.

use crate::consent::Warning;
use crate::plan::{Plan, Surroundings, plan};
use crate::status::{self, Finished};
use crate::sys::process;
use crate::{cli, decision, env, notice, query, supervisor, ui};
use std::ffi::OsString;
use uuid::Uuid;

/// Runs the launcher; `arguments` are the words after the program's name.
#[must_use]
pub fn front(arguments: Vec<OsString>) -> Finished {
    let environment = |name: &str| std::env::var_os(name);
    let surroundings = Surroundings {
        environment: &environment,
        stored: &|| decision::read(&decision::path(environment)?),
        new_run: &Uuid::new_v4,
    };
    perform(plan(cli::parse(arguments), &surroundings), &surroundings)
}

fn perform(plan: Plan, surroundings: &Surroundings<'_>) -> Finished {
    match plan {
        Plan::Exec { command, do_not_track, warning } => {
            if let Some(warning) = warning {
                warn(&warning);
            }
            exec(&command, do_not_track)
        }
        Plan::Notice { then } => match notice::show() {
            notice::Ended::Start => perform(*then, surroundings),
            notice::Ended::Interrupted => Finished::Exited(status::INTERRUPTED),
        },
        Plan::Observe(order) => supervisor::observe(&order),
        Plan::Query(query) => query::answer(&query, surroundings),
        Plan::Refuse(refusal) => {
            ui::refusal(&refusal);
            Finished::Exited(status::REFUSED)
        }
    }
}

fn warn(warning: &Warning) {
    ui::warning(&format!(
        "{}={} is none of 0, 1, true, false; telemetry stays off",
        env::AXOLOTL_DO_NOT_TRACK,
        warning.value
    ));
}

fn exec(command: &[OsString], do_not_track: bool) -> Finished {
    let changes = [(env::AXOLOTL_DO_NOT_TRACK, OsString::from("1"))];
    let failure = process::exec(command, if do_not_track { &changes } else { &[] });
    let program = command.first().map(cli::printable).unwrap_or_default();
    ui::not_executed(&program, failure.reason());
    Finished::Exited(failure.exit_code())
}
