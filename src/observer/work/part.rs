//! Which part of its job a run is: what is looked for and how often, and who reports.

use super::facts::Facts;
use crate::metrics::accelerator::Gpus;
use crate::metrics::gather;
use crate::observer::owner::Owner;
use crate::observer::reporter::Reporter;
use crate::observer::surroundings;
use crate::protocol::run_request::RunSettings;
use axolotl_run_core::config::Vetted;
use axolotl_run_core::consent::Sending;
use axolotl_run_core::event::Start;
use axolotl_run_core::launch::job::JobPart;
use axolotl_run_core::limits;
use axolotl_run_core::privacy::Gate;
use axolotl_run_sys::background::Background;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a look at the workers' ranks may leave the first event waiting; then this is the main process.
pub const RANK_WAIT: Duration = Duration::from_secs(600);
/// Between two measurements of a process of whose machine another launcher records the rest: a sign of life.
const TASK_PERIOD: Duration = Duration::from_secs(30);

/// What is looked for when a run begins.
pub struct Looked {
    pub configuration: Option<Background<(), Result<Vetted, surroundings::Unread>>>,
    pub gathering: Option<Background<Vec<u32>, Start>>,
    pub gpus: Gpus,
    pub facts: Facts,
}

impl Looked {
    /// Of a process of whose machine another launcher knows the rest, nothing is looked for.
    pub fn begin(
        part: JobPart,
        command: &[OsString],
        training_config: Option<PathBuf>,
        directory: &Path,
    ) -> Self {
        if part == JobPart::Task {
            return Self {
                configuration: None,
                gathering: None,
                gpus: Gpus::unmeasured(),
                facts: Facts::unasked(),
            };
        }
        let (command, directory) = (command.to_vec(), directory.to_owned());
        Self {
            configuration: surroundings::configuration(command.clone(), training_config, directory),
            gathering: gather(command, std::env::vars_os().collect()),
            gpus: Gpus::start(),
            facts: Facts::default(),
        }
    }
}

/// What is needed to report, and waits until it is known who reports.
pub struct Undecided {
    pub gate: Gate,
    pub owner: Option<Owner>,
}

impl Undecided {
    /// Opens the reporter. Where the lowest rank here is not 0, another machine reports, and this one is recorded.
    pub fn open(self, settings: &mut RunSettings, lowest_rank: Option<u64>) -> Reporter {
        let mut owner = self.owner;
        if lowest_rank.is_some_and(|rank| rank > 0) {
            owner = None;
            settings.sending = Sending::Forbidden;
            settings.part = JobPart::Node;
        }
        Reporter::open(*settings, self.gate, owner)
    }
}

/// Between two measurements, once a run is old.
pub const fn sample_period(part: JobPart) -> Duration {
    match part {
        JobPart::Main | JobPart::Node => limits::SAMPLE_PERIOD,
        JobPart::Task => TASK_PERIOD,
    }
}
