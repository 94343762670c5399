//! The report as one file for a browser: no network, no script, no font of its own.
//!
//! It is written so that a strict parser takes it too: every element is closed and every text escaped, because the
//! texts are read from files that may hold anything. A policy in its head forbids the browser to load or run anything,
//! whatever a text might have smuggled in.

use super::charts::{Chart, charts};
use super::compare;
use super::data::ReportData;
use super::svg;
use super::terminal::sent;
use crate::ui::Style;
use crate::ui::text::harmless;
use axolotl_run_core::judging::summary::RootError;
use std::fmt::Write as _;

const HEAD: &str = include_str!("head.html");
const STYLE: &str = include_str!("style.css");

/// The whole page, of one run or of two.
pub fn page(data: &ReportData, other: Option<&ReportData>) -> String {
    let title = match other {
        None => format!("{}, run {}", data.headline(), data.name()),
        Some(other) => format!("runs {} and {}", data.name(), other.name()),
    };
    let mut html = Html::default();
    html.raw(HEAD);
    html.element("title", "", &title);
    html.raw("<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n<main>\n");
    match other {
        None => one(&mut html, data),
        Some(other) => two(&mut html, [data, other]),
    }
    html.raw("<footer>");
    html.element(
        "p",
        "",
        &format!(
            "Made by axolotl-run {} from this machine's own record.",
            env!("CARGO_PKG_VERSION")
        ),
    );
    html.raw("</footer>\n</main>\n</body>\n</html>\n");
    html.text
}

fn one(html: &mut Html, data: &ReportData) {
    html.raw("<header>\n");
    verdict(html, data, "h1");
    html.faint(&format!("Run {}, {}", data.run.run, data.began()));
    html.raw("</header>\n");
    figures_of(html, data);
    html.raw("<section class=\"charts\">\n");
    let charts = charts(&data.series, &data.summary);
    if charts.is_empty() {
        html.faint("Too short for a chart: measurements are seconds apart.");
    }
    for mut one in charts {
        if one.curves.len() > 1 && one.key.starts_with("gpu_") {
            // Each GPU's curve has room here; the mean of them is for where it has none.
            one.curves.remove(0);
        }
        chart(html, &one, data.seconds(), data.stalled());
    }
    html.raw("</section>\n");
    if let Some(error) = &data.summary.root_error {
        root_error(html, error);
    }
    events(html, data);
}

/// The verdict with what it means and what speaks for it.
fn verdict(html: &mut Html, data: &ReportData, heading: &str) {
    let class = match data.style() {
        Style::Good => "good",
        Style::Bad => "bad",
        _ => "open",
    };
    html.element(heading, class, &data.headline());
    if let Some(meaning) = data.meaning() {
        html.element("p", "meaning", &format!("{meaning}."));
    }
    let mut reasons = data.reasons();
    reasons.extend(data.standstill().map(|words| capitalized(&words)));
    if !reasons.is_empty() {
        html.raw("<ul class=\"reasons\">");
        for reason in &reasons {
            html.element("li", "", reason);
        }
        html.raw("</ul>\n");
    }
}

/// The run's figures as tiles.
fn figures_of(html: &mut Html, data: &ReportData) {
    html.raw("<dl class=\"figures\">\n");
    for row in compare::rows([data, data]) {
        let [text, _] = row.texts;
        if !compare::HEADING.contains(&row.label) {
            html.raw("<div>");
            html.element("dt", "", row.label);
            html.element("dd", "", &text);
            html.raw("</div>\n");
        }
    }
    html.raw("</dl>\n");
}

fn chart(html: &mut Html, chart: &Chart, seconds: f64, stalled: Option<f64>) {
    let legible = chart.legible();
    let Some(svg) = svg::draw(&legible, seconds, stalled) else {
        return;
    };
    let (unit, _) = chart.measure.unit(legible.axis().1);
    let told = chart.told();
    html.raw("<figure>\n<figcaption>");
    html.element("b", "", chart.title);
    html.element(
        "span",
        "unit",
        if unit.is_empty() {
            unit_of(chart)
        } else {
            unit
        },
    );
    if chart.curves.len() == 1 {
        html.element("span", "told", &told);
    }
    html.raw("</figcaption>\n");
    html.raw("<div role=\"img\" aria-label=\"")
        .text(&format!("{} over time, {told}", chart.title))
        .raw("\">\n");
    html.raw(&svg).raw("</div>\n");
    if chart.curves.len() > 1 {
        html.raw("<p class=\"legend\">");
        for (number, named) in chart.curves.iter().enumerate() {
            let figure = chart.told_of(named);
            let class = format!("c{}", svg::role(number));
            let above = if chart.is_far_above(named) {
                ", far above the others"
            } else {
                ""
            };
            html.element("span", &class, &format!("{}: {figure}{above}", named.name));
        }
        html.raw("</p>\n");
    }
    html.raw("</figure>\n");
}

/// What stands for the unit where the measure has none.
fn unit_of(chart: &Chart) -> &'static str {
    match chart.key {
        "steps_per_second" => "steps per second",
        "cpu_cores_used" => "cores",
        _ => "",
    }
}

fn root_error(html: &mut Html, error: &RootError) {
    html.raw("<section class=\"card\">\n");
    html.element("h2", "", "RootError");
    html.element("p", "class", &error.headline());
    if let Some(words) = error.words() {
        html.element("p", "message", words);
    }
    if !error.frames.is_empty() {
        html.faint("Traceback (most recent call last). Names in your own code are not recorded:");
        html.raw("<ol class=\"frames\">\n");
        for frame in &error.frames {
            html.element("li", "", frame);
        }
        html.raw("</ol>\n");
    }
    if error.chain.len() > 1 {
        html.faint(&format!(
            "Exceptions of the same failure, oldest first: {}",
            error.chain.join(", ")
        ));
    }
    if let Some(others) = error.other_ranks {
        html.faint(&format!(
            "{} failed too.",
            crate::commands::output::count(others, "other worker")
        ));
    }
    html.raw("</section>\n");
}

/// What was sent and what not, and what was missed.
fn events(html: &mut Html, data: &ReportData) {
    html.raw("<section class=\"card\">\n");
    html.element("h2", "", "Events");
    html.element("p", "", &capitalized(&sent(data)));
    html.raw("<table><thead><tr><th scope=\"col\">event</th><th scope=\"col\">number</th><th scope=\"col\">what became of them</th></tr></thead>\n<tbody>");
    for tally in &data.tallies {
        let became = tally.became.iter();
        let became: Vec<_> = became
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        html.raw("<tr>");
        html.element("th", "", tally.name.as_str());
        html.element("td", "", &tally.count.to_string());
        html.element("td", "", &became.join(", "));
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n");
    if !data.missed.is_empty() {
        html.element("h2", "", "What was missed");
        html.raw("<ul>");
        data.missed
            .iter()
            .for_each(|missed| html.element("li", "", missed));
        html.raw("</ul>\n");
    }
    html.faint(&format!(
        "`axolotl-run --show {}` prints the exact events.",
        data.name()
    ));
    html.raw("</section>\n");
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}

fn two(html: &mut Html, pair: [&ReportData; 2]) {
    html.raw("<header class=\"pair\">\n");
    for (number, data) in pair.into_iter().enumerate() {
        let _ = write!(html.text, "<div class=\"side c{number}\">");
        verdict(html, data, "h1");
        html.faint(&format!("Run {}, {}", data.name(), data.began()));
        html.raw("</div>\n");
    }
    html.raw("</header>\n<section class=\"card\">\n<table><thead><tr><th></th>");
    for data in pair {
        html.element("th", "", &data.name());
    }
    html.raw("<th></th></tr></thead>\n<tbody>");
    for row in compare::rows(pair) {
        if row.label == "run" {
            continue;
        }
        html.raw("<tr>");
        html.element("th", "", row.label);
        for text in &row.texts {
            html.element("td", "", text);
        }
        html.element(
            "td",
            "faint",
            &row.change.map_or_else(String::new, compare::change),
        );
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n</section>\n<section class=\"charts\">\n");
    let seconds = compare::seconds(pair);
    for one in compare::pairs(pair) {
        chart(html, &one.both, seconds, None);
    }
    html.raw("</section>\n");
    for data in pair {
        if let Some(error) = &data.summary.root_error {
            root_error(html, error);
        }
    }
}

/// A page that is being written.
#[derive(Debug, Default)]
struct Html {
    text: String,
}

impl Html {
    /// Markup of ours.
    fn raw(&mut self, markup: &str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Text, with nothing in it that a parser would take for markup or refuse.
    fn text(&mut self, text: &str) -> &mut Self {
        for character in harmless(text).chars() {
            match character {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                '\u{fffe}' | '\u{ffff}' => self.text.push('\u{fffd}'),
                _ => self.text.push(character),
            }
        }
        self
    }

    /// A paragraph of less importance.
    fn faint(&mut self, text: &str) {
        self.element("p", "faint", text);
    }

    /// An element with nothing but text in it.
    fn element(&mut self, name: &str, class: &str, text: &str) {
        // Writing to a String cannot fail.
        let _ = match class {
            "" => write!(self.text, "<{name}>"),
            class => write!(self.text, "<{name} class=\"{class}\">"),
        };
        self.text(text);
        let _ = writeln!(self.text, "</{name}>");
    }
}
