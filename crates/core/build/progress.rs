//! Progress lines: turns `knowledge/progress/*.yaml` into the tables that `output/progress` reads lines with.
//!
//! A pattern is written as the line is printed. A number is a hole with the name of its metric (`{step}/{total}`), `{}`
//! is a number that nobody needs, `…` is any text, a blank is one blank or more, `^` is the beginning of the line and
//! `$` its end.

use crate::entry::{Grounds, literal, read_file};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// An entry of `lines.yaml`: what one program prints of its progress.
#[derive(Deserialize)]
struct LineEntry {
    name: String,
    /// The lines that say how far it is; any of them.
    lines: Vec<String>,
    /// What else may stand in such a line, in any order.
    #[serde(default)]
    fields: Vec<String>,
    /// The lines that follow one of `lines`, and have the numbers.
    #[serde(default)]
    rows: Vec<String>,
    /// How many other lines may stand before a row.
    #[serde(default)]
    rows_within: u32,
    /// The number of the first step, where that is 0.
    #[serde(default = "one")]
    counts_from: u32,
    #[serde(default)]
    says: Says,
    #[serde(flatten)]
    grounds: Grounds,
    told: Vec<BTreeMap<String, f64>>,
}

/// What a line is about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Says {
    #[default]
    Progress,
    Plan,
    Evaluation,
    End,
}

/// An entry of `metrics.yaml`: the names of one metric in one place.
#[derive(Deserialize)]
struct MetricEntry {
    metric: String,
    place: Place,
    names: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
    told: Vec<BTreeMap<String, f64>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Place {
    Dictionary,
    Bar,
}

/// An entry of `bars.yaml`: what descriptions and units of bars count.
#[derive(Deserialize)]
struct BarEntry {
    counts: Counts,
    #[serde(default)]
    descriptions: Vec<String>,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(default)]
    units: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
    #[serde(default)]
    told: Vec<BTreeMap<String, f64>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Counts {
    /// The steps of a training.
    Steps,
    /// The epochs themselves.
    Epochs,
    /// The batches of the epoch that the description names.
    Batches,
    /// The same, by a program that draws one bar where there is but one epoch.
    BatchesOfTheOnlyEpoch,
    /// Weights that are loaded.
    Loading,
}

const fn one() -> u32 {
    1
}

/// The Rust source of all tables.
pub fn generate(knowledge: &Path) -> String {
    let folder = knowledge.join("progress");
    let mut source = String::new();
    lines(&read_file(&folder.join("lines.yaml")), &mut source);
    metrics(&read_file(&folder.join("metrics.yaml")), &mut source);
    bars(&read_file(&folder.join("bars.yaml")), &mut source);
    source
}

fn check(name: &str, grounds: &Grounds, told: &[BTreeMap<String, f64>]) {
    grounds.check(name);
    assert!(
        told.len() == grounds.examples.len(),
        "{name}: `told` has one map for each example"
    );
}

fn lines(entries: &[LineEntry], source: &mut String) {
    let mut anchors = String::new();
    source.push_str("pub(super) static FORMATS: &[Format] = &[\n");
    for (number, entry) in entries.iter().enumerate() {
        check(&entry.name, &entry.grounds, &entry.told);
        for line in &entry.lines {
            let anchor =
                anchor(line).unwrap_or_else(|| panic!("{}: no word in {line}", entry.name));
            writeln!(anchors, "    ({}, {number}),", literal(anchor)).expect("a string grows");
        }
        writeln!(
            source,
            "    Format {{ lines: {}, fields: {}, rows: {}, rows_within: {}, counts_from: {}, says: Says::{:?} }},",
            patterns(&entry.lines),
            patterns(&entry.fields),
            patterns(&entry.rows),
            entry.rows_within,
            entry.counts_from,
            entry.says
        )
        .expect("a string grows");
    }
    write!(
        source,
        "];\n/// A word of a line, and whose line that may be.\nstatic ANCHORS: &[(&str, usize)] = &[\n{anchors}];\n"
    )
    .expect("a string grows");
}

fn metrics(entries: &[MetricEntry], source: &mut String) {
    for (name, place) in [
        ("DICTIONARY_NAMES", Place::Dictionary),
        ("BAR_NAMES", Place::Bar),
    ] {
        writeln!(source, "pub(super) static {name}: &[(&str, Metric)] = &[")
            .expect("a string grows");
        for entry in entries.iter().filter(|entry| entry.place == place) {
            check(&entry.metric, &entry.grounds, &entry.told);
            for name in &entry.names {
                let metric = variant(&entry.metric);
                writeln!(source, "    ({}, Metric::{metric}),", literal(name))
                    .expect("a string grows");
            }
        }
        source.push_str("];\n");
    }
}

fn bars(entries: &[BarEntry], source: &mut String) {
    for entry in entries {
        let name = entry.descriptions.first().or(entry.units.first());
        let name = name.expect("an entry of bars.yaml has descriptions or units");
        check(name, &entry.grounds, &entry.told);
    }
    let of = |counts: Counts| entries.iter().filter(move |entry| entry.counts == counts);
    let described = |counts| {
        let texts = of(counts).flat_map(|entry| &entry.descriptions);
        texts.cloned().collect::<Vec<_>>()
    };
    let words = |texts: Vec<String>| format!("&{texts:?}");
    let beside = of(Counts::Batches).flat_map(|entry| &entry.beside);
    let units = entries.iter().flat_map(|entry| &entry.units);
    for (name, kind, value) in [
        ("STEPS", "&str", words(described(Counts::Steps))),
        ("EPOCHS", "&str", words(described(Counts::Epochs))),
        ("LOADING", "&str", words(described(Counts::Loading))),
        ("BESIDE_EPOCH", "&str", words(beside.cloned().collect())),
        ("UNITS", "&str", words(units.cloned().collect())),
        (
            "ONLY_EPOCH",
            "&[Part]",
            patterns(&described(Counts::BatchesOfTheOnlyEpoch)),
        ),
    ] {
        writeln!(source, "pub(super) static {name}: &[{kind}] = {value};").expect("a string grows");
    }
}

/// The Rust source of patterns.
fn patterns(texts: &[String]) -> String {
    let parts: Vec<String> = texts
        .iter()
        .map(|text| format!("&[{}]", parts(text).join(", ")))
        .collect();
    format!("&[{}]", parts.join(", "))
}

/// The Rust source of the parts of a pattern.
fn parts(pattern: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '^' | '$' | '…' => {
                let part = match first {
                    '^' => "Part::Begin",
                    '$' => "Part::End",
                    _ => "Part::Any",
                };
                parts.push(part.to_owned());
                &rest[first.len_utf8()..]
            }
            '{' => {
                let end = rest
                    .find('}')
                    .unwrap_or_else(|| panic!("{pattern}: no `}}`"));
                parts.push(match &rest[1..end] {
                    "" => "Part::Number(None)".to_owned(),
                    metric => format!("Part::Number(Some(Metric::{}))", variant(metric)),
                });
                &rest[end + 1..]
            }
            _ => {
                let end = rest.find(['^', '$', '…', '{']).unwrap_or(rest.len());
                parts.push(format!("Part::Text({})", literal(&rest[..end])));
                &rest[end..]
            }
        };
    }
    parts
}

/// The first text of a pattern without the blanks at its ends, by which a line is known that may match.
fn anchor(pattern: &str) -> Option<&str> {
    let text = pattern
        .split(['^', '$', '…'])
        .flat_map(|piece| {
            piece
                .split('{')
                .map(|piece| piece.split_once('}').map_or(piece, |(_, text)| text))
        })
        .map(str::trim)
        .max_by_key(|text| text.split(' ').map(str::len).max())?;
    text.split(' ')
        .max_by_key(|word| word.len())
        .filter(|word| word.len() >= 2)
}

/// `learning_rate` -> `LearningRate`.
fn variant(metric: &str) -> String {
    metric
        .split('_')
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}
