//! `commands.yaml`: wrappers, programs that use the terminal or other machines, training tools.

use crate::entry::{Grounds, examples, list, read_file};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    name: String,
    kind: Kind,
    #[serde(default)]
    programs: Vec<String>,
    #[serde(default)]
    subcommands: Vec<String>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    operands: usize,
    #[serde(default)]
    effect: Effect,
    main: Option<String>,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    scripts: Vec<String>,
    #[serde(default)]
    flags: Vec<String>,
    source: String,
    examples: Vec<String>,
    look_alikes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Wrapper,
    Terminal,
    Shell,
    SpansNodes,
    Training,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    #[default]
    None,
    ChoosesPython,
    LimitsTime,
}

/// The tables of `commands.yaml`.
pub fn generate(knowledge: &Path) -> String {
    let mut commands = read_file::<Command>(&knowledge.join("commands.yaml"));
    let mut tests = String::new();
    for command in &mut commands {
        if command.programs.is_empty() {
            command.programs.push(command.name.clone());
        }
        let grounds = Grounds {
            source: std::mem::take(&mut command.source),
            examples: std::mem::take(&mut command.examples),
            look_alikes: std::mem::take(&mut command.look_alikes),
        };
        grounds.check(&command.name);
        let kind = format!("Kind::{:?}", command.kind);
        tests += &examples(&[&format!("{:?}", command.name), &kind], &grounds);
    }
    let rows = |kind: Kind, row: fn(&Command) -> String| {
        let mut rows = String::new();
        for command in commands.iter().filter(|command| command.kind == kind) {
            let _ = writeln!(rows, "    {},", row(command));
        }
        rows
    };
    let programs = |kind: Kind| {
        let of_kind = commands.iter().filter(|command| command.kind == kind);
        let programs: Vec<_> = of_kind
            .flat_map(|command| command.programs.clone())
            .collect();
        list(&programs)
    };
    format!(
        "pub(crate) static WRAPPERS: &[Wrapper] = &[\n{}];\n\
         pub(crate) static SHELLS: &[Shell] = &[\n{}];\n\
         pub(crate) static TRAINING: &[TrainingTool] = &[\n{}];\n\
         pub(crate) static TERMINAL: &[&str] = {};\n\
         pub(crate) static SPANNING: &[&str] = {};\n\
         #[cfg(test)]\n\
         pub(crate) static EXAMPLES: &[(&str, Kind, &[&str], &[&str])] = &[\n{tests}];\n",
        rows(Kind::Wrapper, wrapper),
        rows(Kind::Shell, shell),
        rows(Kind::Training, training),
        programs(Kind::Terminal),
        programs(Kind::SpansNodes),
    )
}

fn wrapper(command: &Command) -> String {
    format!(
        "Wrapper {{ name: {:?}, programs: {}, subcommands: {}, values: {}, operands: {}, effect: Effect::{:?} }}",
        command.name,
        list(&command.programs),
        list(&command.subcommands),
        list(&command.values),
        command.operands,
        command.effect,
    )
}

fn shell(command: &Command) -> String {
    format!(
        "Shell {{ programs: {}, values: {} }}",
        list(&command.programs),
        list(&command.values),
    )
}

fn training(command: &Command) -> String {
    let mut files = Vec::new();
    for module in &command.modules {
        files.push(format!("{}.py", module.replace('.', "/")));
    }
    format!(
        "TrainingTool {{ programs: {}, main: {:?}, commands: {}, modules: {}, files: {}, scripts: {}, values: {}, flags: {} }}",
        list(&command.programs),
        command.main,
        list(&command.commands),
        list(&command.modules),
        list(&files),
        list(&command.scripts),
        list(&bare(&command.values)),
        list(&bare(&command.flags)),
    )
}

/// Options without their dashes.
fn bare(options: &[String]) -> Vec<String> {
    let bare = |option: &String| option.trim_start_matches('-').to_owned();
    options.iter().map(bare).collect()
}
