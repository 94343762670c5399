//! The place of this machine in the job, read from the command that is about to be started.
//!
//! The problem: `ssh node1 axolotl-run torchrun --nnodes 2 --node-rank 1 train.py` has no variable to go by,
//! but it says its place in its own words. Only the launcher's options may be read, not those of the training
//! script behind them, which is free to have a `--node_rank` of its own; so the reader has to know where the
//! launcher's options end. Where it cannot know, it errs towards Main: a report too many on an odd command
//! line is a smaller fault than a job that never reports.
//!
//! Only [`rank`](super::rank) calls it.

use super::{Place, RankVerdict, plain_integer};
use std::ffi::{OsStr, OsString};

/// A program that starts one worker per GPU on this machine, and is itself started once per machine.
struct Launcher {
    /// Options that hold this machine's place. The spelling is compared with `_` for `-`.
    node_rank: &'static str,
    /// The option that holds the number of machines.
    nodes: &'static str,
    /// Whether it has to be started on every machine by somebody else. DeepSpeed's does that itself (pdsh).
    once_per_node: bool,
    /// Options without a value, spelled with `_`; all others take the next word.
    flags: &'static [&'static str],
}

const TORCHRUN: Launcher = Launcher {
    node_rank: "--node_rank",
    nodes: "--nnodes",
    once_per_node: true,
    flags: &[
        "--standalone",
        "--no_python",
        "--run_path",
        "--use_agent_store",
        "--use_env",
        "--help",
    ],
};

const ACCELERATE: Launcher = Launcher {
    node_rank: "--machine_rank",
    nodes: "--num_machines",
    once_per_node: true,
    flags: &[
        "--cpu",
        "--multi_gpu",
        "--tpu",
        "--use_mps_device",
        "--use_deepspeed",
        "--use_fsdp",
        "--use_megatron_lm",
        "--use_xpu",
        "--no_python",
        "--same_network",
        "--quiet",
        "--debug",
        "--enable_cpu_affinity",
        "--tpu_cluster",
        "--no_tpu_cluster",
        "--use_parallelism_config",
        "--help",
    ],
};

const DEEPSPEED: Launcher = Launcher {
    node_rank: "--node_rank",
    nodes: "--num_nodes",
    once_per_node: false,
    flags: &[
        "--no_python",
        "--no_local_rank",
        "--no_ssh",
        "--no_ssh_check",
        "--force_multi",
        "--save_pid",
        "--enable_each_rank_log",
        "--bind_cores_to_rank",
        "--elastic_training",
        "--help",
    ],
};

/// Programs that start ranks on all machines themselves: the launcher before one of them runs once per job.
const SPANNING: [&str; 12] = [
    "srun",
    "sbatch",
    "salloc",
    "mpirun",
    "mpiexec",
    "mpiexec.hydra",
    "orterun",
    "prterun",
    "jsrun",
    "flux",
    "ssh",
    "pdsh",
];

/// What the command's own options say.
pub(super) fn rank(command: &[OsString]) -> RankVerdict {
    let Some((launcher, arguments)) = find(command) else {
        return RankVerdict::Main;
    };
    let options = read(launcher, arguments);
    match (options.place, options.several_nodes) {
        (Some(Place::First), _) => RankVerdict::Main,
        (Some(Place::Later), _) => RankVerdict::NotMain {
            variable: launcher.node_rank,
        },
        (None, true) if launcher.once_per_node => RankVerdict::Deferred,
        (None, _) => RankVerdict::Main,
    }
}

/// The first launcher of the command, and its arguments. It may stand behind `python -m`, `env`, `uv run`…
fn find(command: &[OsString]) -> Option<(&'static Launcher, &[OsString])> {
    let mut words = command;
    while let Some((word, rest)) = words.split_first() {
        let name = basename(word).to_str().unwrap_or_default();
        match name {
            _ if SPANNING.contains(&name) => return None,
            "torchrun" | "torchrun.py" | "torch.distributed.run" | "torch.distributed.launch" => {
                return Some((&TORCHRUN, rest));
            }
            "deepspeed" | "deepspeed.launcher.runner" | "deepspeed.launcher.launch" => {
                return Some((&DEEPSPEED, rest));
            }
            "accelerate.commands.launch" | "accelerate-launch" => return Some((&ACCELERATE, rest)),
            "accelerate" => {
                let (subcommand, arguments) = rest.split_first()?;
                return (subcommand == "launch").then_some((&ACCELERATE, arguments));
            }
            "axolotl" => return of_axolotl(rest),
            _ if name.starts_with("axolotl.cli.") => return of_axolotl(rest),
            _ => words = rest,
        }
    }
    None
}

/// Axolotl starts a launcher itself: `axolotl train c.yml --launcher torchrun -- --nnodes 2 …`.
fn of_axolotl(arguments: &[OsString]) -> Option<(&'static Launcher, &[OsString])> {
    let end = arguments.iter().position(|word| word == "--")?;
    let (own, launchers) = arguments.split_at_checked(end)?;
    let mut own = own.iter();
    let mut launcher = &ACCELERATE;
    while let Some(word) = own.next() {
        let name = match split(word) {
            (b"--launcher", Some(name)) => Some(name),
            (b"--launcher", None) => own.next().map(|name| name.as_encoded_bytes()),
            _ => continue,
        };
        launcher = match name {
            Some(b"torchrun") => &TORCHRUN,
            Some(b"accelerate") => &ACCELERATE,
            _ => return None,
        };
    }
    Some((launcher, launchers.get(1..)?))
}

/// What the options said; the last of several wins, as argparse has it.
#[derive(Default)]
struct Options {
    place: Option<Place>,
    several_nodes: bool,
}

fn read(launcher: &Launcher, arguments: &[OsString]) -> Options {
    let mut options = Options::default();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let (name, attached) = split(word);
        // The script, or the end of the options: what follows is not the launcher's.
        if !name.starts_with(b"-") || matches!(name, b"--" | b"-" | b"-m" | b"--module") {
            break;
        }
        let name = String::from_utf8_lossy(name).replace('-', "_");
        let is = |option: &str| name.trim_start_matches('_') == option.trim_start_matches('-');
        if launcher.flags.iter().any(|flag| is(flag)) {
            continue;
        }
        let value = match attached {
            Some(value) => Some(value),
            // An unlisted flag before another option or before the script takes no value.
            None => words
                .next_if(|next| can_be_value(next))
                .map(|next| next.as_encoded_bytes()),
        };
        let Some(value) = value else { continue };
        if is(launcher.node_rank) {
            options.place = place(value).or(options.place);
        } else if is(launcher.nodes) {
            options.several_nodes = several(value);
        }
    }
    options
}

fn can_be_value(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    !bytes.starts_with(b"-") && !bytes.ends_with(b".py")
}

fn place(value: &[u8]) -> Option<Place> {
    plain_integer(OsStr::new(std::str::from_utf8(value).ok()?))
}

/// Whether a number of machines, or a range of it (`1:4`), is more than one.
fn several(nodes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(nodes) else {
        return false;
    };
    text.split(':')
        .any(|bound| bound.parse::<u64>().is_ok_and(|bound| bound > 1))
}

/// An option and the value that is attached to it with `=`.
fn split(word: &OsStr) -> (&[u8], Option<&[u8]>) {
    let bytes = word.as_encoded_bytes();
    let mut parts = bytes.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

fn basename(word: &OsStr) -> &OsStr {
    std::path::Path::new(word).file_name().unwrap_or(word)
}
