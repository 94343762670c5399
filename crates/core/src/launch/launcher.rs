//! Which launcher starts the workers, on how many machines, how many on each. Pure.
//!
//! Two sources: the command's own words (`torchrun --nproc_per_node 8 …`), and the variables of a launcher
//! that we were started by. The innermost launcher of the command names the run, because that one starts the
//! workers (`srun torchrun …` is torchrun's; axolotl and python count only where nothing else does); a figure of
//! the command's comes before one of the environment's.
//! What is not a plain number (`gpu`, `auto`, `1:4`) is unknown. Reading stops at the training script: what
//! follows belongs to it.

use super::Environment;
use super::prefixes::{Behind, behind};
use crate::public::PublicStr;
use std::ffi::OsString;

/// What is known about the launcher.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LauncherFacts {
    /// Its name, from a closed list.
    pub launcher: Option<PublicStr>,
    /// Machines of the job.
    pub nodes: Option<u64>,
    /// Worker processes on each.
    pub processes_per_node: Option<u64>,
}

/// What an option's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Nodes,
    PerNode,
    /// All processes of the job.
    Total,
}

/// A launcher: its name, the programs and modules that are it, its counting options.
struct Launcher {
    name: &'static str,
    programs: &'static [&'static str],
    options: &'static [(&'static str, Counts)],
}

/// Options are written with hyphens here; underscores are the same to all of them.
const LAUNCHERS: &[Launcher] = &[
    Launcher {
        name: "torchrun",
        programs: &[
            "torchrun",
            "torch.distributed.run",
            "torch.distributed.launch",
        ],
        options: &[
            ("--nnodes", Counts::Nodes),
            ("--nproc-per-node", Counts::PerNode),
        ],
    },
    Launcher {
        name: "accelerate",
        programs: &[
            "accelerate",
            "accelerate-launch",
            "accelerate.commands.launch",
        ],
        options: &[
            ("--num-machines", Counts::Nodes),
            ("--num-processes", Counts::Total),
        ],
    },
    Launcher {
        name: "deepspeed",
        programs: &["deepspeed", "deepspeed.launcher.runner"],
        options: &[
            ("--num-nodes", Counts::Nodes),
            ("--num-gpus", Counts::PerNode),
        ],
    },
    Launcher {
        name: "srun",
        programs: &["srun"],
        options: &[
            ("--nodes", Counts::Nodes),
            ("-N", Counts::Nodes),
            ("--ntasks-per-node", Counts::PerNode),
            ("--ntasks", Counts::Total),
            ("-n", Counts::Total),
        ],
    },
    Launcher {
        name: "mpirun",
        programs: &[
            "mpirun",
            "mpiexec",
            "mpiexec.hydra",
            "mpirun.openmpi",
            "orterun",
            "prterun",
            "horovodrun",
        ],
        options: &[
            ("-np", Counts::Total),
            ("--np", Counts::Total),
            ("-n", Counts::Total),
            ("-c", Counts::Total),
            ("-ppn", Counts::PerNode),
            ("--npernode", Counts::PerNode),
            ("-npernode", Counts::PerNode),
        ],
    },
    Launcher {
        name: "ray",
        programs: &["ray"],
        options: &[],
    },
    Launcher {
        name: "axolotl",
        programs: &["axolotl", "axolotl.cli.train", "axolotl.cli.main"],
        options: &[],
    },
    Launcher {
        name: "python",
        programs: &["python"],
        options: &[],
    },
];

/// Where launchers note a job's shape, best source first.
const NODES: &[&str] = &[
    "PET_NNODES",
    "GROUP_WORLD_SIZE",
    "CROSS_SIZE",
    "SLURM_STEP_NUM_NODES",
    "SLURM_JOB_NUM_NODES",
    "SLURM_NNODES",
];
const PER_NODE: &[&str] = &[
    "LOCAL_WORLD_SIZE",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "LOCAL_SIZE",
    "MPI_LOCALNRANKS",
    "PET_NPROC_PER_NODE",
    "SLURM_STEP_TASKS_PER_NODE",
    "SLURM_NTASKS_PER_NODE",
];
const TOTAL: &[&str] = &[
    "WORLD_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "SLURM_STEP_NUM_TASKS",
];

/// Variables that a launcher gives to each worker, innermost launcher first. `sbatch` sets nearly all of srun's
/// for its script as well, but not the count of a step's tasks.
const WORKERS: &[(&str, &str)] = &[
    ("TORCHELASTIC_RUN_ID", "torchrun"),
    ("CROSS_SIZE", "deepspeed"),
    ("OMPI_COMM_WORLD_SIZE", "mpirun"),
    ("MPI_LOCALNRANKS", "mpirun"),
    ("SLURM_STEP_NUM_TASKS", "srun"),
];

/// Reads the command and the environment.
#[must_use]
pub fn facts(command: &[OsString], environment: Environment<'_>) -> LauncherFacts {
    let typed = Typed::of(behind(command));
    let number = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| count(environment(name)?.to_str()?))
    };
    let worker_of = WORKERS
        .iter()
        .find(|(name, _)| environment(name).is_some())
        .map(|(_, launcher)| *launcher);
    // Python by itself starts no workers: then the launcher around us does.
    let launcher = typed
        .launcher
        .filter(|name| *name != "python")
        .or(worker_of)
        .or(typed.launcher);
    let nodes = typed.nodes.or_else(|| number(NODES));
    let per_node = typed
        .per_node
        .or_else(|| divide(typed.total, nodes.or(Some(1))));
    let outer = typed.per_node.is_none() && typed.total.is_none();
    let per_node = per_node.or_else(|| number(PER_NODE).filter(|_| outer));
    let per_node = per_node.or_else(|| divide(number(TOTAL), nodes).filter(|_| outer));
    LauncherFacts {
        launcher: launcher.map(PublicStr::constant),
        nodes,
        processes_per_node: per_node,
    }
}

/// A plain count; also Slurm's way to say the same for several nodes, `8(x2)`.
fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.split_once("(x").map_or(text, |(count, _)| count);
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
}

fn divide(total: Option<u64>, nodes: Option<u64>) -> Option<u64> {
    let (total, nodes) = (total?, nodes?);
    (total.is_multiple_of(nodes)).then_some(total.checked_div(nodes)?)
}

/// What the command's words say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Typed {
    launcher: Option<&'static str>,
    nodes: Option<u64>,
    per_node: Option<u64>,
    total: Option<u64>,
}

impl Typed {
    fn of(behind: Behind<'_>) -> Self {
        let words: Vec<_> = behind
            .command
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        let first = words.first().map(AsRef::as_ref).unwrap_or_default();
        if launcher_called(first).is_some() {
            return Self::read(words.iter().map(AsRef::as_ref));
        }
        // Any other program may be given a launcher's name as a mere argument. But what chooses an environment runs a
        // script with that one's Python.
        let launcher = (behind.elsewhere && first.ends_with(".py")).then_some("python");
        Self {
            launcher,
            ..Self::default()
        }
    }

    fn read<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut typed = Self::default();
        let mut current: Option<&Launcher> = None;
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            if let Some(launcher) = launcher_called(word) {
                current = Some(launcher);
                typed.name(launcher);
                continue;
            }
            if is_script(word) {
                break;
            }
            let (option, attached) = word
                .split_once('=')
                .map_or((word, None), |(option, value)| (option, Some(value)));
            let Some((option, joined)) = current.and_then(|launcher| launcher.option(option))
            else {
                let chosen = if option == "--launcher" {
                    attached.or_else(|| words.peek().copied())
                } else {
                    None
                };
                if let Some(launcher) = chosen.and_then(launcher_called) {
                    current = Some(launcher);
                    typed.name(launcher);
                }
                continue;
            };
            let value = attached.or(joined).or_else(|| words.next()).and_then(count);
            match option {
                Counts::Nodes => typed.nodes = value,
                Counts::PerNode => typed.per_node = value,
                Counts::Total => typed.total = value,
            }
        }
        typed
    }

    /// Notes the launcher, unless one that starts workers more surely is known.
    fn name(&mut self, launcher: &Launcher) {
        let starts_workers = |name: &str| !matches!(name, "axolotl" | "python");
        if starts_workers(launcher.name) || self.launcher.is_none_or(|known| known == "python") {
            self.launcher = Some(launcher.name);
        }
    }
}

impl Launcher {
    /// What an option counts, and the number that stands in the same word (`-n4`).
    fn option<'a>(&self, word: &'a str) -> Option<(Counts, Option<&'a str>)> {
        let spelled = word.replace('_', "-");
        if let Some((_, counts)) = self.options.iter().find(|(option, _)| *option == spelled) {
            return Some((*counts, None));
        }
        let short = self.options.iter().filter(|(option, _)| option.len() == 2);
        short.into_iter().find_map(|(option, counts)| {
            let number = word.strip_prefix(option)?;
            number
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then_some((*counts, Some(number)))
        })
    }
}

/// The launcher that a word calls: a program, or a module after `-m`.
fn launcher_called(word: &str) -> Option<&'static Launcher> {
    let program = if is_python(program(word)) {
        "python"
    } else {
        program(word)
    };
    LAUNCHERS
        .iter()
        .find(|launcher| launcher.programs.contains(&program))
}

/// A program's name without its directory.
fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// `python`, `python3`, `python3.11`.
fn is_python(program: &str) -> bool {
    let version = program.strip_prefix("python");
    version.is_some_and(|version| {
        version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

/// A word that is a program to be run by the launcher; its options are not the launcher's.
fn is_script(word: &str) -> bool {
    !word.starts_with('-') && (word.ends_with(".py") || word.ends_with(".sh"))
}

#[cfg(test)]
mod tests;
