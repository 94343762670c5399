//! Two runs side by side: the same figures, the same charts on the same axes.

use super::charts::{Chart, NamedCurve, charts};
use super::data::ReportData;
use super::series::Curve;
use super::terminal::{drawn, time_axis};
use crate::commands::recorded::choose;
use crate::ui::page::Page;
use crate::ui::text::{cut, harmless};
use crate::ui::{Style, Terminal};
use axolotl_run_core::event::ErrorEvent;
use axolotl_run_core::judging::summary::{GpuUse, units};

/// Where text begins, and curves.
const LABEL: usize = 11;
/// Charts that are drawn however low the terminal is.
const CHARTS_MIN: usize = 3;

/// One figure of both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureRow {
    /// What it is.
    pub label: &'static str,
    /// The figure of each.
    pub texts: [String; 2],
    /// By how much the first is more than the second, where both are numbers: `+12 %`.
    pub change: String,
}

/// Texts that head a page of one run, so that its figures leave them out.
pub const HEADING: [&str; 4] = ["run", "started", "ended", "error"];

/// A figure as a number, and how numbers of its kind are written.
type Figure = (
    &'static str,
    fn(f64) -> String,
    fn(&ReportData) -> Option<f64>,
);

const NUMBERS: [Figure; 8] = [
    ("took", units::duration, |data| data.summary.seconds),
    ("steps/s", units::number, |data| {
        data.summary.steps_per_second
    }),
    ("loss", units::number, |data| {
        data.summary.loss.as_ref()?.parse().ok()
    }),
    ("memory", units::bytes, |data| {
        data.summary.peak_process_bytes.map(|bytes| bytes as f64)
    }),
    ("CPU cores", units::number, |data| data.summary.cores_used()),
    ("GPU busy", units::percent, gpu_load),
    ("GPU memory", units::bytes, gpu_peak),
    ("energy", units::energy, |data| data.summary.gpu_joules()),
];

/// The figures of both runs; what neither knows is left out.
pub fn rows(pair: [&ReportData; 2]) -> Vec<FigureRow> {
    let mut rows = vec![
        text("run", pair, |data| Some(data.name())),
        text("started", pair, |data| data.run.started.map(choose::minute)),
        text("ended", pair, |data| Some(data.headline())),
        text("error", pair, |data| {
            data.summary.error.as_ref().map(ErrorEvent::headline)
        }),
        text("steps", pair, steps),
    ];
    for (label, write, figure) in NUMBERS {
        let [first, second] = pair.map(figure);
        let mut by = String::new();
        if let (Some(new), Some(base)) = (first, second)
            && base != 0.0
        {
            by = change((new - base) / base.abs());
        }
        let texts = [first, second].map(|value| value.map(write).unwrap_or_default());
        rows.push(FigureRow {
            label,
            texts,
            change: by,
        });
    }
    rows.retain(|row| row.texts.iter().any(|text| !text.is_empty()));
    rows
}

fn text(
    label: &'static str,
    pair: [&ReportData; 2],
    of: fn(&ReportData) -> Option<String>,
) -> FigureRow {
    FigureRow {
        label,
        texts: pair.map(|data| of(data).unwrap_or_default()),
        change: String::new(),
    }
}

fn steps(data: &ReportData) -> Option<String> {
    let step = data.summary.step?;
    Some(match data.summary.total_steps {
        Some(total) => format!("{step} of {total}"),
        None => step.to_string(),
    })
}

fn gpu_load(data: &ReportData) -> Option<f64> {
    let gpus = data.summary.gpus.values();
    let loads: Vec<_> = gpus.filter_map(GpuUse::load).collect();
    if loads.is_empty() {
        return None;
    }
    Some(loads.iter().sum::<f64>() / loads.len() as f64)
}

fn gpu_peak(data: &ReportData) -> Option<f64> {
    let peaks = data.summary.gpus.values().filter_map(|gpu| gpu.peak_bytes);
    Some(peaks.max()? as f64)
}

fn change(share: f64) -> String {
    if share.abs() < 0.005 {
        "the same".to_owned()
    } else if share.abs() >= 10.0 {
        format!("{} times", units::number(share + 1.0))
    } else {
        format!("{:+.0} %", share * 100.0)
    }
}

/// The charts that either run has, each with the first curve of both on one axis, or they could not be compared; the
/// curve of a run that has none is empty.
pub fn pairs(pair: [&ReportData; 2]) -> Vec<Chart> {
    let mut both: Vec<Chart> = Vec::new();
    for (number, data) in pair.into_iter().enumerate() {
        for mut chart in charts(&data.series, &data.summary) {
            let curves = std::mem::take(&mut chart.curves);
            let place = both.iter().position(|known| known.key == chart.key);
            let place = place.unwrap_or_else(|| {
                for run in pair {
                    // What tells the curves apart is whose they are.
                    let name = format!("run {}", run.name());
                    chart.curves.push(NamedCurve::new(&name, Curve::new()));
                }
                both.push(chart.clone());
                both.len() - 1
            });
            let Some(known) = both.get_mut(place) else {
                continue;
            };
            known.ceiling = known
                .ceiling
                .into_iter()
                .chain(chart.ceiling)
                .reduce(f64::max);
            if let (Some(own), Some(first)) = (known.curves.get_mut(number), curves.first()) {
                own.curve.clone_from(&first.curve);
            }
        }
    }
    both
}

/// How long the longer run took.
pub fn seconds(pair: [&ReportData; 2]) -> f64 {
    let [first, second] = pair.map(ReportData::seconds);
    first.max(second)
}

/// The page of the terminal.
pub fn page(pair: [&ReportData; 2], terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    let column = terminal.width.saturating_sub(LABEL + 12) / 2;
    let rows = rows(pair);
    for row in &rows {
        let mut line = format!("{:<LABEL$}", row.label);
        for text in &row.texts {
            let text = cut(&harmless(text), column, terminal.is_unicode);
            line.push_str(&format!("{text:<column$}"));
        }
        line.push_str(&terminal.styled(Style::Faint, &row.change));
        page.line(&line);
    }
    page.line("");
    let seconds = seconds(pair);
    let mut charts = pairs(pair);
    if let Some(height) = terminal.height {
        // An empty line, the axis and the shell's prompt are around the charts.
        let room = height.saturating_sub(rows.len() + 3) / 2;
        charts.truncate(room.max(CHARTS_MIN));
    }
    for chart in &charts {
        let mut label = chart.short;
        for named in &chart.curves {
            for (line, figure) in drawn(chart, named, chart.axis(), seconds, 1, terminal) {
                let line = terminal.styled(Style::Curve, &line);
                page.line(&format!("{label:<LABEL$}{line}  {figure}"));
            }
            label = "";
        }
    }
    let mut text = page.finish();
    if !charts.is_empty() {
        text.push_str(&time_axis(seconds, terminal));
    }
    text
}
