//! Turns a report into an error event: its frames, its chain, the rebuilt stack trace and the fingerprint.
//!
//! The stack trace is written anew out of public pieces, in the form in which Python prints one, because that
//! is what people and tools know to read. The fingerprint is a hash over public names alone and leaves out
//! what differs from run to run: line numbers, which move with every release, the sizes in a message, and the frames by
//! which a stage of Axolotl was entered, which depend on the launcher. A hash over the raw message could be guessed.

use super::report::{ChainLink, ErrorReport, Frames, ReportedException, TRACE_FRAMES_FIRST};
use super::stage;
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
        stage: stage::outermost(report).map(PublicStr::constant),
        module_event: stage::innermost(report).map(error_event_of),
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
    for reported_exception in &report.exceptions {
        if reported_exception.is_complete {
            chain.push(class_of(reported_exception).clone());
        }
    }
    if chain.len() > 1 {
        event.chain = Some(chain);
    }
    event
}

/// The class of an exception, or what stands for a private one.
pub fn class_of(reported_exception: &ReportedException) -> &PublicStr {
    reported_exception.class.as_ref().unwrap_or(&PRIVATE)
}

/// Hashes what stays the same when the same error comes again.
fn fingerprint(report: &ErrorReport) -> PublicStr {
    let mut parts: Vec<&PublicStr> = report.marker.iter().collect();
    for reported_exception in &report.exceptions {
        parts.push(class_of(reported_exception));
        parts.extend(&reported_exception.message.kind);
        push_places(&mut parts, &reported_exception.frames);
    }
    fingerprint_of(parts)
}

/// Appends the public places of the frames, from the first stage of Axolotl on where there is one.
fn push_places<'report>(parts: &mut Vec<&'report PublicStr>, frames: &'report Frames) {
    let mut public_frames = frames.iter();
    let entry = public_frames.position(|frame| stage::stage(frame).is_some());
    let mut previous_place = None;
    for public_frame in frames.iter().skip(entry.unwrap_or(0)) {
        let Some(file) = &public_frame.file else {
            continue;
        };
        let place = Some((file, &public_frame.function));
        // A recursion is the same error however deep it went.
        if place != previous_place {
            parts.push(file);
            parts.extend(&public_frame.function);
            previous_place = place;
        }
    }
}

/// What Axolotl's own telemetry calls an error of this stage.
fn error_event_of(stage: &'static str) -> PublicStr {
    PublicText::new()
        .constant(stage)
        .constant("-error")
        .clone()
        .finish()
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
    for (index, reported_exception) in report.exceptions.iter().enumerate() {
        if index == 1 && report.dropped > 0 {
            trace.count("[", report.dropped, " exceptions left out]");
        }
        let sentence = match reported_exception.link {
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
            trace.line(|trace_line| trace_line.constant(sentence));
        }
        append_traceback(&mut trace, reported_exception);
    }
    trace.text.finish()
}

fn append_traceback(trace: &mut BoundedText, reported_exception: &ReportedException) {
    let frames = &reported_exception.frames;
    if !frames.is_empty() {
        trace.line(|trace_line| trace_line.constant("Traceback (most recent call last):"));
    }
    for (index, public_frame) in frames.iter().enumerate() {
        if index == TRACE_FRAMES_FIRST && frames.dropped > 0 {
            trace.count("  [", frames.dropped, " frames left out]");
        }
        trace.line(|trace_line| write_frame(trace_line, public_frame));
        if let Some(times) = public_frame.repeated {
            trace.count("  [Previous line repeated ", times, " more times]");
        }
    }
    if reported_exception.is_complete {
        trace.line(|trace_line| {
            trace_line.public(class_of(reported_exception));
            if let Some(message) = &reported_exception.message.known {
                trace_line.constant(": ").public(message);
            }
            trace_line
        });
    }
}

/// `  File "torch/nn/functional.py", line 592, in cross_entropy`; what is not public stands in brackets.
fn write_frame<'line>(
    trace_line: &'line mut PublicText,
    public_frame: &Frame,
) -> &'line mut PublicText {
    trace_line.constant("  File ");
    match (&public_frame.file, &public_frame.origin) {
        (Some(file), _) => trace_line.constant("\"").public(file).constant("\""),
        (None, Some(origin)) => trace_line.constant("<").public(origin).constant(">"),
        (None, None) => trace_line.constant("<unknown>"),
    };
    if let Some(number) = public_frame.line {
        trace_line.constant(", line ").integer(number);
    }
    if let Some(function) = &public_frame.function {
        trace_line.constant(", in ").public(function);
    }
    trace_line
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
        let mut trace_line = PublicText::new();
        write(&mut trace_line);
        let trace_line = trace_line.finish();
        self.bytes += trace_line.as_str().len() + 1;
        if self.bytes > TRACE_TEXT_BYTES_MAX {
            self.text.constant("[the rest is left out]\n");
        } else {
            self.text.public(&trace_line).constant("\n");
        }
    }

    fn count(&mut self, before: &'static str, number: u64, behind: &'static str) {
        self.line(|trace_line| trace_line.constant(before).integer(number).constant(behind));
    }
}
