//! What the run may use where somebody set a limit: its control group's, and what a batch system's job was given.
//!
//! A limit that is no less than the machine has is none. Slurm's figures count where the cluster does not enforce them,
//! too: they are what was asked for.

use super::group::MemoryGroup;
use crate::metrics::files;
use axolotl_run_core::env;
use axolotl_run_core::launch::Environment;
use axolotl_run_core::series::Allowance;
use std::path::Path;

/// Bytes of Slurm's unit of memory.
const SLURM_UNIT: u64 = 1 << 20;
/// Bytes of the unit of /proc/meminfo.
const MEMINFO_UNIT: u64 = 1024;

/// What the command's control group and the environment say.
pub fn allowance(group: Option<&MemoryGroup>, environment: Environment<'_>) -> Allowance {
    let asked = of_job(environment);
    let limits = group
        .and_then(MemoryGroup::limit)
        .into_iter()
        .chain(asked.memory_bytes);
    let memory_bytes = limits.filter(|limit| *limit > 0).min();
    Allowance {
        memory_bytes: memory_bytes
            .zip(of_machine())
            .filter(|(limit, machine)| limit < machine)
            .map(|(limit, _)| limit),
        ..asked
    }
}

/// Bytes of the machine's main memory.
pub fn of_machine() -> Option<u64> {
    let meminfo = files::read_text(Path::new("/proc/meminfo"));
    Some(files::field_value(&meminfo, "MemTotal:")?.saturating_mul(MEMINFO_UNIT))
}

/// What the job was given on this machine.
fn of_job(environment: Environment<'_>) -> Allowance {
    let number = |name| environment(name)?.to_str()?.trim().parse::<u64>().ok();
    let of_node = number(env::SLURM_MEM_PER_NODE);
    let of_processors = number(env::SLURM_MEM_PER_CPU)
        .zip(number(env::SLURM_CPUS_ON_NODE))
        .map(|(units, processors)| units.saturating_mul(processors));
    let period = number(env::SLURM_JOB_START_TIME).zip(number(env::SLURM_JOB_END_TIME));
    let seconds = period.and_then(|(start, end)| end.checked_sub(start));
    Allowance {
        // 0 asks for all that there is.
        memory_bytes: of_node
            .or(of_processors)
            .map(|units| units.saturating_mul(SLURM_UNIT))
            .filter(|bytes| *bytes > 0),
        seconds: seconds
            .filter(|seconds| *seconds > 0)
            .map(|seconds| seconds as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn a_job_is_given_what_slurm_says() {
        const GIB: u64 = 1 << 30;
        for (variables, memory_bytes, seconds) in [
            (&[][..], None, None),
            (&[(env::SLURM_MEM_PER_NODE, "65536")], Some(64 * GIB), None),
            (&[(env::SLURM_MEM_PER_NODE, "0")], None, None),
            (&[(env::SLURM_MEM_PER_CPU, "2048")], None, None),
            (
                &[
                    (env::SLURM_MEM_PER_CPU, "2048"),
                    (env::SLURM_CPUS_ON_NODE, "8"),
                ],
                Some(16 * GIB),
                None,
            ),
            (
                &[
                    (env::SLURM_JOB_START_TIME, "1700000000"),
                    (env::SLURM_JOB_END_TIME, "1700003600"),
                ],
                None,
                Some(3600.0),
            ),
            (
                &[
                    (env::SLURM_JOB_START_TIME, "1700003600"),
                    (env::SLURM_JOB_END_TIME, "1700000000"),
                ],
                None,
                None,
            ),
            (&[(env::SLURM_MEM_PER_NODE, "64G")], None, None),
        ] {
            let environment = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let expected = Allowance {
                memory_bytes,
                seconds,
            };
            assert_eq!(of_job(&environment), expected, "{variables:?}");
        }
    }
}
