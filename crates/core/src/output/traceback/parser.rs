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
use super::grammar::words::Words;
use super::report::{Exception, Frames, Link, Report, Standing};
use super::{messages, origin};
use crate::knowledge;
use crate::limits::{
    TRACE_CHAIN_LINES_MAX, TRACE_HEADING_LINES_MAX, TRACE_HOLE_MAX, TRACE_JUNK_LINES_MAX,
    TRACE_LINE_NUMBER_MAX,
};
use crate::output::prefix::{self, is_progress_bar};

/// Where in the grammar the source is.
#[derive(Clone, Debug, Default, PartialEq)]
enum State {
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

/// How frames are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Renderer {
    #[default]
    Interpreter,
    Notebook,
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
pub(super) struct Parser {
    state: State,
    report: Option<Report>,
    /// The link that was announced for the next header.
    link: Option<Link>,
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
    renderer: Renderer,
}

/// What is known about the line from outside of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// Whether a log line, or a log's prefix, stands before it.
    pub(super) logged: bool,
    /// The source's rank.
    pub(super) rank: Option<u64>,
    /// Seconds since the command's spawn.
    pub(super) at: f64,
    /// Number of the next report.
    pub(super) order: u64,
    /// Number of the line.
    pub(super) line: u64,
    /// Which questions of the grammar the line may answer.
    pub(super) words: Words,
}

impl Around {
    fn report(self, standing: Standing) -> Report {
        let mut report = Report {
            standing,
            rank: self.rank,
            at: self.at,
            order: self.order,
            ended: self.line,
            ..Report::default()
        };
        report.push(Exception::default());
        report
    }
}

impl Parser {
    /// Whether only a line that stands out needs to be shown to it.
    pub(super) fn is_idle(&self) -> bool {
        let waits = match self.state {
            State::Idle => false,
            State::After(after) => after.announces || after.message == MessageLine::Next,
            State::Frames | State::Dump(_) => true,
        };
        let is_native = self
            .report
            .as_ref()
            .is_some_and(|report| report.standing == Standing::Native);
        !waits
            && !is_native
            && self.boxes.is_empty()
            && self.stray.frames.is_empty()
            && self.group.is_none()
    }

    /// Whether a header came and nothing of its traceback.
    pub(super) fn awaits_first_frame(&self) -> bool {
        let Some(report) = &self.report else {
            return false;
        };
        self.state == State::Frames
            && matches!(report.exceptions.as_slice(), [only] if only.frames.is_empty())
    }

    /// Takes the next line, without the source's prefix; what is finished goes to `done`.
    pub(super) fn line(&mut self, line: &str, around: Around, done: &mut Vec<Report>) {
        if let Some((_, left)) = &mut self.heading {
            *left = left.saturating_sub(1);
        }
        let line = match self.boxes.line(line, self.report.is_some()) {
            Unboxed::Line(line) => line,
            Unboxed::Border => return self.state = State::After(After::default()),
            Unboxed::Member => return self.member(),
            Unboxed::Row(frame, end) => {
                if let Some(column) = end {
                    self.column = column + 1;
                }
                if let (Some(frame), Some(exception)) = (frame, self.newest()) {
                    exception.frames.push(frame);
                }
                return;
            }
        };
        let (margin, text) = without_margin(line);
        let words = around.words;
        if words.have(Words::HEADER)
            && let Some(header) = headers::header(text)
        {
            return self.open(header, line, margin, around, done);
        }
        if words.have(Words::NATIVE)
            && let Some(native) = headers::native(text)
        {
            return self.native(native, around, done);
        }
        if self.announcement(text, words) {
            self.silence = 0;
            return;
        }
        match self.state {
            State::Idle => self.idle(text, around, done),
            State::Frames => self.frames(text, around, done),
            State::After(after) => self.after(text, after, around, done),
            State::Dump(mut dump) => {
                let goes_on = self
                    .report
                    .as_mut()
                    .is_some_and(|report| dump.line(text, report));
                self.state = State::Dump(dump);
                if !goes_on {
                    Dump::end(self.report.as_mut());
                    self.close(done);
                }
            }
        }
    }

    /// Ends what is open.
    pub(super) fn close(&mut self, done: &mut Vec<Report>) {
        done.extend(self.report.take().filter(|report| !report.is_empty()));
        *self = Self {
            heading: self.heading,
            ..Self::default()
        };
    }

    /// The report that is being read, as it would be if the stream ended here.
    pub(super) fn pending(&self) -> Option<Report> {
        let mut copy = self.clone();
        if let Some(frame) = copy.boxes.finish()
            && let Some(exception) = copy.newest()
        {
            exception.frames.push(frame);
        }
        if matches!(copy.state, State::Dump(_)) {
            Dump::end(copy.report.as_mut());
        }
        copy.report.filter(|report| !report.is_empty())
    }

    /// The exception that is being read.
    fn newest(&mut self) -> Option<&mut Exception> {
        self.report.as_mut()?.newest()
    }

    /// Another exception of the report.
    fn push_exception(&mut self, link: Link) {
        if let Some(report) = &mut self.report {
            report.push(Exception {
                link,
                ..Exception::default()
            });
        }
    }

    /// A member of the group follows.
    fn member(&mut self) {
        self.push_exception(Link::Member);
        self.state = State::Frames;
        self.column = 1;
    }

    /// A native death: `terminate called …`, `Fatal Python error: …`, the dump of a timeout.
    fn native(&mut self, native: headers::Native, around: Around, done: &mut Vec<Report>) {
        self.close(done);
        self.report = Some(Report {
            marker: Some(native.marker),
            ..around.report(native.standing)
        });
        self.state = if native.dumps {
            State::Dump(Dump::default())
        } else {
            State::After(After::default())
        };
    }

    /// A header: another exception of this report, or a new report.
    fn open(
        &mut self,
        header: Header<'_>,
        line: &str,
        margin: Option<usize>,
        around: Around,
        done: &mut Vec<Report>,
    ) {
        let is_deeper = match (self.group, margin) {
            (Some(group), Some(margin)) => margin > group,
            _ => false,
        };
        let newest = self
            .report
            .as_ref()
            .and_then(|report| report.exceptions.last());
        let is_member = newest.is_some_and(|newest| {
            newest.link == Link::Member && !newest.complete && newest.frames.is_empty()
        });
        let is_quoted = match self.state {
            State::After(after) => header.original || after.announces,
            _ => false,
        };
        let link = match self.link.take() {
            Some(_) if is_deeper => Some(Link::Member),
            Some(link) => Some(link),
            None if is_quoted => Some(Link::Quoted),
            None => None,
        };
        if is_member {
            // Its separator has opened it already.
        } else if let Some(link) = link.filter(|_| self.report.is_some()) {
            self.push_exception(link);
        } else {
            let standing = match self.heading.take() {
                Some((standing, left)) if left > 0 => standing,
                _ if around.logged => Standing::Logged,
                _ => Standing::Plain,
            };
            self.close(done);
            self.report = Some(around.report(standing));
        }
        if header.group && self.group.is_none() {
            self.group = margin.or(Some(2));
        }
        self.state = State::Frames;
        self.silence = 0;
        self.stray = Stray::default();
        self.renderer = if header.notebook {
            Renderer::Notebook
        } else {
            Renderer::Interpreter
        };
        self.column = header.indentation + 1;
        self.boxes.open(header.boxed, header.before, line);
    }

    /// What announces the next header: a link of the chain, a member of a group, a heading.
    fn announcement(&mut self, text: &str, words: Words) -> bool {
        if words.have(Words::HEADING)
            && let Some(standing) = headers::heading(text)
        {
            self.heading = Some((standing, TRACE_HEADING_LINES_MAX));
            return true;
        }
        if self.report.is_none() {
            return false;
        }
        if words.have(Words::LINK)
            && let Some(link) = headers::link(text)
        {
            self.link = Some(link);
            return true;
        }
        match headers::separator(text) {
            Some(Separator::Member) => {
                self.member();
                self.group = self.group.or(Some(2));
                true
            }
            Some(Separator::End) => {
                self.state = State::After(After::default());
                true
            }
            None => false,
        }
    }

    /// Frames without a header: the beginning was lost, or a syntax error, which has none.
    fn idle(&mut self, text: &str, around: Around, done: &mut Vec<Report>) {
        if let Some(raw) = frames::quoted(behind_bar(text, around.words)) {
            self.column = raw.column.max(1);
            self.silence = 0;
            self.stray.are_calls = raw.function.is_some();
            let frame = origin::frame(raw.path, raw.line, raw.function);
            self.stray.frames.push(frame);
            return;
        }
        if let (Some(times), Some(frame)) = (frames::repeated(text), self.stray.frames.newest()) {
            frame.repeated = Some(times.min(TRACE_HOLE_MAX));
            return;
        }
        self.silence += 1;
        let Some((line, standing)) = self.lone_exception(text) else {
            if self.silence > TRACE_HEADING_LINES_MAX {
                self.stray = Stray::default();
            }
            return;
        };
        self.report = Some(around.report(standing));
        let frames = std::mem::take(&mut self.stray.frames);
        if let Some(exception) = self.newest() {
            exception.frames = frames;
        }
        self.finish_exception(&line, around);
        if standing == Standing::Stray {
            self.close(done);
        }
    }

    /// An exception's line without a header, and what it is worth.
    fn lone_exception<'a>(&self, text: &'a str) -> Option<(ExceptionLine<'a>, Standing)> {
        let bare = prefix::strip(text);
        let text = if bare.len() < text.trim().len() {
            bare
        } else {
            text
        };
        let line = exceptions::exception_line(text.trim_start())?;
        let has_frames = !self.stray.frames.is_empty();
        let is_believed = line.certain || self.stray.are_calls && has_frames;
        if !is_believed || indentation(text) >= self.column.max(1) {
            return None;
        }
        let standing = if has_frames {
            Standing::Plain
        } else {
            alone(text, &line)?
        };
        Some((line, standing))
    }

    /// Behind a header.
    fn frames(&mut self, text: &str, around: Around, done: &mut Vec<Report>) {
        let words = around.words;
        self.silence += 1;
        if let Some(raw) = self.raw_frame(text, words) {
            return self.push_frame(raw);
        }
        if let Some(times) = frames::repeated(text)
            && let Some(frame) = self
                .newest()
                .and_then(|exception| exception.frames.newest())
        {
            frame.repeated = Some(times.min(TRACE_HOLE_MAX));
            return;
        }
        let text = behind_bar(text, words);
        if indentation(text) < self.column
            && let Some(line) = exceptions::exception_line(text.trim_start())
            && (line.certain || !(words.have(Words::BAR) && is_progress_bar(text)))
        {
            self.finish_exception(&line, around);
        } else if self.silence > TRACE_JUNK_LINES_MAX {
            self.close(done);
        }
    }

    fn raw_frame<'a>(&mut self, text: &'a str, words: Words) -> Option<RawFrame<'a>> {
        if let Some(raw) = frames::quoted(behind_bar(text, words)) {
            return Some(raw);
        }
        if self.renderer == Renderer::Interpreter {
            return frames::notebook(text).filter(|raw| raw.path != "Cell In");
        }
        if let Some(line) = frames::arrow(text) {
            let frame = self
                .newest()
                .and_then(|exception| exception.frames.newest());
            if let Some(frame) = frame
                && frame.line.is_none()
                && line <= TRACE_LINE_NUMBER_MAX
            {
                frame.line = Some(line);
            }
            return None;
        }
        frames::notebook(text).or_else(|| frames::notebook_without_line(text))
    }

    fn push_frame(&mut self, raw: RawFrame<'_>) {
        self.silence = 0;
        // Where frames have no indentation (notebooks, stackprinter), the exception's line has none either.
        self.column = raw.column.max(1);
        if let Some(exception) = self.newest() {
            let frame = origin::frame(raw.path, raw.line, raw.function);
            exception.frames.push(frame);
        }
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
        let was_stopped = matches!(signal, Some(1 | 2 | 15)) && report.is_a(&["SignalException"]);
        report.interruption = was_stopped || report.is_a(&["KeyboardInterrupt"]);
        let is_counter = line
            .message
            .starts_with(|first: char| first.is_ascii_digit());
        self.silence = 0;
        self.state = State::After(After {
            doubt: match () {
                () if line.certain => Doubt::None,
                () if is_counter => Doubt::Counter,
                () => Doubt::Line,
            },
            message: if line.has_colon && line.message.is_empty() {
                MessageLine::Next
            } else {
                MessageLine::Same
            },
            announces: line.message.trim_end().ends_with(':'),
        });
    }

    /// Behind an exception's line.
    fn after(&mut self, text: &str, mut after: After, around: Around, done: &mut Vec<Report>) {
        self.silence += 1;
        if self.silence > TRACE_CHAIN_LINES_MAX {
            return self.close(done);
        }
        let behind = behind_bar(text, around.words);
        if after.doubt == Doubt::Counter
            && let Some(line) = exceptions::exception_line(behind)
            && line.certain
        {
            return self.finish_exception(&line, around);
        }
        if let Some(raw) = frames::quoted(behind) {
            // What the message itself announces (`from user code:`) is a part of it.
            if !after.announces {
                self.frame_after(raw, after.doubt);
            }
            return;
        }
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return;
        }
        after.announces = trimmed.ends_with(':');
        let begins_message = after.message == MessageLine::Next;
        after.message = MessageLine::Same;
        self.state = State::After(after);
        let Some(report) = &mut self.report else {
            return;
        };
        let message = match trimmed.strip_prefix("what():") {
            Some(what) if report.standing == Standing::Native => what.trim_start(),
            _ if begins_message => trimmed,
            _ => {
                if self.silence <= MESSAGE_LINES_MAX
                    && let Some(exception) = report.newest()
                {
                    exception.message.continues(trimmed);
                }
                return;
            }
        };
        if let Some(exception) = report.newest() {
            exception.message = messages::read(message);
        }
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
            self.push_exception(Link::Quoted);
        } else {
            return;
        }
        self.state = State::Frames;
        self.push_frame(raw);
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

/// What follows a progress bar that was not ended by a new line.
fn behind_bar(text: &str, words: Words) -> &str {
    if !words.have(Words::BAR) || !is_progress_bar(text) {
        return text;
    }
    match prefix::behind_bar(text) {
        Some(behind) if !behind.is_empty() => behind,
        _ => match text.find("  File \"") {
            Some(at) => &text[at..],
            None => text,
        },
    }
}

fn indentation(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}
