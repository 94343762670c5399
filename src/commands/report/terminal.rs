//! The report as a page of the terminal: the verdict first, then what it rests on, then the charts.
//!
//! It fits the screen where that can be: charts give up their second line and the traceback its outer frames before
//! the page grows beyond it. Nothing that was read is printed as it is.

use super::charts::dots::{self, ChartArea};
use super::charts::{Chart, charts};
use super::data::setup;
use super::data::{ReportData, ShownOutput};
use crate::commands::output::count;
use crate::owner_record::OwnerView;
use crate::store::RunState;
use crate::ui::page::Page;
use crate::ui::text::{cut, harmless};
use crate::ui::{OutputTerminal, Style};
use axolotl_run_core::judging::summary::{lines, units};

/// Where text begins, and curves.
pub const LABEL: usize = 11;
/// Characters to the right of a curve, for its figures.
const FIGURES: usize = 19;
/// Lines of the page where nobody says how high the terminal is.
const HEIGHT: usize = 24;
/// Lines of a terminal on which versions and configuration have room.
const HEIGHT_FOR_ALL: usize = 32;
/// Charts of a page; what more there is can be seen in the browser.
const CHARTS: usize = 6;
/// Charts that are in the browser's page alone.
const IN_THE_BROWSER: [&str; 2] = ["learning_rate", "grad_norm"];
/// Lines that an error has before GPUs have a row each.
const ERROR_LINES: usize = 9;
/// Frames of the traceback that are shown in any case, the innermost.
const FRAMES: usize = 3;

/// Lines of the traceback as it was printed that are shown in any case, the innermost.
const PRINTED_LINES: usize = 6;
/// Lines of the last output that are shown.
const LAST_WORDS: usize = 3;
/// Characters of the command line that are shown.
const COMMAND: usize = 300;

/// The page of one run.
pub fn page(report: &ReportData, terminal: OutputTerminal, shown_output: ShownOutput) -> String {
    let mut charts = charts(report);
    charts.retain(|chart| !IN_THE_BROWSER.contains(&chart.key));
    charts.truncate(CHARTS);
    let verdict = verdict(report, terminal);
    let about = about(report, terminal);
    let footer = footer(report, terminal);
    let last_words = last_words(report, terminal, shown_output);
    let mut nodes = String::new();
    if let Some(job) = &report.job {
        nodes = job.block(terminal, LABEL);
    }
    // The shell's prompt is below, an axis below the charts, an empty line around them.
    let texts = [&verdict, &nodes, &about, &last_words, &footer];
    let around: usize = texts.iter().map(|text| text.lines().count()).sum();
    let lines_left = terminal.height.unwrap_or(HEIGHT).saturating_sub(around + 4);
    let rows_left = lines_left.saturating_sub(charts.len() + ERROR_LINES);
    for chart in &mut charts {
        choose_rows(chart, rows_left);
    }
    let chart_lines = charts.iter().map(|chart| chart.curves.len()).sum();
    let spare_lines = lines_left.saturating_sub(chart_lines);
    let mut error_lines = spare_lines.saturating_sub(charts.len());
    if shown_output == ShownOutput::All {
        error_lines = usize::MAX;
    }
    let root_error = match printed_error_lines(report, terminal, error_lines) {
        Some(printed) => printed,
        None => root_error_lines(report, terminal, error_lines),
    };
    let spare_lines = spare_lines.saturating_sub(root_error.lines().count());
    let mut middle = Page::new(terminal, LABEL);
    if charts.is_empty() {
        middle.add_line("Too short for a chart: measurements are seconds apart.");
    } else {
        let run_seconds = report.seconds();
        for (number, chart) in charts.iter().enumerate() {
            let height = if number < spare_lines { 2 } else { 1 };
            add_chart(&mut middle, chart, run_seconds, height, terminal);
        }
        middle.add_line(&time_axis(run_seconds, terminal));
    }
    let middle = middle.finish();
    format!("{verdict}{root_error}{nodes}{about}\n{middle}\n{last_words}{footer}")
}

/// Of many GPUs' loads the mean and those that differ, or each where there is room; of all else the first curve.
fn choose_rows(chart: &mut Chart, rows_left: usize) {
    let has_room = chart.curves.len() <= rows_left;
    let mut number = 0;
    chart.curves.retain(|named_curve| {
        number += 1;
        number == 1 || chart.key == "gpu_utilization" && (has_room || named_curve.is_odd)
    });
}

/// How it ended and why.
fn verdict(report: &ReportData, terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    let headline = report.headline();
    let label = match report.recorded_run.state {
        RunState::Running => "now",
        _ => "ended",
    };
    page.styled(label, &headline, Some((report.style(), &headline)));
    let mut because = report.reasons();
    if let Some(meaning) = report.meaning() {
        because.insert(0, meaning);
    }
    if report.style() != Style::Good && !because.is_empty() {
        page.add_entry("because", &because.join(" "));
    }
    if let Some(standstill) = report.standstill() {
        page.add_entry("stalled", &standstill);
    }
    for sentence in report.standing() {
        page.add_entry("where", &sentence);
    }
    page.finish()
}

/// Which run it was, on what and with what, and how far it came.
fn about(report: &ReportData, terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.add_entry("run", &format!("{}, {}", report.name(), report.began()));
    if let Some(owner) = &report.owner {
        for sentence in owner.stood() {
            page.add_entry("in yours", &sentence);
        }
        let command = cut(&owner.facts.command_text(), COMMAND, terminal.is_unicode);
        page.add_entry("command", &command);
        page.add_entry("in", &place(owner));
    }
    let is_high = terminal.height.unwrap_or(HEIGHT) >= HEIGHT_FOR_ALL;
    let lines = [
        ("machine", report.machine(), true),
        ("with", setup::in_a_line(&report.versions()), is_high),
        ("config", setup::in_a_line(&report.configuration()), is_high),
        ("phase", report.phase().unwrap_or_default().to_owned(), true),
        ("reached", lines::progress(&report.summary), true),
        ("cost", report.cost().unwrap_or_default(), true),
        ("uses", report.uses().unwrap_or_default(), true),
    ];
    for (label, line, has_room) in lines {
        if has_room && !line.is_empty() {
            page.add_entry(label, &cut(&line, page.room(), terminal.is_unicode));
        }
    }
    let phases = lines::phases(&report.summary);
    if !phases.is_empty() {
        page.add_entry("time", &phases);
    }
    page.finish()
}

/// Adds a chart to a page: the lines of each curve, with the figure beside the first and the axis beside the second.
pub fn add_chart(
    page: &mut Page,
    chart: &Chart,
    run_seconds: f64,
    height: usize,
    terminal: OutputTerminal,
) {
    let (low, high) = chart.axis();
    let (lowest, highest) = (chart.measure.write(low), chart.measure.write(high));
    let scale = terminal.styled(Style::Faint, &format!("{lowest} to {highest}"));
    for (number, named_curve) in chart.curves.iter().enumerate() {
        let is_gpu = chart.key.starts_with("gpu_");
        let (mut label, style, height) = match number {
            0 => (chart.short.to_owned(), Style::Curve, height),
            _ if named_curve.is_odd => (format!("! {}", named_curve.name), Style::Bad, 1),
            _ if is_gpu => (format!("  {}", named_curve.name), Style::Curve, 1),
            _ => (String::new(), Style::Curve, height),
        };
        let chart_area = ChartArea {
            width: chart_width(terminal),
            height,
            run_seconds,
            axis: (low, high),
            filled: chart.from_zero,
            is_unicode: terminal.is_unicode,
        };
        let figures_beside = [chart.told_of(named_curve), scale.clone()];
        for (line, figure) in dots::draw(&named_curve.curve, &chart_area)
            .iter()
            .zip(figures_beside)
        {
            let line = terminal.styled(style, line);
            page.add_line(&format!("{label:<LABEL$}{line}  {figure}"));
            label.clear();
        }
    }
}

fn chart_width(terminal: OutputTerminal) -> usize {
    terminal.width.saturating_sub(LABEL + FIGURES).max(8)
}

/// The time below the charts: where they begin, their middle, their end.
pub fn time_axis(run_seconds: f64, terminal: OutputTerminal) -> String {
    let width = chart_width(terminal);
    let (middle, end) = (
        units::duration(run_seconds / 2.0),
        units::duration(run_seconds),
    );
    let blanks_to_middle = (width / 2).saturating_sub(middle.len() / 2);
    let blanks_to_end = width.saturating_sub(blanks_to_middle + middle.len());
    // Times that touch cannot be told apart; the middle is the one to do without.
    let axis = if blanks_to_middle > "0s".len() && blanks_to_end > end.len() {
        format!("{:<blanks_to_middle$}{middle}{end:>blanks_to_end$}", "0s")
    } else {
        format!("0s{end:>after$}", after = width.saturating_sub("0s".len()))
    };
    format!("{:<LABEL$}{}", "", terminal.styled(Style::Faint, &axis))
}

/// Where and when it was started, as its owner knows it.
fn place(owner: &OwnerView) -> String {
    let facts = &owner.facts;
    let mut place = facts.directory.clone();
    if let Some(host) = &facts.host {
        place.push_str(&format!(" on {host}"));
    }
    if let Some(started) = &facts.started {
        place.push_str(&format!(", started {started}"));
    }
    place
}

/// What it died of as it was printed, with as many of its innermost lines as there is room for; None where that was not
/// kept.
fn printed_error_lines(
    report: &ReportData,
    terminal: OutputTerminal,
    spare_lines: usize,
) -> Option<String> {
    let owner = report.owner.as_ref()?;
    let traceback = owner.facts.traceback.as_deref()?;
    let error = report.summary.error.as_ref()?;
    let mut page = Page::new(terminal, LABEL);
    let headline = match owner.exception() {
        Some(exception) => exception.to_owned(),
        None => error.headline(),
    };
    page.styled("error", &headline, Some((Style::Bad, &headline)));
    if let Some(other_failures) = report.others() {
        page.add_entry("", &other_failures);
    }
    let lines: Vec<_> = traceback.lines().collect();
    let lines_shown = spare_lines.saturating_sub(3).max(PRINTED_LINES);
    let left_out = lines.len().saturating_sub(lines_shown);
    for line in lines.iter().skip(left_out) {
        let line = harmless(line);
        page.add_line(&format!(
            "{:LABEL$}{}",
            "",
            cut(&line, page.room(), terminal.is_unicode)
        ));
    }
    if left_out > 0 {
        let name = report.name();
        let lines = count(left_out as u64, "line");
        page.add_entry(
            "",
            &format!("({lines} before these: `axolotl-run --report {name} --with-output`)"),
        );
    }
    Some(page.finish())
}

/// The last lines of the output; with `--with-output` all that were kept.
fn last_words(report: &ReportData, terminal: OutputTerminal, shown_output: ShownOutput) -> String {
    let mut page = Page::new(terminal, LABEL);
    let Some(owner) = &report.owner else {
        return page.finish();
    };
    if shown_output == ShownOutput::All {
        page.add_line("output");
        for line in &owner.output {
            page.add_line(&harmless(line));
        }
        return page.finish();
    }
    let mut label = "output";
    for line in owner.last_words(LAST_WORDS) {
        let line = cut(&harmless(line), page.room(), terminal.is_unicode);
        page.add_line(&format!("{label:<LABEL$}{line}"));
        label = "";
    }
    page.finish()
}

/// What it died of, with as many frames as there is room for.
fn root_error_lines(report: &ReportData, terminal: OutputTerminal, spare_lines: usize) -> String {
    let Some(error) = report.error() else {
        return String::new();
    };
    let mut page = Page::new(terminal, LABEL);
    let headline = error.headline();
    page.styled("error", &headline, Some((Style::Bad, &headline)));
    if let Some(words) = error.words() {
        page.add_entry("", words);
    }
    if let Some(other_failures) = report.others() {
        page.add_entry("", &other_failures);
    }
    let frames = error.frame_lines();
    let frames_shown = spare_lines.saturating_sub(3).max(FRAMES);
    let left_out = frames.len().saturating_sub(frames_shown);
    for frame in frames.iter().skip(left_out) {
        page.add_entry("", &cut(frame, page.room(), terminal.is_unicode));
    }
    if left_out > 0 {
        let name = report.name();
        page.add_entry(
            "",
            &format!("({left_out} further out: `axolotl-run --show {name}`)"),
        );
    }
    page.finish()
}

fn footer(report: &ReportData, terminal: OutputTerminal) -> String {
    let mut page = Page::new(terminal, LABEL);
    page.add_entries("notes", &report.notes());
    if let Some(words) = report.resume_words() {
        page.add_entry("resume", &words);
    }
    page.add_entry("sent", &report.sent());
    page.add_entries("told", &report.told());
    page.add_entries("missed", &report.missed);
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
                "           0s                    27m 36s              55m 12s",
            ),
            (44, "           0s     55m 12s"),
            (40, "           0s 55m 12s"),
        ] {
            assert_eq!(
                time_axis(
                    3312.0,
                    OutputTerminal {
                        width,
                        ..OutputTerminal::default()
                    }
                ),
                expected,
                "{width}"
            );
        }
    }
}
