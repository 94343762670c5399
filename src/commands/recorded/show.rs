//! `--show`: the exact events of one run, with the server's answers and what was missed.
//!
//! This is how a user finds out what left the machine: the JSON that is printed is the JSON that was or will be
//! sent, member by member.

use super::choose::{identify, nothing_recorded};
use super::runs;
use crate::commands::output::{AnswerForm, Answered, Output, count};
use crate::commands::status;
use crate::delivery::Disposition;
use crate::store::{RecordedEvent, RecordedRun, Sending, Store};
use crate::ui::Terminal;
use crate::ui::page::Page;
use axolotl_run_core::event::value::Sendable as _;
use axolotl_run_core::event::wire::{self, Member};
use axolotl_run_core::event::{Dropped, Event};
use serde_json::{Value, json};
use std::time::SystemTime;

/// Where text begins.
const LABEL: usize = 9;

/// Prints one run: the latest, or the one whose identity begins with `prefix`.
pub fn print(store: Option<&Store>, prefix: Option<&str>, output: &mut Output) -> Answered {
    let (store, run) = identify(store, prefix, output.now)?;
    let terminal = output.terminal.for_statements();
    let sending = store.sending(run);
    let mut described = Vec::new();
    let mut texts = Vec::new();
    let mut missed = Vec::new();
    let summary = store.events(run, output.now, |record| {
        missed.extend(dropped(&record));
        let (_, fate) = fate(&record, sending, output.now);
        match output.form {
            AnswerForm::Json => described.push(describe(&record, &fate)),
            AnswerForm::Text => texts.push(render(&record.member, &fate, terminal)),
        }
    });
    let summary = summary.ok_or_else(nothing_recorded)?;
    missed.extend(damage(&summary));
    if output.form == AnswerForm::Json {
        let run = runs::describe(&summary);
        return output.document(&json!({"run": run, "events": described, "missed": missed}));
    }
    let mut foot = Page::new(terminal, LABEL);
    if !missed.is_empty() {
        foot.line("");
    }
    foot.entries("missed", &missed);
    let (heading, texts, foot) = (heading(&summary, terminal), texts.join("\n"), foot.finish());
    output.answer(&format!("{heading}\n{texts}{foot}"))
}

fn heading(run: &RecordedRun, terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.entry("run", &run.run.to_string());
    let started = run.started.map(wire::timestamp);
    page.entry("started", started.as_deref().unwrap_or("unknown"));
    let mut outcome = run.state.as_str().to_owned();
    if let Some(steps) = run.steps {
        outcome.push_str(&format!(", {}", count(steps, "step")));
    }
    page.entry("outcome", &outcome);
    page.entry("events", &runs::events(run));
    match run.sending {
        Sending::Permitted => {
            page.entry("consent", "recorded with consent to send");
            page.entry("server", &status::answered(run.last_answer.as_ref()));
        }
        Sending::Forbidden => page.entry("consent", "recorded on this machine only; never sent"),
    }
    page.finish()
}

/// What became of an event: as one of a few words that can be counted, and in a few more.
pub fn fate(record: &RecordedEvent, sending: Sending, now: SystemTime) -> (&'static str, String) {
    if let Some(answer) = &record.answer {
        let word = match answer.disposition {
            Disposition::Delivered => "sent",
            _ => "refused",
        };
        let mut words = format!("{word} {}", answer.time);
        if let Some(status) = answer.status {
            words.push_str(&format!(", the server answered {status}"));
        }
        return (word, words);
    }
    if let Some(refusal) = record.refusal {
        return ("refused", format!("refused: {}", refusal.reason()));
    }
    let (word, words) = if sending == Sending::Forbidden {
        ("kept here", "not sent")
    } else if record.is_waiting(now) {
        ("waiting", "waiting to be sent")
    } else {
        ("too old to be sent", "not sent: too old")
    };
    (word, words.to_owned())
}

fn render(member: &Member, fate: &str, terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.paragraph(&format!("{}  {}  {fate}", member.event, member.timestamp));
    page.verbatim(&serde_json::to_string_pretty(member).unwrap_or_default());
    page.finish()
}

fn describe(record: &RecordedEvent, fate: &str) -> Value {
    let answer = record.answer.as_ref();
    json!({
        "event": record.member,
        "fate": fate,
        "status": answer.and_then(|answer| answer.status),
        "answered": answer.map(|answer| answer.time.as_str()),
    })
}

/// What the finish event says was missed, in the words of the published list.
pub fn dropped(record: &RecordedEvent) -> Vec<String> {
    let mut missed = Vec::new();
    if let Some(Event::Finish(finish)) = &record.event
        && let Some(dropped) = &finish.dropped
    {
        let figures = json!(dropped);
        for field in Dropped::kind().members() {
            match figures.get(field.name) {
                Some(figure) if *figure != 0 => missed.push(format!("{}: {figure}", field.why)),
                _ => {}
            }
        }
    }
    missed
}

pub fn damage(run: &RecordedRun) -> Vec<String> {
    let mut damage = Vec::new();
    if run.damaged_lines > 0 {
        let lines = count(run.damaged_lines, "line");
        damage.push(format!("{lines} of the journal that cannot be read"));
    }
    if run.truncated {
        damage.push("what the journal holds beyond the first 64 MB".to_owned());
    }
    damage
}
