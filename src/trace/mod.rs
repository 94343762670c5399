//! Reads tracebacks and other signs of death out of the command's output, and tells what is public of them.
//!
//! The stream is hostile: it holds the user's paths, data and secrets between the frames, anything may be torn,
//! mixed or faked. The invariant holds whatever comes: nothing that is read is told, only what the dictionary,
//! the catalogue and the lists of this folder have, and bounded numbers. Memory is bounded likewise.
//!
//! [`TraceReader`] takes the lines as they come and tells sources apart ([`prefix`]); each has a
//! [`machine`] that follows the grammar of tracebacks ([`headers`], [`frames`], [`boxed`], [`types`]). What is
//! public of a frame says [`origin`], of a message [`messages`] and [`shape`]. In the end [`selection`] says
//! which report is the one that the process died of. `run` and `query` use it; it is pure.

mod boxed;
mod escaped;
mod event;
mod frames;
mod headers;
mod launcher;
mod machine;
mod markers;
mod messages;
mod origin;
mod prefix;
mod report;
mod selection;
mod shape;
mod sources;
#[cfg(test)]
mod tests;
mod types;

use crate::event::ErrorEvent;
use crate::limits::{TRACE_MARKERS_MAX, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST};
use crate::lines::Line;
use crate::observation::Stream;
use crate::public::PublicStr;
use crate::status::End;
use launcher::Table;
use machine::Around;
use markers::{Sign, Weight};
use prefix::Prefix;
use regex::bytes::{Regex, RegexBuilder};
use report::Report;
use sources::Source;
use std::collections::VecDeque;
use std::sync::LazyLock;

/// What the output says about the command's end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The error that the command died of; None where it did not, or was interrupted.
    pub error: Option<ErrorEvent>,
    /// Tracebacks that the program printed and survived.
    pub handled_count: u64,
    /// Whether somebody stopped the command (Ctrl-C, a signal to terminate): no error.
    pub interrupted: bool,
    /// All independent reports; a chain or a group counts once.
    pub reports: Vec<ErrorEvent>,
    /// Class of the report that tells most, whether or not the command died of it.
    pub exception_type: Option<PublicStr>,
    /// Signs of a death besides tracebacks, each once, in the order in which they came.
    pub markers: Vec<PublicStr>,
}

/// Reads the command's output, line by line.
#[derive(Clone, Debug, Default)]
pub struct TraceReader {
    sources: Vec<Source>,
    first: Vec<Report>,
    last: VecDeque<Report>,
    /// Reports between the first and the last that were dropped.
    dropped: u64,
    signs: Vec<&'static Sign>,
    table: Table,
    order: u64,
    /// Whether the last line was a log's.
    logged: bool,
}

/// Compiles a pattern that knows ASCII alone. A class of Unicode's has hundreds of ranges, a repeated one
/// thousands of states: with them the first traceback of a run cost a fifth of a second.
fn ascii(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// What a line must hold to matter to a source that is between reports. Progress bars hold nothing of it, so
/// that a long training costs one scan of each of its lines.
static STANDS_OUT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = [
        r"most recent call",
        r"─ Traceback",
        r#"File ""#,
        r"above exception",
        r"\+---",
        r"Error",
        r"error",
        r"Exception",
        r"exception",
        r"Interrupt",
        r"terminate called",
        r"what\(\):",
        r"[Kk]illed",
        r"segmentation",
        r"Segmentation",
        r"Abort",
        r"ABORT",
        r"abort",
        r"Bus error",
        r"Illegal instruction",
        r"Floating point",
        r"Terminated",
        r"oom",
        r"Out of memory",
        r"smashing",
        r"overflow detected",
        r"free",
        r"malloc",
        r"munmap",
        r"corrupted",
        r"Assertion",
        r"panic",
        r"goroutine",
        r"NCCL",
        r"Watchdog",
        r"CANCELLED",
        r"local_rank",
        r"exitcode",
        r"Root Cause",
        r"====",
        r"Connection refused",
        r"shared memory",
        r"No space left",
        r"Timeout \(",
        r"Warning",
        r"Failure",
        r"Process ",
        r"Exit",
        r"Sub-exception",
        r"out of memory",
        r"errno",
        r"Unavailable",
        r"sigkill",
        r"taking the entire process",
    ];
    ascii(&words.join("|"))
});

impl TraceReader {
    /// A reader at the beginning of the output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line of a stream; `at` is in seconds since the command's spawn.
    pub fn line(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        let text = line.text;
        let stands_out = STANDS_OUT.as_ref().is_none_or(|pattern| pattern.is_match(text.as_bytes()));
        let busy = self.sources.iter().any(|source| source.stream == stream && !source.machine.is_idle());
        if !stands_out && !busy {
            if !text.trim().is_empty() {
                self.logged = prefix::is_log_line(text);
            }
            return;
        }
        match escaped::lines(text) {
            Some(lines) => {
                self.logged = true;
                for line in lines {
                    self.plain(stream, at, &line);
                }
            }
            None => self.plain(stream, at, text),
        }
    }

    /// A line as it is.
    fn plain(&mut self, stream: Stream, at: f64, text: &str) {
        self.order = self.order.saturating_add(1);
        let idle = || self.sources.iter().all(|source| source.stream != stream || source.machine.is_idle());
        let opening = headers::before_opening(text)
            .or_else(|| if idle() { headers::before_frame(text) } else { None })
            .map(Prefix::of);
        let (index, rest) = self.source(stream, text, opening);
        let mut done = Vec::new();
        if let Some(source) = self.sources.get_mut(index) {
            let logged = self.logged || source.prefix.is_a_log();
            let around = Around { logged, rank: source.prefix.rank(), at, order: self.order };
            source.used = self.order;
            source.machine.line(rest, around, &mut done);
            self.look_for_signs(rest);
        }
        self.keep(done);
        if !text.trim().is_empty() {
            self.logged = prefix::is_log_line(text);
        }
    }

    fn keep(&mut self, done: Vec<Report>) {
        for report in done {
            if self.first.len() < TRACE_REPORTS_FIRST {
                self.first.push(report);
                continue;
            }
            if self.last.len() >= TRACE_REPORTS_LAST {
                self.last.pop_front();
                self.dropped = self.dropped.saturating_add(1);
            }
            self.last.push_back(report);
        }
    }

    fn look_for_signs(&mut self, text: &str) {
        self.table.line(text);
        if let Some(sign) = markers::sign(text)
            && self.signs.len() < TRACE_MARKERS_MAX
            && !self.signs.iter().any(|known| known.says == sign.says)
        {
            self.signs.push(sign);
        }
    }

    /// What the output says about this end of the command; None where nobody knows the end (a saved log).
    ///
    /// Without an end it is assumed that the command failed: nobody asks a log why it succeeded.
    #[must_use]
    pub fn finish(&self, end: Option<End>) -> Judgement {
        let mut reports: Vec<Report> = self.first.iter().chain(&self.last).cloned().collect();
        reports.extend(self.sources.iter().filter_map(|source| source.machine.pending()));
        reports.sort_by_key(|report| report.order);
        let found =
            selection::Found { reports: &reports, signs: &self.signs, root: self.table.cause(), dropped: self.dropped };
        selection::judge(&found, end)
    }
}
