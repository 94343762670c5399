//! Whether this process is the one of its job that reports.
//!
//! The problem: a job of 64 ranks may start 64 launchers, and exactly one of them must speak. Each program
//! that starts ranks says so in variables of its own, several are often set at once (`sbatch` + `mpirun`:
//! SLURM_PROCID is 0 for every rank), and a rule "all of them must be 0" would silence everybody where a
//! rendezvous numbers the nodes anew. So the innermost launcher's variable decides: the first of [`VARIABLES`]
//! that holds a plain integer. Outside of all of them the command's own options are read
//! (`axolotl-run torchrun --nnodes 2 --node-rank 1 …`); where even these are silent, a worker's rank decides later.
//!
//! Pure; the plan hands in the environment.

mod launch;

use std::ffi::{OsStr, OsString};

/// The variables that can hold this process's place in its job, innermost launcher first: ranks of workers,
/// then ranks of nodes, then the rank within a node, which only then means the rank in the job.
pub const VARIABLES: [&str; 15] = [
    "RANK",                 // torchrun, DeepSpeed, Ray Train; the node's index in a PyTorchJob
    "GLOBAL_RANK",          // PyTorch Lightning
    "OMPI_COMM_WORLD_RANK", // Open MPI, the MPI operator
    "PMIX_RANK",            // any launcher that speaks PMIx
    "PMI_RANK",             // MPICH, Intel MPI, srun --mpi=pmi2
    "MV2_COMM_WORLD_RANK",  // MVAPICH
    "PALS_RANKID",          // PALS
    "FLUX_TASK_RANK",       // Flux
    "JSM_NAMESPACE_RANK",   // jsrun
    "HOROVOD_RANK",         // Horovod
    "SLURM_PROCID",         // srun; 0 in a batch script and all that it starts itself
    "PET_NODE_RANK",        // Trainer v2: torchrun's own option as a variable
    "NODE_RANK",            // common in hand-written multi-node scripts
    "GROUP_RANK",           // torchrun's name for the node's rank
    LOCAL_RANK,             // the last resort
];

/// What launchers give each worker and nothing else, with the rank that it has.
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
#[must_use]
pub fn rank(environment: impl Fn(&str) -> Option<OsString>, command: &[OsString]) -> RankVerdict {
    let from_environment = VARIABLES
        .into_iter()
        .find_map(|variable| Some((variable, plain_integer(&environment(variable)?)?)));
    match from_environment {
        Some((_, Place::First)) => RankVerdict::Main,
        Some((variable, Place::Later)) => RankVerdict::NotMain { variable },
        None => launch::rank(command),
    }
}

/// What a rank says; the number itself never matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Later,
}

/// Digits and nothing else. `-1` is how several libraries spell "not distributed", so that a sign makes a
/// value as good as absent; the length is not bounded because nothing is computed with it.
fn plain_integer(value: &OsStr) -> Option<Place> {
    let digits = value.as_encoded_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(if digits.iter().all(|digit| *digit == b'0') {
        Place::First
    } else {
        Place::Later
    })
}

#[cfg(test)]
mod tests;
