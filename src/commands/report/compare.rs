//! Two runs side by side: the same figures, the same charts on the same axes.

use super::panels::{Panel, panels};
use super::story::Story;
use super::terminal::{drawn, time_axis};
use crate::commands::runs;
use crate::ui::page::Ink;
use crate::ui::page::Page;
use crate::ui::page::Paper;
use crate::ui::page::cut;
use axolotl_run_core::judging::summary::units;

/// Where text begins, and curves.
const LABEL: usize = 11;
/// Charts that are drawn however low the terminal is.
const CHARTS_MIN: usize = 3;

/// One figure of both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub label: &'static str,
    /// The figure of each.
    pub texts: [String; 2],
    /// By what share the first is more than the second, where both are numbers.
    pub change: Option<f64>,
}

/// The figures of both runs; what neither knows is left out.
#[must_use]
pub fn rows(stories: [&Story; 2]) -> Vec<Row> {
    let text = |label, each: &dyn Fn(&Story) -> Option<String>| Row {
        label,
        texts: stories.map(|story| each(story).unwrap_or_default()),
        change: None,
    };
    let number = |label, write: fn(f64) -> String, each: &dyn Fn(&Story) -> Option<f64>| {
        let [first, second] = stories.map(each);
        let change = first
            .zip(second)
            .filter(|(_, base)| *base != 0.0)
            .map(|(new, base)| (new - base) / base.abs());
        Row {
            label,
            texts: [first, second].map(|value| value.map(write).unwrap_or_default()),
            change,
        }
    };
    let culprit = |story: &Story| {
        story
            .digest
            .root_error
            .as_ref()
            .map(axolotl_run_core::judging::summary::RootError::headline)
    };
    let steps = |story: &Story| {
        let (step, total) = (story.digest.step?, story.digest.total_steps);
        Some(total.map_or_else(|| step.to_string(), |total| format!("{step} of {total}")))
    };
    let load = |story: &Story| {
        let loads: Vec<_> = story
            .digest
            .gpus
            .values()
            .filter_map(axolotl_run_core::judging::summary::GpuUse::load)
            .collect();
        (!loads.is_empty()).then(|| loads.iter().sum::<f64>() / loads.len() as f64)
    };
    let gpu_peak = |story: &Story| {
        story
            .digest
            .gpus
            .values()
            .filter_map(|gpu| gpu.peak_bytes)
            .max()
    };
    let rows = [
        text("run", &|story| Some(story.name())),
        text("started", &|story| story.summary.started.map(runs::minute)),
        text("ended", &|story| Some(story.headline())),
        text("culprit", &culprit),
        number("took", units::duration, &|story| story.digest.seconds),
        text("steps", &steps),
        number("steps/s", units::number, &|story| {
            story.digest.steps_per_second
        }),
        number("loss", units::number, &|story| {
            story.digest.loss.as_ref()?.parse().ok()
        }),
        number("memory", units::bytes, &|story| {
            story.digest.peak_process_bytes.map(|bytes| bytes as f64)
        }),
        number("CPU cores", units::number, &|story| {
            story.digest.cores_used()
        }),
        number("GPU busy", units::percent, &load),
        number("GPU memory", units::bytes, &|story| {
            gpu_peak(story).map(|bytes| bytes as f64)
        }),
        number("energy", units::energy, &|story| story.digest.gpu_joules),
    ];
    rows.into_iter()
        .filter(|row| row.texts.iter().any(|text| !text.is_empty()))
        .collect()
}

/// A change as it is written: `+12 %`.
#[must_use]
pub fn change(share: f64) -> String {
    if share.abs() < 0.005 {
        "the same".to_owned()
    } else if share.abs() >= 10.0 {
        format!("{} times", units::number(share + 1.0))
    } else {
        format!("{:+.0} %", share * 100.0)
    }
}

/// The charts that either run has, with the first curve of each run.
#[must_use]
pub fn pairs(stories: [&Story; 2]) -> Vec<(Panel, [Option<Panel>; 2])> {
    let both = stories.map(|story| panels(&story.series, &story.digest));
    let mut keys: Vec<&'static str> = Vec::new();
    for panel in both.iter().flatten() {
        if !keys.contains(&panel.key) {
            keys.push(panel.key);
        }
    }
    let mut pairs = Vec::new();
    for key in keys {
        let mut names = stories.iter().map(|story| format!("run {}", story.name()));
        let each = both.each_ref().map(|panels| {
            let name = names.next();
            let mut panel = panels.iter().find(|panel| panel.key == key).cloned()?;
            panel.curves.truncate(1);
            // What tells the curves apart is whose they are.
            panel
                .curves
                .iter_mut()
                .for_each(|named| named.name = name.clone().unwrap_or_default());
            Some(panel)
        });
        let Some(model) = each.iter().flatten().next().cloned() else {
            continue;
        };
        // One axis for both, or they could not be compared.
        let curves = each
            .iter()
            .flatten()
            .flat_map(|panel| panel.curves.clone())
            .collect();
        let ceiling = each
            .iter()
            .flatten()
            .filter_map(|panel| panel.ceiling)
            .reduce(f64::max);
        pairs.push((
            Panel {
                curves,
                ceiling,
                ..model
            },
            each,
        ));
    }
    pairs
}

/// The page of the terminal.
#[must_use]
pub fn page(stories: [&Story; 2], paper: Paper) -> String {
    let mut page = Page::new(paper, LABEL);
    let column = paper.width.saturating_sub(LABEL.saturating_add(12)) / 2;
    let rows = rows(stories);
    for row in &rows {
        let [first, second] = row
            .texts
            .each_ref()
            .map(|text| cut(&crate::ui::harmless(text), column, paper.is_unicode));
        let change = row.change.map_or_else(String::new, change);
        let change = page.ink(Ink::Faint, &change);
        page.line(&format!(
            "{:<LABEL$}{first:<column$}{second:<column$}{change}",
            row.label
        ));
    }
    page.line("");
    let seconds = stories
        .iter()
        .map(|story| story.seconds())
        .fold(0.0, f64::max);
    let mut pairs = pairs(stories);
    if let Some(height) = paper.height {
        // An empty line, the axis and the shell's prompt stand around the charts.
        let room = height.saturating_sub(rows.len().saturating_add(3)) / 2;
        pairs.truncate(room.max(CHARTS_MIN));
    }
    for (both, each) in &pairs {
        let axis = both.axis();
        for (number, panel) in each.iter().enumerate() {
            let label = if number == 0 { both.short } else { "" };
            let line = panel
                .as_ref()
                .and_then(|panel| drawn(panel, axis, seconds, 1, paper).into_iter().next());
            let (line, figure) = line.unwrap_or_default();
            page.line(&format!(
                "{label:<LABEL$}{}  {figure}",
                page.ink(Ink::Curve, &line)
            ));
        }
    }
    let mut text = page.finish();
    if !pairs.is_empty() {
        text.push_str(&time_axis(seconds, paper));
    }
    text
}
