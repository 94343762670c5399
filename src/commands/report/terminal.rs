//! The report as a page of the terminal: the verdict first, then what it rests on, then the charts.
//!
//! It fits the screen where that can be: charts give up their second line and the traceback its outer frames before
//! the page grows beyond it. Nothing that was read is printed as it is.

use super::dots::{self, Frame, Glyphs};
use super::panels::{Panel, figures, panels};
use super::story::Story;
use crate::commands::count;
use crate::store::Sending;
use crate::ui::harmless;
use crate::ui::page::Ink;
use crate::ui::page::Page;
use crate::ui::page::Paper;
use crate::ui::page::cut;
use axolotl_run_core::judging::summary::units;

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
#[must_use]
pub fn page(story: &Story, paper: Paper) -> String {
    let mut panels = panels(&story.series, &story.digest);
    panels.truncate(CHARTS);
    let head = head(story, paper);
    let foot = foot(story, paper);
    let lines = |text: &str| text.lines().count();
    // The shell's prompt stands below, an axis below the charts, an empty line around them.
    let fixed = lines(&head)
        .saturating_add(lines(&foot))
        .saturating_add(panels.len())
        .saturating_add(4);
    let spare = paper.height.unwrap_or(HEIGHT).saturating_sub(fixed);
    let culprit = culprit(story, paper, spare.saturating_sub(panels.len()));
    let spare = spare.saturating_sub(lines(&culprit));
    let mut text = head;
    if panels.is_empty() {
        text.push_str("\nToo short for a chart: measurements are seconds apart.\n\n");
    } else {
        let seconds = story.seconds();
        text.push('\n');
        for (number, panel) in panels.iter().enumerate() {
            let height = if number < spare { 2 } else { 1 };
            text.push_str(&chart(panel, seconds, height, paper));
        }
        text.push_str(&time_axis(seconds, paper));
        text.push('\n');
    }
    text.push_str(&culprit);
    text.push_str(&foot);
    text
}

fn head(story: &Story, paper: Paper) -> String {
    let mut page = Page::new(paper, LABEL);
    let word = story.headline();
    let sentence = story
        .meaning()
        .map_or_else(|| word.clone(), |meaning| format!("{word}: {meaning}"));
    page.inked("ended", &sentence, Some((story.ink(), &word)));
    let reasons = story.reasons();
    if !reasons.is_empty() {
        page.entry("because", &reasons.join(" "));
    }
    if let Some(standstill) = story.standstill() {
        page.entry("stalled", &standstill);
    }
    page.entry("run", &format!("{}, {}", story.name(), story.began()));
    if let Some(reached) = story.reached() {
        page.entry("reached", &reached);
    }
    page.finish()
}

/// A chart with its label and figures.
fn chart(panel: &Panel, seconds: f64, height: usize, paper: Paper) -> String {
    let mut page = Page::new(paper, LABEL);
    let Some(named) = panel.curves.first() else {
        return String::new();
    };
    // On the terminal the axis is the first curve's own: the others are not drawn.
    let alone = Panel {
        curves: vec![named.clone()],
        ..panel.clone()
    };
    let axis = alone.axis();
    for (number, (line, figure)) in drawn(&alone, axis, seconds, height, paper)
        .into_iter()
        .enumerate()
    {
        let label = if number == 0 { panel.short } else { "" };
        let figure = if number == 0 {
            figure
        } else {
            page.ink(Ink::Faint, &figure)
        };
        page.line(&format!(
            "{label:<LABEL$}{}  {figure}",
            page.ink(Ink::Curve, &line)
        ));
    }
    page.finish()
}

/// The lines of a curve, each with the figure that stands beside it.
pub(super) fn drawn(
    panel: &Panel,
    axis: (f64, f64),
    seconds: f64,
    height: usize,
    paper: Paper,
) -> Vec<(String, String)> {
    let Some(named) = panel.curves.first() else {
        return Vec::new();
    };
    let frame = Frame {
        width: chart_width(paper),
        height,
        seconds,
        axis,
        filled: panel.from_zero,
    };
    let glyphs = if paper.is_unicode {
        Glyphs::Unicode
    } else {
        Glyphs::Ascii
    };
    let tells = figures(&named.curve).map_or_else(String::new, |figures| {
        panel.tells.text(&figures, panel.measure)
    });
    let scale = format!(
        "{} to {}",
        panel.measure.write(axis.0),
        panel.measure.write(axis.1)
    );
    let beside = [tells, scale]
        .into_iter()
        .chain(std::iter::repeat(String::new()));
    dots::draw(&named.curve, &frame, glyphs)
        .into_iter()
        .zip(beside)
        .collect()
}

fn chart_width(paper: Paper) -> usize {
    paper
        .width
        .saturating_sub(LABEL.saturating_add(FIGURES))
        .max(8)
}

/// The time below the charts: where they begin, their middle, their end.
pub(super) fn time_axis(seconds: f64, paper: Paper) -> String {
    let width = chart_width(paper);
    let (middle, end) = (units::duration(seconds / 2.0), units::duration(seconds));
    let half = width / 2;
    let first = half.saturating_sub(middle.len() / 2);
    let rest = width.saturating_sub(first).saturating_sub(middle.len());
    let mut page = Page::new(paper, LABEL);
    // Times that touch cannot be told apart; the middle is the one to do without.
    let axis = if first > "0s".len() && rest > end.len() {
        format!("{:<first$}{middle}{end:>rest$}", "0s")
    } else {
        format!("0s{end:>after$}", after = width.saturating_sub("0s".len()))
    };
    page.line(&format!("{:<LABEL$}{}", "", page.ink(Ink::Faint, &axis)));
    page.finish()
}

/// What it died of, with as many frames as there is room for.
fn culprit(story: &Story, paper: Paper, spare: usize) -> String {
    let Some(culprit) = &story.digest.root_error else {
        return String::new();
    };
    let mut page = Page::new(paper, LABEL);
    let headline = culprit.headline();
    page.inked("culprit", &headline, Some((Ink::Bad, &headline)));
    if let Some(words) = culprit.words() {
        page.entry("", words);
    }
    if let Some(others) = culprit.other_ranks {
        page.entry("", &format!("{} failed too", count(others, "other worker")));
    }
    let shown = spare.saturating_sub(3).max(FRAMES);
    let left_out = culprit.frames.len().saturating_sub(shown);
    for frame in culprit.frames.iter().skip(left_out) {
        page.entry("", &cut(frame, page.room(), paper.is_unicode));
    }
    if left_out > 0 {
        page.entry(
            "",
            &format!(
                "({} further out: `axolotl-run --show {}`)",
                left_out,
                story.name()
            ),
        );
    }
    page.finish()
}

fn foot(story: &Story, paper: Paper) -> String {
    let mut page = Page::new(paper, LABEL);
    page.entry("sent", &sent(story));
    for (number, missed) in story.missed.iter().enumerate() {
        page.entry(if number == 0 { "missed" } else { "" }, &harmless(missed));
    }
    page.finish()
}

/// What was sent and what not, in a sentence.
pub(super) fn sent(story: &Story) -> String {
    let run = &story.summary;
    match run.sending {
        Sending::Forbidden => format!(
            "nothing: {} kept on this machine alone",
            count(run.events, "event")
        ),
        Sending::Permitted => {
            let mut text = format!("{} of {}", run.delivered, count(run.events, "event"));
            for (number, word) in [(run.waiting, "waiting"), (run.refused, "refused")] {
                if number > 0 {
                    text.push_str(&format!(", {number} {word}"));
                }
            }
            text
        }
    }
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
                    Paper {
                        width,
                        ..Paper::default()
                    }
                ),
                expected,
                "{width}"
            );
        }
    }
}
