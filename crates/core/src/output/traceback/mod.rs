//! Reads tracebacks and other signs of death out of the command's output, and tells what is public of them.
//!
//! The stream is hostile: it holds the user's paths, data and secrets between the frames, anything may be torn,
//! mixed or faked. The invariant holds whatever comes: nothing that is read is told, only what the dictionary,
//! the catalogue and the lists of this folder have, and bounded numbers. Memory is bounded likewise.
//!
//! [`TraceReader`] takes the lines as they come and tells sources apart ([`prefix`](crate::output::prefix)); each has a
//! [`machine`] that follows the grammar of tracebacks ([`headers`], [`frames`], [`boxed`], [`types`]). What is
//! public of a frame says [`origin`], of a message [`messages`] and [`shape`]. In the end [`selection`] says
//! which report is the one that the process died of. `run` and `query` use it; it is pure.

mod boxed;
mod escaped;
mod event;
mod fatal;
mod frames;
mod headers;
mod launcher;
mod machine;
mod messages;
mod origin;
mod report;
mod selection;
mod shape;
mod sources;
#[cfg(test)]
mod tests;
mod types;
mod words;
mod wrappers;

use crate::event::ErrorEvent;
use crate::knowledge::{self, Sign, Weight};
use crate::limits::{LINE_BYTES_MAX, TRACE_MARKERS_MAX, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST};
use crate::observation::Stream;
use crate::output::lines::{Line, LineCutter, inner_lines};
use crate::output::prefix::{self, SourcePrefix};
use crate::public::PublicStr;
use crate::status::End;
use launcher::Table;
use machine::Around;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use report::Report;
use sources::Source;
use std::collections::VecDeque;
use words::Words;

/// What every header of a traceback says.
const HEADER: &str = "Traceback (most recent call last)";

/// Lines for which a piece counts that was passed over: more than what a program says when it dies.
const PASSED_LINES: u64 = 1000;

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
    /// The rank that failed first, as the launcher of the ranks says.
    pub first_rank: Option<u64>,
    /// Class of the report that tells most, whether or not the command died of it.
    pub exception_type: Option<PublicStr>,
    /// Signs of a death besides tracebacks, each once, in the order in which they came.
    pub markers: Vec<PublicStr>,
}

impl Judgement {
    /// Whether anything that was read may be of the first rank, which is the one that reports; true where nothing was.
    #[must_use]
    pub fn has_word_of_the_first(&self) -> bool {
        self.reports.is_empty()
            || self
                .reports
                .iter()
                .any(|report| report.rank.is_none_or(|rank| rank == 0))
    }
}

/// The same for many patterns at once, of which the first that matches is wanted.
fn ascii_set<'a>(patterns: impl Iterator<Item = String> + 'a) -> Option<RegexSet> {
    RegexSetBuilder::new(patterns).unicode(false).build().ok()
}

/// Reads the command's output, line by line.
#[derive(Clone, Debug, Default)]
pub struct TraceReader {
    sources: Vec<Source>,
    first: Vec<Report>,
    last: VecDeque<Report>,
    /// Reports between the first and the last that were dropped.
    dropped: u64,
    signs: Vec<Sign>,
    table: Table,
    order: u64,
    /// Lines so far; those that were passed over count as [`PASSED_LINES`].
    lines: u64,
    /// Whether the last line was a log's.
    logged: bool,
}

/// Compiles a pattern that knows ASCII alone. A class of Unicode's has hundreds of ranges, a repeated one
/// thousands of states: with them the first traceback of a run cost a fifth of a second.
fn ascii(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

impl TraceReader {
    /// A reader at the beginning of the output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of a stream whose lines nobody else wants: those of a quiet log are not even cut.
    pub fn bytes(&mut self, stream: Stream, at: f64, cutter: &mut LineCutter, bytes: &[u8]) {
        let (head, middle, tail) = inner_lines(bytes).unwrap_or((bytes, &[], &[]));
        cutter.push(head, |line| self.line(stream, at, &line));
        if self.skip(stream, middle) {
            cutter.skip(|line| self.line(stream, at, &line));
        } else {
            cutter.push(middle, |line| self.line(stream, at, &line));
        }
        cutter.push(tail, |line| self.line(stream, at, &line));
    }

    /// Takes the next line of a stream; `at` is in seconds since the command's spawn.
    pub fn line(&mut self, stream: Stream, at: f64, line: &Line<'_>) {
        match prefix::logged_line(line.text) {
            Some(lines) => lines
                .split(['\n', '\r'])
                .for_each(|text| self.text(stream, at, text)),
            None => self.text(stream, at, line.text),
        }
    }

    fn text(&mut self, stream: Stream, at: f64, text: &str) {
        self.lines = self.lines.saturating_add(1);
        let words = Words::of(text);
        if !words.stand_out() && !self.table.is_open() && self.is_between_reports(stream) {
            self.remember(text, words);
            return;
        }
        match if words.have(Words::HEADER) {
            escaped::lines(text)
        } else {
            None
        } {
            Some(lines) => {
                self.logged = true;
                for line in lines {
                    self.plain(stream, at, &line, Words::of(&line));
                }
            }
            None => self.plain(stream, at, text, words),
        }
    }

    /// Passes over whole lines of a stream; false where one of them has to be read.
    pub fn skip(&mut self, stream: Stream, lines: &[u8]) -> bool {
        if lines.is_empty()
            || self.table.is_open()
            || !self.is_between_reports(stream)
            || !words::are_absent(lines)
        {
            return false;
        }
        self.lines = self.lines.saturating_add(PASSED_LINES);
        let mut backwards = lines.rsplit(|byte| matches!(byte, b'\n' | b'\r'));
        if let Some(last) = backwards.find(|line| !line.trim_ascii().is_empty()) {
            let last = String::from_utf8_lossy(last.get(..LINE_BYTES_MAX).unwrap_or(last));
            self.remember(&last, Words::of(&last));
        }
        true
    }

    fn is_between_reports(&self, stream: Stream) -> bool {
        self.sources
            .iter()
            .all(|source| source.stream != stream || source.machine.is_idle())
    }

    /// Keeps of a line what matters to the next one.
    fn remember(&mut self, text: &str, words: Words) {
        if !text.trim().is_empty() {
            self.logged = words.have(Words::LOG) && prefix::is_log_line(text);
        }
    }

    /// A line as it is.
    fn plain(&mut self, stream: Stream, at: f64, text: &str, words: Words) {
        self.order = self.order.saturating_add(1);
        let opens = words.have(Words::HEADER) || words.have(Words::NATIVE);
        let opening = if opens {
            headers::before_opening(text)
        } else {
            None
        }
        .or_else(|| {
            let may_begin = words.have(Words::FRAME) && self.is_between_reports(stream);
            if may_begin {
                headers::before_frame(text)
            } else {
                None
            }
        })
        .map(SourcePrefix::of);
        let (index, rest) = self.source(stream, text, opening);
        let mut done = Vec::new();
        if let Some(source) = self.sources.get_mut(index) {
            let logged = self.logged || source.prefix.is_a_log();
            let around = Around {
                logged,
                rank: source.prefix.rank(),
                at,
                order: self.order,
                line: self.lines,
                words,
            };
            source.used = self.order;
            source.machine.line(rest, around, &mut done);
            self.look_for_signs(rest, words);
        }
        self.keep(done);
        self.remember(text, words);
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

    fn look_for_signs(&mut self, text: &str, words: Words) {
        let text = prefix::strip(text);
        if words.have(Words::TABLE) || self.table.is_open() {
            self.table.line(text);
        }
        if words.have(Words::SIGN)
            && let Some(sign) = knowledge::sign(text)
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
        reports.extend(
            self.sources
                .iter()
                .filter_map(|source| source.machine.pending()),
        );
        reports.sort_by_key(|report| report.order);
        let found = selection::Found {
            reports: &reports,
            signs: &self.signs,
            root: self.table.cause(),
            dropped: self.dropped,
            lines: self.lines,
        };
        selection::judge(&found, end)
    }
}
