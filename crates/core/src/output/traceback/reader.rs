//! Takes the lines as they come and tells their sources apart, each of which has a parser.
//!
//! The number of sources and of reports is bounded: where it is reached, the source that was silent longest is given up,
//! and of the reports the middle is counted. A quiet piece of output is passed over without being cut into lines.

use super::grammar::launcher::Table;
use super::grammar::words::{self, Words};
use super::grammar::{escaped, frames, headers};
use super::parser::{Around, Parser};
use super::report::{Report, Standing};
use super::selection::{self, Judgement};
use crate::knowledge::{self, Sign};
use crate::limits::{
    LINE_BYTES_MAX, TRACE_MARKERS_MAX, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST, TRACE_STREAMS_MAX,
};
use crate::observation::Stream;
use crate::output::lines::{Line, LineCutter, inner_lines};
use crate::output::prefix::{self, SourcePrefix};
use crate::status::End;
use std::collections::VecDeque;

/// Lines for which a piece counts that was passed over: more than what a program says when it dies.
const PASSED_LINES: u64 = 1000;

/// Lines behind something like an error in which a launcher may say that it starts its workers again.
const RESTART_LINES_MAX: u32 = 200;

/// Lines behind a header in which its first frame, or the title of its first thread, must come to be adopted: an
/// empty one may stand between.
const ADOPTED_LINES_MAX: u64 = 2;

/// One source of lines: a stream, or what stands behind a prefix in it.
#[derive(Clone, Debug)]
struct Source {
    /// The stream.
    stream: Stream,
    /// What stands before its lines.
    prefix: SourcePrefix,
    /// Whether a second line had the prefix; a log may put it before the header alone.
    confirmed: bool,
    /// What reads its lines.
    parser: Parser,
    /// Number of the line that it read last.
    used: u64,
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
    /// Lines in which the launcher may still say that it starts again.
    watched: u32,
    /// Whether the last line was a log's.
    logged: bool,
}

impl TraceReader {
    /// A reader at the beginning of the output.
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
        if self.watched > 0 {
            self.watched -= 1;
            if knowledge::restarts(text) {
                self.start_again();
            }
        }
        if words.have(Words::ERROR) {
            self.watched = RESTART_LINES_MAX;
        }
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
            || self.watched > 0
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
            .all(|source| source.stream != stream || source.parser.is_idle())
    }

    /// Keeps of a line what matters to the next one.
    fn remember(&mut self, text: &str, words: Words) {
        if !text.trim().is_empty() {
            self.logged = words.have(Words::LOG) && prefix::is_log_line(text);
        }
    }

    /// The launcher starts its workers again: what was printed so far was survived.
    fn start_again(&mut self) {
        let mut done = Vec::new();
        for source in &mut self.sources {
            source.parser.close(&mut done);
        }
        self.keep(done);
        for report in self.first.iter_mut().chain(&mut self.last) {
            report.standing = report.standing.min(Standing::Survived);
        }
        self.table = Table::default();
        self.watched = 0;
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
            let logged = self.logged || source.prefix.is_a_log;
            let around = Around {
                logged,
                rank: source.prefix.rank,
                at,
                order: self.order,
                line: self.lines,
                words,
            };
            source.used = self.order;
            source.parser.line(rest, around, &mut done);
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
    pub fn finish(&self, end: Option<End>) -> Judgement {
        let mut reports: Vec<Report> = self.first.iter().chain(&self.last).cloned().collect();
        reports.extend(
            self.sources
                .iter()
                .filter_map(|source| source.parser.pending()),
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

    /// The source of a line, made where it is new, and the line without its prefix.
    fn source<'a>(
        &mut self,
        stream: Stream,
        text: &'a str,
        opening: Option<SourcePrefix>,
    ) -> (usize, &'a str) {
        self.adopt(stream, text);
        for loosely in [false, true] {
            let known = self
                .sources
                .iter_mut()
                .enumerate()
                .filter(|(_, source)| source.stream == stream && !source.prefix.is_empty());
            let best = known
                .filter_map(|(index, source)| {
                    Some((
                        index,
                        source.prefix.len(),
                        source.prefix.strip(text, loosely)?,
                    ))
                })
                .max_by_key(|(_, length, _)| *length);
            if let Some((index, _, rest)) = best {
                if let Some(source) = self.sources.get_mut(index) {
                    source.confirmed = true;
                }
                return (index, rest);
            }
        }
        if let Some(prefix) = opening.filter(|prefix| !prefix.is_empty()) {
            let rest = prefix.strip(text, false).unwrap_or(text);
            return (self.add(stream, prefix), rest);
        }
        let bare = self
            .sources
            .iter()
            .position(|source| source.stream == stream && source.prefix.is_empty());
        (
            bare.unwrap_or_else(|| self.add(stream, SourcePrefix::default())),
            text,
        )
    }

    /// A frame whose prefix is not its header's.
    ///
    /// Shorter, or none: the rest of the header's was a log line's that the header ended, or markup. Longer: the header
    /// stood behind a bar, whose line the collector had begun before the bar.
    fn adopt(&mut self, stream: Stream, text: &str) {
        let near = self.order.saturating_sub(ADOPTED_LINES_MAX);
        let waits = |source: &Source| {
            source.stream == stream
                && source.used >= near
                && if source.prefix.is_empty() {
                    source.parser.awaits_first_frame()
                } else {
                    !source.confirmed
                }
        };
        if !self.sources.iter().any(waits) {
            return;
        }
        let before_box = text.split_once('│').map(|(before, _)| before);
        let own = match headers::before_frame(text).or(before_box) {
            Some(before) => SourcePrefix::of(before),
            None if frames::quoted(text).is_some() || headers::thread(text).is_some() => {
                SourcePrefix::default()
            }
            None => return,
        };
        if !own.is_empty() {
            self.move_behind(stream, &own, waits);
        }
        let shorter = own;
        let header = self
            .sources
            .iter()
            .position(|source| waits(source) && source.prefix.continues(&shorter));
        let Some(mut header) = header.map(|index| self.sources.swap_remove(index)) else {
            return;
        };
        let mut done = Vec::new();
        self.sources.retain_mut(|source| {
            let replaced = source.stream == stream && source.prefix == shorter;
            if replaced {
                source.parser.close(&mut done);
            }
            !replaced
        });
        self.keep(done);
        header.prefix = shorter;
        self.sources.push(header);
    }

    /// Moves the report that a header without a prefix has opened to the source of its first frame.
    fn move_behind(
        &mut self,
        stream: Stream,
        prefix: &SourcePrefix,
        waits: impl Fn(&Source) -> bool,
    ) {
        let bare = self
            .sources
            .iter()
            .position(|source| source.prefix.is_empty() && waits(source));
        let busy = self.sources.iter().any(|source| {
            source.stream == stream && source.prefix == *prefix && !source.parser.is_idle()
        });
        let Some(bare) = bare.filter(|_| !busy) else {
            return;
        };
        let parser = std::mem::take(&mut self.sources[bare].parser);
        let index = self.add(stream, prefix.clone());
        let source = &mut self.sources[index];
        let mut done = Vec::new();
        source.parser.close(&mut done);
        source.parser = parser;
        self.keep(done);
    }

    /// The source of a new prefix; it is an old one where a progress bar stood before the prefix.
    fn add(&mut self, stream: Stream, prefix: SourcePrefix) -> usize {
        if let Some(index) = self
            .sources
            .iter()
            .position(|source| source.stream == stream && source.prefix == prefix)
        {
            return index;
        }
        if self.sources.len() >= TRACE_STREAMS_MAX {
            let oldest = self
                .sources
                .iter()
                .enumerate()
                .min_by_key(|(_, source)| source.used)
                .map(|(index, _)| index);
            if let Some(mut source) = oldest.map(|index| self.sources.swap_remove(index)) {
                let mut done = Vec::new();
                source.parser.close(&mut done);
                self.keep(done);
            }
        }
        self.sources.push(Source {
            stream,
            prefix,
            confirmed: false,
            parser: Parser::default(),
            used: self.order,
        });
        self.sources.len().saturating_sub(1)
    }
}
