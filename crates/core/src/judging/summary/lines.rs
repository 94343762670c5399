//! The digest in a few lines: for stderr at the end of a run, and for the page of a job in continuous integration.
//!
//! Both are bounded, in lines and in bytes: they stand between lines of others, and travel through a pipe that must
//! take them whole. Texts are made harmless here, since nobody looks at them afterwards.

use super::{Digest, Gpu, units};
use crate::limits;
use std::collections::BTreeMap;

/// What each line on stderr begins with: it stands between the training's lines, and perhaps other ranks'.
const PREFIX: &str = "axolotl-run: ";
/// GPUs that are listed one by one; of more, only the span is told.
const GPUS_LISTED: usize = 4;

/// The summary for stderr, at most eight lines. `record` says where the run is kept.
#[must_use]
pub fn summary(digest: &Digest, record: &str) -> String {
    let lines = [
        Some(verdict(digest)),
        reasons(digest),
        culprit(digest),
        reached(digest),
        memory(digest),
        gpus(digest),
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
#[must_use]
pub fn markdown(digest: &Digest) -> String {
    let cell = |text: Option<String>| {
        text.map_or_else(|| "unknown".to_owned(), |text| escaped(&plain(&text)))
    };
    let cause = match (culprit(digest), reasons(digest)) {
        (Some(culprit), Some(reasons)) => Some(format!("{culprit}; {reasons}")),
        (culprit, reasons) => culprit.or(reasons),
    };
    let used = [memory(digest), gpus(digest)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ");
    format!(
        "### axolotl-run: {}\n| | |\n|---|---|\n| why | {} |\n| progress | {} |\n| used | {} |\n",
        cell(Some(verdict(digest))),
        cell(cause),
        cell(reached(digest)),
        cell(Some(used).filter(|used| !used.is_empty())),
    )
}

/// `oom gpu after 2h 13m`.
fn verdict(digest: &Digest) -> String {
    let word = digest
        .ending
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), super::Ending::headline);
    digest.seconds.map_or_else(
        || word.clone(),
        |seconds| format!("{word} after {}", units::duration(seconds)),
    )
}

/// `An exception that nobody caught (high confidence). A traceback.`; how sure it is stands before what may be cut off.
fn reasons(digest: &Digest) -> Option<String> {
    let ending = digest
        .ending
        .as_ref()
        .filter(|ending| !ending.is_success())?;
    let sure = ending
        .confidence
        .as_ref()
        .map(|confidence| format!("({confidence} confidence)."));
    let meaning = ending.meaning().map(|meaning| match sure {
        Some(_) => meaning.trim_end_matches('.').to_owned(),
        None => meaning.to_owned(),
    });
    let parts: Vec<String> = meaning
        .into_iter()
        .chain(sure)
        .chain(ending.reasons())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn culprit(digest: &Digest) -> Option<String> {
    let culprit = digest.culprit.as_ref()?;
    let headline = culprit.headline();
    Some(match culprit.words() {
        Some(words) => format!("{headline}: {words}"),
        None => headline,
    })
}

/// How far it came, and that it stood still there.
fn reached(digest: &Digest) -> Option<String> {
    let parts: Vec<String> = [progress(digest), stall(digest)]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `step 299 of 720, 1.93 steps/s, loss 0.4163`.
#[must_use]
pub fn progress(digest: &Digest) -> Option<String> {
    let step = digest.step.map(|step| match digest.total_steps {
        Some(total) => format!("step {step} of {total}"),
        None => format!("step {step}"),
    });
    let parts = [
        step,
        digest
            .steps_per_second
            .map(|rate| format!("{} steps/s", units::number(rate))),
        digest
            .epoch
            .map(|epoch| format!("epoch {}", units::number(epoch))),
        digest.loss.as_ref().map(|loss| format!("loss {loss}")),
    ];
    joined(parts)
}

/// `nothing moved in the last 37m 50s, and rank 2 did something else than all others`.
#[must_use]
pub fn stall(digest: &Digest) -> Option<String> {
    let stall = digest.stall?;
    let seconds = units::duration(digest.stalled_seconds()?);
    let suspect = stall
        .suspect_rank
        .map(|rank| format!(", and rank {rank} did something else than all others"));
    Some(format!(
        "nothing moved in the last {seconds}{}",
        suspect.unwrap_or_default()
    ))
}

fn memory(digest: &Digest) -> Option<String> {
    joined([
        digest.peak_process_bytes.map(|bytes| {
            format!(
                "peak memory {} (largest process)",
                units::bytes(bytes as f64)
            )
        }),
        digest
            .cores_used()
            .map(|cores| format!("{} cores on average", units::number(cores))),
    ])
}

/// `GPU 0: peak 71.2 GiB, 93 % busy`; of many, from which to which.
fn gpus(digest: &Digest) -> Option<String> {
    let figures = |gpu: &Gpu| {
        let peak = gpu
            .peak_bytes
            .map(|bytes| format!("peak {}", units::bytes(bytes as f64)));
        joined([
            peak,
            gpu.load()
                .map(|load| format!("{} busy", units::percent(load))),
        ])
    };
    let mut parts: Vec<String> = if digest.gpus.len() <= GPUS_LISTED {
        let each = |(index, gpu): (&u32, &Gpu)| Some(format!("GPU {index}: {}", figures(gpu)?));
        digest.gpus.iter().filter_map(each).collect()
    } else {
        spans(&digest.gpus).into_iter().collect()
    };
    parts.extend(digest.gpu_joules.map(units::energy));
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn spans(gpus: &BTreeMap<u32, Gpu>) -> Option<String> {
    let span = |values: Vec<f64>, text: fn(f64) -> String| {
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some(format!("{} to {}", text(least), text(most)))
    };
    let peaks = gpus
        .values()
        .filter_map(|gpu| gpu.peak_bytes)
        .map(|bytes| bytes as f64)
        .collect();
    let loads = gpus.values().filter_map(Gpu::load).collect();
    let parts = [
        span(peaks, units::bytes).map(|span| format!("peaks {span}")),
        span(loads, units::percent).map(|span| format!("{span} busy")),
    ];
    Some(format!("{} GPUs: {}", gpus.len(), joined(parts)?))
}

fn joined<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// One line, bounded, with nothing in it that a terminal would obey.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars().take(limits::SUMMARY_LINE_CHARACTERS_MAX) {
        let is_format = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        plain.push(if character.is_control() || is_format {
            ' '
        } else {
            character
        });
    }
    if text
        .chars()
        .nth(limits::SUMMARY_LINE_CHARACTERS_MAX)
        .is_some()
    {
        plain.push('…');
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
