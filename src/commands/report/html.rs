//! The report as one file for a browser: no network, no script, no font of its own.
//!
//! The page itself is the template page.html, which is compiled in. It is written so that a strict parser takes it
//! too: every element is closed and every text escaped, because the texts are read from files that may hold anything.
//! A policy in its head forbids the browser to load or run anything, whatever a text might have smuggled in.

use super::charts::{Chart, charts};
use super::compare::{self, FigureRow};
use super::data::{ReportData, ShownOutput};
use super::svg::{self, Drawing};
use crate::owner_record::OwnerView;
use crate::ui::text::harmless;
use askama::Template;
use std::fmt;

#[derive(Template)]
#[template(path = "page.html")]
struct HtmlPage<'a> {
    title: String,
    report: &'a ReportData,
    other: Option<&'a ReportData>,
    rows: Vec<FigureRow>,
    charts: Vec<HtmlChart>,
    /// With `--with-output` only: whoever gets the page reads it.
    owner: Option<&'a OwnerView>,
}

struct HtmlChart {
    title: &'static str,
    unit: &'static str,
    told: String,
    drawing: Drawing,
    /// Each curve's number and words.
    legend: Vec<(usize, String)>,
}

/// The whole page, of one run or of two.
pub fn page(report: &ReportData, other: Option<&ReportData>, shown_output: ShownOutput) -> String {
    let mut html_charts = Vec::new();
    let title;
    if let Some(other) = other {
        title = format!("runs {} and {}", report.name(), other.name());
        let run_seconds = compare::run_seconds([report, other]);
        for chart in compare::pairs([report, other]) {
            html_charts.push(HtmlChart::of(&chart, run_seconds, None));
        }
    } else {
        title = format!("{}, run {}", report.headline(), report.name());
        for mut chart in charts(&report.series, &report.summary) {
            if chart.curves.len() > 1 && chart.key.starts_with("gpu_") {
                // Each GPU's curve has room here; the mean of them is for where it has none.
                chart.curves.remove(0);
            }
            html_charts.push(HtmlChart::of(&chart, report.seconds(), report.stalled()));
        }
    }
    let mut owner = None;
    if shown_output == ShownOutput::All {
        owner = report.owner.as_ref();
    }
    let page = HtmlPage {
        owner,
        title,
        report,
        other,
        rows: compare::rows([report, other.unwrap_or(report)]),
        charts: html_charts,
    };
    // Writing to a String cannot fail.
    page.render().unwrap_or_default()
}

impl HtmlChart {
    fn of(chart: &Chart, run_seconds: f64, stalled_seconds: Option<f64>) -> Self {
        let legible = chart.legible();
        let mut legend = Vec::new();
        for (number, named_curve) in chart.curves.iter().enumerate() {
            if named_curve.curve.is_empty() {
                continue;
            }
            let mut legend_words = format!("{}: {}", named_curve.name, chart.told_of(named_curve));
            if chart.is_far_above(named_curve) {
                legend_words.push_str(", far above the others");
            }
            legend.push((number, legend_words));
        }
        Self {
            title: chart.title,
            unit: chart.measure.unit(legible.axis().1).0,
            told: chart.told(),
            drawing: svg::draw(&legible, run_seconds, stalled_seconds),
            legend,
        }
    }
}

/// How the template's texts are escaped: nothing in them is markup, drives a terminal, or is refused by a parser.
#[derive(Clone, Copy)]
pub struct HtmlText;

impl askama::filters::Escaper for HtmlText {
    fn write_escaped_str<W: fmt::Write>(&self, mut page: W, escaped_text: &str) -> fmt::Result {
        let mut escaped_text = harmless(escaped_text);
        for (character, escaped) in [
            ("&", "&amp;"),
            ("<", "&lt;"),
            (">", "&gt;"),
            ("\"", "&quot;"),
            ("'", "&#39;"),
            ("\u{fffe}", "\u{fffd}"),
            ("\u{ffff}", "\u{fffd}"),
        ] {
            escaped_text = escaped_text.replace(character, escaped);
        }
        page.write_str(&escaped_text)
    }
}
