//! `--show`: the exact events of one run, with the server's answers and what was missed.
//!
//! This is how a user finds out what left the machine: the JSON that is printed is the JSON that was or will be
//! sent, member by member.

use super::choose::{identify, nothing_recorded};
use super::runs;
use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, count};
use crate::commands::status;
use crate::delivery::Disposition;
use crate::store::{RecordedEvent, RecordedRun, Sending, Store};
use crate::ui::OutputTerminal;
use crate::ui::page::Page;
use axolotl_run_core::event::value::Sendable as _;
use axolotl_run_core::event::wire::{self, Member};
use axolotl_run_core::event::{Dropped, Event};
use serde_json::{Value, json};

/// Where text begins.
const LABEL: usize = 9;

/// Prints one run: the latest, or the one whose identity begins with `prefix`.
pub fn print(
    store: Option<&Store>,
    run_prefix: Option<&str>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let (store, run_id) = identify(store, run_prefix, answer_output.now)?;
    let terminal = answer_output.terminal.for_statements();
    let mut described_events = Vec::new();
    let mut rendered_events = Vec::new();
    let mut missed = Vec::new();
    let recorded_run = store.events(run_id, answer_output.now, |recorded_event| {
        missed.extend(dropped(&recorded_event));
        let (fate_word, fate) = fate(&recorded_event);
        match answer_output.form {
            AnswerForm::Json => described_events.push(describe(&recorded_event, fate_word)),
            AnswerForm::Text => {
                rendered_events.push(render(&recorded_event.member, &fate, terminal))
            }
        }
    });
    let recorded_run = recorded_run.ok_or_else(nothing_recorded)?;
    missed.extend(damage(&recorded_run));
    if answer_output.form == AnswerForm::Json {
        let recorded_run = runs::describe(&recorded_run);
        return answer_output
            .document(&json!({"run": recorded_run, "events": described_events, "missed": missed}));
    }
    let mut footer = Page::new(terminal, LABEL);
    if !missed.is_empty() {
        footer.add_line("");
    }
    footer.add_entries("missed", &missed);
    let (heading, rendered_events, footer) = (
        heading(&recorded_run, terminal),
        rendered_events.join("\n"),
        footer.finish(),
    );
    answer_output.answer(&format!("{heading}\n{rendered_events}{footer}"))
}

fn heading(recorded_run: &RecordedRun, terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.add_entry("run", &recorded_run.run_id.to_string());
    let started = recorded_run.started.map(wire::timestamp);
    page.add_entry("started", started.as_deref().unwrap_or("unknown"));
    let mut outcome = recorded_run.title().to_owned();
    if let Some(steps) = recorded_run.steps {
        outcome.push_str(&format!(", {}", count(steps, "step")));
    }
    page.add_entry("outcome", &outcome);
    page.add_entry("events", &runs::event_fates(recorded_run));
    match recorded_run.sending {
        Sending::Permitted => {
            page.add_entry("consent", "recorded with consent to send");
            page.add_entry(
                "server",
                &status::answered(recorded_run.last_answer.as_ref()),
            );
        }
        Sending::Forbidden => {
            page.add_entry("consent", "recorded on this machine only; never sent")
        }
    }
    page.finish()
}

/// What became of an event: as one of a few words that can be counted, and in a few more.
pub fn fate(recorded_event: &RecordedEvent) -> (&'static str, String) {
    if let Some(answer) = &recorded_event.answer {
        let fate_word = match answer.disposition {
            Disposition::Delivered => "sent",
            _ => "refused",
        };
        let mut fate_words = format!("{fate_word} {}", answer.time);
        if let Some(status) = answer.status {
            fate_words.push_str(&format!(", the server answered {status}"));
        }
        return (fate_word, fate_words);
    }
    if let Some(refusal) = recorded_event.refusal {
        return ("refused", format!("refused: {}", refusal.reason()));
    }
    let (fate_word, fate_words) = if recorded_event.sending == Sending::Forbidden {
        ("kept_here", "not sent")
    } else if recorded_event.is_waiting() {
        ("waiting", "waiting to be sent")
    } else {
        ("too_old", "not sent: too old")
    };
    (fate_word, fate_words.to_owned())
}

fn render(member: &Member, fate: &str, terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.add_paragraph(&format!("{}  {}  {fate}", member.event, member.timestamp));
    page.add_verbatim(&serde_json::to_string_pretty(member).unwrap_or_default());
    page.finish()
}

fn describe(recorded_event: &RecordedEvent, fate: &str) -> Value {
    let answer = recorded_event.answer.as_ref();
    json!({
        "event": recorded_event.member,
        "fate": fate,
        "status": answer.and_then(|answer| answer.status),
        "answered": answer.map(|answer| answer.time.as_str()),
    })
}

/// What the finish event says was missed, in the words of the published list.
pub fn dropped(recorded_event: &RecordedEvent) -> Vec<String> {
    let mut missed = Vec::new();
    if let Some(Event::Finish(finish)) = &recorded_event.event
        && let Some(dropped) = &finish.dropped
    {
        let dropped_figures = json!(dropped);
        for listed_field in Dropped::kind().members() {
            match dropped_figures.get(listed_field.name) {
                Some(dropped_count) if *dropped_count != 0 => {
                    missed.push(format!("{}: {dropped_count}", listed_field.why))
                }
                _ => {}
            }
        }
    }
    missed
}

pub fn damage(recorded_run: &RecordedRun) -> Vec<String> {
    let mut damage = Vec::new();
    if recorded_run.damaged_lines > 0 {
        let lines = count(recorded_run.damaged_lines, "line");
        damage.push(format!("{lines} of the journal that cannot be read"));
    }
    if recorded_run.truncated {
        damage.push("what the journal holds beyond the first 64 MB".to_owned());
    }
    damage
}
