//! What the run's owner is told when it ends, where they asked for it: a few lines on stderr, six on a page of CI. Who
//! wanted a record and gets none is told so in any case.
//!
//! The observer has no stderr, and must not keep one: whoever waits for the last copy to be closed waits for the
//! command. So the finished lines go through a pipe to the supervisor, which prints them as its last act; they are
//! fewer bytes than a pipe holds, so that nobody ever waits. The page's file is appended to here, on a thread, because
//! its file system may not answer. What cannot be told is lost: no word of ours is worth a run.

use super::notices::Notices;
use crate::protocol::observer_config::ObserverConfig;
use crate::store::StoreProblem;
use axolotl_run_core::env;
use axolotl_run_core::event::Event;
use axolotl_run_core::judging::summary::{Summary, lines};
use axolotl_run_core::launch::command_line::CommandLine;
use axolotl_run_core::limits;
use axolotl_run_core::output::progress::Training;
use axolotl_run_core::series::SeriesLine;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::{descriptors, flow, probe};
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// How long the file of a page of continuous integration may take to be appended to.
const PAGE_WAIT: Duration = Duration::from_secs(1);

/// Digits of a run's identity that tell it from others.
const SHORT: usize = 8;

/// The owner, who wants to hear something at the end, or before.
pub struct Owner {
    /// What there is to say.
    pub figures: Summary,
    last_words: Option<OwnedFd>,
    has_summary: bool,
    /// Whether the last line on stderr has not ended.
    pub is_line_open: bool,
    page: Option<PathBuf>,
    /// Who else is told.
    pub notices: Option<Notices>,
}

impl Owner {
    /// Takes the wishes from the config; None where there are none. `directory` is where relative paths begin.
    pub fn wishing(
        config: &ObserverConfig,
        command_line: &CommandLine<'_>,
        directory: &Path,
    ) -> Option<Self> {
        let notices = Notices::of(config, command_line, directory);
        let last_words = config.last_words.and_then(descriptors::adopt);
        let mut page = None;
        if config.settings.ci_summary {
            page = self::page().map(|path| directory.join(path));
        }
        if last_words.is_none() && page.is_none() && notices.is_none() {
            return None;
        }
        Some(Self {
            figures: Summary::default(),
            last_words,
            has_summary: config.settings.summary,
            is_line_open: false,
            page,
            notices,
        })
    }

    /// Takes an event that is reported now.
    pub fn reported(&mut self, event: &Event, elapsed_seconds: f64) {
        self.figures.take_reported(event, elapsed_seconds);
        if let Some(notices) = &mut self.notices {
            notices.reported(&self.figures);
        }
    }

    /// Takes a line of the time series.
    pub fn measured(&mut self, line: &SeriesLine) {
        self.figures.measure(line);
        if let Some(notices) = &mut self.notices {
            notices.measured(&self.figures);
        }
    }

    /// Looks at what the training says.
    pub fn look(&mut self, training: &Training) {
        if let Some(notices) = &mut self.notices {
            notices.look(&self.figures, training);
        }
    }

    /// Tells the owner how the run went, and what became of its record.
    pub fn tell(&mut self, run: Uuid, record: &Record<'_>) {
        if let Some(notices) = &mut self.notices {
            notices.ended(&self.figures);
        }
        if let Some(pipe) = self.last_words.take() {
            let summary = self.has_summary.then_some(&self.figures);
            let mut words = record.last_words(run, summary);
            if self.is_line_open && !words.is_empty() {
                words.insert(0, '\n');
            }
            say(&pipe, &words);
        }
        if let Some(page) = self.page.take() {
            append_in_time(page, lines::markdown(&self.figures));
        }
    }
}

/// What became of a run's record.
pub enum Record<'a> {
    /// It is in this directory, but for so many of its events.
    In(PathBuf, u64),
    /// There is none.
    Nowhere(&'a StoreProblem),
}

impl Record<'_> {
    /// What is wrong with it; None where it is whole.
    fn problem(&self) -> Option<String> {
        match self {
            Self::In(_, 0) => None,
            Self::In(place, unwritten) => Some(format!(
                "not recorded in full: {unwritten} of its events could not be written to {}",
                place.display()
            )),
            Self::Nowhere(problem) => Some(format!("not recorded: failed to {problem}")),
        }
    }

    /// What is said on stderr: the summary, where it is wished for, or only what is wrong.
    pub fn last_words(&self, run: Uuid, summary: Option<&Summary>) -> String {
        let words = match (summary, self.problem(), self) {
            (Some(summary), Some(problem), _) => lines::lines(summary, &problem),
            (Some(summary), None, Self::In(place, _)) => {
                let (place, run) = (place.display(), run.to_string());
                let record =
                    format!("recorded in {place}; `axolotl-run --report {run:.SHORT$}` shows it");
                lines::lines(summary, &record)
            }
            (None, Some(problem), _) => format!("axolotl-run: warning: this run is {problem}\n"),
            _ => String::new(),
        };
        bounded(&words).to_owned()
    }
}

/// Writes what the launcher is to print to its pipe, which is empty and takes it whole.
pub(super) fn say(pipe: &OwnedFd, words: &str) {
    if !words.is_empty() {
        flow::set_nonblocking(pipe.as_fd());
        let _ = flow::write(pipe.as_fd(), words.as_bytes());
    }
}

/// The file of the job's page.
pub(super) fn page() -> Option<PathBuf> {
    let path = std::env::var_os(env::GITHUB_STEP_SUMMARY)?;
    (!path.is_empty()).then(|| path.into())
}

/// As many whole lines as the pipe is sure to take.
fn bounded(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let next = line.len().saturating_add(end);
        if next > limits::SUMMARY_BYTES_MAX {
            break;
        }
        end = next;
    }
    text.get(..end).unwrap_or_default()
}

/// Appends to a file, unless that takes too long.
fn append_in_time(path: PathBuf, text: String) {
    let given = (path.clone(), text.clone());
    match Background::<(), ()>::once("page", move || append(&given.0, &given.1)) {
        Some(mut thread) => drop(thread.wait(PAGE_WAIT)),
        // There is no room for a thread; the supervisor's wait has an end of its own.
        None => append(&path, &text),
    }
}

/// Appends to a file, however long that takes.
pub(super) fn append(path: &Path, text: &str) {
    if let Ok((mut file, is_whole)) = probe::append_to_regular(path) {
        let end = if is_whole { "" } else { "\n" };
        let _ = file.write_all(format!("{end}{text}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_is_recorded_is_said_as_it_is() {
        let place = PathBuf::from("/state/run");
        let link = StoreProblem::Link("/state".into());
        for (record, expected, warns) in [
            (
                Record::In(place.clone(), 0),
                "recorded in /state/run; `axolotl-run --report 00000000` shows it",
                false,
            ),
            (
                Record::In(place, 2),
                "not recorded in full: 2 of its events could not be written to /state/run",
                true,
            ),
            (
                Record::Nowhere(&link),
                "not recorded: failed to use `/state`: it is a symbolic link",
                true,
            ),
        ] {
            let summary = record.last_words(Uuid::nil(), Some(&Summary::default()));
            assert!(summary.contains(expected), "{summary}");
            let alone = record.last_words(Uuid::nil(), None);
            let expected = format!("axolotl-run: warning: this run is {expected}");
            assert_eq!(alone.starts_with(&expected), warns, "{alone}");
            assert_eq!(alone.is_empty(), !warns, "{alone}");
        }
    }

    #[test]
    fn what_is_too_long_loses_whole_lines() {
        let line = format!("{}\n", "ä".repeat(700));
        let text = line.repeat(9);
        assert_eq!(bounded(&text), line.repeat(2));
        assert_eq!(bounded("short\n"), "short\n");
    }
}
