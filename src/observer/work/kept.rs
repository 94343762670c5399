//! What is kept beside the events: for the owner alone, and of the run's place in its job.

use crate::observer::job::JobKeeper;
use crate::observer::reporter::Reporter;
use crate::owner_record::OwnerWriter;
use crate::protocol::observer_config::ObserverConfig;
use crate::protocol::run_request::OwnerSide;
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::launch::job::JobPart;
use axolotl_run_core::observation::Failure;
use axolotl_run_core::output::tail::OutputTail;
use std::ffi::OsString;
use std::path::Path;

/// Both.
pub struct Kept {
    /// For the owner alone, where the run is recorded for them.
    pub writer: Option<OwnerWriter>,
    job: Option<JobKeeper>,
}

impl Kept {
    /// Begins. `named`: the configuration of `--config`.
    pub fn begin(
        config: &ObserverConfig,
        command: &[OsString],
        command_line: &CommandLine<'_>,
        named: Option<&Path>,
        directory: &Path,
    ) -> Self {
        let mut writer = None;
        if config.settings.owner_side != OwnerSide::Nothing {
            let begun = OwnerWriter::new(command, named, directory, config.spawned_at);
            writer = Some(begun);
        }
        Self {
            writer,
            job: JobKeeper::begin(config.settings.part, command_line, config.spawned_at),
        }
    }

    /// Writes down what is new.
    pub fn look(
        &mut self,
        reporter: Option<&Reporter>,
        tail: Option<&OutputTail>,
        part: JobPart,
        pids: &[u32],
    ) {
        let Some(run_directory) = reporter.and_then(|reporter| reporter.journal.directory()) else {
            return;
        };
        if let Some(writer) = &mut self.writer {
            writer.write(run_directory, tail);
        }
        if let Some(job) = &mut self.job {
            job.look(run_directory, part, pids);
        }
    }

    /// The command has ended, so many seconds after it began.
    pub fn end_job(
        &mut self,
        reporter: &Reporter,
        part: JobPart,
        lasted: f64,
        failure: Option<Failure>,
    ) {
        if let Some(job) = &mut self.job
            && let Some(run_directory) = reporter.journal.directory()
        {
            // Which part it is may have shown late.
            job.look(run_directory, part, &[]);
            job.end(run_directory, lasted, failure);
        }
    }
}
