//! The reading of one source's lines: a small state machine that follows the grammar of tracebacks.
//!
//! It is lenient where the grammar is: between the lines of a traceback there may stand source, carets,
//! values, progress bars and other processes' output, and anything may be missing. It is strict about what
//! ends one: the exception's line stands left of the frames. Nothing of a line is kept but what is public.

mod boxes;
mod dump;
mod lines;

use super::boxed;
use super::headers::{self, Header};
use super::report::{Exception, Frames, Link, Report, Standing};
use super::words::Words;
use crate::limits::TRACE_HEADING_LINES_MAX;

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

/// Where the message of the exception is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Message {
    /// On the exception's line, or nowhere.
    #[default]
    Read,
    /// On the next line that is not empty.
    NextLine,
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
    /// Whether the last of them named its function: a call stack, and not the place of an allocation or of a warning.
    calls: bool,
    /// Lines since something was understood.
    silence: u32,
    /// What the last heading said, and for how many lines it holds.
    heading: Option<(Standing, u32)>,
    boxed: Option<boxed::Reader>,
    /// Boxes around the box: `rich` puts each member of a group into one.
    wrappers: u8,
    message: Message,
    /// Number of the line that is being read.
    now: u64,
    /// The message's last line ended with a colon: a header that follows is quoted by it.
    colon: bool,
    /// The exception's line might have been something else; a frame behind it shows that it was.
    doubtful: bool,
    /// The doubtful line could be a counter's (`Epoch: 3`): a better one may follow.
    counter: bool,
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
    /// Number of the line.
    pub line: u64,
    /// Which questions of the grammar the line may answer.
    pub words: Words,
}

impl Machine {
    /// Whether only a line that stands out needs to be shown to it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle | State::After)
            && !self.colon
            && self.message == Message::Read
            && self.boxed.is_none()
            && self.stray.is_empty()
            && self.wrappers == 0
            && self.group.is_none()
            && self
                .report
                .as_ref()
                .is_none_or(|report| report.standing != Standing::Native)
    }

    /// Whether a header came and nothing of its traceback.
    #[must_use]
    pub fn awaits_first_frame(&self) -> bool {
        self.state == State::Frames
            && self.report.as_ref().is_some_and(
                |report| matches!(report.exceptions.as_slice(), [only] if only.frames.is_empty()),
            )
    }

    /// Takes the next line, without the source's prefix; what is finished goes to `done`.
    pub fn line(&mut self, line: &str, around: Around, done: &mut Vec<Report>) {
        self.now = around.line;
        if let Some((_, left)) = &mut self.heading {
            *left = left.saturating_sub(1);
        }
        let Some(line) = self.unwrapped(line) else {
            return;
        };
        if self.in_box(line) {
            return;
        }
        let (margin, text) = self.without_margin(line);
        let words = around.words;
        if let Some(header) = if words.have(Words::HEADER) {
            headers::header(text)
        } else {
            None
        } {
            self.open(header, line, margin, around, done);
        } else if let Some(sign) = if words.have(Words::NATIVE) {
            headers::native(text)
        } else {
            None
        } {
            self.native(sign, around, done);
        } else if self.announcement(text, words) {
            self.silence = 0;
        } else {
            self.body(text, around, done);
        }
    }

    /// Ends what is open.
    pub fn close(&mut self, done: &mut Vec<Report>) {
        done.extend(self.report.take().filter(|report| !report.is_empty()));
        *self = Self {
            heading: self.heading,
            ..Self::default()
        };
    }

    /// A member of the group follows.
    fn member(&mut self) {
        if let Some(report) = &mut self.report {
            report.push(Exception {
                link: Link::Member,
                ..Exception::default()
            });
        }
        self.state = State::Frames;
        self.column = 1;
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
        let deeper = self
            .group
            .is_some_and(|group| margin.is_some_and(|margin| margin > group));
        let announced = self.link.take();
        let member = self
            .report
            .as_ref()
            .and_then(|report| report.exceptions.last())
            .is_some_and(|last| {
                last.link == Link::Member && !last.complete && last.frames.is_empty()
            });
        let link = match announced {
            _ if member => Some(Link::Member),
            Some(_) if deeper => Some(Link::Member),
            Some(link) => Some(link),
            None if self.state == State::After && (header.original || self.colon) => {
                Some(Link::Quoted)
            }
            None => None,
        };
        match (link, &mut self.report) {
            (Some(_), Some(_)) if member => {}
            (Some(link), Some(report)) => report.push(Exception {
                link,
                ..Exception::default()
            }),
            _ => {
                let heading = self
                    .heading
                    .take()
                    .filter(|(_, left)| *left > 0)
                    .map(|(standing, _)| standing);
                self.close(done);
                let standing = heading.unwrap_or(if around.logged {
                    Standing::Logged
                } else {
                    Standing::Plain
                });
                let mut report = Report {
                    standing,
                    rank: around.rank,
                    at: around.at,
                    order: around.order,
                    ..Report::default()
                };
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
        self.boxed = header
            .boxed
            .then(|| boxed::Reader::new(boxed::opens(header.before).unwrap_or(0), line));
    }

    /// What announces the next header: a link of the chain, a member of a group, a heading.
    fn announcement(&mut self, text: &str, words: Words) -> bool {
        if let Some(standing) = if words.have(Words::HEADING) {
            headers::heading(text)
        } else {
            None
        } {
            self.heading = Some((standing, TRACE_HEADING_LINES_MAX));
            return true;
        }
        if self.report.is_none() {
            return false;
        }
        if let Some(link) = if words.have(Words::LINK) {
            headers::link(text)
        } else {
            None
        } {
            self.link = Some(link);
            return true;
        }
        match headers::separator(text) {
            Some(headers::Separator::Member) => {
                self.member();
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
            State::Frames => self.frames(text, around.words, done),
            State::After => self.after(text, around.words, done),
            State::Dump => self.dump(text, done),
        }
    }

    /// The report that is being read, as it would be if the stream ended here.
    #[must_use]
    pub fn pending(&self) -> Option<Report> {
        let mut copy = self.clone();
        let open = copy.boxed.as_mut().and_then(boxed::Reader::finish);
        if let (Some(frame), Some(exception)) =
            (open, copy.report.as_mut().and_then(Report::newest))
        {
            exception.frames.push(frame);
        }
        copy.end_dump();
        copy.report.filter(|report| !report.is_empty())
    }
}
