//! The reading of one source's lines: a small state machine that follows the grammar of tracebacks.
//!
//! It is lenient where the grammar is: between the lines of a traceback there may stand source, carets,
//! values, progress bars and other processes' output, and anything may be missing. It is strict about what
//! ends one: the exception's line stands left of the frames. Nothing of a line is kept but what is public.

use super::boxed;
use super::frames::{self, RawFrame};
use super::headers::{self, Header};
use super::messages;
use super::origin;
use super::prefix::is_progress_bar;
use super::report::{Exception, Frames, Link, Report, Standing};
use super::types::{self, ExceptionLine};
use crate::limits::{TRACE_CHAIN_LINES_MAX, TRACE_HEADING_LINES_MAX, TRACE_JUNK_LINES_MAX};

/// Where in the grammar the source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Between reports; frames may come without a header where the beginning was lost.
    #[default]
    Idle,
    /// Behind a header: frames, and at last the exception's line.
    Frames,
    /// Behind an exception's line: the rest of its message, perhaps a link to the next one of the chain.
    After,
    /// In the dump of a fatal error: threads and their frames, innermost first.
    Dump,
}

/// Reads one source.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    state: State,
    report: Option<Report>,
    /// The link that was announced for the next header.
    link: Option<Link>,
    /// Left edge of the frames: the exception's line stands left of it.
    column: usize,
    /// Column of the margin of the outermost group.
    group: Option<usize>,
    /// Frames without a header.
    stray: Frames,
    /// Lines since something was understood.
    silence: u32,
    /// What the last heading said, and for how many lines it holds.
    heading: Option<(Standing, u32)>,
    boxed: Option<boxed::Reader>,
    /// The message's last line ended with a colon: a header that follows is quoted by it.
    colon: bool,
    /// The exception's line might have been something else; a frame behind it shows that it was.
    doubtful: bool,
    /// Whether frames are printed as notebooks print them.
    notebook: bool,
    /// In a dump: whether the thread's frames are wanted.
    wanted: bool,
    /// In a dump: whether the thread that failed was named.
    named: bool,
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
}

impl Machine {
    /// Whether only a line that stands out needs to be shown to it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle | State::After) && self.boxed.is_none() && self.stray.is_empty()
    }

    /// The report that is being read.
    #[must_use]
    pub const fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// Takes the next line, without the source's prefix; what is finished goes to `done`.
    pub fn line(&mut self, line: &str, around: Around, done: &mut Vec<Report>) {
        if let Some((_, left)) = &mut self.heading {
            *left = left.saturating_sub(1);
        }
        if self.in_box(line) {
            return;
        }
        let (margin, text) = self.without_margin(line);
        if let Some(header) = headers::header(text) {
            self.open(header, line, margin, around, done);
        } else if let Some(sign) = headers::native(text) {
            self.native(sign, around, done);
        } else if self.announcement(text) {
            self.silence = 0;
        } else {
            self.body(text, around, done);
        }
    }

    /// Ends what is open.
    pub fn close(&mut self, done: &mut Vec<Report>) {
        done.extend(self.report.take());
        *self = Self { heading: self.heading, ..Self::default() };
    }

    /// Feeds a box of `rich`; false where there is none.
    fn in_box(&mut self, line: &str) -> bool {
        let Some(reader) = &mut self.boxed else { return false };
        let (frame, ended) = match reader.row(line) {
            boxed::Row::Nothing => (None, false),
            boxed::Row::Frame(frame) => (Some(frame), false),
            boxed::Row::End(frame) => (frame, true),
        };
        if ended {
            self.column = reader.column.saturating_add(1);
            self.boxed = None;
        }
        if let (Some(frame), Some(exception)) = (frame, self.report.as_mut().and_then(Report::newest)) {
            exception.frames.push(frame);
        }
        true
    }

    /// The line without the margin of an exception group: the margin's column, and what stands behind it.
    fn without_margin<'a>(&self, line: &'a str) -> (Option<usize>, &'a str) {
        let bare = line.trim_start_matches(' ');
        let column = line.len().saturating_sub(bare.len());
        let inner = bare.strip_prefix("| ").or_else(|| bare.strip_prefix("+ ")).or((bare == "|").then_some(""));
        match inner {
            Some(inner) if column >= 2 => (Some(column), inner),
            _ => (None, line),
        }
    }

    /// A header: another exception of this report, or a new report.
    fn open(&mut self, header: Header<'_>, line: &str, margin: Option<usize>, around: Around, done: &mut Vec<Report>) {
        let deeper = self.group.is_some_and(|group| margin.is_some_and(|margin| margin > group));
        let announced = self.link.take();
        let member = self
            .report
            .as_ref()
            .and_then(|report| report.exceptions.last())
            .is_some_and(|last| last.link == Link::Member && !last.complete && last.frames.is_empty());
        let link = match announced {
            _ if member => Some(Link::Member),
            Some(_) if deeper => Some(Link::Member),
            Some(link) => Some(link),
            None if self.state == State::After && (header.original || self.colon) => Some(Link::Quoted),
            None => None,
        };
        match (link, &mut self.report) {
            (Some(_), Some(_)) if member => {}
            (Some(link), Some(report)) => report.push(Exception { link, ..Exception::default() }),
            _ => {
                let heading = self.heading.take().filter(|(_, left)| *left > 0).map(|(standing, _)| standing);
                self.close(done);
                let standing = heading.unwrap_or(if around.logged { Standing::Logged } else { Standing::Plain });
                let mut report =
                    Report { standing, rank: around.rank, at: around.at, order: around.order, ..Report::default() };
                report.push(Exception::default());
                self.report = Some(report);
            }
        }
        if header.group && self.group.is_none() {
            self.group = margin.or(Some(2));
        }
        self.state = State::Frames;
        self.silence = 0;
        self.stray = Frames::default();
        self.notebook = header.notebook;
        self.column = header.indentation.saturating_add(1);
        self.boxed = header.boxed.then(|| boxed::Reader::new(boxed::opens(header.before).unwrap_or(0), line));
    }

    /// A native death: `terminate called …`, `Fatal Python error: …`, the dump of a timeout.
    fn native(&mut self, sign: headers::Native, around: Around, done: &mut Vec<Report>) {
        self.close(done);
        let mut report = Report {
            standing: sign.standing,
            rank: around.rank,
            at: around.at,
            order: around.order,
            marker: Some(sign.marker),
            ..Report::default()
        };
        report.push(Exception::default());
        self.report = Some(report);
        self.state = if sign.dumps { State::Dump } else { State::After };
        (self.wanted, self.named) = (true, false);
    }

    /// What announces the next header: a link of the chain, a member of a group, a heading.
    fn announcement(&mut self, text: &str) -> bool {
        if let Some(standing) = headers::heading(text) {
            self.heading = Some((standing, TRACE_HEADING_LINES_MAX));
            return true;
        }
        if self.report.is_none() {
            return false;
        }
        if let Some(link) = headers::link(text) {
            self.link = Some(link);
            return true;
        }
        match headers::separator(text) {
            Some(headers::Separator::Member) => {
                if let Some(report) = &mut self.report {
                    report.push(Exception { link: Link::Member, ..Exception::default() });
                }
                self.state = State::Frames;
                self.column = 1;
                self.group = self.group.or(Some(2));
                true
            }
            Some(headers::Separator::End) => {
                self.state = State::After;
                true
            }
            None => false,
        }
    }

    /// Any other line.
    fn body(&mut self, text: &str, around: Around, done: &mut Vec<Report>) {
        match self.state {
            State::Idle => self.idle(text, around, done),
            State::Frames => self.frames(text, done),
            State::After => self.after(text, done),
            State::Dump => self.dump(text, done),
        }
    }

    /// Frames without a header: the beginning was lost, or a syntax error, which has none.
    fn idle(&mut self, text: &str, around: Around, done: &mut Vec<Report>) {
        if let Some(raw) = frames::quoted(behind_bar(text)) {
            self.column = raw.column.max(1);
            self.silence = 0;
            self.stray.push(origin::frame(raw.path, raw.line, raw.function));
            return;
        }
        if let (Some(times), Some(frame)) = (frames::repeated(text), self.stray.newest()) {
            frame.repeated = Some(times.min(1_000_000));
            return;
        }
        self.silence = self.silence.saturating_add(1);
        let indentation = indentation(text);
        let ended =
            types::exception_line(text.trim_start()).filter(|line| line.certain && indentation < self.column.max(1));
        if let Some(line) = ended {
            let headless = !self.stray.is_empty();
            let standing = if headless { Standing::Plain } else { Standing::Stray };
            // A lone word may be anything, but these the interpreter prints alone when it has no memory for more.
            let standing = if !headless && matches!(text.trim(), "MemoryError" | "KeyboardInterrupt") {
                Standing::Plain
            } else {
                standing
            };
            let mut report =
                Report { standing, rank: around.rank, at: around.at, order: around.order, ..Report::default() };
            report.push(Exception { frames: std::mem::take(&mut self.stray), ..Exception::default() });
            self.report = Some(report);
            self.finish_exception(&line);
            if standing == Standing::Stray {
                self.close(done);
            }
        } else if self.silence > TRACE_HEADING_LINES_MAX {
            self.stray = Frames::default();
        }
    }

    /// Behind a header.
    fn frames(&mut self, text: &str, done: &mut Vec<Report>) {
        self.silence = self.silence.saturating_add(1);
        if let Some(raw) = self.raw_frame(text) {
            self.push(raw);
            return;
        }
        let newest = self.report.as_mut().and_then(Report::newest);
        if let (Some(times), Some(frame)) =
            (frames::repeated(text), newest.and_then(|exception| exception.frames.newest()))
        {
            frame.repeated = Some(times.min(1_000_000));
            return;
        }
        let indentation = indentation(text);
        let line = types::exception_line(text.trim_start())
            .filter(|line| indentation < self.column && (line.certain || !is_progress_bar(text)));
        match line {
            Some(line) => self.finish_exception(&line),
            None if self.silence > TRACE_JUNK_LINES_MAX => self.close(done),
            None => {}
        }
    }

    fn raw_frame<'a>(&mut self, text: &'a str) -> Option<RawFrame<'a>> {
        if let Some(raw) = frames::quoted(behind_bar(text)) {
            return Some(raw);
        }
        if !self.notebook {
            return None;
        }
        if let Some(line) = frames::arrow(text) {
            let frame = self.report.as_mut().and_then(Report::newest).and_then(|exception| exception.frames.newest());
            if let Some(frame) = frame.filter(|frame| frame.line.is_none()) {
                frame.line = Some(line).filter(|line| *line <= crate::limits::TRACE_LINE_NUMBER_MAX);
            }
            return None;
        }
        frames::notebook(text).or_else(|| frames::notebook_without_line(text))
    }

    fn push(&mut self, raw: RawFrame<'_>) {
        self.silence = 0;
        // Where frames have no indentation (notebooks, stackprinter), the exception's line has none either.
        self.column = raw.column.max(1);
        if let Some(exception) = self.report.as_mut().and_then(Report::newest) {
            exception.frames.push(origin::frame(raw.path, raw.line, raw.function));
        }
    }

    /// The exception's line.
    fn finish_exception(&mut self, line: &ExceptionLine<'_>) {
        let Some(report) = &mut self.report else { return };
        let stopped = line.class.as_ref().is_some_and(|class| class.as_str().ends_with("SignalException"))
            && [": 2", ": 15", ": 1"].iter().any(|signal| line.message.trim_end().ends_with(signal));
        if let Some(exception) = report.newest() {
            exception.class.clone_from(&line.class);
            exception.complete = true;
            exception.message = messages::read(line.message);
        }
        report.interruption = stopped || report.is_a(&["KeyboardInterrupt"]);
        self.state = State::After;
        self.silence = 0;
        self.doubtful = !line.certain;
        self.colon = line.message.trim_end().ends_with(':');
    }

    /// Behind an exception's line.
    fn after(&mut self, text: &str, done: &mut Vec<Report>) {
        self.silence = self.silence.saturating_add(1);
        if self.silence > TRACE_CHAIN_LINES_MAX {
            self.close(done);
            return;
        }
        if !text.trim().is_empty() {
            self.colon = text.trim_end().ends_with(':');
        }
        if let Some(raw) = frames::quoted(behind_bar(text)) {
            self.frame_after(raw);
            return;
        }
        let native = self.report.as_mut().filter(|report| report.standing == Standing::Native);
        if let (Some(exception), Some(what)) =
            (native.and_then(Report::newest), text.trim_start().strip_prefix("what():"))
        {
            exception.message = messages::read(what.trim_start());
        }
    }

    /// A frame behind an exception's line: the line was another one, or a task's own traceback follows.
    fn frame_after(&mut self, raw: RawFrame<'_>) {
        let Some(report) = &mut self.report else { return };
        let task =
            report.exceptions.last().and_then(|last| last.class.as_ref()).is_some_and(|class| {
                class.as_str().contains("RayTaskError") || class.as_str().contains("RayActorError")
            });
        if self.doubtful {
            if let Some(exception) = report.newest() {
                (exception.class, exception.complete, exception.message) = (None, false, messages::Message::default());
            }
        } else if task {
            report.push(Exception { link: Link::Quoted, ..Exception::default() });
        } else {
            return;
        }
        self.state = State::Frames;
        self.push(raw);
    }

    /// In the dump of a fatal error.
    fn dump(&mut self, text: &str, done: &mut Vec<Report>) {
        if let Some(current) = headers::thread(text) {
            // The thread that failed, where it is named; else the one that is printed last, the main one.
            self.named = self.named || current;
            self.wanted = current || !self.named;
            if self.wanted
                && let Some(exception) = self.report.as_mut().and_then(Report::newest)
            {
                exception.frames = Frames::default();
            }
            return;
        }
        if let Some(raw) = frames::quoted(text) {
            if self.wanted {
                self.push(raw);
            }
            return;
        }
        let nothing =
            text.trim().is_empty() || text.trim_start().starts_with('<') || text.starts_with("Python runtime state");
        if !nothing {
            self.end_dump();
            self.close(done);
        }
    }

    fn end_dump(&mut self) {
        if self.state == State::Dump
            && let Some(exception) = self.report.as_mut().and_then(Report::newest)
        {
            exception.frames = exception.frames.reversed();
        }
    }

    /// The report that is being read, as it would be if the stream ended here.
    #[must_use]
    pub fn pending(&self) -> Option<Report> {
        let mut copy = self.clone();
        if let Some(reader) = &mut copy.boxed {
            if let boxed::Row::End(Some(frame)) = reader.row("╰") {
                copy.report.as_mut().and_then(Report::newest)?.frames.push(frame);
            }
        }
        copy.end_dump();
        copy.report
    }
}

/// What follows a progress bar that was not ended by a new line.
fn behind_bar(text: &str) -> &str {
    if !is_progress_bar(text) {
        return text;
    }
    text.find("  File \"").and_then(|at| text.get(at..)).unwrap_or(text)
}

fn indentation(text: &str) -> usize {
    text.len().saturating_sub(text.trim_start_matches([' ', '\t']).len())
}
