//! Finds the answer to each question that takes the place of a command.

use super::documents::{man, schema};
use super::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED};
use super::recorded::{export, forget, runs, send, show, stacks};
use super::{explain, preview, price, report, status, told};
use crate::cli::plan::Surroundings;
use crate::cli::{self, Mode, Typed};
use crate::delivery::notify::Channel;
use crate::delivery::{Certificates, Destination, tries};
use crate::store::decision::{self, channels};
use crate::store::{Store, Withdrawn};
use crate::ui::terminal::{self, TerminalKind};
use crate::ui::{Complaint, OutputTerminal};
use axolotl_run_core::consent::{self, Recording, Telemetry};
use axolotl_run_core::env;
use axolotl_run_core::event::wire;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_sys::role;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Answers a question on stdout, or says on stderr why there is no answer.
pub fn answer(typed: &Typed, surroundings: &Surroundings<'_>) -> u8 {
    role::keep_own_rights();
    let environment = surroundings.environment;
    let mut answer_output = AnswerOutput {
        text: String::new(),
        terminal: OutputTerminal::of_stdout(environment),
        form: if typed.json {
            AnswerForm::Json
        } else {
            AnswerForm::Text
        },
        now: SystemTime::now(),
    };
    let answered = print(typed, surroundings, &mut answer_output);
    let printed = answer_output.print(io::stdout().lock());
    printed.and(answered).unwrap_or_else(|complaint| {
        complaint.say();
        FAILED
    })
}

fn print(
    typed: &Typed,
    surroundings: &Surroundings<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let environment = surroundings.environment;
    match typed.mode {
        Mode::Run | Mode::Help => answer_output.answer(&cli::help()),
        Mode::Version => {
            answer_output.answer(&format!("{} {}\n", cli::NAME, env!("CARGO_PKG_VERSION")))
        }
        Mode::Status => status(surroundings, None, answer_output),
        Mode::Enable => decide(
            Telemetry::On,
            Recording::OnRequest,
            surroundings,
            answer_output,
        ),
        Mode::Disable => decide(
            Telemetry::Off,
            Recording::OnRequest,
            surroundings,
            answer_output,
        ),
        Mode::RecordAlways => decide(
            Telemetry::Off,
            Recording::Always,
            surroundings,
            answer_output,
        ),
        Mode::Preview => preview::print(&typed.operands, typed.config.as_deref(), answer_output),
        Mode::Explain => {
            let end = explain::known_end(environment);
            explain::run(typed.word().map(Path::new), end, answer_output)
        }
        Mode::Schema => {
            answer_output.answer(&schema::answer(answer_output.form, answer_output.terminal))
        }
        Mode::NotifyTest => told::test(&typed.notify, environment, answer_output),
        Mode::NotifyStore => told::store(&typed.notify, environment, answer_output),
        Mode::Price => {
            let typed_price = typed.word().map(cli::printable);
            price::run(typed_price.as_deref(), environment, answer_output)
        }
        Mode::Completions => answer_output.answer(completions(typed.word())),
        Mode::Man => answer_output.answer(&man::page()),
        Mode::Runs
        | Mode::Show
        | Mode::Stacks
        | Mode::Report
        | Mode::Export
        | Mode::Send
        | Mode::Forget => {
            let store = Store::existing(environment).map_err(|problem| {
                let variable = env::XDG_STATE_HOME;
                let hint = format!("`{variable}` names another directory for recorded runs");
                Complaint::new(format!("failed to {problem}"), hint)
            })?;
            recorded(typed, store.as_ref(), surroundings, answer_output)
        }
    }
}

fn recorded(
    typed: &Typed,
    store: Option<&Store>,
    surroundings: &Surroundings<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let run = typed.word().map(cli::printable);
    match typed.mode {
        Mode::Show => show::print(store, run.as_deref(), answer_output),
        Mode::Stacks => stacks::print(store, run.as_deref(), answer_output),
        Mode::Report => report::print(store, typed, surroundings.environment, answer_output),
        Mode::Export => export::run(store, run.as_deref(), answer_output),
        Mode::Forget => forget::run(store, &run.unwrap_or_default(), answer_output),
        Mode::Send => {
            let request = send::SendRequest {
                consent: consent(surroundings),
                destination: Destination::configured(surroundings.environment),
                certificates: Certificates::configured(surroundings.environment),
                tries: tries(surroundings.environment),
                shows_progress: terminal::of_stderr() == Some(TerminalKind::Capable),
            };
            send::run(store, request, answer_output)
        }
        _ => runs::print(store, answer_output),
    }
}

fn consent(surroundings: &Surroundings<'_>) -> consent::Decision {
    surroundings.consent(&CommandLine::read(&[]))
}

fn status(
    surroundings: &Surroundings<'_>,
    withdrawn: Option<Withdrawn>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let store = Store::existing(surroundings.environment);
    let channels = channels::read(surroundings.environment);
    let facts = status::StatusFacts {
        consent: consent(surroundings),
        destination: &Destination::configured(surroundings.environment),
        store: store.as_ref().map(Option::as_ref),
        decision: &decision::read(surroundings.environment),
        channels: channels.iter().map(Channel::shown).collect(),
        withdrawn,
    };
    status::print(&facts, answer_output)
}

/// Stores a decision, then says what holds now: a variable may still say otherwise. Who turns telemetry off takes back
/// the consent to what waits as well; the records stay.
fn decide(
    telemetry: Telemetry,
    recording: Recording,
    surroundings: &Surroundings<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let mut date = wire::timestamp(answer_output.now);
    date.truncate("2026-01-31".len());
    let decision = consent::Stored {
        telemetry,
        recording,
        policy_version: consent::POLICY_VERSION,
        decided: Some(date),
    };
    if let Err(problem) = decision::write(surroundings.environment, &decision) {
        return Err(Complaint::new(
            format!("failed to {problem}"),
            "`AXOLOTL_DO_NOT_TRACK=0` or `=1` in the environment decides without a file",
        ));
    }
    let mut withdrawn = None;
    if telemetry == Telemetry::Off
        && let Ok(Some(store)) = Store::existing(surroundings.environment)
    {
        withdrawn = Some(store.withdraw(answer_output.now));
    }
    status(surroundings, withdrawn, answer_output)
}

/// The completion script of one of the shells that the parser lets through.
///
/// The scripts are written by hand, because behind our options is another program's command line: its own completion
/// has to take over there, which no generator of scripts knows.
fn completions(shell: Option<&OsStr>) -> &'static str {
    match shell.and_then(OsStr::to_str) {
        Some("zsh") => include_str!("../../completions/_axolotl-run"),
        Some("fish") => include_str!("../../completions/axolotl-run.fish"),
        _ => include_str!("../../completions/axolotl-run.bash"),
    }
}
