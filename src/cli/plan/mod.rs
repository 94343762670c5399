//! What a command line means here and now: the second step, which alone looks at the surroundings.
//!
//! The problem: telemetry is off for most runs, and such a run must not pay for the rest. So the cheap
//! questions come first, each asked only if the one before leaves it open: is an outer launcher there, is this
//! the main process, does a variable decide, does the stored decision. The stored decision is the only file
//! that is read, and only where no variable decides. What comes out is one closed enum; [`front`](crate::front)
//! does what it says and decides nothing.

mod question;
pub use question::{Query, Question};

use crate::cli::{Mode, Refusal, Typed};
use crate::protocol::run_request::RunRequest;
use axolotl_run_core::consent::{
    Decision, Inputs, Sending, Stored, Telemetry, Warning, decide, is_inside,
};
use axolotl_run_core::env;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::rank::{RankVerdict, rank};
use std::ffi::OsString;
use uuid::Uuid;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Vanish: become the command.
    Exec {
        /// The command and its arguments.
        command: Vec<OsString>,
        /// Whether the command's own telemetry is to stay off, because nobody has decided.
        do_not_track: bool,
        /// What to say before.
        warning: Option<Warning>,
    },
    /// Tell the user and wait; then do this, unless the user wants nothing to be started.
    Notice {
        /// What follows.
        then: Box<Self>,
    },
    /// Run the command and observe it.
    Observe(RunRequest),
    /// Answer a question; run nothing.
    Query(Query),
    /// Say what is wrong with the command line.
    Refuse(Refusal),
}

/// What the plan may ask about the place it runs in.
pub struct Surroundings<'a> {
    /// A variable of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The stored decision; reads a file.
    pub stored: &'a dyn Fn() -> Option<Stored>,
    /// A fresh UUID (v4).
    pub new_run: &'a dyn Fn() -> Uuid,
}

impl Surroundings<'_> {
    /// The consent to a run of this command, with its cause.
    #[must_use]
    pub fn consent(&self, command: &CommandLine<'_>) -> (Decision, RankVerdict) {
        let rank = rank(self.environment, command);
        let value = |name| (self.environment)(name);
        let (run_id, general, axolotl) = (
            value(env::AXOLOTL_RUN_ID),
            value(env::DO_NOT_TRACK),
            value(env::AXOLOTL_DO_NOT_TRACK),
        );
        let inputs = Inputs {
            run_id: run_id.as_deref(),
            rank,
            do_not_track: general.as_deref(),
            axolotl_do_not_track: axolotl.as_deref(),
        };
        (decide(&inputs, self.stored), rank)
    }

    /// Whether a launcher has no business here at all, whatever its options say.
    fn is_not_ours(&self, command: &CommandLine<'_>) -> Option<RankVerdict> {
        if is_inside((self.environment)(env::AXOLOTL_RUN_ID).as_deref()) {
            return None;
        }
        Some(rank(self.environment, command))
            .filter(|rank| !matches!(rank, RankVerdict::NotMain { .. }))
    }
}

/// Decides what is to be done.
#[must_use]
pub fn plan(typed: Result<Typed, Refusal>, surroundings: &Surroundings<'_>) -> Plan {
    match typed {
        Err(refusal) => Plan::Refuse(refusal),
        Ok(typed) if typed.mode == Mode::Run && typed.record => record(&typed, surroundings),
        Ok(typed) if typed.mode == Mode::Run => run(&typed, surroundings),
        Ok(typed) => question(typed),
    }
}

fn run(typed: &Typed, surroundings: &Surroundings<'_>) -> Plan {
    let command = CommandLine::read(&typed.operands);
    let (decision, rank) = surroundings.consent(&command);
    let then = match decision.telemetry {
        Telemetry::On => observe(typed, &command, Sending::Permitted, rank, surroundings),
        // A recent Axolotl reports by default: whoever has not decided is kept out of that, too.
        Telemetry::Off => Plan::Exec {
            command: typed.operands.clone(),
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

/// `--record`: consent is not asked because nothing leaves; but one launcher observes a run, not two or sixty.
fn record(typed: &Typed, surroundings: &Surroundings<'_>) -> Plan {
    let command = CommandLine::read(&typed.operands);
    match surroundings.is_not_ours(&command) {
        Some(rank) => observe(typed, &command, Sending::Forbidden, rank, surroundings),
        None => Plan::Exec {
            command: typed.operands.clone(),
            do_not_track: false,
            warning: None,
        },
    }
}

fn observe(
    typed: &Typed,
    command: &CommandLine<'_>,
    sending: Sending,
    rank: RankVerdict,
    surroundings: &Surroundings<'_>,
) -> Plan {
    Plan::Observe(RunRequest {
        run: (surroundings.new_run)(),
        sending,
        config: typed.config.clone(),
        tap_stdout: typed.tap_stdout,
        terminal_direct: typed.tty_direct || command.uses_terminal(),
        rank_deferred: rank == RankVerdict::Deferred,
        summary: typed.summary,
        ci_summary: typed.ci_summary,
        command: typed.operands.clone(),
    })
}

fn question(typed: Typed) -> Plan {
    let Typed {
        mode,
        json,
        config,
        html,
        against,
        operands,
        ..
    } = typed;
    let word = |operands: Vec<OsString>| operands.into_iter().next();
    let question = match mode {
        Mode::Run | Mode::Help => Question::Help,
        Mode::Version => Question::Version,
        Mode::Status => Question::Status,
        Mode::Enable => Question::Decide(Telemetry::On),
        Mode::Disable => Question::Decide(Telemetry::Off),
        Mode::Preview => Question::Preview {
            command: operands,
            config,
        },
        Mode::Explain => Question::Explain {
            file: word(operands)
                .filter(|file| file != "-")
                .map(std::path::PathBuf::from),
        },
        Mode::Schema => Question::Schema,
        Mode::Runs => Question::Runs,
        Mode::Show => Question::Show {
            run: word(operands),
        },
        Mode::Report => Question::Report {
            run: word(operands),
            against: against.map(std::path::PathBuf::into_os_string),
            html,
        },
        Mode::Send => Question::Send,
        Mode::Forget => Question::Forget {
            what: word(operands).unwrap_or_default(),
        },
        Mode::Completions(shell) => Question::Completions(shell),
        Mode::Man => Question::Man,
    };
    Plan::Query(Query { question, json })
}

#[cfg(test)]
mod tests;
