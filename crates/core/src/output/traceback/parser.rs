//! Follows the grammar of tracebacks through the lines of one source.
//!
//! It is lenient where the grammar is: between the lines of a traceback there may stand source, carets,
//! values, progress bars and other processes' output, and anything may be missing. It is strict about what
//! ends one: the exception's line stands left of the frames. Nothing of a line is kept but what is public.

use super::grammar::boxed::{Boxes, Unboxed, without_margin};
use super::grammar::dump::ThreadDump;
use super::grammar::exceptions::{self, ExceptionLine};
use super::grammar::frames::{self, RawFrame};
use super::grammar::headers::{self, Separator, TracebackHeader};
use super::grammar::words::{LineWords, behind_bar};
use super::report::{ChainLink, ErrorReport, Frames, ReportStanding, ReportedException};
use super::{messages, origin};
use crate::event::Frame;
use crate::knowledge::{self, lists::LineQuestion};
use crate::limits;
use crate::output::prefix::{self, is_progress_bar};
use crate::public::PublicStr;
use crate::status::signal::{SIGHUP, SIGINT, SIGTERM};

/// Where in the grammar the source is.
#[derive(Clone, Debug, Default, PartialEq)]
enum ParserState {
    /// Between reports; frames may come without a header where the beginning was lost.
    #[default]
    Idle,
    /// Behind a header: frames, and at last the exception's line.
    Frames,
    /// Behind an exception's line: the rest of its message, perhaps a link to the next one of the chain.
    After(AfterException),
    /// In the dump of a fatal error.
    Dump(ThreadDump),
}

/// What is known of the exception's line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct AfterException {
    doubt: Doubt,
    /// Nothing stands behind the colon: the message begins on the next line that is not empty.
    awaits_message: bool,
    /// The last line of the message ended with a colon: what follows is quoted by it.
    announces: bool,
}

/// Whether the exception's line was one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Doubt {
    #[default]
    None,
    /// It may have been something else; a frame behind it shows that it was.
    Line,
    /// It may have been a counter's (`Epoch: 3`): a better one may follow.
    Counter,
}

/// Lines of a message that are looked at: what explains stands in its first ones.
const MESSAGE_LINES_MAX: u32 = 8;

/// Frames without a header.
#[derive(Clone, Debug, Default)]
struct StrayFrames {
    frames: Frames,
    /// Whether the last one named its function: a call stack, and not the place of an allocation or of a warning.
    are_calls: bool,
}

/// Reads one source.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    state: ParserState,
    report: Option<ErrorReport>,
    /// The report that the current line has ended.
    ended: Option<ErrorReport>,
    /// The link that was announced for the next header.
    link: Option<ChainLink>,
    /// Left edge of the frames: the exception's line stands left of it.
    column: usize,
    /// Column of the margin of the outermost group.
    group: Option<usize>,
    stray: StrayFrames,
    /// Lines since something was understood.
    silence: u32,
    /// What the last heading said, and for how many lines it holds.
    heading: Option<(ReportStanding, u32)>,
    boxes: Boxes,
    /// Whether a notebook prints the frames.
    is_notebook: bool,
}

/// What is known about the line from outside of it.
#[derive(Clone, Copy)]
pub struct LineContext {
    /// Whether a log line, or a log's prefix, stands before it.
    pub logged: bool,
    /// The source's rank.
    pub rank: Option<u64>,
    /// Number of the next report.
    pub order: u64,
    /// Number of the line.
    pub line_number: u64,
    /// Which questions of the grammar the line may answer.
    pub line_words: LineWords,
}

impl LineContext {
    fn new_report(self, report_standing: ReportStanding) -> ErrorReport {
        ErrorReport {
            exceptions: vec![ReportedException::default()],
            standing: report_standing,
            rank: self.rank,
            order: self.order,
            ended: self.line_number,
            ..ErrorReport::default()
        }
    }
}

impl Parser {
    /// Whether only a line that stands out needs to be shown to it.
    pub fn is_idle(&self) -> bool {
        let is_between = match self.state {
            ParserState::Idle => true,
            ParserState::After(after_exception) => {
                !after_exception.announces && !after_exception.awaits_message
            }
            ParserState::Frames | ParserState::Dump(_) => false,
        };
        let is_native = |report: &ErrorReport| report.standing == ReportStanding::Native;
        is_between
            && !self.report.as_ref().is_some_and(is_native)
            && self.boxes.is_empty()
            && self.stray.frames.is_empty()
            && self.group.is_none()
    }

    /// Whether a header came and nothing of its traceback.
    pub fn awaits_first_frame(&self) -> bool {
        if let Some(report) = &self.report
            && let [only_exception] = report.exceptions.as_slice()
        {
            return self.state == ParserState::Frames && only_exception.frames.is_empty();
        }
        false
    }

    /// The number of the report that is being read.
    pub fn open_report(&self) -> Option<u64> {
        Some(self.report.as_ref()?.order)
    }

    /// Takes the next line, without the source's prefix; returns the report that it ends.
    pub fn line(&mut self, line: &str, line_context: LineContext) -> Option<ErrorReport> {
        self.read_line(line, line_context);
        self.ended.take()
    }

    fn read_line(&mut self, line: &str, line_context: LineContext) {
        if let Some((_, lines_left)) = &mut self.heading {
            *lines_left = lines_left.saturating_sub(1);
        }
        let line = match self.boxes.line(line, self.report.is_some()) {
            Unboxed::Line(line) => line,
            Unboxed::Border => {
                self.state = ParserState::After(AfterException::default());
                return;
            }
            Unboxed::Member => return self.begin_member(),
            Unboxed::Row(frame, end_column) => {
                if let Some(column) = end_column {
                    self.column = column + 1;
                }
                if let Some(frame) = frame {
                    self.push_frame(frame);
                }
                return;
            }
        };
        let (margin_column, line_text) = without_margin(line);
        let line_words = line_context.line_words;
        if line_words.may_answer(LineQuestion::Header)
            && let Some(header) = headers::header(line_text)
        {
            return self.read_header(header, line, margin_column, line_context);
        }
        if line_words.may_answer(LineQuestion::Native)
            && let Some(native) = headers::native(line_text)
        {
            return self.read_native(native, line_context);
        }
        if self.read_announcement(line_text, line_words) {
            self.silence = 0;
            return;
        }
        match &mut self.state {
            ParserState::Idle => self.read_between_reports(line_text, line_context),
            ParserState::Frames => self.read_behind_header(line_text, line_context),
            ParserState::After(after_exception) => {
                let after_exception = *after_exception;
                self.read_behind_exception(line_text, after_exception, line_context);
            }
            ParserState::Dump(dump) => {
                let report = self.report.as_mut();
                if !report.is_some_and(|report| dump.line(line_text, report)) {
                    self.end_report();
                }
            }
        }
    }

    /// Ends what is open.
    pub fn close(&mut self) -> Option<ErrorReport> {
        self.end_report();
        self.ended.take()
    }

    fn end_report(&mut self) {
        let closed_parser = std::mem::take(self);
        self.heading = closed_parser.heading;
        self.ended = closed_parser.into_report();
    }

    /// The report that is being read, as it would be if the stream ended here.
    pub fn pending(&self) -> Option<ErrorReport> {
        self.clone().into_report()
    }

    fn into_report(mut self) -> Option<ErrorReport> {
        if let Some(frame) = self.boxes.finish() {
            self.push_frame(frame);
        }
        let mut report = self.report?;
        if matches!(self.state, ParserState::Dump(_)) {
            ThreadDump::end(&mut report);
        }
        Some(report).filter(|report| !report.is_empty())
    }

    /// Appends a frame to the exception that is being read.
    fn push_frame(&mut self, frame: Frame) {
        if let Some(exception) = self.newest_exception() {
            exception.frames.push(frame);
        }
    }

    /// The exception that is being read.
    fn newest_exception(&mut self) -> Option<&mut ReportedException> {
        self.report.as_mut()?.newest()
    }

    fn newest_frame(&mut self) -> Option<&mut Frame> {
        self.newest_exception()?.frames.newest()
    }

    /// Another exception of the report.
    fn push_exception(&mut self, link: ChainLink) {
        if let Some(report) = &mut self.report {
            report.push(ReportedException {
                link,
                ..ReportedException::default()
            });
        }
    }

    /// A member of the group follows.
    fn begin_member(&mut self) {
        self.push_exception(ChainLink::Member);
        self.state = ParserState::Frames;
        self.column = 1;
    }

    /// A native death: `terminate called …`, `Fatal Python error: …`, the dump of a timeout.
    fn read_native(&mut self, native: headers::NativeDeath, line_context: LineContext) {
        self.end_report();
        self.report = Some(ErrorReport {
            marker: Some(native.marker),
            ..line_context.new_report(native.standing)
        });
        self.state = if native.has_dump {
            ParserState::Dump(ThreadDump::default())
        } else {
            ParserState::After(AfterException::default())
        };
    }

    /// A header: another exception of this report, or a new report.
    fn read_header(
        &mut self,
        header: TracebackHeader<'_>,
        line: &str,
        margin_column: Option<usize>,
        line_context: LineContext,
    ) {
        let is_quoted = match self.state {
            ParserState::After(after_exception) => header.original || after_exception.announces,
            _ => false,
        };
        let is_deeper = self.group.is_some() && margin_column > self.group;
        let mut link = self.link.take();
        if link.is_some() && is_deeper {
            link = Some(ChainLink::Member);
        } else if link.is_none() && is_quoted {
            link = Some(ChainLink::Quoted);
        }
        let is_open_member = self.newest_exception().is_some_and(|newest_exception| {
            let is_empty = !newest_exception.is_complete && newest_exception.frames.is_empty();
            newest_exception.link == ChainLink::Member && is_empty
        });
        if is_open_member {
            // The separator of a member has opened it already.
        } else if let Some(link) = link
            && self.report.is_some()
        {
            self.push_exception(link);
        } else {
            let report_standing = match self.heading.take() {
                Some((report_standing, lines_left)) if lines_left > 0 => report_standing,
                _ if line_context.logged => ReportStanding::Logged,
                _ => ReportStanding::Plain,
            };
            self.end_report();
            self.report = Some(line_context.new_report(report_standing));
        }
        if header.group && self.group.is_none() {
            self.group = margin_column.or(Some(2));
        }
        self.state = ParserState::Frames;
        self.silence = 0;
        self.stray = StrayFrames::default();
        self.is_notebook = header.notebook;
        self.column = header.indentation + 1;
        self.boxes.open(header.boxed, header.before, line);
    }

    /// What announces the next header: a link of the chain, a member of a group, a heading.
    fn read_announcement(&mut self, line_text: &str, line_words: LineWords) -> bool {
        if line_words.may_answer(LineQuestion::Heading)
            && let Some(report_standing) = headers::heading(line_text)
        {
            self.heading = Some((report_standing, limits::TRACE_HEADING_LINES_MAX));
            return true;
        }
        if self.report.is_none() {
            return false;
        }
        if line_words.may_answer(LineQuestion::Link)
            && let Some(link) = headers::link(line_text)
        {
            self.link = Some(link);
            return true;
        }
        match headers::separator(line_text) {
            Some(Separator::Member) => {
                self.begin_member();
                self.group = self.group.or(Some(2));
            }
            Some(Separator::End) => self.state = ParserState::After(AfterException::default()),
            None => return false,
        }
        true
    }

    /// Frames without a header: the beginning was lost, or a syntax error, which has none.
    fn read_between_reports(&mut self, line_text: &str, line_context: LineContext) {
        if let Some(raw_frame) = frames::quoted(behind_bar(line_text, line_context.line_words)) {
            self.column = raw_frame.column.max(1);
            self.silence = 0;
            self.stray.are_calls = raw_frame.function.is_some();
            self.stray.frames.push(origin::frame(raw_frame));
            return;
        }
        if read_repetition(line_text, self.stray.frames.newest()) {
            return;
        }
        self.silence += 1;
        let Some((exception_line, report_standing)) = self.lone_exception(line_text) else {
            if self.silence > limits::TRACE_HEADING_LINES_MAX {
                self.stray = StrayFrames::default();
            }
            return;
        };
        let stray = std::mem::take(&mut self.stray);
        self.report = Some(line_context.new_report(report_standing));
        if let Some(exception) = self.newest_exception() {
            exception.frames = stray.frames;
        }
        self.finish_exception(&exception_line, line_context);
        if report_standing == ReportStanding::Stray {
            self.end_report();
        }
    }

    /// An exception's line without a header, and what it is worth.
    fn lone_exception<'line>(
        &self,
        line_text: &'line str,
    ) -> Option<(ExceptionLine<'line>, ReportStanding)> {
        let mut line_text = line_text;
        let without_prefix = prefix::strip(line_text);
        if without_prefix.len() < line_text.trim().len() {
            line_text = without_prefix;
        }
        let exception_line = exceptions::exception_line(line_text.trim_start())?;
        if indentation(line_text) >= self.column.max(1) {
            return None;
        }
        if self.stray.frames.is_empty() {
            if !exception_line.is_certain {
                return None;
            }
            let report_standing = exception_line.standing_alone(line_text)?;
            return Some((exception_line, report_standing));
        }
        let is_believed = exception_line.is_certain || self.stray.are_calls;
        is_believed.then_some((exception_line, ReportStanding::Plain))
    }

    /// Behind a header.
    fn read_behind_header(&mut self, line_text: &str, line_context: LineContext) {
        let line_words = line_context.line_words;
        self.silence += 1;
        if let Some(raw_frame) = self.raw_frame(line_text, line_words) {
            return self.push_raw_frame(raw_frame);
        }
        if read_repetition(line_text, self.newest_frame()) {
            return;
        }
        let line_text = behind_bar(line_text, line_words);
        if indentation(line_text) < self.column
            && let Some(exception_line) = exceptions::exception_line(line_text.trim_start())
            && (exception_line.is_certain
                || !(line_words.may_answer(LineQuestion::Bar) && is_progress_bar(line_text)))
        {
            self.finish_exception(&exception_line, line_context);
        } else if self.silence > limits::TRACE_JUNK_LINES_MAX {
            self.end_report();
        }
    }

    fn raw_frame<'line>(
        &mut self,
        line_text: &'line str,
        line_words: LineWords,
    ) -> Option<RawFrame<'line>> {
        let quoted_frame = frames::quoted(behind_bar(line_text, line_words));
        if quoted_frame.is_some() {
            return quoted_frame;
        }
        if !self.is_notebook {
            return frames::notebook(line_text);
        }
        if let Some(line_number) = frames::arrow(line_text) {
            if let Some(frame) = self.newest_frame()
                && frame.line.is_none()
                && line_number <= limits::TRACE_LINE_NUMBER_MAX
            {
                frame.line = Some(line_number);
            }
            return None;
        }
        frames::cell(line_text)
            .or_else(|| frames::notebook(line_text))
            .or_else(|| frames::notebook_without_line(line_text))
    }

    fn push_raw_frame(&mut self, raw_frame: RawFrame<'_>) {
        self.silence = 0;
        // Where frames have no indentation (notebooks, stackprinter), the exception's line has none either.
        self.column = raw_frame.column.max(1);
        self.push_frame(origin::frame(raw_frame));
    }

    /// The exception's line.
    fn finish_exception(&mut self, line: &ExceptionLine<'_>, line_context: LineContext) {
        let Some(report) = &mut self.report else {
            return;
        };
        report.ended = line_context.line_number;
        let signal = line.signal();
        if let Some(exception) = report.newest() {
            exception.class.clone_from(&line.class);
            exception.is_complete = true;
            exception.message = messages::read(line.message);
            exception.points_elsewhere = knowledge::points_elsewhere(line.message);
            exception.signal = signal;
        }
        report.is_interruption = match report.class_name() {
            "KeyboardInterrupt" => true,
            "SignalException" => matches!(signal, Some(SIGHUP | SIGINT | SIGTERM)),
            _ => false,
        };
        self.silence = 0;
        let is_counter = |first: char| first.is_ascii_digit();
        let doubt = if line.is_certain {
            Doubt::None
        } else if line.message.starts_with(is_counter) {
            Doubt::Counter
        } else {
            Doubt::Line
        };
        self.state = ParserState::After(AfterException {
            doubt,
            awaits_message: line.has_colon && line.message.is_empty(),
            announces: line.message.trim_end().ends_with(':'),
        });
    }

    /// Behind an exception's line.
    fn read_behind_exception(
        &mut self,
        line_text: &str,
        mut after_exception: AfterException,
        line_context: LineContext,
    ) {
        self.silence += 1;
        if self.silence > limits::TRACE_CHAIN_LINES_MAX {
            return self.end_report();
        }
        let behind_bar = behind_bar(line_text, line_context.line_words);
        if after_exception.doubt == Doubt::Counter
            && let Some(exception_line) = exceptions::exception_line(behind_bar)
            && exception_line.is_certain
        {
            return self.finish_exception(&exception_line, line_context);
        }
        if let Some(raw_frame) = frames::quoted(behind_bar) {
            // What the message itself announces (`from user code:`) is a part of it.
            if !after_exception.announces {
                self.read_late_frame(raw_frame, after_exception.doubt);
            }
            return;
        }
        let message_line = line_text.trim();
        if message_line.is_empty() {
            return;
        }
        let begins_message = std::mem::take(&mut after_exception.awaits_message);
        after_exception.announces = message_line.ends_with(':');
        self.state = ParserState::After(after_exception);
        let Some(report) = &mut self.report else {
            return;
        };
        let is_native = report.standing == ReportStanding::Native;
        let Some(exception) = report.newest() else {
            return;
        };
        if let Some(what) = message_line.strip_prefix("what():")
            && is_native
        {
            exception.message = messages::read(what.trim_start());
        } else if begins_message {
            exception.message = messages::read(message_line);
        } else if self.silence <= MESSAGE_LINES_MAX {
            exception.message.continues(message_line);
        }
    }

    /// A frame behind an exception's line: the line was another one, or a task's own traceback follows.
    fn read_late_frame(&mut self, raw_frame: RawFrame<'_>, doubt: Doubt) {
        let Some(exception) = self.newest_exception() else {
            return;
        };
        let class = exception.class.as_ref().map_or("", PublicStr::as_str);
        if doubt != Doubt::None {
            exception.class = None;
            exception.is_complete = false;
            exception.message = messages::ToldMessage::default();
        } else if class.ends_with("RayTaskError") || class.ends_with("RayActorError") {
            self.push_exception(ChainLink::Quoted);
        } else {
            return;
        }
        self.state = ParserState::Frames;
        self.push_raw_frame(raw_frame);
    }
}

/// Takes the line that says how often the frame before was left out.
fn read_repetition(line_text: &str, newest_frame: Option<&mut Frame>) -> bool {
    if let Some(times) = frames::repeated(line_text)
        && let Some(frame) = newest_frame
    {
        frame.repeated = Some(times.min(limits::TRACE_HOLE_MAX));
        return true;
    }
    false
}

fn indentation(line_text: &str) -> usize {
    line_text.len() - line_text.trim_start_matches([' ', '\t']).len()
}
