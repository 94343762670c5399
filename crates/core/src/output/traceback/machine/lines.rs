//! What a line is in each state: a frame, the exception's line, a piece of the message, or nothing.

use super::super::frames::{self, RawFrame};
use super::super::report::{Exception, Frames, Link, Report, Standing};
use super::super::types::{self, ExceptionLine};
use super::super::words::Words;
use super::super::{messages, origin, wrappers};
use super::{Around, Machine, Message, State};
use crate::limits::{
    TRACE_CHAIN_LINES_MAX, TRACE_HEADING_LINES_MAX, TRACE_HOLE_MAX, TRACE_JUNK_LINES_MAX,
    TRACE_LINE_NUMBER_MAX,
};
use crate::output::prefix::{self, is_progress_bar};

impl Machine {
    /// Frames without a header: the beginning was lost, or a syntax error, which has none.
    pub(super) fn idle(&mut self, text: &str, around: Around, done: &mut Vec<Report>) {
        if let Some(raw) = frames::quoted(behind_bar(text, around.words)) {
            self.column = raw.column.max(1);
            self.silence = 0;
            self.calls = raw.function.is_some();
            self.stray
                .push(origin::frame(raw.path, raw.line, raw.function));
            return;
        }
        if let (Some(times), Some(frame)) = (frames::repeated(text), self.stray.newest()) {
            frame.repeated = Some(times.min(TRACE_HOLE_MAX));
            return;
        }
        self.silence = self.silence.saturating_add(1);
        let bare = prefix::strip(text);
        let text = if bare.len() < text.trim().len() {
            bare
        } else {
            text
        };
        let indentation = indentation(text);
        let calls = self.calls && !self.stray.is_empty();
        let ended = types::exception_line(text.trim_start())
            .filter(|line| (line.certain || calls) && indentation < self.column.max(1));
        let standing = ended.as_ref().and_then(|line| {
            if self.stray.is_empty() {
                alone(text, line)
            } else {
                Some(Standing::Plain)
            }
        });
        if let (Some(line), Some(standing)) = (ended, standing) {
            let mut report = Report {
                standing,
                rank: around.rank,
                at: around.at,
                order: around.order,
                ..Report::default()
            };
            report.push(Exception {
                frames: std::mem::take(&mut self.stray),
                ..Exception::default()
            });
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
    pub(super) fn frames(&mut self, text: &str, words: Words, done: &mut Vec<Report>) {
        self.silence = self.silence.saturating_add(1);
        if let Some(raw) = self.raw_frame(text, words) {
            self.push(raw);
            return;
        }
        let newest = self.report.as_mut().and_then(Report::newest);
        if let (Some(times), Some(frame)) = (
            frames::repeated(text),
            newest.and_then(|exception| exception.frames.newest()),
        ) {
            frame.repeated = Some(times.min(TRACE_HOLE_MAX));
            return;
        }
        let text = behind_bar(text, words);
        let line = if indentation(text) < self.column {
            types::exception_line(text.trim_start())
        } else {
            None
        };
        match line.filter(|line| line.certain || !(words.have(Words::BAR) && is_progress_bar(text)))
        {
            Some(line) => self.finish_exception(&line),
            None if self.silence > TRACE_JUNK_LINES_MAX => self.close(done),
            None => {}
        }
    }

    pub(super) fn raw_frame<'a>(&mut self, text: &'a str, words: Words) -> Option<RawFrame<'a>> {
        if let Some(raw) = frames::quoted(behind_bar(text, words)) {
            return Some(raw);
        }
        if !self.notebook {
            return frames::notebook(text).filter(|raw| raw.path != "Cell In");
        }
        if let Some(line) = frames::arrow(text) {
            let frame = self
                .report
                .as_mut()
                .and_then(Report::newest)
                .and_then(|exception| exception.frames.newest());
            if let Some(frame) = frame.filter(|frame| frame.line.is_none()) {
                frame.line = Some(line).filter(|line| *line <= TRACE_LINE_NUMBER_MAX);
            }
            return None;
        }
        frames::notebook(text).or_else(|| frames::notebook_without_line(text))
    }

    pub(super) fn push(&mut self, raw: RawFrame<'_>) {
        self.silence = 0;
        // Where frames have no indentation (notebooks, stackprinter), the exception's line has none either.
        self.column = raw.column.max(1);
        if let Some(exception) = self.report.as_mut().and_then(Report::newest) {
            exception
                .frames
                .push(origin::frame(raw.path, raw.line, raw.function));
        }
    }

    /// The exception's line.
    pub(super) fn finish_exception(&mut self, line: &ExceptionLine<'_>) {
        let Some(report) = &mut self.report else {
            return;
        };
        let signal = ended_by(line);
        report.ended = self.now;
        if let Some(exception) = report.newest() {
            exception.class.clone_from(&line.class);
            exception.complete = true;
            exception.message = messages::read(line.message);
            exception.points_elsewhere = wrappers::points_elsewhere(line.message);
            exception.signal = signal;
        }
        let is_signal = line
            .class
            .as_ref()
            .is_some_and(|class| class.as_str().ends_with("SignalException"));
        let asked_for = matches!(signal, Some(1 | 2 | 15));
        report.interruption = is_signal && asked_for || report.is_a(&["KeyboardInterrupt"]);
        self.message = if line.has_colon && line.message.is_empty() {
            Message::NextLine
        } else {
            Message::Read
        };
        self.state = State::After;
        self.silence = 0;
        self.doubtful = !line.certain;
        self.counter = self.doubtful
            && line
                .message
                .starts_with(|first: char| first.is_ascii_digit());
        self.colon = line.message.trim_end().ends_with(':');
    }

    /// Behind an exception's line.
    pub(super) fn after(&mut self, text: &str, words: Words, done: &mut Vec<Report>) {
        self.silence = self.silence.saturating_add(1);
        if self.silence > TRACE_CHAIN_LINES_MAX {
            self.close(done);
            return;
        }
        if self.counter
            && let Some(line) =
                types::exception_line(behind_bar(text, words)).filter(|line| line.certain)
        {
            self.finish_exception(&line);
            return;
        }
        if let Some(raw) = frames::quoted(behind_bar(text, words)) {
            // What the message itself announces ("from user code:") is a part of it.
            if !self.colon {
                self.frame_after(raw);
            }
            return;
        }
        if !text.trim().is_empty() {
            self.colon = text.trim_end().ends_with(':');
            self.message_line(text);
        }
        let native = self
            .report
            .as_mut()
            .filter(|report| report.standing == Standing::Native);
        if let (Some(exception), Some(what)) = (
            native.and_then(Report::newest),
            text.trim_start().strip_prefix("what():"),
        ) {
            exception.message = messages::read(what.trim_start());
        }
    }

    /// A message that begins in the line behind its class.
    fn message_line(&mut self, text: &str) {
        if self.message == Message::Read {
            return;
        }
        self.message = Message::Read;
        if let Some(exception) = self.report.as_mut().and_then(Report::newest) {
            exception.message = messages::read(text.trim());
        }
    }

    /// A frame behind an exception's line: the line was another one, or a task's own traceback follows.
    pub(super) fn frame_after(&mut self, raw: RawFrame<'_>) {
        let Some(report) = &mut self.report else {
            return;
        };
        let task = report
            .exceptions
            .last()
            .and_then(|last| last.class.as_ref())
            .is_some_and(|class| {
                class.as_str().contains("RayTaskError") || class.as_str().contains("RayActorError")
            });
        if self.doubtful {
            if let Some(exception) = report.newest() {
                (exception.class, exception.complete, exception.message) =
                    (None, false, messages::Message::default());
            }
        } else if task {
            report.push(Exception {
                link: Link::Quoted,
                ..Exception::default()
            });
        } else {
            return;
        }
        self.state = State::Frames;
        self.push(raw);
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

/// The signal that a launcher names: `got signal: 15`, `died with <Signals.SIGTERM: 15>`.
fn ended_by(line: &ExceptionLine<'_>) -> Option<i32> {
    let class = line.class.as_ref()?.as_str();
    let message = line.message.trim_end();
    let number = if class.ends_with("SignalException") {
        message.rsplit(": ").next()?
    } else if class.ends_with("CalledProcessError") {
        let (_, signal) = message.rsplit_once(" died with <Signals.")?;
        signal.split_once(": ")?.1.trim_end_matches(['>', '.'])
    } else {
        return None;
    };
    number
        .parse()
        .ok()
        .filter(|signal| (1..=64).contains(signal))
}

/// What follows a progress bar that was not ended by a new line.
fn behind_bar(text: &str, words: Words) -> &str {
    if !words.have(Words::BAR) || !is_progress_bar(text) {
        return text;
    }
    let behind = prefix::behind_bar(text).filter(|rest| !rest.is_empty());
    behind
        .or_else(|| text.find("  File \"").and_then(|at| text.get(at..)))
        .unwrap_or(text)
}

fn indentation(text: &str) -> usize {
    text.len()
        .saturating_sub(text.trim_start_matches([' ', '\t']).len())
}
