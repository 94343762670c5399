//! Takes the lines as they come and tells their sources apart, each of which has a parser.
//!
//! The number of sources and of reports is bounded: where it is reached, the source that was silent longest is given up,
//! and of the reports the middle is counted. A quiet piece of output is passed over without being cut into lines.

use super::grammar::launcher::Table;
use super::grammar::words::{self, LineWords};
use super::grammar::{escaped, frames, headers};
use super::parser::{Around, Parser};
use super::report::{ErrorReport, FirstAndLast, Standing};
use super::selection::{self, Judgement};
use crate::knowledge::{self, Sign, lists::Question};
use crate::limits::{LINE_BYTES_MAX, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST, TRACE_STREAMS_MAX};
use crate::observation::Stream;
use crate::output::lines::{Line, LineCutter, inner_lines};
use crate::output::prefix::{self, SourcePrefix};
use crate::status::End;

/// Signs of a death that are kept.
const TRACE_MARKERS_MAX: usize = 32;

/// Lines for which a piece counts that was passed over: more than what a program says when it dies.
const PASSED_LINES: u64 = 1000;

/// Lines behind something like an error in which a launcher may say that it starts its workers again.
const RESTART_LINES_MAX: u32 = 200;

/// Lines behind a header in which its first frame, or the title of its first thread, must come to be adopted: an
/// empty one may stand between.
const ADOPTED_LINES_MAX: u64 = 2;

/// One source of lines: a stream, or what stands behind a prefix in it.
#[derive(Clone, Debug)]
struct LineSource {
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
    sources: Vec<LineSource>,
    reports: FirstAndLast<ErrorReport, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST>,
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
        let Some(lines) = prefix::logged_line(line.text) else {
            return self.text(stream, at, line.text);
        };
        for text in lines.split(['\n', '\r']) {
            self.text(stream, at, text);
        }
    }

    fn text(&mut self, stream: Stream, at: f64, text: &str) {
        self.lines = self.lines.saturating_add(1);
        let words = LineWords::of(text);
        if self.watched > 0 {
            self.watched -= 1;
            if knowledge::restarts(text) {
                self.start_again();
            }
        }
        if words.have(Question::Error) {
            self.watched = RESTART_LINES_MAX;
        }
        if !words.stand_out() && !self.table.is_open && self.is_between_reports(stream) {
            self.remember(text, words);
            return;
        }
        if words.have(Question::Header)
            && let Some(lines) = escaped::lines(text)
        {
            self.logged = true;
            for line in lines {
                self.plain(stream, at, &line, LineWords::of(&line));
            }
        } else {
            self.plain(stream, at, text, words);
        }
    }

    /// Passes over whole lines of a stream; false where one of them has to be read.
    pub fn skip(&mut self, stream: Stream, lines: &[u8]) -> bool {
        if lines.is_empty()
            || self.watched > 0
            || self.table.is_open
            || !self.is_between_reports(stream)
            || !words::are_absent(lines)
        {
            return false;
        }
        self.lines = self.lines.saturating_add(PASSED_LINES);
        let mut backwards = lines.rsplit(|byte| matches!(byte, b'\n' | b'\r'));
        if let Some(last) = backwards.find(|line| !line.trim_ascii().is_empty()) {
            let last = String::from_utf8_lossy(last.get(..LINE_BYTES_MAX).unwrap_or(last));
            self.remember(&last, LineWords::of(&last));
        }
        true
    }

    fn is_between_reports(&self, stream: Stream) -> bool {
        self.sources
            .iter()
            .all(|source| source.stream != stream || source.parser.is_idle())
    }

    /// Keeps of a line what matters to the next one.
    fn remember(&mut self, text: &str, words: LineWords) {
        if !text.trim().is_empty() {
            self.logged = words.have(Question::Log) && prefix::is_log_line(text);
        }
    }

    /// The launcher starts its workers again: what was printed so far was survived.
    fn start_again(&mut self) {
        for source in &mut self.sources {
            let done = source.parser.close();
            self.reports.extend(done);
        }
        for report in self.reports.iter_mut() {
            report.standing = report.standing.min(Standing::Survived);
        }
        self.table = Table::default();
        self.watched = 0;
    }

    /// A line as it is.
    fn plain(&mut self, stream: Stream, at: f64, text: &str, words: LineWords) {
        self.order = self.order.saturating_add(1);
        let mut opening = None;
        if words.have(Question::Header) || words.have(Question::Native) {
            opening = headers::before_opening(text);
        }
        if opening.is_none() && words.have(Question::Frame) && self.is_between_reports(stream) {
            opening = headers::before_frame(text);
        }
        let (index, rest) = self.source(stream, text, opening.map(SourcePrefix::of));
        if let Some(source) = self.sources.get_mut(index) {
            let around = Around {
                logged: self.logged || source.prefix.is_a_log,
                rank: source.prefix.rank,
                at,
                order: self.order,
                line: self.lines,
                words,
            };
            source.used = self.order;
            let done = source.parser.line(rest, around);
            self.reports.extend(done);
            self.look_for_signs(rest, words);
        }
        self.remember(text, words);
    }

    fn look_for_signs(&mut self, text: &str, words: LineWords) {
        let text = prefix::strip(text);
        if words.have(Question::Table) || self.table.is_open {
            self.table.line(text);
        }
        if words.have(Question::Sign)
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
        let mut reports: Vec<ErrorReport> = self.reports.iter().cloned().collect();
        for source in &self.sources {
            reports.extend(source.parser.pending());
        }
        reports.sort_by_key(|report| report.order);
        let found = selection::Found {
            reports: &reports,
            signs: &self.signs,
            root: self.table.cause(),
            dropped: self.reports.dropped,
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
            let mut best = None;
            let mut longest = 1;
            for (index, source) in self.sources.iter().enumerate() {
                let length = source.prefix.len();
                if source.stream == stream
                    && length >= longest
                    && let Some(rest) = source.prefix.strip(text, loosely)
                {
                    best = Some((index, rest));
                    longest = length;
                }
            }
            if let Some((index, rest)) = best {
                self.sources[index].confirmed = true;
                return (index, rest);
            }
        }
        if let Some(prefix) = opening.filter(|prefix| !prefix.is_empty()) {
            let rest = prefix.strip(text, false).unwrap_or(text);
            return (self.add(stream, prefix), rest);
        }
        (self.add(stream, SourcePrefix::default()), text)
    }

    /// A frame whose prefix is not its header's.
    ///
    /// Shorter, or none: the rest of the header's was a log line's that the header ended, or markup. Longer: the header
    /// stood behind a bar, whose line the collector had begun before the bar.
    fn adopt(&mut self, stream: Stream, text: &str) {
        let near = self.order.saturating_sub(ADOPTED_LINES_MAX);
        let waits = |source: &LineSource| {
            let may_move = if source.prefix.is_empty() {
                source.parser.awaits_first_frame()
            } else {
                !source.confirmed
            };
            may_move && source.stream == stream && source.used >= near
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
        let mut sources = self.sources.iter();
        let header = sources.position(|source| waits(source) && source.prefix.continues(&shorter));
        let Some(header) = header else {
            return;
        };
        let mut header = self.sources.swap_remove(header);
        if let Some(replaced) = self.find(stream, &shorter) {
            self.remove(replaced);
        }
        header.prefix = shorter;
        self.sources.push(header);
    }

    /// Moves the report that a header without a prefix has opened to the source of its first frame.
    fn move_behind(
        &mut self,
        stream: Stream,
        prefix: &SourcePrefix,
        waits: impl Fn(&LineSource) -> bool,
    ) {
        let mut sources = self.sources.iter();
        let Some(bare) = sources.position(|source| source.prefix.is_empty() && waits(source))
        else {
            return;
        };
        let is_busy = |index: usize| !self.sources[index].parser.is_idle();
        if self.find(stream, prefix).is_some_and(is_busy) {
            return;
        }
        let parser = std::mem::take(&mut self.sources[bare].parser);
        let index = self.add(stream, prefix.clone());
        let source = &mut self.sources[index];
        let done = source.parser.close();
        source.parser = parser;
        self.reports.extend(done);
    }

    fn find(&self, stream: Stream, prefix: &SourcePrefix) -> Option<usize> {
        let mut sources = self.sources.iter();
        sources.position(|source| source.stream == stream && source.prefix == *prefix)
    }

    /// The source of a new prefix; it is an old one where a progress bar stood before the prefix.
    fn add(&mut self, stream: Stream, prefix: SourcePrefix) -> usize {
        if let Some(index) = self.find(stream, &prefix) {
            return index;
        }
        if self.sources.len() >= TRACE_STREAMS_MAX {
            let sources = self.sources.iter().enumerate();
            if let Some((oldest, _)) = sources.min_by_key(|(_, source)| source.used) {
                self.remove(oldest);
            }
        }
        self.sources.push(LineSource {
            stream,
            prefix,
            confirmed: false,
            parser: Parser::default(),
            used: self.order,
        });
        self.sources.len() - 1
    }

    /// Gives up a source.
    fn remove(&mut self, index: usize) {
        let done = self.sources.swap_remove(index).parser.close();
        self.reports.extend(done);
    }
}
