//! The summary in a few lines: for stderr at the end of a run, and for the page of a job in continuous integration.
//!
//! Both are bounded, in lines and in bytes: they are printed between lines of others, and travel through a pipe that
//! must take them whole. Texts are made harmless here, since nobody looks at them afterwards.

mod phases;

use super::figures::{GpuUse, Summary};
use super::units;
use crate::event::{Finish, Phases};
use crate::judging::notes::notes;

/// Characters of a line of the summary at the end: a verdict with five reasons; a public message has 200 at the most.
const SUMMARY_LINE_CHARACTERS_MAX: usize = 400;

/// What each line on stderr begins with: it is between the training's lines, and perhaps other ranks'.
const PREFIX: &str = "axolotl-run: ";
/// GPUs that are listed one by one; of more, only the span is told.
const GPUS_LISTED: usize = 4;

/// The lines for stderr: at most nine, and one for each note. `record` says where the run is kept.
pub fn lines(summary: &Summary, record: &str) -> String {
    let mut lines = vec![
        verdict(summary),
        reasons(summary),
        root_error(summary),
        reached(summary),
        phases(summary),
        standing(summary).join("; "),
        memory(summary),
        gpus(summary),
    ];
    lines.extend(
        notes(summary)
            .iter()
            .map(|note| format!("note: {}", note.sentence())),
    );
    lines.push(record.to_owned());
    let mut line_text = String::new();
    for line in lines {
        if !line.is_empty() {
            line_text.push_str(&format!("{PREFIX}{}\n", plain(&line)));
        }
    }
    line_text
}

/// What there is to say under the verdict, a line each: for a message.
pub fn body(summary: &Summary) -> String {
    let lines = [
        reasons(summary),
        root_error(summary),
        reached(summary),
        memory(summary),
        gpus(summary),
    ];
    let plain_lines = lines.map(|line| plain(&line));
    joined_phrases(&plain_lines, "\n")
}

/// Six lines of Markdown: a heading, and a table of what one wants to know first.
pub fn markdown(summary: &Summary) -> String {
    let standing = standing(summary).join("; ");
    let why = joined_phrases(&[root_error(summary), standing, reasons(summary)], "; ");
    let used = joined_phrases(&[memory(summary), gpus(summary)], "; ");
    let heading = cell(&verdict(summary));
    let mut page = format!("### axolotl-run: {heading}\n| | |\n|---|---|\n");
    for (name, value) in [("why", why), ("progress", reached(summary)), ("used", used)] {
        page.push_str(&format!("| {name} | {} |\n", cell(&value)));
    }
    page
}

fn cell(line_text: &str) -> String {
    if line_text.is_empty() {
        return "unknown".to_owned();
    }
    escaped(&plain(line_text))
}

/// `Out of GPU memory, step 299 of 720, after 2h 13m`.
pub(super) fn verdict(summary: &Summary) -> String {
    let mut line_text = summary.headline(None);
    if let Some(seconds) = summary.seconds {
        line_text.push_str(&format!(", after {}", units::duration(seconds)));
    }
    line_text
}

/// `A GPU ran out of memory (high confidence). A traceback.`; how sure it is comes before what may be cut off.
fn reasons(summary: &Summary) -> String {
    let mut phrases = Vec::new();
    if let Some(finish) = &summary.finish
        && !finish.is_success()
    {
        phrases.extend(finish.confident_meaning());
        phrases.extend(finish.reasons());
    }
    phrases.join(" ")
}

fn root_error(summary: &Summary) -> String {
    let Some(error) = &summary.error else {
        return String::new();
    };
    let mut line_text = error.headline();
    if let Some(words) = error.words() {
        line_text.push_str(&format!(": {words}"));
    }
    line_text
}

/// How far it came, and that it stood still there.
fn reached(summary: &Summary) -> String {
    let standstill = standstill(summary).unwrap_or_default();
    joined_phrases(&[progress(summary), standstill], "; ")
}

/// `step 299 of 720, 1.93 steps/s, loss 0.4163`; empty where nothing is known.
pub fn progress(summary: &Summary) -> String {
    let mut phrases = Vec::new();
    match (summary.step, summary.total_steps) {
        (Some(step), Some(total)) => phrases.push(format!("step {step} of {total}")),
        (Some(step), None) => phrases.push(format!("step {step}")),
        _ => {}
    }
    if let Some(rate) = summary.steps_per_second {
        phrases.push(format!("{} steps/s", units::number(rate)));
    }
    if let Some(epoch) = summary.epoch {
        phrases.push(format!("epoch {}", units::number(epoch)));
    }
    if let Some(loss) = &summary.loss {
        phrases.push(format!("loss {loss}"));
    }
    phrases.join(", ")
}

/// What the time was spent on; empty where nothing is known.
pub fn phases(summary: &Summary) -> String {
    let finish = summary.finish.as_ref();
    let phases = finish.and_then(|finish| finish.phases.as_ref());
    phases.map(Phases::words).unwrap_or_default()
}

/// `nothing moved in the last 37m 50s; rank 2 differs from all other ranks: look there first`.
pub fn standstill(summary: &Summary) -> Option<String> {
    let seconds = units::duration(summary.stalled_seconds()?);
    let mut line_text = format!("nothing moved in the last {seconds}");
    if let Some(rank) = summary.standstill?.suspect_rank {
        line_text.push_str(&format!(
            "; rank {rank} differs from all other ranks: look there first"
        ));
    }
    Some(line_text)
}

/// Where its processes were while it stood still.
pub fn standing(summary: &Summary) -> Vec<String> {
    let finish = summary.finish.as_ref();
    finish.map(Finish::standing).unwrap_or_default()
}

/// What was used, of one machine among others.
pub fn figures(summary: &Summary) -> String {
    let peak = summary
        .peak_process_bytes
        .map(|peak| units::bytes(peak as f64));
    let peak = peak.map(|peak| format!("peak memory {peak}"));
    joined_phrases(&[gpus(summary), peak.unwrap_or_default()], ", ")
}

fn memory(summary: &Summary) -> String {
    let mut phrases = Vec::new();
    if let Some(peak) = summary.peak_process_bytes {
        let peak = units::bytes(peak as f64);
        phrases.push(format!("peak memory {peak} (largest process)"));
    }
    if let Some(cores) = summary.cores_used() {
        phrases.push(format!("{} cores on average", units::number(cores)));
    }
    phrases.join(", ")
}

/// `GPU 0: peak 71.2 GiB, 93 % busy`; of many, from which to which.
fn gpus(summary: &Summary) -> String {
    let mut phrases = Vec::new();
    if summary.gpus.len() > GPUS_LISTED {
        let name = format!("{} GPUs", summary.gpus.len());
        let all_gpus: Vec<_> = summary.gpus.values().collect();
        phrases.push(describe_gpus(&name, "peaks", &all_gpus));
    } else {
        for (index, gpu) in &summary.gpus {
            phrases.push(describe_gpus(&format!("GPU {index}"), "peak", &[gpu]));
        }
    }
    if let Some(joules) = summary.gpu_joules() {
        phrases.push(units::energy(joules));
    }
    joined_phrases(&phrases, "; ")
}

fn describe_gpus(name: &str, peak: &str, gpus: &[&GpuUse]) -> String {
    let mut peaks = Vec::new();
    let mut loads = Vec::new();
    for gpu in gpus {
        peaks.extend(gpu.peak_bytes.map(|bytes| bytes as f64));
        loads.extend(gpu.load());
    }
    let mut phrases = Vec::new();
    if let Some(span) = span(peaks, units::bytes) {
        phrases.push(format!("{peak} {span}"));
    }
    if let Some(span) = span(loads, units::percent) {
        phrases.push(format!("{span} busy"));
    }
    if phrases.is_empty() {
        return String::new();
    }
    format!("{name}: {}", phrases.join(", "))
}

/// The value that there is, or the least and the greatest of several.
fn span(values: Vec<f64>, describe: fn(f64) -> String) -> Option<String> {
    let least = values.iter().copied().reduce(f64::min)?;
    let greatest = values.iter().copied().reduce(f64::max)?;
    Some(match values.len() {
        1 => describe(least),
        _ => format!("{} to {}", describe(least), describe(greatest)),
    })
}

/// The parts that say anything.
fn joined_phrases(phrases: &[String], between: &str) -> String {
    let mut phrases = phrases.to_vec();
    phrases.retain(|phrase| !phrase.is_empty());
    phrases.join(between)
}

/// One line, bounded, with nothing in it that a terminal would obey.
fn plain(line_text: &str) -> String {
    let mut plain = String::new();
    for (number, character) in line_text.chars().enumerate() {
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
fn escaped(line_text: &str) -> String {
    let mut escaped = String::new();
    for character in line_text.chars() {
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
