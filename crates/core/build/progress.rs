//! Progress lines: turns `knowledge/progress/*.yaml` into the tables that `output/progress` reads lines with.
//!
//! A pattern is written as the line is printed. A number is a hole with the name of its metric (`{step}/{total}`), `{}`
//! is a number that nobody needs, `…` is any text, a blank is one blank or more, `^` is the beginning of the line and
//! `$` its end.

use crate::entry::{Grounds, read_list, text_table, variant};
use crate::pattern::regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What is known after each example, by the names of the metrics.
type Told = Vec<BTreeMap<String, f64>>;

/// An entry of `lines.yaml`: what one program prints of its progress.
#[derive(Deserialize, Serialize)]
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
    /// The number of the first step; 1 where nothing is said.
    counts_from: Option<u32>,
    says: Option<String>,
    #[serde(flatten)]
    grounds: Grounds,
    told: Told,
}

/// An entry of `metrics.yaml`: the names of one metric in one place.
#[derive(Deserialize, Serialize)]
struct NamesEntry {
    metric: String,
    place: String,
    names: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
    told: Told,
}

/// An entry of `bars.yaml`: what descriptions and units of bars count.
#[derive(Deserialize, Serialize)]
struct BarEntry {
    /// Also the name of the table of its descriptions.
    counts: String,
    #[serde(default)]
    descriptions: Vec<String>,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(default)]
    units: Vec<String>,
    #[serde(flatten)]
    grounds: Grounds,
    told: Told,
}

/// The Rust source of all tables.
pub fn generate(knowledge: &Path) -> String {
    let folder = knowledge.join("progress");
    lines(&folder) + &metrics(&folder) + &bars(&folder)
}

fn check(name: &str, grounds: &Grounds, told: &Told) {
    grounds.check(name);
    let complete = told.len() == grounds.examples.len();
    assert!(complete, "{name}: `told` has one map for each example");
}

fn lines(folder: &Path) -> String {
    let mut formats = String::new();
    let mut anchors = String::new();
    let entries: Vec<LineEntry> = read_list(&folder.join("lines.yaml"));
    for (number, entry) in entries.iter().enumerate() {
        check(&entry.name, &entry.grounds, &entry.told);
        for line in &entry.lines {
            anchors += &format!("    ({:?}, {number}),\n", anchor(line));
        }
        formats += &format!(
            "    Format {{ lines: {}, fields: {}, rows: {}, rows_within: {}, counts_from: {}, says: About::{} }},\n",
            patterns(&entry.lines),
            patterns(&entry.fields),
            patterns(&entry.rows),
            entry.rows_within,
            entry.counts_from.unwrap_or(1),
            variant(entry.says.as_deref().unwrap_or("progress")),
        );
    }
    format!(
        "pub static FORMATS: &[Format] = &[\n{formats}];\n\
         /// A word of a line, and whose line that may be.\n\
         static ANCHORS: &[(&str, usize)] = &[\n{anchors}];\n"
    )
}

fn metrics(folder: &Path) -> String {
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for entry in read_list::<NamesEntry>(&folder.join("metrics.yaml")) {
        check(&entry.metric, &entry.grounds, &entry.told);
        let metric = variant(&entry.metric);
        let rows = places.entry(entry.place.to_uppercase()).or_default();
        for name in &entry.names {
            *rows += &format!("    ({name:?}, Metric::{metric}),\n");
        }
    }
    let mut source = String::new();
    for (place, rows) in places {
        source += &format!("pub static {place}_NAMES: &[(&str, Metric)] = &[\n{rows}];\n");
    }
    source
}

fn bars(folder: &Path) -> String {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in read_list::<BarEntry>(&folder.join("bars.yaml")) {
        check(&entry.counts, &entry.grounds, &entry.told);
        for (name, texts) in [
            (entry.counts.as_str(), entry.descriptions),
            ("beside_epoch", entry.beside),
            ("units", entry.units),
        ] {
            tables.entry(name.to_owned()).or_default().extend(texts);
        }
    }
    // The epoch that a description names is read by code.
    tables.remove("batches");
    let only_epoch = tables.remove("batches_of_the_only_epoch");
    let pattern = patterns(&only_epoch.unwrap_or_default());
    let mut source = format!("pub static ONLY_EPOCH: LinePattern = {pattern};\n");
    for (name, texts) in tables {
        source += &text_table(&name, &texts);
    }
    source
}

/// Patterns of which one has to match, as one regular expression, and what its groups say.
fn patterns(texts: &[String]) -> String {
    let mut metrics = Vec::new();
    let mut choices = Vec::new();
    for text in texts {
        choices.push(pattern(text, &mut metrics));
    }
    if choices.is_empty() {
        choices.push(NOTHING.to_owned());
    }
    format!(
        "LinePattern {{ regex: {{ static REGEX: Lazy = Lazy::new(|| Regex::new({:?}).ok()); &REGEX }}, metrics: &[{}] }}",
        choices.join("|"),
        metrics.join(", "),
    )
}

/// Matches no text.
const NOTHING: &str = "[a&&b]";
/// A number as Python, numpy or C print it.
const NUMBER: &str = r"(?:nan|-?inf|[-+]?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:[.][0-9]+)?|[.][0-9]+)(?:[eE][-+]?[0-9]+)?)";
/// What may precede a name that is no part of a longer one (`val_loss`, `train/lr`).
const BEFORE_NAME: &str = r"(?:^|[^\w/.-])";
/// What may follow a number that is no part of a longer one.
const BEHIND_NUMBER: &str = r"(?:[^0-9A-Za-z.]|[.](?:[^0-9]|$)|$)";

fn pattern(text: &str, metrics: &mut Vec<String>) -> String {
    let mut pattern = regex(text, |metric| {
        if metric.is_empty() {
            return format!(r"\s*{NUMBER}");
        }
        metrics.push(format!("Metric::{}", variant(metric)));
        format!(r"\s*(?:np[.]float(?:32|64)\()?({NUMBER})\)?")
    });
    for (written, meant) in [
        (r"\^", r"^\s*"),
        (r"\$", r"\s*$"),
        ("…", ".*?"),
        (" ", r"\s+"),
    ] {
        pattern = pattern.replace(written, meant);
    }
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        pattern.insert_str(0, BEFORE_NAME);
    }
    if text.ends_with('}') {
        pattern += BEHIND_NUMBER;
    }
    pattern
}

/// The longest word of a pattern, by which a line is known that may match.
fn anchor(pattern: &str) -> &str {
    let mut longest = "";
    for piece in pattern.split(['^', '$', '…', '{']) {
        let text = piece.split_once('}').map_or(piece, |(_, text)| text);
        for word in text.split(' ') {
            if word.len() > longest.len() {
                longest = word;
            }
        }
    }
    assert!(longest.len() >= 2, "no word in {pattern}");
    longest
}
