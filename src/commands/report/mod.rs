//! `--report`: how a run went and why it ended, on a page of the terminal or in a file for the browser.
//!
//! Everything on it comes from the run's files, which may hold anything; so it is read as numbers, as words of closed
//! lists, and as texts that are made harmless where they are printed. Reading is one pass in bounded memory, and so a
//! run of a week costs about what a run of an hour costs.

pub mod compare;
pub mod dots;
pub mod html;
pub mod panels;
pub mod series;
pub mod story;
pub mod svg;
pub mod terminal;

use super::{ANSWERED, Form, Streams, document, runs, show};
use crate::store::Store;
use panels::{Panel, figures, panels};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use story::Story;

/// Which runs are reported on, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The beginning of the run's identity; None is the latest.
    pub run: Option<String>,
    /// The run to compare it with.
    pub against: Option<String>,
    /// Where the page for a browser goes; `-` is the standard output.
    pub html: Option<PathBuf>,
}

/// Prints the report of a run, or of two.
pub fn print(
    store: Option<&Store>,
    wanted: &Wanted,
    now: SystemTime,
    form: Form,
    streams: &mut Streams<'_>,
) -> u8 {
    let Some(store) = store else {
        return runs::nothing(streams);
    };
    let mut read = |prefix: Option<&str>| {
        let run = show::identify(store, prefix, now, streams)?;
        Story::read(store, run, now).ok_or_else(|| runs::nothing(streams))
    };
    let (story, other) = match (
        read(wanted.run.as_deref()),
        wanted.against.as_deref().map(|run| read(Some(run))),
    ) {
        (Ok(story), None) => (story, None),
        (Ok(story), Some(Ok(other))) => (story, Some(other)),
        (Err(status), _) | (_, Some(Err(status))) => return status,
    };
    if let Some(file) = &wanted.html {
        return write(file, &html::page(&story, other.as_ref()), streams);
    }
    let text = match (form, &other) {
        (Form::Json, None) => document(&as_json(&story)),
        (Form::Json, Some(other)) => {
            document(&json!({"report": as_json(&story), "against": as_json(other)}))
        }
        (Form::Text, None) => terminal::page(&story, streams.paper),
        (Form::Text, Some(other)) => compare::page([&story, other], streams.paper),
    };
    streams.answer(&text)
}

/// Writes the page for a browser.
fn write(file: &Path, page: &str, streams: &mut Streams<'_>) -> u8 {
    if file == Path::new("-") {
        return streams.answer(page);
    }
    match std::fs::write(file, page) {
        Ok(()) => ANSWERED,
        Err(error) => streams.complain(
            &format!(
                "failed to write `{}`: {}",
                crate::cli::printable(file),
                axolotl_run_sys::reason(&error)
            ),
            Some(
                "`--html FILE` takes the name of a file that can be written; `--html -` prints it",
            ),
        ),
    }
}

/// The report for programs: what the page shows, with each curve as points in time.
fn as_json(story: &Story) -> Value {
    let digest = &story.digest;
    let ending = digest.conclusion.as_ref();
    let culprit = digest.root_error.as_ref().map(|culprit| {
        json!({
            "type": culprit.class,
            "message": culprit.message,
            "rank": culprit.rank,
            "frames": culprit.frames,
            "chain": culprit.chain,
            "fingerprint": culprit.fingerprint,
        })
    });
    let events: Map<_, _> = story
        .fates
        .iter()
        .map(|fate| {
            let fates: Map<_, _> = fate
                .fates
                .iter()
                .map(|(fate, count)| (fate.clone(), json!(count)))
                .collect();
            (fate.name.as_str().to_owned(), Value::Object(fates))
        })
        .collect();
    let series: Map<_, _> = panels(&story.series, digest)
        .iter()
        .map(|panel| {
            (
                panel.key.to_owned(),
                panel
                    .curves
                    .iter()
                    .map(|named| curve(panel, named))
                    .collect(),
            )
        })
        .collect();
    json!({
        "run": runs::describe(&story.summary),
        "seconds": digest.seconds,
        "launcher": digest.launcher,
        "verdict": ending.map(|ending| json!({
            "outcome": ending.outcome,
            "kind": ending.kind,
            "meaning": ending.meaning(),
            "evidence": ending.evidence,
            "confidence": ending.confidence,
            "exit_code": ending.exit_code,
            "signal": ending.signal,
            "rank": ending.rank,
        })),
        "stalled_seconds": story.stalled(),
        "suspect_rank": digest.stall.and_then(|stall| stall.suspect_rank),
        "culprit": culprit,
        "step": digest.step,
        "total_steps": digest.total_steps,
        "steps_per_second": digest.steps_per_second,
        "epoch": digest.epoch,
        "loss": digest.loss,
        "peak_cpu_memory_bytes": digest.peak_process_bytes,
        "cpu_seconds": digest.cpu_seconds,
        "gpu_energy_joules": digest.gpu_joules,
        "events": events,
        "missed": story.missed,
        "series": series,
    })
}

fn curve(panel: &Panel, named: &panels::Named) -> Value {
    let points: Vec<_> = named
        .curve
        .iter()
        .flatten()
        .map(|point| json!({"at": point.at, "min": point.least, "mean": point.mean, "max": point.greatest}))
        .collect();
    let figures = figures(&named.curve);
    json!({
        "name": named.name,
        "title": panel.title,
        "min": figures.map(|figures| figures.least),
        "mean": figures.map(|figures| figures.mean),
        "max": figures.map(|figures| figures.greatest),
        "last": figures.map(|figures| figures.last),
        "points": points,
    })
}
