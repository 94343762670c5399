//! `--show`: the exact events of one run, with the server's answers and what was missed.
//!
//! This is how a user finds out what left the machine: the JSON that is printed is the JSON that was or will be
//! sent, member by member.

use super::{Form, Streams, count, document, runs};
use crate::store::{RecordedEvent, RecordedRun, Sending, Sent, Store};
use crate::ui::harmless;
use crate::ui::page::{Page, Paper};
use axolotl_run_core::event::value::Fields as _;
use axolotl_run_core::event::wire;
use axolotl_run_core::event::{Dropped, Event};
use serde_json::{Value, json};
use std::time::SystemTime;
use uuid::Uuid;

/// Where text begins.
const LABEL: usize = 9;

/// Prints one run: the latest, or the one whose identity begins with `prefix`.
pub fn print(
    store: Option<&Store>,
    prefix: Option<&str>,
    now: SystemTime,
    form: Form,
    streams: &mut Streams<'_>,
) -> u8 {
    let Some(store) = store else {
        return runs::nothing(streams);
    };
    let found = match choose(store, prefix, now, streams) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let paper = streams.paper.for_statements();
    let mut events = Vec::new();
    let mut missed = Vec::new();
    let Some(summary) = store.events(found.run, now, |record| {
        missed.extend(dropped(&record));
        events.push(match form {
            Form::Json => describe(&record, &found, now),
            Form::Text => Value::from(render(&record, &found, now, paper)),
        });
    }) else {
        return runs::nothing(streams);
    };
    missed.extend(damage(&summary));
    match form {
        Form::Json => streams.answer(&document(
            &json!({"run": runs::describe(&summary), "events": events, "missed": missed}),
        )),
        Form::Text => {
            let events: Vec<_> = events.iter().filter_map(Value::as_str).collect();
            let (heading, missed) = (heading(&summary, paper), missed_lines(&missed, paper));
            streams.answer(&format!("{heading}\n{}{missed}", events.join("\n")))
        }
    }
}

/// The run that is meant, with its figures.
///
/// # Errors
/// The exit status, after saying why there is none.
pub fn choose(
    store: &Store,
    prefix: Option<&str>,
    now: SystemTime,
    streams: &mut Streams<'_>,
) -> Result<RecordedRun, u8> {
    let run = identify(store, prefix, now, streams)?;
    store
        .summary(run, now)
        .ok_or_else(|| runs::nothing(streams))
}

/// The run that is meant: the latest, or the one whose identity begins so.
///
/// # Errors
/// The exit status, after saying why there is none.
pub(super) fn identify(
    store: &Store,
    prefix: Option<&str>,
    now: SystemTime,
    streams: &mut Streams<'_>,
) -> Result<Uuid, u8> {
    let Some(prefix) = prefix else {
        return store.latest(now).ok_or_else(|| runs::nothing(streams));
    };
    match store.named(prefix).as_slice() {
        [run] => Ok(*run),
        [] => {
            let error = format!("no recorded run begins with `{}`", harmless(prefix));
            Err(streams.complain(&error, Some("`axolotl-run --runs` lists the recorded runs")))
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .take(4)
                .map(|run| format!("`{run}`"))
                .collect();
            let error = format!(
                "{} begin with `{}`",
                count(several.len() as u64, "run"),
                harmless(prefix)
            );
            Err(streams.complain(
                &error,
                Some(&format!("more digits tell {} apart", names.join(", "))),
            ))
        }
    }
}

fn heading(run: &RecordedRun, paper: Paper) -> String {
    let mut page = Page::new(paper, LABEL);
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
            page.entry("server", &super::status::answered(run.said));
        }
        Sending::Forbidden => page.entry("consent", "recorded here alone; never sent"),
    }
    page.finish()
}

/// What became of an event, as one of a few words that can be counted.
pub(super) fn kind_of_fate(
    record: &RecordedEvent<'_>,
    sending: Sending,
    now: SystemTime,
) -> &'static str {
    match (
        record.answer.as_ref().map(|answer| answer.sent),
        record.refusal,
    ) {
        (Some(Sent::Delivered), _) => "sent",
        (Some(Sent::Refused), _) | (None, Some(_)) => "refused",
        (None, None) if sending == Sending::Forbidden => "kept here",
        (None, None) if record.is_waiting(now) => "waiting",
        (None, None) => "too old to be sent",
    }
}

/// What became of an event, in a few words.
fn fate(record: &RecordedEvent<'_>, run: &RecordedRun, now: SystemTime) -> String {
    match (&record.answer, record.refusal) {
        (Some(answer), _) => {
            let word = match answer.sent {
                Sent::Delivered => "sent",
                Sent::Refused => "refused",
            };
            let status = answer.status.map_or_else(String::new, |status| {
                format!(", the server answered {status}")
            });
            format!("{word} {}{status}", answer.time)
        }
        (None, Some(refusal)) => format!("refused: {}", refusal.reason()),
        (None, None) if run.sending == Sending::Forbidden => "not sent".to_owned(),
        (None, None) if record.is_waiting(now) => "waiting to be sent".to_owned(),
        (None, None) => "not sent: too old".to_owned(),
    }
}

fn render(record: &RecordedEvent<'_>, run: &RecordedRun, now: SystemTime, paper: Paper) -> String {
    let member = &record.member;
    let mut page = Page::new(paper, LABEL);
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
pub(super) fn dropped(record: &RecordedEvent<'_>) -> Vec<String> {
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

pub(super) fn damage(run: &RecordedRun) -> Vec<String> {
    let mut damage = Vec::new();
    if run.damaged_lines > 0 {
        damage.push(format!(
            "{} of the journal that can't be read",
            count(run.damaged_lines, "line")
        ));
    }
    if run.truncated {
        damage.push("what the journal holds beyond the first 64 MB".to_owned());
    }
    damage
}

fn missed_lines(missed: &[String], paper: Paper) -> String {
    let mut page = Page::new(paper, LABEL);
    if !missed.is_empty() {
        page.line("");
    }
    for (number, missed) in missed.iter().enumerate() {
        page.entry(if number == 0 { "missed" } else { "" }, missed);
    }
    page.finish()
}
