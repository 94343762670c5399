//! Whether this process is the one of its job that reports.
//!
//! The problem: a job of 64 ranks may start 64 launchers, and exactly one of them must speak. Each program
//! that starts ranks says so in variables of its own, several are often set at once (`sbatch` + `mpirun`:
//! SLURM_PROCID is 0 for every rank), and a rule "all of them must be 0" would silence everybody where a
//! rendezvous numbers the nodes anew. So the innermost launcher's variable decides: the first of
//! those in `knowledge/variables.yaml` that holds a plain integer.
//!
//! Outside of all of them the command's own options are read: `ssh node1 axolotl-run torchrun --nnodes 2 --node-rank 1
//! train.py` has no variable, but it says its place. Where even these are silent, a worker's rank decides later. Where
//! it cannot be known where a launcher's options end, the answer is Main: a report too many on an odd command line is a
//! smaller fault than a job that never reports.

use super::command_line::CommandLine;
use super::launcher::Launch;
use crate::knowledge::launchers::{RANK_VARIABLES, Says, Starts};
use std::ffi::{OsStr, OsString};

/// What launchers give each worker and nothing else, with the rank that it has within its machine.
pub const LOCAL_RANK: &str = "LOCAL_RANK";

/// Who reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankVerdict {
    /// This process does.
    Main,
    /// Another one does.
    NotMain {
        /// The variable, or the command's option, that says so.
        variable: &'static str,
    },
    /// The command spans machines and nothing says which one this is: the first event waits until a worker's
    /// rank can be read.
    Deferred,
}

/// Decides from the variables of launchers, then from the command's own options.
pub fn rank(
    environment: impl Fn(&str) -> Option<OsString>,
    command: &CommandLine<'_>,
) -> RankVerdict {
    for variable in RANK_VARIABLES {
        let value = environment(variable);
        if let Some(verdict) = value.and_then(|value| of_index(&value, variable)) {
            return verdict;
        }
    }
    for launch in command.launches.iter().chain(&command.hidden) {
        match launch.launcher.starts {
            Starts::Process | Starts::Launcher => {}
            Starts::Node => return of_options(launch, RankVerdict::Deferred),
            Starts::Job => return of_options(launch, RankVerdict::Main),
        }
    }
    RankVerdict::Main
}

/// What a launcher's options say; `without_place` is the answer for several machines where none says which this is.
fn of_options(launch: &Launch<'_>, without_place: RankVerdict) -> RankVerdict {
    if let Some((option, value)) = launch.says(Says::NodeRank)
        && let Some(verdict) = of_index(OsStr::new(value), option)
    {
        return verdict;
    }
    match launch.says(Says::Nodes) {
        Some((_, nodes)) if several(nodes) => without_place,
        _ => RankVerdict::Main,
    }
}

/// Whether a number of machines, or a range of it (`1:4`), is more than one.
fn several(nodes: &str) -> bool {
    let more_than_one = |bound: &str| bound.parse::<u64>().is_ok_and(|bound| bound > 1);
    nodes.split(':').any(more_than_one)
}

/// What a rank says: digits and nothing else. `-1` is how several libraries spell "not distributed", so that a sign makes
/// a value as good as absent; the length is not bounded because nothing is computed with it.
fn of_index(value: &OsStr, variable: &'static str) -> Option<RankVerdict> {
    let digits = value.as_encoded_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.iter().all(|digit| *digit == b'0') {
        return Some(RankVerdict::Main);
    }
    Some(RankVerdict::NotMain { variable })
}

#[cfg(test)]
mod tests;
