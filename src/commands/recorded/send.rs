//! `--send`: uploads what waits.
//!
//! Only runs that were recorded with consent, and only while consent stands: who turned telemetry off since
//! has withdrawn it for what waits as well. It gives up after a few failures; what is not sent stays.

use crate::commands::output::{AnswerForm, FAILED, Output, TelemetryState, count};
use crate::delivery::{
    AttemptOutcome, Certificates, Destination, Disposition, Endpoint, EndpointState, Key, Priority,
    Uploader,
};
use crate::store::Store;
use axolotl_run_core::env;
use axolotl_run_core::limits;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::HashSet;
use std::io;
use std::time::SystemTime;

/// Where to send, and how to show it.
#[derive(Debug)]
pub struct Upload<'a> {
    /// Whether telemetry is on now.
    pub telemetry: TelemetryState<'a>,
    /// Endpoint and key.
    pub destination: &'a Destination,
    /// Further certificates that the user trusts.
    pub certificates: Certificates,
    /// Whether to draw a progress bar on standard error.
    pub shows_progress: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    delivered: u64,
    refused: u64,
    waiting: u64,
    runs: u64,
    /// Of what waited, the events that have their answer.
    settled: u64,
    /// Why it ended early.
    ended: Option<&'static str>,
}

/// Uploads what waits. `store` is None where nothing was ever recorded.
pub fn run(
    store: Option<&Store>,
    upload: Upload<'_>,
    form: AnswerForm,
    output: &mut Output<'_>,
) -> u8 {
    let (endpoint, key) = match ready(&upload) {
        Ok(destination) => destination,
        Err((error, hint)) => return output.complain(&error, Some(&hint)),
    };
    let uploader = Uploader::new(endpoint, key, upload.certificates);
    let totals = match store {
        Some(store) => match send(store, uploader, upload.shows_progress) {
            Ok(totals) => totals,
            Err(error) => {
                return output.complain(&format!("failed to set up the upload: {error}"), None);
            }
        },
        None => Totals::default(),
    };
    report(totals, form, output)
}

/// Where to send, or the error and the hint that say why not.
fn ready(upload: &Upload<'_>) -> Result<(Endpoint, Key), (String, String)> {
    let kept = || "unsent events are kept".to_owned();
    if !upload.telemetry.is_on {
        let error = format!(
            "nothing is sent while telemetry is off: {}",
            upload.telemetry.cause
        );
        return Err((
            error,
            "`axolotl-run --enable` turns it on, `axolotl-run --status` says more".to_owned(),
        ));
    }
    let endpoint = upload
        .destination
        .endpoint
        .clone()
        .map_err(|problem| (problem.to_string(), kept()))?;
    let key = upload
        .destination
        .key
        .clone()
        .map_err(|problem| (problem.to_string(), kept()))?;
    let key = key.ok_or_else(|| {
        let hint = format!(
            "set `{}` to the key of a PostHog project",
            env::AXOLOTL_RUN_POSTHOG_KEY
        );
        ("no project key is configured".to_owned(), hint)
    })?;
    Ok((endpoint, key))
}

fn send(store: &Store, mut uploader: Uploader, shows_progress: bool) -> io::Result<Totals> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let now = SystemTime::now();
    store.recover(now);
    let mut waiting = store.waiting(now);
    let mut totals = Totals {
        waiting: waiting.left_out,
        ..Totals::default()
    };
    let mut runs = HashSet::new();
    let bar = bar(waiting.events, shows_progress);
    let all = waiting.events;
    while totals.ended.is_none()
        && let Some(mut page) = waiting.next(store, SystemTime::now())
    {
        totals.refused += page.refused;
        runs.extend(page.runs.iter().copied());
        for line in std::mem::take(&mut page.lines) {
            // A page is far smaller than the uploader's room.
            let _ = uploader.offer(&line, Priority::Earlier);
        }
        while uploader.unsettled() > 0 && totals.ended.is_none() {
            let outcome = runtime.block_on(uploader.step());
            page.keep(&outcome);
            totals.count(&outcome);
            bar.set_position(totals.settled);
            totals.ended = ending(&uploader);
        }
    }
    bar.finish_and_clear();
    totals.waiting += all.saturating_sub(totals.settled);
    totals.runs = runs.len() as u64;
    // A name that is still being looked up must not keep the program from ending.
    runtime.shutdown_background();
    Ok(totals)
}

impl Totals {
    fn count(&mut self, outcome: &AttemptOutcome) {
        let events = outcome.uuids.len() as u64;
        match outcome.answer.disposition {
            Disposition::Delivered => self.delivered += events,
            Disposition::Refused => self.refused += events,
            Disposition::Delayed | Disposition::Stopped => return,
        }
        self.settled += events;
    }
}

fn ending(uploader: &Uploader) -> Option<&'static str> {
    match uploader.state() {
        EndpointState::Stopped => Some("the server refused the key or the request"),
        EndpointState::Dead if uploader.failures() >= limits::SEND_FAILURES_MAX => {
            Some("the server cannot be reached")
        }
        _ => None,
    }
}

fn bar(events: u64, is_shown: bool) -> ProgressBar {
    let bar = if is_shown {
        ProgressBar::new(events)
    } else {
        ProgressBar::hidden()
    };
    match ProgressStyle::with_template("sending {bar:30} {pos}/{len} events") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn report(totals: Totals, form: AnswerForm, output: &mut Output<'_>) -> u8 {
    let Totals {
        delivered,
        refused,
        waiting,
        runs,
        ended,
        ..
    } = totals;
    if form == AnswerForm::Json {
        let status =
            output.document(&json!({"sent": delivered, "refused": refused, "waiting": waiting}));
        return if ended.is_some() { FAILED } else { status };
    }
    if let Some(why) = ended {
        let error = format!("failed to send {}: {why}", count(waiting, "event"));
        return output.complain(
            &error,
            Some("they are kept; `axolotl-run --send` tries again"),
        );
    }
    let mut text = match delivered {
        0 => "nothing was sent\n".to_owned(),
        _ => format!(
            "sent {} of {}\n",
            count(delivered, "event"),
            count(runs, "run")
        ),
    };
    if refused > 0 {
        text.push_str(&format!(
            "{} will never be sent; `axolotl-run --show` says why\n",
            count(refused, "event")
        ));
    }
    if waiting > 0 {
        text.push_str(&format!(
            "{} left for the next `axolotl-run --send`\n",
            count(waiting, "event")
        ));
    }
    output.answer(&text)
}
