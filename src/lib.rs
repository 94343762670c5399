//! `axolotl-run`: a transparent prefix to a training command that observes the run from outside.
//!
//! The layers, from the ground up; an import only ever points down:
//!
//! | layer | what is in it |
//! |---|---|
//! | `crates/core` | what is known and decided: pure functions over events, output, configuration, verdicts |
//! | `crates/sys` | the kernel: the only place of unsafe code |
//! | [`protocol`], [`delivery`], [`store`], [`metrics`] | what the processes say to each other, the network, the disk, the hardware |
//! | [`owner_record`] | what is kept of a run for its owner alone; nothing that sends is above or beside it |
//! | [`supervisor`], [`observer`] | the two processes; neither imports the other |
//! | [`ui`], [`cli`], [`commands`] | what was typed, what it means, what is printed |
//!
//! Here they meet: the plan is carried out. There is one way out: every path ends in an [`End`], which [`main`] turns into
//! an exit code or a signal. Replacing ourselves with the command does not return at all, unless it fails.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exit,
        clippy::allow_attributes,
        clippy::mem_forget
    )
)]

pub(crate) mod cli;
pub(crate) mod commands;
pub(crate) mod delivery;
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod owner_record;
pub(crate) mod protocol;
pub(crate) mod store;
pub(crate) mod supervisor;
pub(crate) mod ui;

use axolotl_run_core::consent::Stored;
use axolotl_run_core::env;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::status::{self, End};
use axolotl_run_sys::{Errno, arguments, command, identity, probe, random, signals};
use cli::notice;
use cli::plan::{Plan, Surroundings, plan};
use protocol::observer_config::Role;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use store::decision::{self, StoredDecision};
use supervisor::Finished;
use uuid::Uuid;

/// For the programs in `benches/` that measure a part without a process around it; nothing else may use it.
#[doc(hidden)]
pub mod bench {
    pub use crate::metrics::accelerator::{DriverSettings, Gpus};
    pub use crate::metrics::facts;
    pub use crate::metrics::tree::TreeSampler;
}

/// Runs the program in the role that it was called in; returns its exit code, unless it ends by a signal.
pub fn main(arguments: Vec<OsString>) -> u8 {
    match Role::read(&arguments) {
        Some(Role::Observer(arguments)) => return observer::main(*arguments),
        Some(Role::FallbackFinisher(record)) => return observer::fallback_finisher::main(&record),
        Some(Role::Unreadable) => return status::REFUSED,
        None => {}
    }
    let end = front(arguments.into_iter().skip(1).collect());
    if let End::Signaled(signal) = end {
        // Returns only as PID 1, which the kernel protects; then the shell's code has to do.
        signals::die_of(signal);
    }
    end.shell_code()
}

/// Runs the launcher; `arguments` are the words after the program's name.
fn front(arguments: Vec<OsString>) -> End {
    let outlived = has_outlived_its_run();
    let environment = |name: &str| match name {
        env::AXOLOTL_RUN_ID if outlived => None,
        name => std::env::var_os(name),
    };
    let surroundings = Surroundings {
        environment: &environment,
        stored: &|| stored(&environment),
        new_run: &new_run,
    };
    let typed = cli::parse(arguments);
    if let Ok(typed) = &typed {
        for channel in &typed.notify {
            arguments::hide(OsStr::new(channel.typed()));
        }
    }
    perform(plan(typed, &surroundings), &surroundings)
}

fn new_run() -> Option<Uuid> {
    let bytes = random::bytes().ok()?;
    Some(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Whether the mark of an outer launcher is that of a run which has ended: a server that it started keeps the mark.
fn has_outlived_its_run() -> bool {
    let supervisor = std::env::var(env::AXOLOTL_RUN_SUPERVISOR);
    supervisor.is_ok_and(|supervisor| identity::has_ended(&supervisor))
}

fn stored(environment: Environment<'_>) -> Option<Stored> {
    match decision::read(environment) {
        StoredDecision::Decision(stored) => Some(stored),
        StoredDecision::Nothing | StoredDecision::Unreadable(_) => None,
    }
}

fn perform(plan: Plan, surroundings: &Surroundings<'_>) -> End {
    match plan {
        Plan::Exec {
            command,
            do_not_track,
            warning,
        } => {
            if let Some(warning) = warning {
                warn(&warning);
            }
            let mut changes = Vec::new();
            if do_not_track {
                changes.push((env::AXOLOTL_DO_NOT_TRACK, "1".into()));
            }
            not_run(&command, command::exec(&command, &changes))
        }
        Plan::Notice { then } => {
            // Nobody waits for a word that is no program.
            if let Some(command) = then.command()
                && let Some(program) = command.first()
                && let Err(problem) = command::find(program)
            {
                return not_run(command, problem);
            }
            match notice::show() {
                notice::Ended::Start => perform(*then, surroundings),
                notice::Ended::Interrupted => End::Exited(status::INTERRUPTED),
            }
        }
        Plan::Observe(request) => {
            if let Some(warning) = &request.warning {
                warn(warning);
            }
            if let Some(config) = &request.config {
                look_at(config);
            }
            match supervisor::observe(&request) {
                Finished::Ended(end) => end,
                Finished::NotRun(problem) => not_run(&request.command, problem),
            }
        }
        Plan::Query(query) => End::Exited(commands::answer(&query, surroundings)),
        Plan::Refuse(complaint) => {
            complaint.say();
            End::Exited(status::REFUSED)
        }
    }
}

fn warn(value: &str) {
    ui::warning(&format!(
        "`{}={value}` is none of `0`, `1`, `true`, `false`; telemetry stays off",
        env::AXOLOTL_DO_NOT_TRACK,
    ));
}

/// Says that a configuration cannot be opened while the user is still there to hear it; the observer, which will
/// read it, has no voice. Only a file that the user named is looked at, so whoever names none waits for none.
fn look_at(config: &Path) {
    if let Err(error) = probe::open_regular(config) {
        ui::warning(&format!(
            "`--config {}` can't be opened: {}; the command runs all the same, its configuration is not recorded; \
             name a YAML file that can be read",
            cli::printable(config),
            axolotl_run_sys::reason(&error)
        ));
    }
}

/// The command could not be run: what every shell and launcher says and returns then.
fn not_run(command: &[OsString], problem: Errno) -> End {
    let program = command.first().map(cli::printable).unwrap_or_default();
    ui::not_executed(&program, problem.desc(), cli::meant(command));
    End::Exited(match problem {
        Errno::ENOENT | Errno::ENOTDIR => status::NOT_FOUND,
        _ => status::NOT_EXECUTABLE,
    })
}
