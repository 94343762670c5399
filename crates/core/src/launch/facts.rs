//! Which launcher starts the workers, on how many machines, how many on each.
//!
//! Two sources: the command's own words (`torchrun --nproc_per_node 8 …`), and the variables of a launcher
//! that we were started by. The innermost launcher of the command names the run, because that one starts the
//! workers (`srun torchrun …` is torchrun's; axolotl and python count only where nothing else does); a figure of
//! the command's comes before one of the environment's.
//! What is not a plain number (`gpu`, `auto`, `1:4`) is unknown.

use super::Environment;
use super::command_line::{CommandLine, Target};
use super::launcher::{Launch, Named};
use crate::knowledge::launchers::{
    NODES_VARIABLES, PROCESSES_PER_NODE_VARIABLES, PROCESSES_VARIABLES, ROWS, Says, Starts,
};
use crate::public::PublicStr;

/// What is known about the launcher.
#[derive(Default)]
pub struct LauncherFacts {
    /// Its name, from a closed list.
    pub launcher: Option<PublicStr>,
    /// Machines of the job.
    pub nodes: Option<u64>,
    /// Worker processes on each.
    pub processes_per_node: Option<u64>,
}

/// Reads the command and the environment.
pub fn facts(command: &CommandLine<'_>, environment: Environment<'_>) -> LauncherFacts {
    let nodes = typed_figure(command, Says::Nodes)
        .or_else(|| figure_of_variables(NODES_VARIABLES, environment));
    let mut processes_per_node = typed_figure(command, Says::ProcessesPerNode);
    let total_processes = typed_figure(command, Says::Processes);
    if processes_per_node.is_none() {
        processes_per_node = divide_evenly(total_processes, nodes.or(Some(1)));
    }
    if processes_per_node.is_none() && total_processes.is_none() {
        processes_per_node = figure_of_variables(PROCESSES_PER_NODE_VARIABLES, environment);
    }
    if processes_per_node.is_none() && total_processes.is_none() {
        processes_per_node =
            divide_evenly(figure_of_variables(PROCESSES_VARIABLES, environment), nodes);
    }
    LauncherFacts {
        launcher: launcher(command, environment).map(PublicStr::constant),
        nodes,
        processes_per_node,
    }
}

/// The innermost launcher that starts workers.
fn launcher(command: &CommandLine<'_>, environment: Environment<'_>) -> Option<&'static str> {
    let innermost = |kinds: &[Starts]| {
        let mut launches = certain_launches(command);
        let is_of_kind = |launch: &&Launch<'_>| {
            launch.named != Named::Default && kinds.contains(&launch.launcher.starts)
        };
        Some(launches.rfind(is_of_kind)?.launcher.name)
    };
    let is_set = |variable: &&str| environment(variable).is_some();
    let surrounding_launcher = ROWS
        .iter()
        .find(|launcher| launcher.marks.iter().any(is_set));
    let chosen_python = match command.target {
        // What chooses an environment runs a script with that one's Python.
        Target::Script(_) if command.launches.is_empty() => Some("python"),
        _ => None,
    };
    // Python by itself starts no workers: then the launcher around us does.
    innermost(&[Starts::Node, Starts::Job])
        .or_else(|| innermost(&[Starts::Launcher]))
        .or(surrounding_launcher.map(|launcher| launcher.name))
        .or_else(|| innermost(&[Starts::Process]))
        .or(chosen_python)
}

/// The launchers that are sure: a debugger or a profiler that is run as a module may run one as well.
fn certain_launches<'a>(
    command: &'a CommandLine<'_>,
) -> impl DoubleEndedIterator<Item = &'a Launch<'a>> {
    let is_module = matches!(command.target, Target::Module(_));
    let hidden = command.hidden.iter().filter(move |_| is_module);
    command.launches.iter().chain(hidden)
}

/// A figure that the command's words give; the innermost launcher's comes before others.
fn typed_figure(command: &CommandLine<'_>, wanted: Says) -> Option<u64> {
    let mut statements = certain_launches(command).flat_map(|launch| &launch.said);
    let (.., value) = statements.rfind(|(says, ..)| *says == wanted)?;
    count(value)
}

/// The first of these variables that holds a count.
fn figure_of_variables(names: &[&str], environment: Environment<'_>) -> Option<u64> {
    for name in names {
        if let Some(count) = environment(name).and_then(|value| count(value.to_str()?)) {
            return Some(count);
        }
    }
    None
}

/// A plain count; also Slurm's way to say the same for several nodes, `8(x2)`.
fn count(count_text: &str) -> Option<u64> {
    let count_text = count_text.trim();
    let count_text = count_text
        .split_once("(x")
        .map_or(count_text, |(count, _)| count);
    let count = count_text.parse().ok()?;
    (1..=1_000_000).contains(&count).then_some(count)
}

fn divide_evenly(total_processes: Option<u64>, nodes: Option<u64>) -> Option<u64> {
    let (total_processes, nodes) = (total_processes?, nodes?);
    if !total_processes.is_multiple_of(nodes) {
        return None;
    }
    total_processes.checked_div(nodes)
}

#[cfg(test)]
mod tests;
