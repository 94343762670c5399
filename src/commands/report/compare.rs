//! Two runs side by side: the same figures, the same charts on the same axes.

use super::charts::{Chart, charts};
use super::data::ReportData;
use super::terminal::{drawn, time_axis};
use crate::commands::recorded::choose;
use crate::ui::page::Page;
use crate::ui::text::{cut, harmless};
use crate::ui::{Style, Terminal};
use axolotl_run_core::judging::summary::{GpuUse, RootError, units};

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
    /// By what share the first is more than the second, where both are numbers.
    pub change: Option<f64>,
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
    ("energy", units::energy, |data| data.summary.gpu_joules),
];

/// The figures of both runs; what neither knows is left out.
pub fn rows(pair: [&ReportData; 2]) -> Vec<FigureRow> {
    let mut rows = vec![
        text("run", pair, |data| Some(data.name())),
        text("started", pair, |data| data.run.started.map(choose::minute)),
        text("ended", pair, |data| Some(data.headline())),
        text("error", pair, |data| {
            data.summary.root_error.as_ref().map(RootError::headline)
        }),
        text("steps", pair, steps),
    ];
    for (label, write, figure) in NUMBERS {
        let [first, second] = pair.map(figure);
        let mut change = None;
        if let (Some(new), Some(base)) = (first, second)
            && base != 0.0
        {
            change = Some((new - base) / base.abs());
        }
        let texts = [first, second].map(|value| value.map(write).unwrap_or_default());
        rows.push(FigureRow {
            label,
            texts,
            change,
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
        change: None,
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
    let loads: Vec<_> = data
        .summary
        .gpus
        .values()
        .filter_map(GpuUse::load)
        .collect();
    if loads.is_empty() {
        return None;
    }
    Some(loads.iter().sum::<f64>() / loads.len() as f64)
}

fn gpu_peak(data: &ReportData) -> Option<f64> {
    let peaks = data.summary.gpus.values().filter_map(|gpu| gpu.peak_bytes);
    Some(peaks.max()? as f64)
}

/// A change as it is written: `+12 %`.
pub fn change(share: f64) -> String {
    if share.abs() < 0.005 {
        "the same".to_owned()
    } else if share.abs() >= 10.0 {
        format!("{} times", units::number(share + 1.0))
    } else {
        format!("{:+.0} %", share * 100.0)
    }
}

/// One chart of two runs.
pub struct Pair {
    /// With the first curve of each run that has it.
    pub both: Chart,
    /// The chart of each.
    each: [Option<Chart>; 2],
}

/// The charts that either run has.
pub fn pairs(pair: [&ReportData; 2]) -> Vec<Pair> {
    let of_both = pair.map(|data| {
        let mut charts = charts(&data.series, &data.summary);
        for chart in &mut charts {
            chart.curves.truncate(1);
            for named in &mut chart.curves {
                // What tells the curves apart is whose they are.
                named.name = format!("run {}", data.name());
            }
        }
        charts
    });
    let mut pairs: Vec<Pair> = Vec::new();
    for chart in of_both.iter().flatten() {
        if pairs.iter().any(|pair| pair.both.key == chart.key) {
            continue;
        }
        let each = of_both.each_ref().map(|charts| {
            let same = charts.iter().find(|other| other.key == chart.key);
            same.cloned()
        });
        // One axis for both, or they could not be compared.
        let mut both = chart.clone();
        both.curves.clear();
        for chart in each.iter().flatten() {
            both.curves.extend(chart.curves.iter().cloned());
            both.ceiling = match (both.ceiling, chart.ceiling) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            };
        }
        pairs.push(Pair { both, each });
    }
    pairs
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
    for FigureRow {
        label,
        texts,
        change: by,
    } in &rows
    {
        let [first, second] = texts
            .each_ref()
            .map(|text| cut(&harmless(text), column, terminal.is_unicode));
        let by = by.map_or_else(String::new, change);
        let by = terminal.styled(Style::Faint, &by);
        page.line(&format!(
            "{label:<LABEL$}{first:<column$}{second:<column$}{by}"
        ));
    }
    page.line("");
    let seconds = seconds(pair);
    let mut pairs = pairs(pair);
    if let Some(height) = terminal.height {
        // An empty line, the axis and the shell's prompt are around the charts.
        let room = height.saturating_sub(rows.len().saturating_add(3)) / 2;
        pairs.truncate(room.max(CHARTS_MIN));
    }
    for Pair { both, each } in &pairs {
        let axis = both.axis();
        let mut label = both.short;
        for chart in each {
            let lines = match chart {
                Some(chart) => drawn(chart, axis, seconds, 1, terminal),
                None => Vec::new(),
            };
            let (line, figure) = lines.into_iter().next().unwrap_or_default();
            let line = terminal.styled(Style::Curve, &line);
            page.line(&format!("{label:<LABEL$}{line}  {figure}"));
            label = "";
        }
    }
    let mut text = page.finish();
    if !pairs.is_empty() {
        text.push_str(&time_axis(seconds, terminal));
    }
    text
}
