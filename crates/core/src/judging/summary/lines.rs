//! The summary in a few lines: for stderr at the end of a run, and for the page of a job in continuous integration.
//!
//! Both are bounded, in lines and in bytes: they are printed between lines of others, and travel through a pipe that
//! must take them whole. Texts are made harmless here, since nobody looks at them afterwards.

use super::conclusion::RunEnding;
use super::figures::{GpuUse, Summary};
use super::units;
use crate::limits;
use std::collections::BTreeMap;

/// What each line on stderr begins with: it is between the training's lines, and perhaps other ranks'.
const PREFIX: &str = "axolotl-run: ";
/// GPUs that are listed one by one; of more, only the span is told.
const GPUS_LISTED: usize = 4;

/// The lines for stderr, at most eight. `record` says where the run is kept.
pub fn lines(summary: &Summary, record: &str) -> String {
    let lines = [
        Some(verdict(summary)),
        reasons(summary),
        root_error(summary),
        reached(summary),
        memory(summary),
        gpus(summary),
        Some(record.to_owned()),
    ];
    let mut text = String::new();
    for line in lines.into_iter().flatten() {
        text.push_str(PREFIX);
        text.push_str(&plain(&line));
        text.push('\n');
    }
    text
}

/// Six lines of Markdown: a heading, and a table of what one wants to know first.
pub fn markdown(summary: &Summary) -> String {
    let why = joined([root_error(summary), reasons(summary)], "; ");
    let used = joined([memory(summary), gpus(summary)], "; ");
    let heading = cell(Some(verdict(summary)));
    let mut text = format!("### axolotl-run: {heading}\n| | |\n|---|---|\n");
    for (name, value) in [("why", why), ("progress", reached(summary)), ("used", used)] {
        text.push_str(&format!("| {name} | {} |\n", cell(value)));
    }
    text
}

fn cell(text: Option<String>) -> String {
    match text {
        Some(text) => escaped(&plain(&text)),
        None => "unknown".to_owned(),
    }
}

/// `oom gpu after 2h 13m`.
fn verdict(summary: &Summary) -> String {
    let conclusion = summary.conclusion.as_ref();
    let word = conclusion.map_or_else(|| "unknown".to_owned(), RunEnding::headline);
    match summary.seconds {
        Some(seconds) => format!("{word} after {}", units::duration(seconds)),
        None => word,
    }
}

/// `A GPU ran out of memory (high confidence). A traceback.`; how sure it is comes before what may be cut off.
fn reasons(summary: &Summary) -> Option<String> {
    let conclusion = summary.conclusion.as_ref()?;
    if conclusion.is_success() {
        return None;
    }
    let mut parts = Vec::new();
    match (conclusion.meaning(), &conclusion.confidence) {
        (Some(meaning), Some(sure)) => {
            let meaning = meaning.trim_end_matches('.');
            parts.push(format!("{meaning} ({sure} confidence)."));
        }
        (Some(meaning), None) => parts.push(meaning.to_owned()),
        (None, Some(sure)) => parts.push(format!("({sure} confidence).")),
        (None, None) => {}
    }
    parts.extend(conclusion.reasons());
    joined(parts.into_iter().map(Some), " ")
}

fn root_error(summary: &Summary) -> Option<String> {
    let error = summary.root_error.as_ref()?;
    let headline = error.headline();
    Some(match error.words() {
        Some(words) => format!("{headline}: {words}"),
        None => headline,
    })
}

/// How far it came, and that it stood still there.
fn reached(summary: &Summary) -> Option<String> {
    joined([progress(summary), stall(summary)], "; ")
}

/// `step 299 of 720, 1.93 steps/s, loss 0.4163`.
pub fn progress(summary: &Summary) -> Option<String> {
    let step = summary.step.map(|step| match summary.total_steps {
        Some(total) => format!("step {step} of {total}"),
        None => format!("step {step}"),
    });
    let rate = summary.steps_per_second.map(units::number);
    let epoch = summary.epoch.map(units::number);
    let parts = [
        step,
        rate.map(|rate| format!("{rate} steps/s")),
        epoch.map(|epoch| format!("epoch {epoch}")),
        summary.loss.as_ref().map(|loss| format!("loss {loss}")),
    ];
    joined(parts, ", ")
}

/// `nothing moved in the last 37m 50s; rank 2 differs from all other ranks: look there first`.
pub fn stall(summary: &Summary) -> Option<String> {
    let seconds = units::duration(summary.stalled_seconds()?);
    let mut text = format!("nothing moved in the last {seconds}");
    if let Some(rank) = summary.stall?.suspect_rank {
        text.push_str(&format!(
            "; rank {rank} differs from all other ranks: look there first"
        ));
    }
    Some(text)
}

fn memory(summary: &Summary) -> Option<String> {
    let peak = summary
        .peak_process_bytes
        .map(|bytes| units::bytes(bytes as f64));
    let cores = summary.cores_used().map(units::number);
    let parts = [
        peak.map(|peak| format!("peak memory {peak} (largest process)")),
        cores.map(|cores| format!("{cores} cores on average")),
    ];
    joined(parts, ", ")
}

/// `GPU 0: peak 71.2 GiB, 93 % busy`; of many, from which to which.
fn gpus(summary: &Summary) -> Option<String> {
    let mut parts = Vec::new();
    if summary.gpus.len() > GPUS_LISTED {
        parts.push(spans(&summary.gpus));
    } else {
        for (index, gpu) in &summary.gpus {
            let peak = gpu.peak_bytes.map(|bytes| units::bytes(bytes as f64));
            let load = gpu.load().map(units::percent);
            let figures = joined(
                [
                    peak.map(|peak| format!("peak {peak}")),
                    load.map(|load| format!("{load} busy")),
                ],
                ", ",
            );
            parts.push(figures.map(|figures| format!("GPU {index}: {figures}")));
        }
    }
    parts.push(summary.gpu_joules.map(units::energy));
    joined(parts, "; ")
}

fn spans(gpus: &BTreeMap<u32, GpuUse>) -> Option<String> {
    let peaks = gpus.values().filter_map(|gpu| gpu.peak_bytes);
    let peaks = span(peaks.map(|bytes| bytes as f64), units::bytes);
    let loads = span(gpus.values().filter_map(GpuUse::load), units::percent);
    let parts = [
        peaks.map(|span| format!("peaks {span}")),
        loads.map(|span| format!("{span} busy")),
    ];
    Some(format!("{} GPUs: {}", gpus.len(), joined(parts, ", ")?))
}

fn span(values: impl Iterator<Item = f64> + Clone, text: fn(f64) -> String) -> Option<String> {
    let least = values.clone().reduce(f64::min)?;
    let most = values.reduce(f64::max)?;
    Some(format!("{} to {}", text(least), text(most)))
}

fn joined(parts: impl IntoIterator<Item = Option<String>>, between: &str) -> Option<String> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return None;
    }
    Some(parts.join(between))
}

/// One line, bounded, with nothing in it that a terminal would obey.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == limits::SUMMARY_LINE_CHARACTERS_MAX {
            plain.push('…');
            break;
        }
        let is_format = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        let is_hidden = character.is_control() || is_format;
        plain.push(if is_hidden { ' ' } else { character });
    }
    plain
}

/// The text with nothing in it that Markdown or HTML would take for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '@' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
