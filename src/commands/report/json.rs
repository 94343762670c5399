//! The report for programs: what the page shows, with each curve as points in time.

use super::charts::{Chart, Named, charts, figures};
use super::data::ReportData;
use crate::commands::recorded::runs;
use serde_json::{Map, Value, json};

/// The report for programs: what the page shows, with each curve as points in time.
pub fn as_json(data: &ReportData) -> Value {
    let summary = &data.summary;
    let conclusion = summary.conclusion.as_ref();
    let error = summary.root_error.as_ref().map(|error| {
        json!({
            "type": error.class,
            "message": error.message,
            "rank": error.rank,
            "frames": error.frames,
            "chain": error.chain,
            "fingerprint": error.fingerprint,
        })
    });
    let mut events = Map::new();
    for tally in &data.tallies {
        let became = tally.became.iter();
        let became: Map<_, _> = became
            .map(|(word, count)| ((*word).to_owned(), json!(count)))
            .collect();
        events.insert(tally.name.as_str().to_owned(), became.into());
    }
    let mut series = Map::new();
    for chart in charts(&data.series, summary) {
        let curves = chart.curves.iter().map(|named| curve(&chart, named));
        series.insert(chart.key.to_owned(), curves.collect());
    }
    json!({
        "run": runs::describe(&data.run),
        "seconds": summary.seconds,
        "launcher": summary.launcher,
        "verdict": conclusion.map(|conclusion| json!({
            "outcome": conclusion.outcome,
            "kind": conclusion.kind,
            "meaning": conclusion.meaning(),
            "evidence": conclusion.evidence,
            "confidence": conclusion.confidence,
            "exit_code": conclusion.exit_code,
            "signal": conclusion.signal,
            "rank": conclusion.rank,
        })),
        "stalled_seconds": data.stalled(),
        "suspect_rank": summary.stall.and_then(|stall| stall.suspect_rank),
        "error": error,
        "step": summary.step,
        "total_steps": summary.total_steps,
        "steps_per_second": summary.steps_per_second,
        "epoch": summary.epoch,
        "loss": summary.loss,
        "peak_cpu_memory_bytes": summary.peak_process_bytes,
        "cpu_seconds": summary.cpu_seconds,
        "gpu_energy_joules": summary.gpu_joules,
        "events": events,
        "missed": data.missed,
        "series": series,
    })
}

fn curve(chart: &Chart, named: &Named) -> Value {
    let points = named.curve.iter().flatten().map(
        |point| json!({"at": point.at, "min": point.least, "mean": point.mean, "max": point.greatest}),
    );
    let points: Vec<_> = points.collect();
    let figures = figures(&named.curve);
    json!({
        "name": named.name,
        "title": chart.title,
        "min": figures.map(|figures| figures.least),
        "mean": figures.map(|figures| figures.mean),
        "max": figures.map(|figures| figures.greatest),
        "last": figures.map(|figures| figures.last),
        "points": points,
    })
}
