//! The report as one file for a browser: no network, no script, no font of its own.
//!
//! The page itself is the template page.html, which is compiled in. It is written so that a strict parser takes it
//! too: every element is closed and every text escaped, because the texts are read from files that may hold anything.
//! A policy in its head forbids the browser to load or run anything, whatever a text might have smuggled in.

use super::charts::svg::{self, Drawing, Scene};
use super::charts::{CURVES_MAX, Chart, charts};
use super::compare::{self, FigureRow};
use super::data::job::{JobLine, JobReport};
use super::data::{self, ReportData};
use super::series::MarkerKind;
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
    /// Of two runs, what was set otherwise.
    differences: Vec<FigureRow>,
    charts: Vec<HtmlChart>,
    marks: Vec<MarkerKind>,
    /// A line for each machine of the job.
    nodes: Vec<JobLine>,
}

struct HtmlChart {
    title: &'static str,
    unit: &'static str,
    told: String,
    drawing: Drawing,
    /// Each curve's class and words.
    legend: Vec<(String, String)>,
}

/// The whole page, of one run or of two.
pub fn page(report: &ReportData, other: Option<&ReportData>) -> String {
    let mut html_charts = Vec::new();
    let mut title = format!("{}, run {}", report.headline(), report.name());
    let mut differences = Vec::new();
    let mut markers = Vec::new();
    if let Some(other) = other {
        title = format!("runs {} and {}", report.name(), other.name());
        differences = compare::differences([report, other]);
        let scene = Scene {
            run_seconds: compare::run_seconds([report, other]),
            stalled_seconds: None,
            markers: &[],
        };
        for chart in compare::pairs([report, other]) {
            html_charts.push(HtmlChart::of(&chart, String::new(), &scene));
        }
    } else {
        markers = report.markers();
        let scene = Scene {
            run_seconds: report.seconds(),
            stalled_seconds: report.stalled(),
            markers: &markers,
        };
        for mut chart in charts(report) {
            let told = chart.told();
            if chart.curves.len() > 1 && chart.key.starts_with("gpu_") {
                // Each GPU's curve has room here; the mean of them is for where it has none.
                chart.curves.remove(0);
            }
            html_charts.push(HtmlChart::of(&chart, told, &scene));
        }
    }
    let mut marks = MarkerKind::ALL.to_vec();
    marks.retain(|kind| markers.iter().any(|marker| marker.kind == *kind));
    let job = report.job.as_ref();
    let page = HtmlPage {
        nodes: job.map_or(Vec::new(), JobReport::lines),
        title,
        report,
        other,
        rows: compare::rows([report, other.unwrap_or(report)]),
        differences,
        charts: html_charts,
        marks,
    };
    // Writing to a String cannot fail.
    page.render().unwrap_or_default()
}

impl HtmlChart {
    /// `told` is the figure of the whole, which the heading has unless the legend has one for each curve.
    fn of(chart: &Chart, told: String, scene: &Scene<'_>) -> Self {
        let legible = chart.legible();
        let is_in_rows = chart.curves.len() > CURVES_MAX;
        let mut legend = Vec::new();
        for (number, named_curve) in chart.curves.iter().enumerate() {
            // A row has its name and its figure beside it.
            if named_curve.curve.is_empty() || is_in_rows && !named_curve.is_odd {
                continue;
            }
            let mut class = format!("c{}", number % 6);
            let mut words = format!("{}: {}", named_curve.name, chart.told_of(named_curve));
            if chart.is_far_above(named_curve) {
                words.push_str(", far above the others");
            }
            if named_curve.is_odd {
                words.push_str(", differs from the others");
            }
            if is_in_rows {
                class = "odd".to_owned();
            }
            legend.push((class, words));
        }
        if !is_in_rows && legend.len() == 1 && !told.is_empty() {
            legend.clear();
        }
        Self {
            title: chart.title,
            unit: chart.measure.unit(legible.axis().1).0,
            told,
            drawing: svg::draw(&legible, scene),
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
