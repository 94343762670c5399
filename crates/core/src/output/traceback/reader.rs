//! Takes the lines as they come and tells their sources apart, each of which has a parser.
//!
//! The number of sources and of reports is bounded: where it is reached, the source that was silent longest is given up,
//! and of the reports the middle is counted. A quiet piece of output is passed over without being cut into lines.

mod printed;

use super::grammar::launcher::{LauncherTable, RootCause};
use super::grammar::words::{self, LineWords};
use super::grammar::{escaped, frames, headers};
use super::parser::{LineContext, Parser};
use super::report::{ErrorReport, FirstAndLast, ReportStanding};
use super::selection::{Evidence, Judgement};
use crate::knowledge::{self, Sign, lists::LineQuestion};
use crate::limits::{LINE_BYTES_MAX, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST, TRACE_STREAMS_MAX};
use crate::observation::{Failure, Stream};
use crate::output::lines::{Line, LineCutter, inner_lines};
use crate::output::prefix::{self, SourcePrefix};
use crate::output::watchdogs::WatchdogReader;
use crate::status::End;
use printed::{LineRole, PrintedReports};

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
    output_stream: Stream,
    /// What stands before its lines.
    prefix: SourcePrefix,
    /// Whether a second line had the prefix; a log may put it before the header alone.
    confirmed: bool,
    /// What reads its lines.
    parser: Parser,
    /// Number of the line that it read last.
    last_line_number: u64,
}

/// Reads the command's output, line by line.
#[derive(Clone, Debug, Default)]
pub struct TraceReader {
    line_sources: Vec<LineSource>,
    ended_reports: FirstAndLast<ErrorReport, TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST>,
    death_signs: Vec<Sign>,
    table: LauncherTable,
    order: u64,
    /// Lines so far; those that were passed over count as [`PASSED_LINES`].
    lines: u64,
    /// Lines in which the launcher may still say that it starts again.
    restart_lines: u32,
    /// Whether the last line was a log's.
    logged: bool,
    /// The reports as they were printed, where the run is recorded for its owner.
    printed: Option<PrintedReports>,
    watchdogs: WatchdogReader,
}

impl TraceReader {
    /// Keeps the reports as they are printed, for [`Self::printed`].
    pub fn keep_printed(&mut self) {
        self.printed = Some(PrintedReports::default());
    }

    /// The report that this judgement blames, as it was printed.
    pub fn printed(&self, judgement: &Judgement) -> Option<String> {
        judgement.error.as_ref()?;
        self.printed.as_ref()?.text(judgement.blamed?)
    }

    /// Takes the next bytes of a stream whose lines nobody else wants: those of a quiet log are not even cut.
    pub fn bytes(&mut self, output_stream: Stream, line_cutter: &mut LineCutter, new_bytes: &[u8]) {
        let (first_piece, whole_lines, last_piece) =
            inner_lines(new_bytes).unwrap_or((new_bytes, &[], &[]));
        line_cutter.push(first_piece, |line| self.line(output_stream, &line));
        if self.skip(output_stream, whole_lines) {
            line_cutter.skip(|line| self.line(output_stream, &line));
        } else {
            line_cutter.push(whole_lines, |line| self.line(output_stream, &line));
        }
        line_cutter.push(last_piece, |line| self.line(output_stream, &line));
    }

    /// The lines that come now were printed so many seconds after the command's spawn.
    pub fn set_time(&mut self, seconds_since_start: f64) {
        self.watchdogs.now = Some(seconds_since_start);
    }

    /// Takes the next line of a stream.
    pub fn line(&mut self, output_stream: Stream, line: &Line<'_>) {
        let line_text = line.text;
        self.lines = self.lines.saturating_add(1);
        let line_words = LineWords::of(line_text);
        // What ranks say of collective operations is an error or names NCCL.
        if line_words.may_answer(LineQuestion::Error)
            || line_words.may_answer(LineQuestion::Sign)
            || self.watchdogs.is_listening()
        {
            self.watchdogs.line(line_text);
        }
        if self.restart_lines > 0 {
            self.restart_lines -= 1;
            if line_words.may_answer(LineQuestion::Restart) && knowledge::restarts(line_text) {
                self.start_again();
            }
        }
        if line_words.may_answer(LineQuestion::Error) {
            self.restart_lines = RESTART_LINES_MAX;
        }
        if !line_words.stand_out() && !self.table.is_open && self.is_between_reports(output_stream)
        {
            if let Some(printed) = &mut self.printed {
                printed.add_quiet(output_stream, line_text);
            }
            self.remember(line_text, line_words);
            return;
        }
        if line_words.may_answer(LineQuestion::Header)
            && let Some(escaped_lines) = escaped::lines(line_text)
        {
            self.logged = true;
            for line in escaped_lines {
                self.parse_line(output_stream, &line, LineWords::of(&line));
            }
        } else {
            self.parse_line(output_stream, line_text, line_words);
        }
    }

    /// Passes over whole lines of a stream; false where one of them has to be read.
    pub fn skip(&mut self, output_stream: Stream, lines: &[u8]) -> bool {
        if lines.is_empty()
            || self.restart_lines > 0
            || self.watchdogs.is_listening()
            || self.table.is_open
            || !self.is_between_reports(output_stream)
            || !words::are_absent(lines)
        {
            return false;
        }
        self.lines = self.lines.saturating_add(PASSED_LINES);
        let mut backwards = lines.rsplit(|byte| matches!(byte, b'\n' | b'\r'));
        if let Some(last_line) = backwards.find(|line| !line.trim_ascii().is_empty()) {
            let bounded_length = last_line.len().min(LINE_BYTES_MAX);
            let last_line = String::from_utf8_lossy(&last_line[..bounded_length]);
            self.remember(&last_line, LineWords::of(&last_line));
        }
        true
    }

    /// Bytes of a stream are missing here: what follows belongs to no report that was begun before.
    pub fn gap(&mut self, output_stream: Stream) {
        for line_source in &mut self.line_sources {
            if line_source.output_stream == output_stream {
                let done = line_source.parser.close();
                self.ended_reports.extend(done);
            }
        }
        self.table = LauncherTable::default();
        self.logged = false;
        self.lines = self.lines.saturating_add(PASSED_LINES);
    }

    fn is_between_reports(&self, output_stream: Stream) -> bool {
        let mut line_sources = self.line_sources.iter();
        line_sources.all(|line_source| {
            line_source.output_stream != output_stream || line_source.parser.is_idle()
        })
    }

    /// Keeps of a line what matters to the next one.
    fn remember(&mut self, line_text: &str, line_words: LineWords) {
        if !line_text.bytes().all(|byte| byte.is_ascii_whitespace()) {
            self.logged =
                line_words.may_answer(LineQuestion::Log) && prefix::is_log_line(line_text);
        }
    }

    /// The launcher starts its workers again: what was printed so far was survived.
    fn start_again(&mut self) {
        for line_source in &mut self.line_sources {
            self.ended_reports.extend(line_source.parser.close());
        }
        for report in self.ended_reports.iter_mut() {
            report.standing = report.standing.min(ReportStanding::Survived);
        }
        self.table = LauncherTable::default();
        self.watchdogs.start_again();
        self.restart_lines = 0;
    }

    /// Shows a line to the parser of its source.
    fn parse_line(&mut self, output_stream: Stream, line_text: &str, line_words: LineWords) {
        self.order = self.order.saturating_add(1);
        let mut before_opening = None;
        if line_words.may_answer(LineQuestion::Header)
            || line_words.may_answer(LineQuestion::Native)
        {
            before_opening = headers::before_opening(line_text);
        }
        if before_opening.is_none()
            && line_words.may_answer(LineQuestion::Frame)
            && self.is_between_reports(output_stream)
        {
            before_opening = headers::before_frame(line_text);
        }
        let (index, line) = self.source_of(output_stream, line_text, before_opening);
        let line_source = &mut self.line_sources[index];
        line_source.last_line_number = self.order;
        let context = LineContext {
            logged: self.logged || line_source.prefix.is_a_log,
            rank: line_source.prefix.rank,
            order: self.order,
            line_number: self.lines,
            line_words,
        };
        let was_idle = line_source.parser.is_idle();
        self.ended_reports
            .extend(line_source.parser.line(line, context));
        if let Some(printed) = &mut self.printed
            && let Some(order) = line_source.parser.open_report()
        {
            let role = if was_idle && line_source.parser.is_idle() {
                LineRole::Behind
            } else {
                LineRole::Traceback
            };
            printed.add(order, output_stream, &line_source.prefix, line, role);
        }
        self.look_for_signs(line, line_words);
        self.remember(line_text, line_words);
    }

    fn look_for_signs(&mut self, line: &str, line_words: LineWords) {
        let may_be_table = self.table.is_open || line_words.may_answer(LineQuestion::Table);
        if !may_be_table && !line_words.may_answer(LineQuestion::Sign) {
            return;
        }
        let line = prefix::strip(line);
        if may_be_table {
            self.table.line(line);
        }
        if line_words.may_answer(LineQuestion::Sign)
            && let Some(sign) = knowledge::sign(line)
            && self.death_signs.len() < TRACE_MARKERS_MAX
            && !self.death_signs.iter().any(|known| known.says == sign.says)
        {
            self.death_signs.push(sign);
        }
    }

    /// What the output says about this end of the command; None where nobody knows the end (a saved log).
    ///
    /// Without an end it is assumed that the command failed: nobody asks a log why it succeeded.
    pub fn finish(&self, end: Option<End>) -> Judgement {
        self.finish_knowing(end, None)
    }

    /// The same where the kernel has seen which process of the run failed first.
    pub fn finish_knowing(&self, end: Option<End>, first_failure: Option<Failure>) -> Judgement {
        let mut reports: Vec<ErrorReport> = self.ended_reports.iter().cloned().collect();
        for line_source in &self.line_sources {
            reports.extend(line_source.parser.pending());
        }
        reports.sort_by_key(|report| report.order);
        let mut root_cause = self.table.cause;
        if root_cause == RootCause::default()
            && let Some(failure) = first_failure
        {
            root_cause = RootCause::seen_by_the_kernel(failure);
        }
        let evidence = Evidence {
            all_reports: &reports,
            signs: &self.death_signs,
            root_cause,
            dropped: self.ended_reports.dropped,
            lines: self.lines,
        };
        Judgement {
            watchdogs: self.watchdogs.facts.clone(),
            ..evidence.judge(end)
        }
    }

    /// The source of a line, made where it is new, and the line without its prefix. `before_opening` is what stands
    /// before the words that open a report.
    fn source_of<'line>(
        &mut self,
        output_stream: Stream,
        line_text: &'line str,
        before_opening: Option<&str>,
    ) -> (usize, &'line str) {
        self.adopt(output_stream, line_text);
        for loosely in [false, true] {
            let mut best_match = None;
            let mut longest_prefix = 1;
            for (index, line_source) in self.line_sources.iter().enumerate() {
                let prefix_length = line_source.prefix.len();
                if line_source.output_stream == output_stream
                    && prefix_length >= longest_prefix
                    && let Some(line) = line_source.prefix.strip(line_text, loosely)
                {
                    best_match = Some((index, line));
                    longest_prefix = prefix_length;
                }
            }
            if let Some((index, line)) = best_match {
                self.line_sources[index].confirmed = true;
                return (index, line);
            }
        }
        let source_prefix = before_opening.map(SourcePrefix::of).unwrap_or_default();
        let line = source_prefix.strip(line_text, false).unwrap_or(line_text);
        (self.add_source(output_stream, source_prefix), line)
    }

    /// A frame whose prefix is not its header's.
    ///
    /// Shorter, or none: the rest of the header's was a log line's that the header ended, or markup. Longer: the header
    /// stood behind a bar, whose line the collector had begun before the bar.
    fn adopt(&mut self, output_stream: Stream, line_text: &str) {
        let oldest_line = self.order.saturating_sub(ADOPTED_LINES_MAX);
        let waits = |line_source: &LineSource| {
            let may_move = if line_source.prefix.is_empty() {
                line_source.parser.awaits_first_frame()
            } else {
                !line_source.confirmed
            };
            may_move
                && line_source.output_stream == output_stream
                && line_source.last_line_number >= oldest_line
        };
        if !self.line_sources.iter().any(waits) {
            return;
        }
        let before_box = line_text.split_once('│').map(|(before, _)| before);
        let source_prefix = match headers::before_frame(line_text).or(before_box) {
            Some(before) => SourcePrefix::of(before),
            None if frames::quoted(line_text).is_some() || headers::thread(line_text).is_some() => {
                SourcePrefix::default()
            }
            None => return,
        };
        if !source_prefix.is_empty() {
            self.move_behind(output_stream, &source_prefix, waits);
        }
        let mut line_sources = self.line_sources.iter();
        let opened_with_more = line_sources.position(|line_source| {
            waits(line_source) && line_source.prefix.continues(&source_prefix)
        });
        let Some(index) = opened_with_more else {
            return;
        };
        let mut line_source = self.line_sources.swap_remove(index);
        if let Some(replaced) = self.find_source(output_stream, &source_prefix) {
            self.remove_source(replaced);
        }
        line_source.prefix = source_prefix;
        self.line_sources.push(line_source);
    }

    /// Moves the report that a header without a prefix has opened to the source of its first frame.
    fn move_behind(
        &mut self,
        output_stream: Stream,
        source_prefix: &SourcePrefix,
        waits: impl Fn(&LineSource) -> bool,
    ) {
        let mut line_sources = self.line_sources.iter();
        let bare = line_sources
            .position(|line_source| line_source.prefix.is_empty() && waits(line_source));
        let Some(bare) = bare else {
            return;
        };
        let is_busy = |index: usize| !self.line_sources[index].parser.is_idle();
        if self
            .find_source(output_stream, source_prefix)
            .is_some_and(is_busy)
        {
            return;
        }
        let parser = std::mem::take(&mut self.line_sources[bare].parser);
        let index = self.add_source(output_stream, source_prefix.clone());
        let line_source = &mut self.line_sources[index];
        self.ended_reports.extend(line_source.parser.close());
        line_source.parser = parser;
    }

    fn find_source(&self, output_stream: Stream, source_prefix: &SourcePrefix) -> Option<usize> {
        let mut line_sources = self.line_sources.iter();
        line_sources.position(|line_source| {
            line_source.output_stream == output_stream && line_source.prefix == *source_prefix
        })
    }

    /// The source of a new prefix; it is an old one where a progress bar stood before the prefix.
    fn add_source(&mut self, output_stream: Stream, source_prefix: SourcePrefix) -> usize {
        if let Some(index) = self.find_source(output_stream, &source_prefix) {
            return index;
        }
        if self.line_sources.len() >= TRACE_STREAMS_MAX {
            let line_sources = self.line_sources.iter().enumerate();
            if let Some((oldest, _)) =
                line_sources.min_by_key(|(_, line_source)| line_source.last_line_number)
            {
                self.remove_source(oldest);
            }
        }
        self.line_sources.push(LineSource {
            output_stream,
            prefix: source_prefix,
            confirmed: false,
            parser: Parser::default(),
            last_line_number: self.order,
        });
        self.line_sources.len() - 1
    }

    fn remove_source(&mut self, index: usize) {
        let mut removed = self.line_sources.swap_remove(index);
        self.ended_reports.extend(removed.parser.close());
    }
}
