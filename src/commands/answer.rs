//! Finds the answer to each question that takes the place of a command.

use super::documents::{man, schema};
use super::output::{AnswerForm, Output, TelemetryState};
use super::recorded::{forget, runs, send, show};
use super::{explain, preview, report, status};
use crate::cli::plan::{Query, Question, Surroundings};
use crate::cli::{self, Shell};
use crate::delivery::{Certificates, Destination};
use crate::store::decision::{self, StoredDecision};
use crate::store::{Store, Withdrawn};
use crate::ui::terminal::{self, TerminalKind};
use crate::ui::{Stderr, Terminal};
use axolotl_run_core::consent;
use axolotl_run_core::event::wire;
use axolotl_run_core::launch::command_line::CommandLine;
use std::io;
use std::time::SystemTime;

/// Answers a question on stdout, or says on stderr why there is no answer.
pub fn answer(query: &Query, surroundings: &Surroundings<'_>) -> u8 {
    let (mut out, mut err) = (io::stdout().lock(), Stderr);
    let terminal = Terminal::of_stdout(surroundings.environment);
    let mut output = Output {
        out: &mut out,
        err: &mut err,
        terminal,
    };
    let form = if query.json {
        AnswerForm::Json
    } else {
        AnswerForm::Text
    };
    match &query.question {
        Question::Help => output.answer(&cli::help()),
        Question::Version => {
            output.answer(&format!("{} {}\n", cli::NAME, env!("CARGO_PKG_VERSION")))
        }
        Question::Status => status(surroundings, None, form, &mut output),
        Question::Decide(telemetry) => decide(*telemetry, surroundings, form, &mut output),
        Question::Preview { command, config } => {
            preview::print(command, config.as_deref(), form, &mut output)
        }
        Question::Explain { file } => {
            let end = explain::known_end(surroundings.environment);
            explain::run(file.as_deref(), end, form, &mut output)
        }
        Question::Schema => output.answer(&schema::answer(query.json, terminal)),
        Question::Completions(shell) => output.answer(completions(*shell)),
        Question::Man => output.answer(&man::page()),
        Question::Runs
        | Question::Show { .. }
        | Question::Report { .. }
        | Question::Send
        | Question::Forget { .. } => match Store::existing(surroundings.environment) {
            Err(problem) => output.no_store(&problem),
            Ok(store) => recorded(
                &query.question,
                store.as_ref(),
                surroundings,
                form,
                &mut output,
            ),
        },
    }
}

fn recorded(
    question: &Question,
    store: Option<&Store>,
    surroundings: &Surroundings<'_>,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let now = SystemTime::now();
    match question {
        Question::Show { run } => {
            let prefix = run.as_deref().map(cli::printable);
            show::print(store, prefix.as_deref(), now, form, output)
        }
        Question::Report { run, against, html } => {
            let wanted = report::Wanted {
                run: run.as_deref().map(cli::printable),
                against: against.as_deref().map(cli::printable),
                html: html.clone(),
            };
            report::print(store, &wanted, now, form, output)
        }
        Question::Forget { what } => forget::run(store, &cli::printable(what), now, form, output),
        Question::Send => {
            let (consent, _) = surroundings.consent(&CommandLine::read(&[]));
            let upload = send::Upload {
                telemetry: TelemetryState {
                    is_on: consent.telemetry == consent::Telemetry::On,
                    cause: &consent.cause.sentence(),
                },
                destination: &Destination::configured(surroundings.environment),
                certificates: Certificates::configured(surroundings.environment),
                shows_progress: terminal::of_stderr() == Some(TerminalKind::Capable),
            };
            send::run(store, upload, form, output)
        }
        _ => runs::print(store, now, form, output),
    }
}

fn status(
    surroundings: &Surroundings<'_>,
    withdrawn: Option<Withdrawn>,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let (consent, _) = surroundings.consent(&CommandLine::read(&[]));
    let store = Store::existing(surroundings.environment);
    let stored = decision::path(surroundings.environment)
        .map_or(StoredDecision::Nothing, |path| decision::read(&path));
    let facts = status::StatusFacts {
        telemetry: TelemetryState {
            is_on: consent.telemetry == consent::Telemetry::On,
            cause: &consent.cause.sentence(),
        },
        destination: &Destination::configured(surroundings.environment),
        store: store.as_ref().map(Option::as_ref),
        decision: &stored,
        withdrawn,
    };
    status::print(&facts, SystemTime::now(), form, output)
}

/// Stores a decision, then says what holds now: a variable may still say otherwise. Who turns telemetry off takes back
/// the consent to what waits as well, so that goes.
fn decide(
    telemetry: consent::Telemetry,
    surroundings: &Surroundings<'_>,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let mut date = wire::timestamp(SystemTime::now());
    date.truncate("2026-01-31".len());
    let decision = consent::Stored {
        telemetry,
        policy_version: consent::POLICY_VERSION,
        decided: Some(date),
    };
    match decision::write(surroundings.environment, &decision) {
        Ok(_) => {
            let mut withdrawn = None;
            if telemetry == consent::Telemetry::Off
                && let Ok(Some(store)) = Store::existing(surroundings.environment)
            {
                withdrawn = Some(store.withdraw(SystemTime::now()));
            }
            status(surroundings, withdrawn, form, output)
        }
        Err(problem) => output.complain(
            &format!("failed to {problem}"),
            Some("`AXOLOTL_DO_NOT_TRACK=0` or `=1` in the environment decides without a file"),
        ),
    }
}

/// The completion script of a shell.
///
/// The scripts are written by hand, because behind our options is another program's command line: its own completion
/// has to take over there, which no generator of scripts knows.
const fn completions(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("../../completions/axolotl-run.bash"),
        Shell::Zsh => include_str!("../../completions/_axolotl-run"),
        Shell::Fish => include_str!("../../completions/axolotl-run.fish"),
    }
}
