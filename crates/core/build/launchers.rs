//! `launchers.yaml`: who starts a training's processes, with which options, and the variables that tell of it.

use crate::entry::{Grounds, examples, list, read_file};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Launcher {
    name: String,
    programs: Vec<String>,
    starts: Starts,
    runs: Runs,
    options: BTreeMap<Says, Vec<String>>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    pairs: Vec<String>,
    unlisted: Unlisted,
    chooser: Option<String>,
    chosen: Option<String>,
    #[serde(default)]
    variables: Variables,
    source: String,
    examples: Vec<String>,
    look_alikes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Starts {
    Node,
    Job,
    Launcher,
    Process,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Runs {
    Script,
    Command,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unlisted {
    Value,
    Flag,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Says {
    Nodes,
    ProcessesPerNode,
    Processes,
    NodeRank,
}

/// Variables with their places in the order in which they are asked.
type Places = BTreeMap<String, usize>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Variables {
    mark: Places,
    rank: Places,
    nodes: Places,
    processes_per_node: Places,
    processes: Places,
}

/// The tables of `launchers.yaml`.
pub fn generate(knowledge: &Path) -> String {
    let launchers = read_file::<Launcher>(&knowledge.join("launchers.yaml"));
    let (mut rows, mut tests, mut marks) = (String::new(), String::new(), BTreeMap::new());
    for launcher in &launchers {
        let grounds = Grounds {
            source: launcher.source.clone(),
            examples: launcher.examples.clone(),
            look_alikes: launcher.look_alikes.clone(),
        };
        grounds.check(&launcher.name);
        let _ = writeln!(rows, "    {},", row(launcher));
        tests += &examples(&[&format!("{:?}", launcher.name)], &grounds);
        for (variable, place) in &launcher.variables.mark {
            marks.insert(*place, (variable.as_str(), launcher.name.as_str()));
        }
    }
    let marks: Vec<_> = marks.into_values().collect();
    let ordered = |of: fn(&Variables) -> &Places| {
        let variables = launchers.iter().map(|launcher| of(&launcher.variables));
        list(&in_order(variables))
    };
    format!(
        "pub(crate) static LAUNCHERS: &[Launcher] = &[\n{rows}];\n\
         pub(crate) static MARKS: &[(&str, &str)] = &{marks:?};\n\
         pub(crate) static RANK_VARIABLES: &[&str] = {};\n\
         pub(crate) static NODES_VARIABLES: &[&str] = {};\n\
         pub(crate) static PROCESSES_PER_NODE_VARIABLES: &[&str] = {};\n\
         pub(crate) static PROCESSES_VARIABLES: &[&str] = {};\n\
         #[cfg(test)]\n\
         pub(crate) static EXAMPLES: &[(&str, &[&str], &[&str])] = &[\n{tests}];\n",
        ordered(|variables| &variables.rank),
        ordered(|variables| &variables.nodes),
        ordered(|variables| &variables.processes_per_node),
        ordered(|variables| &variables.processes),
    )
}

/// The variables of all launchers by their places, each place taken by one.
fn in_order<'a>(launchers: impl Iterator<Item = &'a Places>) -> Vec<String> {
    let mut by_place = BTreeMap::new();
    for (variable, place) in launchers.flatten() {
        let before = by_place.insert(*place, variable.clone());
        let same = before.is_none_or(|before| before == *variable);
        assert!(same, "{variable}: another variable has its place");
    }
    let places: Vec<_> = by_place.keys().copied().collect();
    let all: Vec<_> = (1..=places.len()).collect();
    assert_eq!(places, all, "{by_place:?}: a place is left out");
    by_place.into_values().collect()
}

fn row(launcher: &Launcher) -> String {
    let mut options = String::new();
    for (says, words) in &launcher.options {
        let _ = write!(options, "(Says::{says:?}, {}), ", list(words));
    }
    format!(
        "Launcher {{ name: {:?}, programs: {}, starts: Starts::{:?}, runs: Runs::{:?}, options: &[{options}], \
         flags: {}, values: {}, pairs: {}, unlisted: Unlisted::{:?}, chooser: {:?}, chosen: {:?} }}",
        launcher.name,
        list(&launcher.programs),
        launcher.starts,
        launcher.runs,
        list(&launcher.flags),
        list(&launcher.values),
        list(&launcher.pairs),
        launcher.unlisted,
        launcher.chooser,
        launcher.chosen,
    )
}
