//! Writes the owner's side of a record while the run lasts.
//!
//! Each file is written anew and takes the old one's place in one step, so that a run that loses its observer keeps what
//! was written last. What cannot be written is lost: nothing of the run depends on it.

use super::facts::{OwnerFacts, ResumePoint};
use super::names::{FACTS, OUTPUT};
use axolotl_run_core::observation::Stream;
use axolotl_run_core::output::tail::OutputTail;
use axolotl_run_core::privacy::SecretMask;
use axolotl_run_sys::files::{Access, Directory};
use axolotl_run_sys::local_time::LocalTime;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The name under which a file is written before it takes its place.
const NEW: &str = "owner.new";

/// What the observer keeps for the owner.
pub struct OwnerWriter {
    facts: OwnerFacts,
    secret_mask: SecretMask,
    spawned: SystemTime,
    are_facts_written: bool,
    /// How many lines had been taken when the output was written last.
    lines_written: u64,
}

impl OwnerWriter {
    /// What is known when the command is started. `named`: the configuration of `--config`.
    pub fn new(
        command: &[OsString],
        named: Option<&Path>,
        directory: &Path,
        spawned: SystemTime,
    ) -> Self {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let text = |word: OsString| word.to_string_lossy().into_owned();
            environment.push((text(name), text(value)));
        }
        let secret_mask = SecretMask::of_environment(&environment);
        Self {
            facts: OwnerFacts::new(command, named, directory, spawned, &secret_mask),
            secret_mask,
            spawned,
            are_facts_written: false,
            lines_written: 0,
        }
    }

    /// The error that the command died of, as it was printed.
    pub fn take_error(&mut self, printed: Option<String>) {
        if let Some(printed) = printed {
            self.facts.traceback = Some(self.secret_mask.mask(&printed));
            self.are_facts_written = false;
        }
    }

    /// Where its processes were that stood still.
    pub fn take_stacks(&mut self, stacks: &str) {
        if !stacks.is_empty() {
            self.facts.stacks = Some(self.secret_mask.mask(stacks));
            self.are_facts_written = false;
        }
    }

    /// The last whole checkpoint of the run, its step, and whose form it has.
    pub fn take_checkpoint(&mut self, path: &Path, step: u64, form: &str) {
        let path = path.to_string_lossy();
        let resume_point = ResumePoint {
            step,
            resume: self.facts.resume_words(&path, form),
            path: self.secret_mask.mask(&path),
        };
        self.facts.checkpoint = Some(resume_point);
        self.are_facts_written = false;
    }

    /// Writes what is new into the run's directory. `tail` is None where no output is kept.
    pub fn write(&mut self, run_directory: &Directory, tail: Option<&OutputTail>) {
        if !self.are_facts_written
            && let Ok(facts_text) = serde_json::to_string_pretty(&self.facts)
        {
            self.are_facts_written = replace(run_directory, FACTS, &facts_text).is_ok();
        }
        if let Some(tail) = tail
            && tail.taken != self.lines_written
            && replace(run_directory, OUTPUT, &self.output_text(tail)).is_ok()
        {
            self.lines_written = tail.taken;
        }
    }

    fn output_text(&self, tail: &OutputTail) -> String {
        let mut text = String::new();
        for line in tail.lines() {
            let since_spawn = Duration::try_from_secs_f64(line.at).unwrap_or_default();
            let moment = self
                .spawned
                .checked_add(since_spawn)
                .and_then(LocalTime::of);
            let moment = moment
                .map(|local| local.to_millisecond())
                .unwrap_or_default();
            let stream = match line.stream {
                Stream::Stdout => "out",
                Stream::Stderr => "err",
                Stream::Both => "all",
            };
            text.push_str(&format!("{moment} {stream} {}\n", line.text));
        }
        self.secret_mask.mask(&text)
    }
}

fn replace(run_directory: &Directory, name: &str, text: &str) -> io::Result<()> {
    let _ = run_directory.remove_file(NEW);
    let mut file = run_directory.file(NEW, Access::CreateNew)?;
    file.write_all(text.as_bytes())?;
    run_directory.rename(NEW, name)
}
