//! `--send`: uploads what waits.
//!
//! Only runs that were recorded with consent, and only while consent stands: who turned telemetry off since
//! has withdrawn it for what waits as well. It gives up after a few failures; what is not sent stays.

use crate::commands::output::{AnswerForm, AnswerOutput, AnswerResult, FAILED, count};
use crate::delivery::{
    AttemptOutcome, Certificates, Destination, Disposition, EndpointState, FailureCause, Priority,
    Uploader,
};
use crate::store::Store;
use crate::ui::Complaint;
use axolotl_run_core::consent;
use axolotl_run_core::env;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::HashSet;
use std::io;
use std::time::SystemTime;

/// Transient failures in a row after which `--send` gives up, where the user says nothing else; with backoff about eight
/// seconds of them.
const SEND_TRIES: u32 = 5;

/// Where to send, and how to show it.
pub struct SendRequest {
    /// Whether telemetry is on now.
    pub consent: consent::Decision,
    /// Endpoint and key.
    pub destination: Destination,
    /// Further certificates that the user trusts.
    pub certificates: Certificates,
    /// How often in a row it is tried, where the user says so.
    pub tries: Option<u32>,
    /// Whether to draw a progress bar on standard error.
    pub shows_progress: bool,
}

#[derive(Default)]
struct Totals {
    delivered: u64,
    refused: u64,
    waiting: u64,
    /// Events that the observers of their runs are about to send.
    with_observers: u64,
    runs_sent: u64,
    /// Of what waited, the events that have their answer.
    settled: u64,
    /// Why it ended early.
    ended: Option<&'static str>,
}

/// Uploads what waits. `store` is None where nothing was ever recorded.
pub fn run(
    store: Option<&Store>,
    request: SendRequest,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    let shows_progress = request.shows_progress;
    let uploader = uploader(request)?;
    let mut totals = Totals::default();
    if let Some(store) = store
        && let Err(error) = send(store, uploader, shows_progress, &mut totals)
    {
        let problem = format!("failed to set up the upload: {error}");
        return Err(Complaint::new(problem, ""));
    }
    totals.report(answer_output)
}

/// An uploader for what the request names, or why nothing can be sent.
fn uploader(request: SendRequest) -> Result<Uploader, Complaint> {
    if request.consent.telemetry == consent::Telemetry::Off {
        let cause = request.consent.cause.sentence();
        return Err(Complaint::new(
            format!("nothing is sent while telemetry is off: {cause}"),
            "`axolotl-run --enable` turns it on, `axolotl-run --status` says more",
        ));
    }
    let endpoint = request.destination.endpoint.map_err(misconfigured)?;
    let key = request.destination.key.map_err(misconfigured)?;
    let key = key.ok_or_else(|| {
        let variable = env::AXOLOTL_RUN_POSTHOG_KEY;
        let hint = format!("set `{variable}` to the key of a PostHog project");
        Complaint::new("no project key is configured", hint)
    })?;
    let mut uploader = Uploader::new(endpoint, key, request.certificates);
    uploader.limit_tries(request.tries.or(Some(SEND_TRIES)));
    Ok(uploader)
}

fn misconfigured(problem: impl ToString) -> Complaint {
    Complaint::new(problem.to_string(), "unsent events are kept")
}

fn send(
    store: &Store,
    mut uploader: Uploader,
    shows_progress: bool,
    totals: &mut Totals,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let now = SystemTime::now();
    store.recover(now);
    let mut waiting = store.waiting(now);
    let mut runs_sent = HashSet::new();
    let progress_bar = progress_bar(waiting.events, shows_progress);
    let events_at_start = waiting.events;
    while totals.ended.is_none()
        && let Some(mut unsent_page) = waiting.next(store, SystemTime::now())
    {
        totals.refused += unsent_page.refused;
        runs_sent.extend(unsent_page.runs.iter().copied());
        for line in std::mem::take(&mut unsent_page.lines) {
            // A page is far smaller than the uploader's room.
            let _ = uploader.offer(&line, Priority::Earlier);
        }
        while uploader.unsettled() > 0 && totals.ended.is_none() {
            let attempt_outcome = runtime.block_on(uploader.step());
            unsent_page.keep(&attempt_outcome);
            totals.count(&attempt_outcome);
            progress_bar.set_position(totals.settled);
            totals.ended = ending(&uploader, attempt_outcome.answer.cause);
        }
    }
    progress_bar.finish_and_clear();
    totals.waiting = waiting.left_out_events + events_at_start.saturating_sub(totals.settled);
    totals.runs_sent = runs_sent.len() as u64;
    totals.with_observers = store.with_observers(SystemTime::now());
    // A name that is still being looked up must not keep the program from ending.
    runtime.shutdown_background();
    Ok(())
}

impl Totals {
    fn count(&mut self, attempt_outcome: &AttemptOutcome) {
        let events = attempt_outcome.uuids.len() as u64;
        match attempt_outcome.answer.disposition {
            Disposition::Delivered => self.delivered += events,
            Disposition::Refused => self.refused += events,
            Disposition::Delayed | Disposition::Stopped => return,
        }
        self.settled += events;
    }

    fn report(&self, answer_output: &mut AnswerOutput) -> AnswerResult {
        if answer_output.form == AnswerForm::Json {
            let status = answer_output.document(&json!({
                "sent": self.delivered,
                "refused": self.refused,
                "waiting": self.waiting,
                "with_observers": self.with_observers,
            }))?;
            return Ok(self.ended.map_or(status, |_| FAILED));
        }
        let waiting = count(self.waiting, "event");
        if let Some(why_ended) = self.ended {
            return Err(Complaint::new(
                format!("failed to send {waiting}: {why_ended}"),
                "they are kept; `axolotl-run --send` tries again",
            ));
        }
        let mut summary_text = "nothing was sent\n".to_owned();
        if self.delivered > 0 {
            let delivered = count(self.delivered, "event");
            summary_text = format!("sent {delivered} of {}\n", count(self.runs_sent, "run"));
        }
        if self.with_observers > 0 {
            let events = count(self.with_observers, "event");
            summary_text.push_str(&format!(
                "{events} left to the launchers whose runs go on or have just ended\n"
            ));
        }
        if self.refused > 0 {
            let refused = count(self.refused, "event");
            summary_text.push_str(&format!(
                "{refused} will never be sent; `axolotl-run --show` says why\n"
            ));
        }
        if self.waiting > 0 {
            summary_text.push_str(&format!(
                "{waiting} left for the next `axolotl-run --send`\n"
            ));
        }
        answer_output.answer(&summary_text)
    }
}

fn ending(uploader: &Uploader, cause: Option<FailureCause>) -> Option<&'static str> {
    match uploader.state() {
        EndpointState::Stopped => Some("the server refused the key or the request"),
        EndpointState::GivenUp if cause == Some(FailureCause::Certificate) => Some(
            "the server's certificate is not trusted; `SSL_CERT_FILE` may name another authority",
        ),
        EndpointState::GivenUp => Some("the server cannot be reached"),
        _ => None,
    }
}

fn progress_bar(events: u64, is_shown: bool) -> ProgressBar {
    let style = ProgressStyle::with_template("sending {progress_bar:30} {pos}/{len} events");
    let progress_bar = if is_shown {
        ProgressBar::new(events)
    } else {
        ProgressBar::hidden()
    };
    progress_bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
