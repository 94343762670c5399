//! The report as a page of the terminal: the verdict first, then what it rests on, then the charts.
//!
//! It fits the screen where that can be: charts give up their second line and the traceback its outer frames before
//! the page grows beyond it. Nothing that was read is printed as it is.

use super::charts::{Chart, NamedCurve, charts};
use super::data::ReportData;
use super::dots::{self, Area};
use crate::ui::page::Page;
use crate::ui::text::cut;
use crate::ui::{Style, Terminal};
use axolotl_run_core::judging::summary::{lines, units};

/// Where text begins, and curves.
const LABEL: usize = 11;
/// Characters to the right of a curve, for its figures.
const FIGURES: usize = 19;
/// Lines of the page where nobody says how high the terminal is.
const HEIGHT: usize = 24;
/// Charts of a page; what more there is can be seen in the browser.
const CHARTS: usize = 6;
/// Frames of the traceback that are shown in any case, the innermost.
const FRAMES: usize = 3;

/// The page of one run.
pub fn page(data: &ReportData, terminal: Terminal) -> String {
    let mut charts = charts(&data.series, &data.summary);
    charts.truncate(CHARTS);
    let head = head(data, terminal);
    let foot = foot(data, terminal);
    // The shell's prompt is below, an axis below the charts, an empty line around them.
    let fixed = head.lines().count() + foot.lines().count() + charts.len() + 4;
    let spare = terminal.height.unwrap_or(HEIGHT).saturating_sub(fixed);
    let root_error = root_error(data, terminal, spare.saturating_sub(charts.len()));
    let spare = spare.saturating_sub(root_error.lines().count());
    let mut text = head;
    if charts.is_empty() {
        text.push_str("\nToo short for a chart: measurements are seconds apart.\n\n");
    } else {
        let seconds = data.seconds();
        text.push('\n');
        for (number, drawn) in charts.iter().enumerate() {
            let height = if number < spare { 2 } else { 1 };
            text.push_str(&chart(drawn, seconds, height, terminal));
        }
        text.push_str(&time_axis(seconds, terminal));
        text.push('\n');
    }
    text.push_str(&root_error);
    text.push_str(&foot);
    text
}

fn head(data: &ReportData, terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    let word = data.headline();
    let sentence = match data.meaning() {
        Some(meaning) => format!("{word}: {}", meaning.trim_end_matches('.')),
        None => word.clone(),
    };
    page.styled("ended", &sentence, Some((data.style(), &word)));
    let reasons = data.reasons();
    if !reasons.is_empty() {
        page.entry("because", &reasons.join(" "));
    }
    if let Some(standstill) = data.standstill() {
        page.entry("stalled", &standstill);
    }
    page.entry("run", &format!("{}, {}", data.name(), data.began()));
    let reached = lines::progress(&data.summary);
    if !reached.is_empty() {
        page.entry("reached", &reached);
    }
    page.finish()
}

/// A chart with its label and figures. The axis is the first curve's own: the others are not drawn.
fn chart(chart: &Chart, seconds: f64, height: usize, terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    let Some(named) = chart.curves.first() else {
        return String::new();
    };
    let alone = Chart {
        curves: vec![named.clone()],
        ..chart.clone()
    };
    let lines = drawn(chart, named, alone.axis(), seconds, height, terminal);
    for (number, (line, figure)) in lines.into_iter().enumerate() {
        let line = terminal.styled(Style::Curve, &line);
        if number == 0 {
            page.line(&format!("{:<LABEL$}{line}  {figure}", chart.short));
        } else {
            let figure = terminal.styled(Style::Faint, &figure);
            page.line(&format!("{:<LABEL$}{line}  {figure}", ""));
        }
    }
    page.finish()
}

/// The lines of a curve, each with the figure beside it.
pub(super) fn drawn(
    chart: &Chart,
    named: &NamedCurve,
    axis: (f64, f64),
    seconds: f64,
    height: usize,
    terminal: Terminal,
) -> Vec<(String, String)> {
    let area = Area {
        width: chart_width(terminal),
        height,
        seconds,
        axis,
        filled: chart.from_zero,
        is_unicode: terminal.is_unicode,
    };
    let (low, high) = axis;
    let scale = format!(
        "{} to {}",
        chart.measure.write(low),
        chart.measure.write(high)
    );
    let beside = [chart.told_of(named), scale];
    dots::draw(&named.curve, &area)
        .into_iter()
        .zip(beside)
        .collect()
}

fn chart_width(terminal: Terminal) -> usize {
    terminal.width.saturating_sub(LABEL + FIGURES).max(8)
}

/// The time below the charts: where they begin, their middle, their end.
pub(super) fn time_axis(seconds: f64, terminal: Terminal) -> String {
    let width = chart_width(terminal);
    let (middle, end) = (units::duration(seconds / 2.0), units::duration(seconds));
    let half = width / 2;
    let first = half.saturating_sub(middle.len() / 2);
    let rest = width.saturating_sub(first).saturating_sub(middle.len());
    let mut page = Page::new(terminal, LABEL);
    // Times that touch cannot be told apart; the middle is the one to do without.
    let axis = if first > "0s".len() && rest > end.len() {
        format!("{:<first$}{middle}{end:>rest$}", "0s")
    } else {
        format!("0s{end:>after$}", after = width.saturating_sub("0s".len()))
    };
    page.line(&format!(
        "{:<LABEL$}{}",
        "",
        terminal.styled(Style::Faint, &axis)
    ));
    page.finish()
}

/// What it died of, with as many frames as there is room for.
fn root_error(data: &ReportData, terminal: Terminal, spare: usize) -> String {
    let Some(error) = &data.summary.error else {
        return String::new();
    };
    let mut page = Page::new(terminal, LABEL);
    let headline = error.headline();
    page.styled("error", &headline, Some((Style::Bad, &headline)));
    if let Some(words) = error.words() {
        page.entry("", words);
    }
    if let Some(others) = data.others() {
        page.entry("", &others);
    }
    let frames = error.frame_lines();
    let shown = spare.saturating_sub(3).max(FRAMES);
    let left_out = frames.len().saturating_sub(shown);
    for frame in frames.iter().skip(left_out) {
        page.entry("", &cut(frame, page.room(), terminal.is_unicode));
    }
    if left_out > 0 {
        let name = data.name();
        page.entry(
            "",
            &format!("({left_out} further out: `axolotl-run --show {name}`)"),
        );
    }
    page.finish()
}

fn foot(data: &ReportData, terminal: Terminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.entry("sent", &data.sent());
    page.entries("missed", &data.missed);
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_below_the_charts_never_touch() {
        for (width, expected) in [
            (
                80,
                "           0s                    27m 36s              55m 12s\n",
            ),
            (44, "           0s     55m 12s\n"),
            (40, "           0s 55m 12s\n"),
        ] {
            assert_eq!(
                time_axis(
                    3312.0,
                    Terminal {
                        width,
                        ..Terminal::default()
                    }
                ),
                expected,
                "{width}"
            );
        }
    }
}
