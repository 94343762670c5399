//! Turns a report into an error event: its frames, its chain, the rebuilt stack trace and the fingerprint.
//!
//! The stack trace is written anew out of public pieces, in the form in which Python prints one, because that
//! is what people and tools know to read. The fingerprint is a hash over public fields alone and leaves out
//! the line numbers, which move with every release; a hash over the raw message could be guessed.

use super::grammar::exceptions::PRIVATE;
use super::report::{ChainLink, ErrorReport, Exception};
use crate::event::{ErrorEvent, Frame};
use crate::knowledge::Meaning;
use crate::limits::TRACE_TEXT_BYTES_MAX;
use crate::public::text::PublicText;
use crate::public::{PublicStr, dictionary};

/// The error event of a report; `fatal` says whether the run died of it.
#[must_use]
pub fn event(report: &ErrorReport, fatal: bool) -> ErrorEvent {
    let mut event = ErrorEvent {
        meaning: report.meaning().map(Meaning::public),
        marker: report.marker.clone(),
        fingerprint: Some(fingerprint(report)),
        rank: report.rank,
        fatal: Some(fatal),
        ..ErrorEvent::default()
    };
    if let Some(last) = report.error() {
        if last.complete {
            event.exception_type = Some(class(last));
        }
        event.exception.clone_from(&last.message.known);
        event.exception_shape.clone_from(&last.message.shape);
        if !last.frames.is_empty() {
            event.frames = Some(last.frames.iter().cloned().collect());
        }
        event.stack_trace = Some(stack_trace(report));
    }
    let complete = report.exceptions.iter().filter(|link| link.complete);
    let chain: Vec<PublicStr> = complete.map(class).collect();
    if chain.len() > 1 {
        event.chain = Some(chain);
    }
    event
}

fn class(exception: &Exception) -> PublicStr {
    exception.class.clone().unwrap_or(PRIVATE)
}

/// Hashes what stays the same when the same error comes again.
#[must_use]
pub fn fingerprint(report: &ErrorReport) -> PublicStr {
    let mut parts: Vec<PublicStr> = report.marker.iter().cloned().collect();
    for exception in &report.exceptions {
        parts.push(class(exception));
        parts.extend(exception.message.known.clone());
        let mut before = None;
        for frame in exception.frames.iter() {
            let Some(file) = &frame.file else {
                continue;
            };
            let this = Some((file, &frame.function));
            // A recursion is the same error however deep it went.
            if before != this {
                parts.push(file.clone());
                parts.extend(frame.function.clone());
                before = this;
            }
        }
    }
    fingerprint_of(&parts)
}

/// The hash over public texts.
pub fn fingerprint_of(parts: &[PublicStr]) -> PublicStr {
    let mut text = PublicText::new();
    text.hex(dictionary::fingerprint_of(parts));
    text.finish()
}

/// The traceback, in Python's own form.
fn stack_trace(report: &ErrorReport) -> PublicStr {
    let mut text = Bounded::default();
    for (index, exception) in report.exceptions.iter().enumerate() {
        if index == 1 && report.dropped > 0 {
            text.count("[", report.dropped, " exceptions left out]");
        }
        let link = match exception.link {
            _ if index == 0 => "",
            ChainLink::First => "",
            ChainLink::Cause => {
                "\nThe above exception was the direct cause of the following exception:\n"
            }
            ChainLink::Context => {
                "\nDuring handling of the above exception, another exception occurred:\n"
            }
            ChainLink::Member => "\nMember of the group:\n",
            ChainLink::Quoted => "\nOriginal error:\n",
        };
        if !link.is_empty() {
            text.line(|line| line.constant(link));
        }
        traceback(&mut text, exception);
    }
    text.text.finish()
}

fn traceback(text: &mut Bounded, exception: &Exception) {
    let frames = &exception.frames;
    if !frames.is_empty() {
        text.line(|line| line.constant("Traceback (most recent call last):"));
    }
    for (index, frame) in frames.iter().enumerate() {
        if index == frames.before_the_gap() && frames.dropped > 0 {
            text.count("  [", frames.dropped, " frames left out]");
        }
        text.line(|line| frame_line(line, frame));
        if let Some(times) = frame.repeated {
            text.count("  [Previous line repeated ", times, " more times]");
        }
    }
    if exception.complete {
        text.line(|line| {
            line.public(&class(exception));
            if let Some(known) = &exception.message.known {
                line.constant(": ").public(known);
            }
            line
        });
    }
}

/// `  File "torch/nn/functional.py", line 592, in cross_entropy`; what is not public stands in brackets.
fn frame_line<'a>(line: &'a mut PublicText, frame: &Frame) -> &'a mut PublicText {
    line.constant("  File ");
    match (&frame.file, &frame.origin) {
        (Some(file), _) => line.constant("\"").public(file).constant("\""),
        (None, Some(origin)) => line.constant("<").public(origin).constant(">"),
        (None, None) => line.constant("<unknown>"),
    };
    if let Some(number) = frame.line {
        line.constant(", line ").integer(number);
    }
    if let Some(function) = &frame.function {
        line.constant(", in ").public(function);
    }
    line
}

/// A text that stops growing at its bound.
#[derive(Default)]
struct Bounded {
    text: PublicText,
    bytes: usize,
}

impl Bounded {
    fn line(&mut self, write: impl for<'a> FnOnce(&'a mut PublicText) -> &'a mut PublicText) {
        if self.bytes > TRACE_TEXT_BYTES_MAX {
            return;
        }
        let mut line = PublicText::new();
        write(&mut line);
        let line = line.finish();
        self.bytes += line.as_str().len() + 1;
        if self.bytes > TRACE_TEXT_BYTES_MAX {
            self.text.constant("[the rest is left out]\n");
        } else {
            self.text.public(&line).constant("\n");
        }
    }

    fn count(&mut self, before: &'static str, number: u64, behind: &'static str) {
        self.line(|line| line.constant(before).integer(number).constant(behind));
    }
}
