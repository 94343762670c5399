//! The ranks of running workers, for launches that carry no rank of their own.
//!
//! torchrun, hydra, mpirun and srun give each worker its rank in the environment that it starts with, which
//! the kernel shows in /proc/PID/environ. Nothing of it but the one number is kept.

use crate::metrics::files;
use std::path::Path;

/// The variables that hold a worker's rank, in the order in which they decide.
const VARIABLES: [&str; 4] = ["RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"];

/// The variables that hold how many ranks this machine has: of torchrun and accelerate, and of Open MPI.
const COUNTS: [&str; 2] = ["LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"];

/// The rank that a process was started with; None where it has none, or cannot be looked at.
pub fn of(procfs: &Path, pid: u32) -> Option<u64> {
    rank(&files::process_environment(procfs, pid))
}

/// How many ranks the launcher has started on this machine, where it told this process.
pub fn on_this_machine(procfs: &Path, pid: u32) -> Option<u64> {
    let environment = files::process_environment(procfs, pid);
    let mut counts = COUNTS
        .iter()
        .filter_map(|name| files::variable_value(&environment, name));
    counts.next()?.parse().ok()
}

/// The lowest rank among these processes; None where none has one (yet).
pub fn lowest(pids: &[u32]) -> Option<u64> {
    pids.iter()
        .filter_map(|pid| of(Path::new("/proc"), *pid))
        .min()
}

fn rank(environment: &[u8]) -> Option<u64> {
    for name in VARIABLES {
        let value = files::variable_value(environment, name).unwrap_or_default();
        if let Ok(rank) = value.parse() {
            return Some(rank);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_a_number_decides() {
        for (environment, expected) in [
            (&b"A=1\0RANK=3\0PMI_RANK=0\0"[..], Some(3)),
            (b"RANK=x\0PMI_RANK=2", Some(2)),
            (b"LOCAL_RANK=1\0FRANK=2\0", None),
            (b"RANK=-1\0", None),
            (b"", None),
        ] {
            assert_eq!(
                rank(environment),
                expected,
                "{}",
                environment.escape_ascii()
            );
        }
    }
}
