//! Follows the grammar of tracebacks through the lines of one source.
//!
//! It is lenient where the grammar is: between the lines of a traceback there may stand source, carets,
//! values, progress bars and other processes' output, and anything may be missing. It is strict about what
//! ends one: the exception's line stands left of the frames. Nothing of a line is kept but what is public.

use super::grammar::boxed::{Boxes, Unboxed, without_margin};
use super::grammar::dump::Dump;
use super::grammar::exceptions::{self, ExceptionLine};
use super::grammar::frames::{self, RawFrame};
use super::grammar::headers::{self, Header, Separator};
use super::grammar::words::{LineWords, behind_bar};
use super::report::{ChainLink, ErrorReport, Exception, Frames, Standing};
use super::{messages, origin};
use crate::event::Frame;
use crate::knowledge::{self, lists::Question};
use crate::limits::{TRACE_HOLE_MAX, TRACE_LINE_NUMBER_MAX};
use crate::output::prefix::{self, is_progress_bar};
use crate::status::signal::{SIGHUP, SIGINT, SIGTERM};

/// Lines without a frame after which a traceback is taken as cut off; locals printed by `rich` are the longest.
const TRACE_JUNK_LINES_MAX: u32 = 600;
/// Lines after a message in which another exception of its chain may begin.
const TRACE_CHAIN_LINES_MAX: u32 = 400;
/// Lines between a heading (`Exception in thread`) and the traceback that it announces.
const TRACE_HEADING_LINES_MAX: u32 = 12;

/// Where in the grammar the source is.
#[derive(Clone, Debug, Default, PartialEq)]
enum ParserState {
    /// Between reports; frames may come without a header where the beginning was lost.
    #[default]
    Idle,
    /// Behind a header: frames, and at last the exception's line.
    Frames,
    /// Behind an exception's line: the rest of its message, perhaps a link to the next one of the chain.
    After(After),
    /// In the dump of a fatal error.
    Dump(Dump),
}

/// What is known of the exception's line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct After {
    doubt: Doubt,
    message: MessageLine,
    /// The last line of the message ended with a colon: what follows is quoted by it.
    announces: bool,
}

/// Whether the exception's line was one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Where the message of the exception begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum MessageLine {
    /// On the exception's line, or nowhere.
    #[default]
    Same,
    /// On the next line that is not empty.
    Next,
}

/// Frames without a header.
#[derive(Clone, Debug, Default)]
struct Stray {
    frames: Frames,
    /// Whether the last one named its function: a call stack, and not the place of an allocation or of a warning.
    are_calls: bool,
}

/// Reads one source.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    state: ParserState,
    report: Option<ErrorReport>,
    /// The link that was announced for the next header.
    link: Option<ChainLink>,
    /// Left edge of the frames: the exception's line stands left of it.
    column: usize,
    /// Column of the margin of the outermost group.
    group: Option<usize>,
    stray: Stray,
    /// Lines since something was understood.
    silence: u32,
    /// What the last heading said, and for how many lines it holds.
    heading: Option<(Standing, u32)>,
    boxes: Boxes,
    /// Whether a notebook prints the frames.
    is_notebook: bool,
}

/// What is known about the line from outside of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// Whether a log line, or a log's prefix, stands before it.
    pub logged: bool,
    /// The source's rank.
    pub rank: Option<u64>,
    /// Seconds since the command's spawn.
    pub at: f64,
    /// Number of the next report.
    pub order: u64,
    /// Number of the line.
    pub line: u64,
    /// Which questions of the grammar the line may answer.
    pub words: LineWords,
}

impl Around {
    fn report(self, standing: Standing) -> ErrorReport {
        let mut report = ErrorReport {
            standing,
            rank: self.rank,
            at: self.at,
            order: self.order,
            ended: self.line,
            ..ErrorReport::default()
        };
        report.push(Exception::default());
        report
    }
}

impl Parser {
    /// Whether only a line that stands out needs to be shown to it.
    pub fn is_idle(&self) -> bool {
        match self.state {
            ParserState::Idle => {}
            ParserState::After(after) if !after.announces && after.message == MessageLine::Same => {
            }
            ParserState::After(_) | ParserState::Frames | ParserState::Dump(_) => return false,
        }
        let is_native = |report: &ErrorReport| report.standing == Standing::Native;
        !self.report.as_ref().is_some_and(is_native)
            && self.boxes.is_empty()
            && self.stray.frames.is_empty()
            && self.group.is_none()
    }

    /// Whether a header came and nothing of its traceback.
    pub fn awaits_first_frame(&self) -> bool {
        match &self.report {
            Some(report) if self.state == ParserState::Frames => {
                matches!(report.exceptions.as_slice(), [only] if only.frames.is_empty())
            }
            _ => false,
        }
    }

    /// Takes the next line, without the source's prefix; returns the report that it ends.
    pub fn line(&mut self, line: &str, around: Around) -> Option<ErrorReport> {
        if let Some((_, left)) = &mut self.heading {
            *left = left.saturating_sub(1);
        }
        let line = match self.boxes.line(line, self.report.is_some()) {
            Unboxed::Line(line) => line,
            Unboxed::Border => {
                self.state = ParserState::After(After::default());
                return None;
            }
            Unboxed::Member => {
                self.member();
                return None;
            }
            Unboxed::Row(frame, end) => {
                if let Some(column) = end {
                    self.column = column + 1;
                }
                if let Some(frame) = frame {
                    self.push_frame(frame);
                }
                return None;
            }
        };
        let (margin, text) = without_margin(line);
        let words = around.words;
        if words.have(Question::Header)
            && let Some(header) = headers::header(text)
        {
            return self.open(header, line, margin, around);
        }
        if words.have(Question::Native)
            && let Some(native) = headers::native(text)
        {
            return self.native(native, around);
        }
        if self.announcement(text, words) {
            self.silence = 0;
            return None;
        }
        match self.state {
            ParserState::Idle => self.idle(text, around),
            ParserState::Frames => self.frames(text, around),
            ParserState::After(after) => self.after(text, after, around),
            ParserState::Dump(mut dump) => {
                if let Some(report) = &mut self.report
                    && dump.line(text, report)
                {
                    self.state = ParserState::Dump(dump);
                    return None;
                }
                self.close()
            }
        }
    }

    /// Ends what is open.
    pub fn close(&mut self) -> Option<ErrorReport> {
        let closed = std::mem::take(self);
        self.heading = closed.heading;
        closed.end()
    }

    /// The report that is being read, as it would be if the stream ended here.
    pub fn pending(&self) -> Option<ErrorReport> {
        self.clone().end()
    }

    fn end(mut self) -> Option<ErrorReport> {
        if let Some(frame) = self.boxes.finish() {
            self.push_frame(frame);
        }
        let mut report = self.report?;
        if matches!(self.state, ParserState::Dump(_)) {
            Dump::end(&mut report);
        }
        Some(report).filter(|report| !report.is_empty())
    }

    /// Appends a frame to the exception that is being read.
    fn push_frame(&mut self, frame: Frame) {
        if let Some(exception) = self.newest() {
            exception.frames.push(frame);
        }
    }

    /// The exception that is being read.
    fn newest(&mut self) -> Option<&mut Exception> {
        self.report.as_mut()?.newest()
    }

    /// Another exception of the report.
    fn push_exception(&mut self, link: ChainLink) {
        if let Some(report) = &mut self.report {
            report.push(Exception {
                link,
                ..Exception::default()
            });
        }
    }

    /// A member of the group follows.
    fn member(&mut self) {
        self.push_exception(ChainLink::Member);
        self.state = ParserState::Frames;
        self.column = 1;
    }

    /// A native death: `terminate called …`, `Fatal Python error: …`, the dump of a timeout.
    fn native(&mut self, native: headers::Native, around: Around) -> Option<ErrorReport> {
        let closed = self.close();
        self.report = Some(ErrorReport {
            marker: Some(native.marker),
            ..around.report(native.standing)
        });
        self.state = if native.dumps {
            ParserState::Dump(Dump::default())
        } else {
            ParserState::After(After::default())
        };
        closed
    }

    /// A header: another exception of this report, or a new report.
    fn open(
        &mut self,
        header: Header<'_>,
        line: &str,
        margin: Option<usize>,
        around: Around,
    ) -> Option<ErrorReport> {
        let mut closed = None;
        let is_quoted = match self.state {
            ParserState::After(after) => header.original || after.announces,
            _ => false,
        };
        let is_deeper = matches!((self.group, margin), (Some(group), Some(at)) if at > group);
        let mut link = self.link.take();
        if link.is_some() && is_deeper {
            link = Some(ChainLink::Member);
        } else if link.is_none() && is_quoted {
            link = Some(ChainLink::Quoted);
        }
        let newest = self.newest();
        let is_open_member = newest.is_some_and(|newest| {
            newest.link == ChainLink::Member && !newest.complete && newest.frames.is_empty()
        });
        // The separator of a member has opened it already.
        if !is_open_member {
            if let Some(link) = link
                && self.report.is_some()
            {
                self.push_exception(link);
            } else {
                let standing = match self.heading.take() {
                    Some((standing, left)) if left > 0 => standing,
                    _ if around.logged => Standing::Logged,
                    _ => Standing::Plain,
                };
                closed = self.close();
                self.report = Some(around.report(standing));
            }
        }
        if header.group && self.group.is_none() {
            self.group = margin.or(Some(2));
        }
        self.state = ParserState::Frames;
        self.silence = 0;
        self.stray = Stray::default();
        self.is_notebook = header.notebook;
        self.column = header.indentation + 1;
        self.boxes.open(header.boxed, header.before, line);
        closed
    }

    /// What announces the next header: a link of the chain, a member of a group, a heading.
    fn announcement(&mut self, text: &str, words: LineWords) -> bool {
        if words.have(Question::Heading)
            && let Some(standing) = headers::heading(text)
        {
            self.heading = Some((standing, TRACE_HEADING_LINES_MAX));
            return true;
        }
        if self.report.is_none() {
            return false;
        }
        if words.have(Question::Link)
            && let Some(link) = headers::link(text)
        {
            self.link = Some(link);
            return true;
        }
        match headers::separator(text) {
            Some(Separator::Member) => {
                self.member();
                self.group = self.group.or(Some(2));
            }
            Some(Separator::End) => self.state = ParserState::After(After::default()),
            None => return false,
        }
        true
    }

    /// Frames without a header: the beginning was lost, or a syntax error, which has none.
    fn idle(&mut self, text: &str, around: Around) -> Option<ErrorReport> {
        if let Some(raw) = frames::quoted(behind_bar(text, around.words)) {
            self.column = raw.column.max(1);
            self.silence = 0;
            self.stray.are_calls = raw.function.is_some();
            self.stray.frames.push(origin::frame(raw));
            return None;
        }
        if let Some(times) = frames::repeated(text)
            && let Some(frame) = self.stray.frames.newest()
        {
            frame.repeated = Some(times.min(TRACE_HOLE_MAX));
            return None;
        }
        self.silence += 1;
        let Some((line, standing)) = self.lone_exception(text) else {
            if self.silence > TRACE_HEADING_LINES_MAX {
                self.stray = Stray::default();
            }
            return None;
        };
        let mut report = around.report(standing);
        if let Some(exception) = report.newest() {
            exception.frames = std::mem::take(&mut self.stray.frames);
        }
        self.report = Some(report);
        self.finish_exception(&line, around);
        if standing == Standing::Stray {
            return self.close();
        }
        None
    }

    /// An exception's line without a header, and what it is worth.
    fn lone_exception<'a>(&self, text: &'a str) -> Option<(ExceptionLine<'a>, Standing)> {
        let mut text = text;
        let bare = prefix::strip(text);
        if bare.len() < text.trim().len() {
            text = bare;
        }
        let line = exceptions::exception_line(text.trim_start())?;
        if indentation(text) >= self.column.max(1) {
            return None;
        }
        if self.stray.frames.is_empty() {
            if !line.certain {
                return None;
            }
            let standing = alone(text, &line)?;
            return Some((line, standing));
        }
        let is_believed = line.certain || self.stray.are_calls;
        is_believed.then_some((line, Standing::Plain))
    }

    /// Behind a header.
    fn frames(&mut self, text: &str, around: Around) -> Option<ErrorReport> {
        let words = around.words;
        self.silence += 1;
        if let Some(raw) = self.raw_frame(text, words) {
            self.push_raw(raw);
            return None;
        }
        if let Some(times) = frames::repeated(text)
            && let Some(frame) = self.newest_frame()
        {
            frame.repeated = Some(times.min(TRACE_HOLE_MAX));
            return None;
        }
        let text = behind_bar(text, words);
        if indentation(text) < self.column
            && let Some(line) = exceptions::exception_line(text.trim_start())
            && (line.certain || !(words.have(Question::Bar) && is_progress_bar(text)))
        {
            self.finish_exception(&line, around);
        } else if self.silence > TRACE_JUNK_LINES_MAX {
            return self.close();
        }
        None
    }

    fn newest_frame(&mut self) -> Option<&mut Frame> {
        self.newest()?.frames.newest()
    }

    fn raw_frame<'a>(&mut self, text: &'a str, words: LineWords) -> Option<RawFrame<'a>> {
        if let Some(raw) = frames::quoted(behind_bar(text, words)) {
            return Some(raw);
        }
        if !self.is_notebook {
            return frames::notebook(text);
        }
        if let Some(line) = frames::arrow(text) {
            if let Some(frame) = self.newest_frame()
                && frame.line.is_none()
                && line <= TRACE_LINE_NUMBER_MAX
            {
                frame.line = Some(line);
            }
            return None;
        }
        frames::cell(text)
            .or_else(|| frames::notebook(text))
            .or_else(|| frames::notebook_without_line(text))
    }

    fn push_raw(&mut self, raw: RawFrame<'_>) {
        self.silence = 0;
        // Where frames have no indentation (notebooks, stackprinter), the exception's line has none either.
        self.column = raw.column.max(1);
        self.push_frame(origin::frame(raw));
    }

    /// The exception's line.
    fn finish_exception(&mut self, line: &ExceptionLine<'_>, around: Around) {
        let Some(report) = &mut self.report else {
            return;
        };
        report.ended = around.line;
        let signal = line.signal();
        if let Some(exception) = report.newest() {
            exception.class.clone_from(&line.class);
            exception.complete = true;
            exception.message = messages::read(line.message);
            exception.points_elsewhere = knowledge::points_elsewhere(line.message);
            exception.signal = signal;
        }
        report.interruption = report.is_a("KeyboardInterrupt")
            || report.is_a("SignalException") && matches!(signal, Some(SIGHUP | SIGINT | SIGTERM));
        self.silence = 0;
        let mut after = After {
            announces: line.message.trim_end().ends_with(':'),
            ..After::default()
        };
        if line
            .message
            .starts_with(|first: char| first.is_ascii_digit())
        {
            after.doubt = Doubt::Counter;
        } else {
            after.doubt = Doubt::Line;
        }
        if line.certain {
            after.doubt = Doubt::None;
        }
        if line.has_colon && line.message.is_empty() {
            after.message = MessageLine::Next;
        }
        self.state = ParserState::After(after);
    }

    /// Behind an exception's line.
    fn after(&mut self, text: &str, mut after: After, around: Around) -> Option<ErrorReport> {
        self.silence += 1;
        if self.silence > TRACE_CHAIN_LINES_MAX {
            return self.close();
        }
        let behind = behind_bar(text, around.words);
        if after.doubt == Doubt::Counter
            && let Some(line) = exceptions::exception_line(behind)
            && line.certain
        {
            self.finish_exception(&line, around);
            return None;
        }
        if let Some(raw) = frames::quoted(behind) {
            // What the message itself announces (`from user code:`) is a part of it.
            if !after.announces {
                self.frame_after(raw, after.doubt);
            }
            return None;
        }
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return None;
        }
        let begins_message = after.message == MessageLine::Next;
        after.announces = trimmed.ends_with(':');
        after.message = MessageLine::Same;
        self.state = ParserState::After(after);
        let report = self.report.as_mut()?;
        let is_native = report.standing == Standing::Native;
        let exception = report.newest()?;
        if let Some(what) = trimmed.strip_prefix("what():")
            && is_native
        {
            exception.message = messages::read(what.trim_start());
        } else if begins_message {
            exception.message = messages::read(trimmed);
        } else if self.silence <= MESSAGE_LINES_MAX {
            exception.message.continues(trimmed);
        }
        None
    }

    /// A frame behind an exception's line: the line was another one, or a task's own traceback follows.
    fn frame_after(&mut self, raw: RawFrame<'_>, doubt: Doubt) {
        let Some(exception) = self.newest() else {
            return;
        };
        let class = exception.class.as_ref().map_or("", |class| class.as_str());
        if doubt != Doubt::None {
            exception.class = None;
            exception.complete = false;
            exception.message = messages::Message::default();
        } else if class.ends_with("RayTaskError") || class.ends_with("RayActorError") {
            self.push_exception(ChainLink::Quoted);
        } else {
            return;
        }
        self.state = ParserState::Frames;
        self.push_raw(raw);
    }
}

/// What an exception's line without a traceback is worth.
///
/// Two classes the interpreter prints alone, for it has no memory or no time for more. Any other line may be a
/// program's own words; it is remembered for the case that nothing better comes, if its class is public.
fn alone(text: &str, line: &ExceptionLine<'_>) -> Option<Standing> {
    let class = line.class.as_ref()?.as_str();
    match text.trim() {
        "MemoryError" | "KeyboardInterrupt" => Some(Standing::Plain),
        _ if class.ends_with("Warning") || class.ends_with("Exit") => None,
        _ => Some(Standing::Stray),
    }
}

fn indentation(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}
