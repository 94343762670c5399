//! Patterns of lines, and the tables of them that the build makes of `knowledge/progress`.
//!
//! One pass over a line finds the words that say which formats are worth a try. A format's patterns are compiled when it
//! is tried for the first time: a run prints one format or two.

use super::metrics::{Metric, Metrics, number};
use aho_corasick::AhoCorasick;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

type Lazy = LazyLock<Option<Regex>>;

/// Patterns of which one has to match.
pub struct LinePattern {
    regex: &'static Lazy,
    /// What the groups say.
    pub metrics: &'static [Metric],
}

/// What a line is about.
#[derive(Clone, Copy, PartialEq)]
pub enum About {
    /// How far the training is.
    Progress,
    /// How far it will go.
    Plan,
    /// Data is prepared.
    Data,
    /// The model is loaded.
    Loading,
    /// An evaluation begins.
    Evaluation,
    /// A checkpoint is written.
    Checkpoint,
    /// What came of the training is saved.
    Saving,
    /// The training has come to its end.
    End,
    /// What is trained.
    Model,
}

/// What one program prints of its progress.
pub struct Format {
    pub lines: LinePattern,
    fields: LinePattern,
    pub rows: LinePattern,
    /// How many other lines may stand before a row.
    pub rows_within: u32,
    /// The number of the first step.
    pub counts_from: u32,
    pub says: About,
}

include!(concat!(env!("OUT_DIR"), "/progress.rs"));

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(ANCHORS.iter().map(|(word, _)| word)).ok());

/// The format of a line that says something by itself, by its number, and what it says.
pub fn find(text: &str) -> Option<(usize, Metrics)> {
    let mut possible_formats = BTreeSet::new();
    for word in FINDER.as_ref()?.find_overlapping_iter(text) {
        let (_, number) = ANCHORS[word.pattern().as_usize()];
        possible_formats.insert(number);
    }
    // The first entry that matches is meant.
    for number in possible_formats {
        let format = &FORMATS[number];
        if let Some(metrics) = format.read(&format.lines, text) {
            return Some((number, metrics));
        }
    }
    None
}

impl Format {
    /// What a line says that has one of these patterns.
    pub fn read(&self, pattern: &LinePattern, text: &str) -> Option<Metrics> {
        let mut metrics = pattern.read(text)?;
        let mut begin = 0;
        while let Some(end) = self.fields.find(text, begin, &mut metrics)
            && end > begin
        {
            begin = end;
        }
        Some(metrics)
    }
}

impl LinePattern {
    pub fn read(&self, text: &str) -> Option<Metrics> {
        let mut metrics = Metrics::default();
        self.find(text, 0, &mut metrics)?;
        Some(metrics)
    }

    /// Takes what is not known yet from the next place where it matches; the end of its last number.
    fn find(&self, text: &str, begin: usize, metrics: &mut Metrics) -> Option<usize> {
        let captures = self.regex.as_ref()?.captures_at(text, begin)?;
        let mut end = begin;
        for (group, metric) in captures.iter().skip(1).zip(self.metrics) {
            let Some(group) = group else {
                continue;
            };
            end = group.end();
            if let Some(number) = number(group.as_str())
                && !metrics.has(*metric)
            {
                metrics.put(*metric, number);
            }
        }
        Some(end)
    }
}
