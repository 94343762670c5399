//! When the batch system ends the job, in seconds since 1970.

use crate::store::job::seconds;
use axolotl_run_core::env;
use std::time::SystemTime;

/// As the job's environment says it.
pub fn of_job() -> Option<f64> {
    let end = std::env::var(env::SLURM_JOB_END_TIME).ok()?;
    let end: f64 = end.trim().parse().ok()?;
    end.is_finite().then_some(end)
}

/// Seconds that are left until then; negative afterwards.
pub fn seconds_until(end: f64) -> f64 {
    end - seconds(SystemTime::now())
}
