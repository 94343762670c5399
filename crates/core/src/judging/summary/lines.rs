//! The summary in a few lines: for stderr at the end of a run, and for the page of a job in continuous integration.
//!
//! Both are bounded, in lines and in bytes: they are printed between lines of others, and travel through a pipe that
//! must take them whole. Texts are made harmless here, since nobody looks at them afterwards.

use super::figures::{GpuUse, Summary};
use super::units;

/// Characters of a line of the summary at the end: a verdict with five reasons; a public message has 200 at the most.
const SUMMARY_LINE_CHARACTERS_MAX: usize = 400;

/// What each line on stderr begins with: it is between the training's lines, and perhaps other ranks'.
const PREFIX: &str = "axolotl-run: ";
/// GPUs that are listed one by one; of more, only the span is told.
const GPUS_LISTED: usize = 4;

/// The lines for stderr, at most eight. `record` says where the run is kept.
pub fn lines(summary: &Summary, record: &str) -> String {
    let lines = [
        verdict(summary),
        reasons(summary),
        root_error(summary),
        reached(summary),
        memory(summary),
        gpus(summary),
        record.to_owned(),
    ];
    let mut text = String::new();
    for line in lines {
        if !line.is_empty() {
            text.push_str(&format!("{PREFIX}{}\n", plain(&line)));
        }
    }
    text
}

/// Six lines of Markdown: a heading, and a table of what one wants to know first.
pub fn markdown(summary: &Summary) -> String {
    let why = joined(&[root_error(summary), reasons(summary)], "; ");
    let used = joined(&[memory(summary), gpus(summary)], "; ");
    let heading = cell(&verdict(summary));
    let mut text = format!("### axolotl-run: {heading}\n| | |\n|---|---|\n");
    for (name, value) in [("why", why), ("progress", reached(summary)), ("used", used)] {
        text.push_str(&format!("| {name} | {} |\n", cell(&value)));
    }
    text
}

fn cell(text: &str) -> String {
    if text.is_empty() {
        return "unknown".to_owned();
    }
    escaped(&plain(text))
}

/// `oom gpu after 2h 13m`.
fn verdict(summary: &Summary) -> String {
    let mut text = match &summary.finish {
        Some(finish) => finish.headline(),
        None => "unknown".to_owned(),
    };
    if let Some(seconds) = summary.seconds {
        text.push_str(&format!(" after {}", units::duration(seconds)));
    }
    text
}

/// `A GPU ran out of memory (high confidence). A traceback.`; how sure it is comes before what may be cut off.
fn reasons(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if let Some(finish) = &summary.finish
        && !finish.is_success()
    {
        parts.extend(finish.confident_meaning());
        parts.extend(finish.reasons());
    }
    parts.join(" ")
}

fn root_error(summary: &Summary) -> String {
    let Some(error) = &summary.error else {
        return String::new();
    };
    let mut text = error.headline();
    if let Some(words) = error.words() {
        text.push_str(&format!(": {words}"));
    }
    text
}

/// How far it came, and that it stood still there.
fn reached(summary: &Summary) -> String {
    let standstill = standstill(summary).unwrap_or_default();
    joined(&[progress(summary), standstill], "; ")
}

/// `step 299 of 720, 1.93 steps/s, loss 0.4163`; empty where nothing is known.
pub fn progress(summary: &Summary) -> String {
    let mut parts = Vec::new();
    match (summary.step, summary.total_steps) {
        (Some(step), Some(total)) => parts.push(format!("step {step} of {total}")),
        (Some(step), None) => parts.push(format!("step {step}")),
        _ => {}
    }
    if let Some(rate) = summary.steps_per_second {
        parts.push(format!("{} steps/s", units::number(rate)));
    }
    if let Some(epoch) = summary.epoch {
        parts.push(format!("epoch {}", units::number(epoch)));
    }
    if let Some(loss) = &summary.loss {
        parts.push(format!("loss {loss}"));
    }
    parts.join(", ")
}

/// `nothing moved in the last 37m 50s; rank 2 differs from all other ranks: look there first`.
pub fn standstill(summary: &Summary) -> Option<String> {
    let seconds = units::duration(summary.stalled_seconds()?);
    let mut text = format!("nothing moved in the last {seconds}");
    if let Some(rank) = summary.standstill?.suspect_rank {
        text.push_str(&format!(
            "; rank {rank} differs from all other ranks: look there first"
        ));
    }
    Some(text)
}

fn memory(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if let Some(peak) = summary.peak_process_bytes {
        let peak = units::bytes(peak as f64);
        parts.push(format!("peak memory {peak} (largest process)"));
    }
    if let Some(cores) = summary.cores_used() {
        parts.push(format!("{} cores on average", units::number(cores)));
    }
    parts.join(", ")
}

/// `GPU 0: peak 71.2 GiB, 93 % busy`; of many, from which to which.
fn gpus(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if summary.gpus.len() > GPUS_LISTED {
        let name = format!("{} GPUs", summary.gpus.len());
        parts.push(of_gpus(&name, "peaks", summary.gpus.values()));
    } else {
        for (index, gpu) in &summary.gpus {
            parts.push(of_gpus(&format!("GPU {index}"), "peak", [gpu]));
        }
    }
    if let Some(joules) = summary.gpu_joules() {
        parts.push(units::energy(joules));
    }
    joined(&parts, "; ")
}

fn of_gpus<'a>(
    name: &str,
    peak: &str,
    gpus: impl IntoIterator<Item = &'a GpuUse> + Clone,
) -> String {
    let peaks = gpus.clone().into_iter().filter_map(|gpu| gpu.peak_bytes);
    let peaks = peaks.map(|bytes| bytes as f64).collect();
    let loads = gpus.into_iter().filter_map(GpuUse::load).collect();
    let mut parts = Vec::new();
    if let Some(span) = span(peaks, units::bytes) {
        parts.push(format!("{peak} {span}"));
    }
    if let Some(span) = span(loads, units::percent) {
        parts.push(format!("{span} busy"));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("{name}: {}", parts.join(", "))
}

/// The value that there is, or the least and the greatest of several.
fn span(values: Vec<f64>, text: fn(f64) -> String) -> Option<String> {
    let least = values.iter().copied().reduce(f64::min)?;
    let most = values.iter().copied().reduce(f64::max)?;
    Some(match values.len() {
        1 => text(least),
        _ => format!("{} to {}", text(least), text(most)),
    })
}

/// The parts that say anything.
fn joined(parts: &[String], between: &str) -> String {
    let mut parts = parts.to_vec();
    parts.retain(|part| !part.is_empty());
    parts.join(between)
}

/// One line, bounded, with nothing in it that a terminal would obey.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == SUMMARY_LINE_CHARACTERS_MAX {
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
            _ => {
                if "\\`*_[]|~#!@$".contains(character) {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
        }
    }
    escaped
}
