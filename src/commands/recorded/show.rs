//! `--show`: the exact events of one run, with the server's answers and what was missed.
//!
//! This is how a user finds out what left the machine: the JSON that is printed is the JSON that was or will be
//! sent, member by member.

use super::choose::{choose, nothing};
use super::runs;
use crate::commands::output::{AnswerForm, Output, count};
use crate::commands::status;
use crate::delivery::{Answer, Disposition};
use crate::store::{RecordedEvent, RecordedRun, Sending, Store};
use crate::ui::Terminal;
use crate::ui::page::Page;
use axolotl_run_core::event::value::Fields as _;
use axolotl_run_core::event::wire;
use axolotl_run_core::event::{Dropped, Event};
use serde_json::{Value, json};
use std::time::SystemTime;

/// Where text begins.
const LABEL: usize = 9;

/// Prints one run: the latest, or the one whose identity begins with `prefix`.
pub fn print(
    store: Option<&Store>,
    prefix: Option<&str>,
    now: SystemTime,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let Some(store) = store else {
        return nothing(output);
    };
    let found = match choose(store, prefix, now, output) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let terminal = output.terminal.for_statements();
    let mut events = Vec::new();
    let mut missed = Vec::new();
    let Some(summary) = store.events(found.run, now, |record| {
        missed.extend(dropped(&record));
        events.push(match form {
            AnswerForm::Json => describe(&record, &found, now),
            AnswerForm::Text => Value::from(render(&record, &found, now, terminal)),
        });
    }) else {
        return nothing(output);
    };
    missed.extend(damage(&summary));
    match form {
        AnswerForm::Json => output.document(
            &json!({"run": runs::describe(&summary), "events": events, "missed": missed}),
        ),
        AnswerForm::Text => {
            let events: Vec<_> = events.iter().filter_map(Value::as_str).collect();
            let (heading, missed) = (heading(&summary, terminal), missed_lines(&missed, terminal));
            output.answer(&format!("{heading}\n{}{missed}", events.join("\n")))
        }
    }
}

fn heading(run: &RecordedRun, terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.entry("run", &run.run.to_string());
    page.entry(
        "started",
        &run.started
            .map_or_else(|| "unknown".to_owned(), wire::timestamp),
    );
    let steps = run
        .steps
        .map_or_else(String::new, |steps| format!(", {}", count(steps, "step")));
    page.entry("outcome", &format!("{}{steps}", run.state.as_str()));
    page.entry("events", &runs::events(run));
    match run.sending {
        Sending::Permitted => {
            page.entry("consent", "recorded with consent to send");
            page.entry("server", &status::answered(run.said.as_ref()));
        }
        Sending::Forbidden => page.entry("consent", "recorded on this machine only; never sent"),
    }
    page.finish()
}

/// What became of an event, as one of a few words that can be counted.
pub fn became(record: &RecordedEvent<'_>, sending: Sending, now: SystemTime) -> &'static str {
    match (&record.answer, record.refusal) {
        (Some(answer), _) => word(answer),
        (None, Some(_)) => "refused",
        (None, None) if sending == Sending::Forbidden => "kept here",
        (None, None) if record.is_waiting(now) => "waiting",
        (None, None) => "too old to be sent",
    }
}

fn word(answer: &Answer) -> &'static str {
    match answer.disposition {
        Disposition::Delivered => "sent",
        _ => "refused",
    }
}

/// What became of an event, in a few words.
fn fate(record: &RecordedEvent<'_>, run: &RecordedRun, now: SystemTime) -> String {
    match (&record.answer, record.refusal) {
        (Some(answer), _) => {
            let status = answer.status.map_or_else(String::new, |status| {
                format!(", the server answered {status}")
            });
            format!("{} {}{status}", word(answer), answer.time)
        }
        (None, Some(refusal)) => format!("refused: {}", refusal.reason()),
        (None, None) if run.sending == Sending::Forbidden => "not sent".to_owned(),
        (None, None) if record.is_waiting(now) => "waiting to be sent".to_owned(),
        (None, None) => "not sent: too old".to_owned(),
    }
}

fn render(
    record: &RecordedEvent<'_>,
    run: &RecordedRun,
    now: SystemTime,
    terminal: Terminal,
) -> String {
    let member = &record.member;
    let mut page = Page::new(terminal, LABEL);
    page.paragraph(&format!(
        "{}  {}  {}",
        member.event,
        member.timestamp,
        fate(record, run, now)
    ));
    page.verbatim(&serde_json::to_string_pretty(member).unwrap_or_default());
    page.finish()
}

fn describe(record: &RecordedEvent<'_>, run: &RecordedRun, now: SystemTime) -> Value {
    json!({
        "event": record.member,
        "fate": fate(record, run, now),
        "status": record.answer.as_ref().and_then(|answer| answer.status),
        "answered": record.answer.as_ref().map(|answer| answer.time.as_str()),
    })
}

/// What the finish event says was missed, in the words of the published list.
pub fn dropped(record: &RecordedEvent<'_>) -> Vec<String> {
    let mut missed = Vec::new();
    if let Some(Event::Finish(finish)) = &record.event
        && let Some(dropped) = &finish.dropped
    {
        let figures = dropped.object();
        for field in Dropped::fields() {
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
        damage.push(format!(
            "{} of the journal that cannot be read",
            count(run.damaged_lines, "line")
        ));
    }
    if run.truncated {
        damage.push("what the journal holds beyond the first 64 MB".to_owned());
    }
    damage
}

fn missed_lines(missed: &[String], terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    if !missed.is_empty() {
        page.line("");
    }
    for (number, missed) in missed.iter().enumerate() {
        page.entry(if number == 0 { "missed" } else { "" }, missed);
    }
    page.finish()
}
