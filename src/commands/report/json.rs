//! The report for programs: what the page shows, with each curve as points in time.

use super::charts::{Figures, charts, figures};
use super::data::ReportData;
use super::data::job::JobReport;
use super::series::CurvePoint;
use crate::commands::recorded::runs;
use axolotl_run_core::event::FinishVerdict;
use axolotl_run_core::judging::notes::notes;
use axolotl_run_core::judging::summary::units;
use serde::Serialize;
use serde_json::{Map, Value, json};

#[derive(Serialize)]
struct JsonCurve<'a> {
    name: &'a str,
    title: &'static str,
    #[serde(flatten)]
    figures: Option<Figures>,
    points: Vec<&'a CurvePoint>,
}

/// The report of one run.
pub fn as_json(report: &ReportData) -> Value {
    let summary = &report.summary;
    let error_event = summary.error.as_ref().map(|error_event| {
        json!({
            "type": error_event.class(),
            "message": error_event.exception,
            "rank": error_event.rank,
            "frames": error_event.frames.as_deref().unwrap_or_default(),
            "chain": error_event.chain.as_deref().unwrap_or_default(),
            "fingerprint": error_event.fingerprint,
        })
    });
    let verdict = summary.finish.as_ref().map(|finish_event| {
        let none = FinishVerdict::default();
        let verdict = finish_event.verdict.as_ref().unwrap_or(&none);
        json!({
            "outcome": finish_event.outcome_word(),
            "kind": verdict.kind,
            "meaning": finish_event.meaning(),
            "evidence": verdict.evidence.as_deref().unwrap_or_default(),
            "confidence": verdict.confidence,
            "exit_code": finish_event.exit_code,
            "signal": finish_event.signal,
            "rank": verdict.rank,
        })
    });
    let last_loss = summary
        .loss
        .as_ref()
        .and_then(|loss| loss.parse::<f64>().ok());
    let mut series = Map::new();
    for chart in charts(report) {
        let json_curves = chart.curves.iter().map(|named_curve| JsonCurve {
            name: &named_curve.name,
            title: chart.title,
            figures: figures(&named_curve.curve),
            points: named_curve.curve.iter().flatten().collect(),
        });
        series.insert(chart.key.to_owned(), json!(json_curves.collect::<Vec<_>>()));
    }
    let owner = report.owner.as_ref();
    json!({
        "owner": owner.map(|owner| json!({"facts": owner.facts, "output": owner.output})),
        "run": runs::describe(&report.recorded_run),
        "seconds": summary.seconds,
        "launcher": summary.start.launcher,
        "headline": report.headline(),
        "verdict": verdict,
        "stalled_seconds": report.stalled(),
        "suspect_rank": summary.standstill.and_then(|seen| seen.suspect_rank),
        "stacks": summary.finish.as_ref().and_then(|finish| finish.stacks.as_ref()),
        "error": error_event,
        "phases": summary.finish.as_ref().and_then(|finish| finish.phases.as_ref()),
        "step": summary.step,
        "total_steps": summary.total_steps,
        "steps_per_second": summary.steps_per_second,
        "epoch": summary.epoch,
        "loss": last_loss.filter(|loss| loss.is_finite()),
        "loss_repr": last_loss.filter(|loss| !loss.is_finite()).map(units::not_finite),
        "peak_cpu_memory_bytes": summary.peak_process_bytes,
        "cpu_seconds": summary.cpu_seconds(),
        "cpu_energy_joules": summary.cpu_joules(),
        "gpu_energy_joules": summary.gpu_joules(),
        "cost": report.costs(),
        "notes": notes(summary),
        "events": report.tallies,
        "notifications": report.notifications,
        "missed": report.missed,
        "job": report.job.as_ref().map(JobReport::as_json),
        "series": series,
    })
}
