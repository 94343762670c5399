//! What the options that take the place of a command print.
//!
//! The rule: an answer goes to `out`, in full and in one write; what keeps us from answering goes to `err` in
//! the form of every [complaint](crate::ui::Complaints); the exit status is 0 for an answer and 1 for none (125 is for
//! options that were not understood, before anything came here). Nothing here decides anything about a run.
//! Text from disk is made harmless for terminals before it is printed.
//!
//! Called by the front alone, which gives the two streams and has found out what was asked.

pub mod completions;
pub mod explain;
pub mod forget;
pub mod man;
pub mod preview;
pub mod report;
pub mod runs;
pub mod schema;
pub mod send;
pub mod show;
pub mod status;

use crate::cli;
use crate::cli::plan::Query;
use crate::cli::plan::Question;
use crate::cli::plan::Surroundings;
use crate::delivery::{Certificates, Destination};
use crate::store::decision::{self, StoredDecision};
use crate::store::{Store, StoreProblem, Withdrawn};
use crate::ui::Complaints;
use crate::ui::page::Paper;
use axolotl_run_core::consent;
use axolotl_run_core::env;
use axolotl_run_core::launch::command_line::CommandLine;
use std::io::{self, Write};
use std::time::SystemTime;

/// An answer was given.
pub const ANSWERED: u8 = 0;
/// There is no answer, and `err` says why.
pub const FAILED: u8 = axolotl_run_core::status::UNANSWERED;

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// Whether telemetry is on, and why; the cause is a rendered fragment such as `DO_NOT_TRACK=1 in the environment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry<'a> {
    /// The effective state.
    pub is_on: bool,
    /// Why it is so.
    pub cause: &'a str,
}

/// Where to print.
pub struct Streams<'a> {
    /// Answers.
    pub out: &'a mut dyn Write,
    /// Why there is none.
    pub err: &'a mut dyn Complaints,
    /// What answers for people are printed on.
    pub paper: Paper,
}

impl<'a> Streams<'a> {
    /// Streams that are no terminal.
    #[cfg(test)]
    pub fn plain(out: &'a mut dyn Write, err: &'a mut dyn Complaints) -> Self {
        Self {
            out,
            err,
            paper: Paper::default(),
        }
    }

    /// Prints an answer. A reader that has seen enough (`| head`) is no failure.
    pub(super) fn answer(&mut self, text: &str) -> u8 {
        match self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
        {
            Ok(()) => ANSWERED,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ANSWERED,
            Err(error) => self.complain(
                &format!(
                    "failed to print the answer: {}",
                    axolotl_run_sys::reason(&error)
                ),
                None,
            ),
        }
    }

    /// Prints why there is no answer.
    pub(super) fn complain(&mut self, error: &str, hint: Option<&str>) -> u8 {
        self.err.complain(error, hint);
        FAILED
    }

    /// Says that the recorded runs can't be read.
    pub fn no_store(&mut self, problem: &StoreProblem) -> u8 {
        let hint = format!(
            "`{}` names another directory for recorded runs",
            env::XDG_STATE_HOME
        );
        self.complain(&format!("failed to {problem}"), Some(&hint))
    }
}

/// Answers a question on stdout, or says on stderr why there is no answer.
#[must_use]
pub fn answer(query: &Query, surroundings: &Surroundings<'_>) -> u8 {
    let (mut out, mut err) = (io::stdout().lock(), crate::ui::Stderr);
    let paper = crate::ui::paper(surroundings.environment);
    let mut streams = Streams {
        out: &mut out,
        err: &mut err,
        paper,
    };
    let form = if query.json { Form::Json } else { Form::Text };
    match &query.question {
        Question::Help => streams.answer(&cli::help()),
        Question::Version => {
            streams.answer(&format!("{} {}\n", cli::NAME, env!("CARGO_PKG_VERSION")))
        }
        Question::Status => status(surroundings, None, form, &mut streams),
        Question::Decide(telemetry) => decide(*telemetry, surroundings, form, &mut streams),
        Question::Preview { command, config } => {
            preview::print(command, config.as_deref(), form, &mut streams)
        }
        Question::Explain { file } => {
            let end = explain::known_end(surroundings.environment);
            explain::run(file.as_deref(), end, form, &mut streams)
        }
        Question::Schema => streams.answer(&schema::answer(query.json, paper)),
        Question::Completions(shell) => streams.answer(completions::script(*shell)),
        Question::Man => streams.answer(&man::page()),
        Question::Runs
        | Question::Show { .. }
        | Question::Report { .. }
        | Question::Send
        | Question::Forget { .. } => match Store::existing(surroundings.environment) {
            Err(problem) => streams.no_store(&problem),
            Ok(store) => recorded(
                &query.question,
                store.as_ref(),
                surroundings,
                form,
                &mut streams,
            ),
        },
    }
}

fn recorded(
    question: &Question,
    store: Option<&Store>,
    surroundings: &Surroundings<'_>,
    form: Form,
    streams: &mut Streams<'_>,
) -> u8 {
    let now = SystemTime::now();
    match question {
        Question::Show { run } => {
            let prefix = run.as_deref().map(cli::printable);
            show::print(store, prefix.as_deref(), now, form, streams)
        }
        Question::Report { run, against, html } => {
            let wanted = report::Wanted {
                run: run.as_deref().map(cli::printable),
                against: against.as_deref().map(cli::printable),
                html: html.clone(),
            };
            report::print(store, &wanted, now, form, streams)
        }
        Question::Forget { what } => forget::run(store, &cli::printable(what), now, form, streams),
        Question::Send => {
            let (consent, _) = surroundings.consent(&CommandLine::read(&[]));
            let upload = send::Upload {
                telemetry: Telemetry {
                    is_on: consent.telemetry == consent::Telemetry::On,
                    cause: &consent.cause.sentence(),
                },
                destination: &Destination::configured(surroundings.environment),
                certificates: Certificates::configured(surroundings.environment),
                shows_progress: crate::ui::is_terminal(),
            };
            send::run(store, upload, form, streams)
        }
        _ => runs::print(store, now, form, streams),
    }
}

fn status(
    surroundings: &Surroundings<'_>,
    withdrawn: Option<Withdrawn>,
    form: Form,
    streams: &mut Streams<'_>,
) -> u8 {
    let (consent, _) = surroundings.consent(&CommandLine::read(&[]));
    let store = Store::existing(surroundings.environment);
    let stored = decision::path(surroundings.environment)
        .map_or(StoredDecision::Nothing, |path| decision::read(&path));
    let facts = status::Facts {
        telemetry: Telemetry {
            is_on: consent.telemetry == consent::Telemetry::On,
            cause: &consent.cause.sentence(),
        },
        destination: &Destination::configured(surroundings.environment),
        store: store.as_ref().map(Option::as_ref),
        decision: &stored,
        withdrawn,
    };
    status::print(&facts, SystemTime::now(), form, streams)
}

/// Stores a decision, then says what holds now: a variable may still say otherwise. Who turns telemetry off takes back
/// the consent to what waits as well, so that goes.
fn decide(
    telemetry: consent::Telemetry,
    surroundings: &Surroundings<'_>,
    form: Form,
    streams: &mut Streams<'_>,
) -> u8 {
    let date = axolotl_run_core::event::wire::timestamp(SystemTime::now())
        .chars()
        .take("2026-01-31".len())
        .collect();
    let decision = consent::Stored {
        telemetry,
        policy_version: consent::POLICY_VERSION,
        decided: Some(date),
    };
    match decision::write(surroundings.environment, &decision) {
        Ok(_) => {
            let store = Store::existing(surroundings.environment)
                .ok()
                .flatten()
                .filter(|_| telemetry == consent::Telemetry::Off);
            status(
                surroundings,
                store.map(|store| store.withdraw(SystemTime::now())),
                form,
                streams,
            )
        }
        Err(problem) => streams.complain(
            &format!("failed to {problem}"),
            Some("`AXOLOTL_DO_NOT_TRACK=0` or `=1` in the environment decides without a file"),
        ),
    }
}

/// `3 events`, `1 event`.
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A document for programs, on one line.
fn document(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests;
