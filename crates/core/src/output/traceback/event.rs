//! Turns a report into an error event: its frames, its chain, the rebuilt stack trace and the fingerprint.
//!
//! The stack trace is written anew out of public pieces, in the form in which Python prints one, because that
//! is what people and tools know to read. The fingerprint is a hash over public fields alone and leaves out
//! the line numbers, which move with every release; a hash over the raw message could be guessed.

use super::report::{ChainLink, ErrorReport, ReportedException, TRACE_FRAMES_FIRST};
use crate::event::{ErrorEvent, Frame};
use crate::knowledge::Meaning;
use crate::limits::TRACE_TEXT_BYTES_MAX;
use crate::public::text::PublicText;
use crate::public::{PublicStr, dictionary};

/// What stands for a class that is not public.
static PRIVATE: PublicStr = PublicStr::constant("<private>");

/// The error event of a report; `fatal` says whether the run died of it.
pub fn event(report: &ErrorReport, fatal: bool) -> ErrorEvent {
    let mut event = ErrorEvent {
        meaning: report.meaning().map(Meaning::public),
        marker: report.marker.clone(),
        fingerprint: Some(fingerprint(report)),
        rank: report.rank,
        fatal: Some(fatal),
        ..ErrorEvent::default()
    };
    if let Some(error) = report.error() {
        if error.is_complete {
            event.exception_type = Some(class_of(error).clone());
        }
        event.exception.clone_from(&error.message.known);
        event.exception_shape.clone_from(&error.message.shape);
        if !error.frames.is_empty() {
            event.frames = Some(error.frames.iter().cloned().collect());
        }
        event.stack_trace = Some(stack_trace(report));
    }
    let mut chain = Vec::new();
    for exception in &report.exceptions {
        if exception.is_complete {
            chain.push(class_of(exception).clone());
        }
    }
    if chain.len() > 1 {
        event.chain = Some(chain);
    }
    event
}

fn class_of(exception: &ReportedException) -> &PublicStr {
    exception.class.as_ref().unwrap_or(&PRIVATE)
}

/// Hashes what stays the same when the same error comes again.
fn fingerprint(report: &ErrorReport) -> PublicStr {
    let mut parts: Vec<&PublicStr> = report.marker.iter().collect();
    for exception in &report.exceptions {
        parts.push(class_of(exception));
        parts.extend(&exception.message.known);
        let mut previous_place = None;
        for frame in exception.frames.iter() {
            let Some(file) = &frame.file else {
                continue;
            };
            let place = Some((file, &frame.function));
            // A recursion is the same error however deep it went.
            if place != previous_place {
                parts.push(file);
                parts.extend(&frame.function);
                previous_place = place;
            }
        }
    }
    fingerprint_of(parts)
}

/// The hash over public texts.
pub fn fingerprint_of(parts: Vec<&PublicStr>) -> PublicStr {
    let mut digits = PublicText::new();
    digits.hex(dictionary::fingerprint_of(parts));
    digits.finish()
}

/// The traceback, in Python's own form.
fn stack_trace(report: &ErrorReport) -> PublicStr {
    let mut trace = BoundedText::default();
    for (index, exception) in report.exceptions.iter().enumerate() {
        if index == 1 && report.dropped > 0 {
            trace.count("[", report.dropped, " exceptions left out]");
        }
        let sentence = match exception.link {
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
        if index > 0 && !sentence.is_empty() {
            trace.line(|line| line.constant(sentence));
        }
        append_traceback(&mut trace, exception);
    }
    trace.text.finish()
}

fn append_traceback(trace: &mut BoundedText, exception: &ReportedException) {
    let frames = &exception.frames;
    if !frames.is_empty() {
        trace.line(|line| line.constant("Traceback (most recent call last):"));
    }
    for (index, frame) in frames.iter().enumerate() {
        if index == TRACE_FRAMES_FIRST && frames.dropped > 0 {
            trace.count("  [", frames.dropped, " frames left out]");
        }
        trace.line(|line| write_frame(line, frame));
        if let Some(times) = frame.repeated {
            trace.count("  [Previous line repeated ", times, " more times]");
        }
    }
    if exception.is_complete {
        trace.line(|line| {
            line.public(class_of(exception));
            if let Some(message) = &exception.message.known {
                line.constant(": ").public(message);
            }
            line
        });
    }
}

/// `  File "torch/nn/functional.py", line 592, in cross_entropy`; what is not public stands in brackets.
fn write_frame<'line>(line: &'line mut PublicText, frame: &Frame) -> &'line mut PublicText {
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
struct BoundedText {
    text: PublicText,
    bytes: usize,
}

impl BoundedText {
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
