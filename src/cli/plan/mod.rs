//! What a command line means here and now: the second step, which alone looks at the surroundings.
//!
//! The problem: telemetry is off for most runs, and such a run must not pay for the rest. So the cheap
//! questions come first, each asked only if the one before leaves it open: is an outer launcher there, which
//! part of its job is this, does a variable decide, does the stored decision. The stored decision is the only file
//! that is read, and only where no variable turns telemetry on. What comes out is one closed enum; the library's entry
//! does what it says and decides nothing.

use crate::cli::{Mode, Typed};
use crate::protocol::run_request::{FirstEvent, OwnerSide, RunRequest, RunSettings};
use crate::ui::Complaint;
use axolotl_run_core::consent::{
    Decision, Recording, Sending, Stored, Telemetry, decide, is_inside,
};
use axolotl_run_core::launch::Environment;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::job::{self, JobPart};
use axolotl_run_core::launch::rank::{RankVerdict, rank};
use std::ffi::OsString;
use uuid::Uuid;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Plan {
    /// Vanish: become the command.
    Exec {
        /// The command and its arguments.
        command: Vec<OsString>,
        /// Whether the command's own telemetry is to stay off, because nobody has decided.
        do_not_track: bool,
        /// A value of AXOLOTL_DO_NOT_TRACK that has to be warned of before.
        warning: Option<String>,
    },
    /// Tell the user and wait; then do this, unless the user wants nothing to be started.
    Notice {
        /// What follows.
        then: Box<Self>,
    },
    /// Run the command and observe it.
    Observe(RunRequest),
    /// Answer the question that was typed; run nothing.
    Query(Typed),
    /// Say what is wrong with the command line.
    Refuse(Complaint),
}

impl Plan {
    /// The command that it starts.
    pub fn command(&self) -> Option<&[OsString]> {
        match self {
            Self::Exec { command, .. } => Some(command),
            Self::Observe(request) => Some(&request.command),
            Self::Notice { then } => then.command(),
            Self::Query(_) | Self::Refuse(_) => None,
        }
    }
}

/// What the plan may ask about the place it runs in.
pub struct Surroundings<'a> {
    /// A variable of the environment.
    pub environment: Environment<'a>,
    /// The stored decision; reads a file.
    pub stored: &'a dyn Fn() -> Option<Stored>,
    /// A fresh UUID (v4); None where there is no randomness to be had.
    pub new_run: &'a dyn Fn() -> Option<Uuid>,
}

impl Surroundings<'_> {
    /// The consent to a run of this command, with its cause.
    pub fn consent(&self, command: &CommandLine<'_>) -> Decision {
        decide(
            self.environment,
            rank(self.environment, command),
            self.stored,
        )
    }

    /// Whether a run of which nothing is sent is recorded for its owner. Variables forbid what leaves, not this.
    fn records_always(&self) -> bool {
        let stored = (self.stored)();
        stored.is_some_and(|stored| stored.recording == Recording::Always)
    }
}

/// Decides what is to be done.
pub fn plan(typed: Result<Typed, Complaint>, surroundings: &Surroundings<'_>) -> Plan {
    match typed {
        Err(complaint) => Plan::Refuse(complaint),
        Ok(typed) if typed.mode != Mode::Run => Plan::Query(typed),
        Ok(typed) => run(typed, surroundings),
    }
}

fn run(typed: Typed, surroundings: &Surroundings<'_>) -> Plan {
    let environment = surroundings.environment;
    let command = CommandLine::read(&typed.operands);
    let rank = rank(environment, &command);
    let Some(part) = job::part(rank, environment, &command) else {
        return become_command(typed.operands);
    };
    // One launcher observes a run, not two.
    if is_inside(environment) {
        return become_command(typed.operands);
    }
    let observed = |sending, owner_side| RunChoice {
        sending,
        part,
        owner_side,
        uses_terminal: command.uses_terminal(),
        first_event: match rank {
            RankVerdict::Deferred => FirstEvent::AfterRank,
            RankVerdict::Main | RankVerdict::NotMain { .. } => FirstEvent::AtOnce,
        },
    };
    let for_owner = if typed.no_output {
        OwnerSide::Facts
    } else {
        OwnerSide::FactsAndOutput
    };
    // Consent is not asked for where nothing leaves.
    if typed.record {
        let observed = observed(Sending::Forbidden, for_owner);
        return observe(typed, observed, None, surroundings);
    }
    // A part of a job is recorded where the main process is.
    let mut decision = decide(environment, RankVerdict::Main, surroundings.stored);
    let mut sending = Sending::Permitted;
    if part != JobPart::Main {
        decision.notice = false;
        decision.warning = None;
        sending = Sending::Forbidden;
    }
    let then = match decision.telemetry {
        Telemetry::On => {
            let observed = observed(sending, OwnerSide::Nothing);
            observe(typed, observed, None, surroundings)
        }
        // Who wants to be told wants the run to be watched; nothing of it is sent to anybody else.
        Telemetry::Off if !typed.notify.is_empty() => {
            let observed = observed(Sending::Forbidden, for_owner);
            return observe(typed, observed, None, surroundings);
        }
        Telemetry::Off if !decision.notice && surroundings.records_always() => {
            let warning = decision.warning.clone();
            let observed = observed(Sending::Forbidden, for_owner);
            observe(typed, observed, warning, surroundings)
        }
        // A recent Axolotl reports by default: whoever has not decided is kept out of that, too.
        Telemetry::Off => Plan::Exec {
            command: typed.operands,
            do_not_track: decision.notice,
            warning: decision.warning,
        },
    };
    if !decision.notice {
        return then;
    }
    Plan::Notice {
        then: Box::new(then),
    }
}

fn become_command(command: Vec<OsString>) -> Plan {
    Plan::Exec {
        command,
        do_not_track: false,
        warning: None,
    }
}

/// How a command is observed.
struct RunChoice {
    sending: Sending,
    part: JobPart,
    owner_side: OwnerSide,
    uses_terminal: bool,
    first_event: FirstEvent,
}

fn observe(
    typed: Typed,
    observed: RunChoice,
    warning: Option<String>,
    surroundings: &Surroundings<'_>,
) -> Plan {
    // Without a name of its own nothing can be told of a run.
    let Some(run) = (surroundings.new_run)() else {
        return become_command(typed.operands);
    };
    // Of a job with 64 processes the main one tells how it went.
    let is_main = observed.part == JobPart::Main;
    Plan::Observe(RunRequest {
        settings: RunSettings {
            run,
            sending: observed.sending,
            first_event: observed.first_event,
            part: observed.part,
            summary: typed.summary && is_main,
            ci_summary: typed.ci_summary && is_main,
            owner_side: observed.owner_side,
        },
        config: typed.config,
        tap_stdout: typed.tap_stdout,
        terminal_direct: typed.tty_direct || observed.uses_terminal,
        channels: if is_main { typed.notify } else { Vec::new() },
        warning,
        command: typed.operands,
    })
}

#[cfg(test)]
mod tests;
