//! The report as one file for a browser: no network, no script, no font of its own.
//!
//! It is written so that a strict parser takes it too: every element is closed and every text escaped, because the
//! texts are read from files that may hold anything. A policy in its head forbids the browser to load or run anything,
//! whatever a text might have smuggled in.

use super::compare;
use super::panels::{Panel, figures, panels};
use super::story::Story;
use super::svg;
use super::terminal::sent;
use crate::ui::harmless;
use crate::ui::page::Ink;
use axolotl_run_core::judging::summary::RootError;
use std::fmt::Write as _;

const HEAD: &str = include_str!("head.html");
const STYLE: &str = include_str!("style.css");

/// The whole page, of one run or of two.
#[must_use]
pub fn page(story: &Story, other: Option<&Story>) -> String {
    let title = match other {
        None => format!("{}, run {}", story.headline(), story.name()),
        Some(other) => format!("runs {} and {}", story.name(), other.name()),
    };
    let mut html = Html::default();
    html.raw(HEAD);
    html.element("title", "", &title);
    html.raw("<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n<main>\n");
    match other {
        None => one(&mut html, story),
        Some(other) => two(&mut html, [story, other]),
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

fn one(html: &mut Html, story: &Story) {
    html.raw("<header>\n");
    verdict(html, story, "h1");
    html.element(
        "p",
        "faint",
        &format!("Run {}, {}", story.summary.run, story.began()),
    );
    html.raw("</header>\n");
    figures_of(html, story);
    html.raw("<section class=\"charts\">\n");
    let panels = panels(&story.series, &story.digest);
    if panels.is_empty() {
        html.element(
            "p",
            "faint",
            "Too short for a chart: measurements are seconds apart.",
        );
    }
    for mut panel in panels {
        if panel.curves.len() > 1 && panel.key.starts_with("gpu_") {
            // Each GPU's curve has room here; the mean of them is for where it has none.
            panel.curves.remove(0);
        }
        chart(html, &panel, story.seconds(), story.stalled());
    }
    html.raw("</section>\n");
    if let Some(culprit) = &story.digest.root_error {
        culprit_of(html, culprit);
    }
    events(html, story);
}

/// The verdict with what it means and what speaks for it.
fn verdict(html: &mut Html, story: &Story, heading: &str) {
    let class = match story.ink() {
        Ink::Good => "good",
        Ink::Bad => "bad",
        _ => "open",
    };
    html.element(heading, class, &story.headline());
    if let Some(meaning) = story.meaning() {
        html.element("p", "meaning", &format!("{meaning}."));
    }
    let mut reasons = story.reasons();
    reasons.extend(story.standstill().map(|words| sentence(&words)));
    if !reasons.is_empty() {
        html.raw("<ul class=\"reasons\">");
        reasons
            .iter()
            .for_each(|reason| html.element("li", "", reason));
        html.raw("</ul>\n");
    }
}

/// `Nothing moved.` of `nothing moved`.
fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(characters)
        .chain(['.'])
        .collect()
}

/// The run's figures as tiles.
fn figures_of(html: &mut Html, story: &Story) {
    html.raw("<dl class=\"figures\">\n");
    for row in compare::rows([story, story]) {
        let [text, _] = row.texts;
        if !["run", "started", "ended", "culprit"].contains(&row.label) {
            html.raw("<div>");
            html.element("dt", "", row.label);
            html.element("dd", "", &text);
            html.raw("</div>\n");
        }
    }
    html.raw("</dl>\n");
}

fn chart(html: &mut Html, panel: &Panel, seconds: f64, stalled: Option<f64>) {
    let legible = panel.legible();
    let Some(svg) = svg::draw(&legible, seconds, stalled) else {
        return;
    };
    let (unit, _) = panel.measure.unit(legible.axis().1);
    let told = panel.curves.first().and_then(|named| figures(&named.curve));
    let told = told.map_or_else(String::new, |figures| {
        panel.tells.text(&figures, panel.measure)
    });
    html.raw("<figure>\n<figcaption>");
    html.element("b", "", panel.title);
    html.element(
        "span",
        "unit",
        if unit.is_empty() {
            unit_of(panel)
        } else {
            unit
        },
    );
    if panel.curves.len() == 1 {
        html.element("span", "told", &told);
    }
    html.raw("</figcaption>\n");
    html.raw("<div role=\"img\" aria-label=\"")
        .text(&format!("{} over time, {told}", panel.title))
        .raw("\">\n");
    html.raw(&svg).raw("</div>\n");
    if panel.curves.len() > 1 {
        html.raw("<p class=\"legend\">");
        for (number, named) in panel.curves.iter().enumerate() {
            let figure =
                figures(&named.curve).map(|figures| panel.tells.text(&figures, panel.measure));
            let class = format!("c{}", svg::role(number));
            let above = if panel.is_far_above(named) {
                ", far above the others"
            } else {
                ""
            };
            html.element(
                "span",
                &class,
                &format!("{}: {}{above}", named.name, figure.unwrap_or_default()),
            );
        }
        html.raw("</p>\n");
    }
    html.raw("</figure>\n");
}

/// What stands for the unit where the measure has none.
fn unit_of(panel: &Panel) -> &'static str {
    match panel.key {
        "steps_per_second" => "steps per second",
        "cpu_cores_used" => "cores",
        _ => "",
    }
}

fn culprit_of(html: &mut Html, culprit: &RootError) {
    html.raw("<section class=\"card\">\n");
    html.element("h2", "", "RootError");
    html.element("p", "class", &culprit.headline());
    if let Some(words) = culprit.words() {
        html.element("p", "message", words);
    }
    if !culprit.frames.is_empty() {
        html.element(
            "p",
            "faint",
            "The traceback, innermost last; of private code only where it stands is known:",
        );
        html.raw("<ol class=\"frames\">\n");
        culprit
            .frames
            .iter()
            .for_each(|frame| html.element("li", "", frame));
        html.raw("</ol>\n");
    }
    if culprit.chain.len() > 1 {
        html.element(
            "p",
            "faint",
            &format!(
                "Of the same failure, oldest first: {}",
                culprit.chain.join(", ")
            ),
        );
    }
    if let Some(others) = culprit.other_ranks {
        html.element(
            "p",
            "faint",
            &format!(
                "{} failed too.",
                crate::commands::count(others, "other worker")
            ),
        );
    }
    html.raw("</section>\n");
}

/// What was sent and what not, and what was missed.
fn events(html: &mut Html, story: &Story) {
    html.raw("<section class=\"card\">\n");
    html.element("h2", "", "What was sent");
    html.element("p", "", &capitalized(&sent(story)));
    html.raw("<table><thead><tr><th scope=\"col\">event</th><th scope=\"col\">number</th><th scope=\"col\">became</th></tr></thead>\n<tbody>");
    for fate in &story.fates {
        let became: Vec<_> = fate
            .fates
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        html.raw("<tr>");
        html.element("th", "", fate.name.as_str());
        html.element("td", "", &fate.count.to_string());
        html.element("td", "", &became.join(", "));
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n");
    if !story.missed.is_empty() {
        html.element("h2", "", "What was missed");
        html.raw("<ul>");
        story
            .missed
            .iter()
            .for_each(|missed| html.element("li", "", missed));
        html.raw("</ul>\n");
    }
    html.element(
        "p",
        "faint",
        &format!(
            "`axolotl-run --show {}` prints the exact events.",
            story.name()
        ),
    );
    html.raw("</section>\n");
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}

fn two(html: &mut Html, stories: [&Story; 2]) {
    html.raw("<header class=\"pair\">\n");
    for (number, story) in stories.into_iter().enumerate() {
        let _ = write!(html.text, "<div class=\"side c{number}\">");
        verdict(html, story, "h1");
        html.element(
            "p",
            "faint",
            &format!("Run {}, {}", story.name(), story.began()),
        );
        html.raw("</div>\n");
    }
    html.raw("</header>\n<section class=\"card\">\n<table><thead><tr><th></th>");
    stories
        .iter()
        .for_each(|story| html.element("th", "", &story.name()));
    html.raw("<th></th></tr></thead>\n<tbody>");
    for row in compare::rows(stories)
        .into_iter()
        .filter(|row| row.label != "run")
    {
        html.raw("<tr>");
        html.element("th", "", row.label);
        row.texts
            .iter()
            .for_each(|text| html.element("td", "", text));
        html.element(
            "td",
            "faint",
            &row.change.map_or_else(String::new, compare::change),
        );
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n</section>\n<section class=\"charts\">\n");
    let seconds = stories
        .iter()
        .map(|story| story.seconds())
        .fold(0.0, f64::max);
    for (both, _) in compare::pairs(stories) {
        chart(html, &both, seconds, None);
    }
    html.raw("</section>\n");
    stories
        .into_iter()
        .filter_map(|story| story.digest.root_error.as_ref())
        .for_each(|culprit| culprit_of(html, culprit));
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
