//! `--preview`: the exact start event that a command would send, before anything is run.
//!
//! It goes the way that the observer's goes: the same facts, the same vetting, the same gate. What was withheld
//! of the configuration is listed with the reason, never with the value.

use super::output::{AnswerForm, AnswerOutput, AnswerResult, count};
use crate::metrics::accelerator::Gpus;
use crate::metrics::accelerator::Health;
use crate::metrics::facts;
use crate::observer::surroundings::{self, Unread};
use crate::ui::page::Page;
use crate::ui::text::harmless;
use crate::ui::{Complaint, OutputTerminal};
use axolotl_run_core::config::{ConfigProblem, Vetted};
use axolotl_run_core::event::Event;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::limits;
use axolotl_run_core::privacy::Refusal;
use axolotl_run_sys::reason;
use serde_json::json;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

/// Where text begins.
const LABEL: usize = 10;

/// Prints the start event of a command.
pub fn print(
    command: &[OsString],
    config_file: Option<&Path>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let directory = std::env::current_dir().unwrap_or_default();
    let mut gate = surroundings::gate(command, &directory);
    let mut start_event = facts(command, &|name| std::env::var_os(name));
    accelerators(&mut start_event);
    let configuration_read =
        surroundings::configuration(command.to_vec(), config_file.map(Path::to_owned), directory);
    // Nothing comes where the command names none, or where its file system does not answer.
    let configuration_read =
        configuration_read.and_then(|mut thread| thread.wait(limits::START_WAIT).message());
    let why_unread = match &configuration_read {
        Some(Err(unread)) => explanation(unread),
        _ => "its file system does not answer".to_owned(),
    };
    let vetted_config = configuration_read.and_then(Result::ok);
    if let Some(vetted_config) = &vetted_config {
        gate.withhold(&vetted_config.withheld);
        start_event.config = Some(vetted_config.value.clone());
        start_event.config_unknown_keys = Some(vetted_config.unknown_keys);
    } else if let Some(config_file) = config_file {
        let file = harmless(&config_file.to_string_lossy());
        return Err(Complaint::new(
            format!("failed to read the configuration `{file}`: {why_unread}"),
            "a run with this file records no configuration; without `--config` it is looked for in the command",
        ));
    }
    let now = answer_output.now;
    let identified = |event: &Event| Member::new(Uuid::now_v7(), Uuid::nil(), event, now, 0.0);
    let admission = gate.admit(&Event::Start(Box::new(start_event)), identified);
    let Some((event, line)) = admission.admitted else {
        let refusal = "the privacy gate would refuse this event; none of it would be sent";
        return Err(Complaint::new(refusal, ""));
    };
    if answer_output.form == AnswerForm::Json {
        return answer_output.answer(&format!("{line}\n"));
    }
    let terminal = answer_output.terminal.for_statements();
    let member = identified(&event);
    answer_output.answer(&text(
        &member,
        vetted_config.as_ref(),
        admission.refusal,
        terminal,
    ))
}

/// Why a configuration is none, without a word of it.
fn explanation(unread: &Unread) -> String {
    match unread {
        Unread::Io(error) => match error.kind() {
            ErrorKind::InvalidInput => {
                "it is a pipe, a device or a directory, not a file".to_owned()
            }
            ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
            _ => reason(error),
        },
        Unread::Problem(ConfigProblem::Size) => "it is too large".to_owned(),
        Unread::Problem(ConfigProblem::Syntax) => "it is not YAML that Axolotl accepts".to_owned(),
        Unread::Problem(ConfigProblem::NotAMap) => "it is not a map of keys to values".to_owned(),
    }
}

fn text(
    member: &Member,
    vetted_config: Option<&Vetted>,
    refusal: Option<Refusal>,
    terminal: OutputTerminal,
) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.add_verbatim(&format!(
        "{:#}",
        json!({"event": member.event, "properties": member.properties})
    ));
    if let Some(refusal) = refusal {
        page.add_line("");
        page.add_paragraph(&format!(
            "the privacy gate would refuse more of it: {refusal}"
        ));
    }
    let Some(vetted_config) = vetted_config else {
        page.add_line("");
        page.add_paragraph("no training configuration was found; `--config FILE` names one");
        return page.finish();
    };
    for redaction in &vetted_config.redactions {
        let reason = redaction.reason.explanation();
        page.add_entry("withheld", &format!("{}: {reason}", redaction.path));
    }
    if vetted_config.unknown_keys > 0 {
        let keys = count(vetted_config.unknown_keys, "key");
        page.add_entry("left out", &format!("{keys} unknown to the public schema"));
    }
    page.finish()
}

/// Asks the driver, for as long as the observer would wait for it.
fn accelerators(start_event: &mut axolotl_run_core::event::Start) {
    let mut gpus = Gpus::start();
    let deadline = Instant::now() + limits::START_WAIT;
    while gpus.health() == Health::Pending && Instant::now() < deadline {
        std::thread::sleep(limits::START_LOOK);
    }
    if let Some(facts) = gpus.facts() {
        facts.apply(start_event);
    }
}
