//! Two runs side by side: the same figures, the same charts on the same axes.

use super::charts::{Chart, NamedCurve, charts};
use super::data::ReportData;
use super::series::Curve;
use super::terminal::{LABEL, add_chart, time_axis};
use crate::commands::recorded::choose;
use crate::ui::page::Page;
use crate::ui::text::{cut, harmless};
use crate::ui::{OutputTerminal, Style};
use axolotl_run_core::event::ErrorEvent;
use axolotl_run_core::judging::summary::units;
use std::collections::BTreeMap;

/// Charts that are drawn however low the terminal is.
const CHARTS_MIN: usize = 3;

/// Settings that are compared.
const DIFFERENCES_MAX: usize = 20;
/// Characters of a setting's name.
const SETTING: usize = 28;

/// One figure of both runs.
pub struct FigureRow {
    /// What it is.
    pub label: String,
    /// The figure of each.
    pub texts: [String; 2],
    /// By how much the first is more than the second, where both are numbers: `+12 %`.
    pub relative_change: String,
}

/// Texts that head a page of one run, so that its figures leave them out.
pub const HEADING: [&str; 5] = ["run", "started", "ended", "error", "time"];

/// A figure in words.
type WordFigure = (&'static str, fn(&ReportData) -> Option<String>);

const WORDS: [WordFigure; 7] = [
    ("run", |report| Some(report.name())),
    ("started", |report| {
        report.recorded_run.started.map(choose::minute)
    }),
    ("ended", |report| Some(report.headline())),
    ("error", |report| {
        report.summary.error.as_ref().map(ErrorEvent::headline)
    }),
    ("steps", steps),
    ("time", ReportData::phases),
    ("cost", ReportData::cost),
];

/// A figure as a number, and how numbers of its kind are written.
type NumberFigure = (
    &'static str,
    fn(f64) -> String,
    fn(&ReportData) -> Option<f64>,
);

const NUMBERS: [NumberFigure; 9] = [
    ("took", units::duration, |report| report.summary.seconds),
    ("steps/s", units::number, |report| {
        report.summary.steps_per_second
    }),
    ("loss", units::number, |report| {
        report.summary.loss.as_ref()?.parse().ok()
    }),
    ("memory", units::bytes, ReportData::peak_memory),
    ("CPU cores", units::number, |report| {
        report.summary.cores_used()
    }),
    ("GPU busy", units::percent, ReportData::gpu_load),
    ("GPU memory", units::bytes, ReportData::gpu_peak),
    ("CPU energy", units::energy, |report| {
        report.summary.cpu_joules()
    }),
    ("GPU energy", units::energy, |report| {
        report.summary.gpu_joules()
    }),
];

/// The figures of both runs; what neither knows is left out.
pub fn rows(both_reports: [&ReportData; 2]) -> Vec<FigureRow> {
    let mut rows = Vec::new();
    for (label, words) in WORDS {
        rows.push(FigureRow {
            label: label.to_owned(),
            texts: both_reports.map(|report| words(report).unwrap_or_default()),
            relative_change: String::new(),
        });
    }
    for (label, write, figure) in NUMBERS {
        let figures = both_reports.map(figure);
        let write = |figure: f64| match figure.is_finite() {
            true => write(figure),
            false => units::not_finite(figure),
        };
        rows.push(FigureRow {
            label: label.to_owned(),
            texts: figures.map(|figure| figure.map(write).unwrap_or_default()),
            relative_change: relative_change(figures).unwrap_or_default(),
        });
    }
    rows.retain(|row| row.texts.iter().any(|text| !text.is_empty()));
    rows
}

/// What was set otherwise: the versions and the keys of the configuration in which they differ.
pub fn differences(both_reports: [&ReportData; 2]) -> Vec<FigureRow> {
    let mut values = BTreeMap::<String, [String; 2]>::new();
    for (side, report) in both_reports.into_iter().enumerate() {
        for (name, value) in report.versions().into_iter().chain(report.configuration()) {
            let texts = values.entry(name).or_default();
            if let Some(text) = texts.get_mut(side) {
                *text = value;
            }
        }
    }
    values.retain(|_, [first, second]| first != second);
    let rows = values.into_iter().take(DIFFERENCES_MAX);
    rows.map(|(label, texts)| FigureRow {
        label,
        texts,
        relative_change: String::new(),
    })
    .collect()
}

fn steps(report: &ReportData) -> Option<String> {
    let step = report.summary.step?;
    Some(match report.summary.total_steps {
        Some(total) => format!("{step} of {total}"),
        None => step.to_string(),
    })
}

/// By how much the first figure is more than the second.
fn relative_change(figures: [Option<f64>; 2]) -> Option<String> {
    let [figure, base] = figures;
    let base = base?;
    let share = (figure? - base) / base.abs();
    if share.is_nan() {
        return None;
    }
    Some(if base == 0.0 {
        String::new()
    } else if share.abs() < 0.005 {
        "the same".to_owned()
    } else if share.abs() >= 10.0 {
        format!("{} times", units::number(share + 1.0))
    } else {
        format!("{:+.0} %", share * 100.0)
    })
}

/// The charts that either run has, each with the first curve of both on one axis, or they could not be compared; the
/// curve of a run that has none is empty.
pub fn pairs(both_reports: [&ReportData; 2]) -> Vec<Chart> {
    let charts_of_both = both_reports.map(charts);
    let mut shared_charts: Vec<Chart> = Vec::new();
    for template in charts_of_both.iter().flatten() {
        if shared_charts.iter().any(|known| known.key == template.key) {
            continue;
        }
        let mut shared = template.clone();
        shared.curves.clear();
        for (report, charts_of_this_run) in both_reports.iter().zip(&charts_of_both) {
            let (mut curve, mut known) = (Curve::new(), None);
            for chart in charts_of_this_run {
                if chart.key == template.key
                    && let Some(first) = chart.curves.first()
                {
                    curve.clone_from(&first.curve);
                    known = first.known;
                    let ceilings = shared.ceiling.into_iter().chain(chart.ceiling);
                    shared.ceiling = ceilings.reduce(f64::max);
                }
            }
            // What tells the curves apart is whose they are.
            let name = format!("run {}", report.name());
            shared.curves.push(NamedCurve {
                known,
                ..NamedCurve::new(&name, curve)
            });
        }
        shared_charts.push(shared);
    }
    shared_charts
}

/// How long the longer run took.
pub fn run_seconds(both_reports: [&ReportData; 2]) -> f64 {
    let [first, second] = both_reports.map(ReportData::seconds);
    first.max(second)
}

/// The page of the terminal.
pub fn page(both_reports: [&ReportData; 2], terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    let mut rows = rows(both_reports);
    rows.extend(differences(both_reports));
    let labels = rows.iter().map(|row| row.label.chars().count() + 1);
    let label_width = labels.max().unwrap_or(0).clamp(LABEL, SETTING);
    let column_width = terminal.width.saturating_sub(label_width + 12) / 2;
    for row in &rows {
        let label = cut(&harmless(&row.label), label_width - 1, terminal.is_unicode);
        let mut line = format!("{label:<label_width$}");
        for text in &row.texts {
            let text = cut(&harmless(text), column_width, terminal.is_unicode);
            line.push_str(&format!("{text:<column_width$}"));
        }
        line.push_str(&terminal.styled(Style::Faint, &row.relative_change));
        page.add_line(&line);
    }
    page.add_line("");
    let run_seconds = run_seconds(both_reports);
    let mut charts = pairs(both_reports);
    if let Some(height) = terminal.height {
        // An empty line, the axis and the shell's prompt are around the charts.
        let room = height.saturating_sub(rows.len() + 3) / 2;
        charts.truncate(room.max(CHARTS_MIN));
    }
    for chart in &charts {
        add_chart(&mut page, chart, run_seconds, 1, terminal);
    }
    if !charts.is_empty() {
        page.add_line(&time_axis(run_seconds, terminal));
    }
    page.finish()
}
