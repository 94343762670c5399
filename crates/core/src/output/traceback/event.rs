//! Turns a report into an error event: its frames, its chain, the rebuilt stack trace and the fingerprint.
//!
//! The stack trace is written anew out of public pieces, in the form in which Python prints one, because that
//! is what people and tools know to read. The fingerprint is a hash over public fields alone and leaves out
//! the line numbers, which move with every release; a hash over the raw message could be guessed.

use super::grammar::exceptions::PRIVATE;
use super::report::{Exception, Link, Report};
use crate::event::{ErrorEvent, Frame};
use crate::knowledge::Meaning;
use crate::limits::TRACE_TEXT_BYTES_MAX;
use crate::public::text::PublicText;
use crate::public::{PublicStr, dictionary};

/// The error event of a report; `fatal` says whether the run died of it.
#[must_use]
pub fn event(report: &Report, fatal: bool) -> ErrorEvent {
    let last = report.error();
    let chain: Vec<PublicStr> = report
        .exceptions
        .iter()
        .filter(|exception| exception.complete)
        .map(class)
        .collect();
    ErrorEvent {
        exception_type: last.filter(|last| last.complete).map(class),
        exception: last.and_then(|last| last.message.known.clone()),
        meaning: report.meaning().map(Meaning::public),
        exception_shape: last.and_then(|last| last.message.shape.clone()),
        stack_trace: (!report.exceptions.is_empty()).then(|| stack_trace(report)),
        frames: last
            .map(|last| last.frames.iter().cloned().collect::<Vec<_>>())
            .filter(|frames| !frames.is_empty()),
        chain: (chain.len() > 1).then_some(chain),
        marker: report.marker.clone(),
        fingerprint: Some(fingerprint(report)),
        rank: report.rank,
        fatal: Some(fatal),
        ..ErrorEvent::default()
    }
}

fn class(exception: &Exception) -> PublicStr {
    exception.class.clone().unwrap_or(PRIVATE)
}

/// Hashes what stays the same when the same error comes again.
#[must_use]
pub fn fingerprint(report: &Report) -> PublicStr {
    let mut parts: Vec<PublicStr> = report.marker.iter().cloned().collect();
    for exception in &report.exceptions {
        parts.push(class(exception));
        parts.extend(exception.message.known.clone());
        let public = exception.frames.iter().filter(|frame| frame.file.is_some());
        let mut before = None;
        for frame in public {
            let this = (frame.file.clone(), frame.function.clone());
            // A recursion is the same error however deep it went.
            if before.as_ref() != Some(&this) {
                parts.extend([this.0.clone(), this.1.clone()].into_iter().flatten());
                before = Some(this);
            }
        }
    }
    let mut text = PublicText::new();
    text.hex(dictionary::fingerprint_of(&parts));
    text.finish()
}

/// The traceback, in Python's own form.
fn stack_trace(report: &Report) -> PublicStr {
    let mut text = Bounded::default();
    for (index, exception) in report.exceptions.iter().enumerate() {
        if index == 1 && report.dropped > 0 {
            text.line(|line| {
                line.constant("[")
                    .integer(report.dropped)
                    .constant(" exceptions left out]")
            });
        }
        match exception.link {
            _ if index == 0 => {}
            Link::First => {}
            Link::Cause => text.line(|line| {
                line.constant(
                    "\nThe above exception was the direct cause of the following exception:\n",
                )
            }),
            Link::Context => text.line(|line| {
                line.constant(
                    "\nDuring handling of the above exception, another exception occurred:\n",
                )
            }),
            Link::Member => text.line(|line| line.constant("\nMember of the group:\n")),
            Link::Quoted => text.line(|line| line.constant("\nOriginal error:\n")),
        }
        traceback(&mut text, exception);
    }
    text.finish()
}

fn traceback(text: &mut Bounded, exception: &Exception) {
    if !exception.frames.is_empty() {
        text.line(|line| line.constant("Traceback (most recent call last):"));
    }
    for (index, frame) in exception.frames.iter().enumerate() {
        if index == exception.frames.before_the_gap() && exception.frames.dropped > 0 {
            text.line(|line| {
                line.constant("  [")
                    .integer(exception.frames.dropped)
                    .constant(" frames left out]")
            });
        }
        text.line(|line| frame_line(line, frame));
        if let Some(times) = frame.repeated {
            text.line(|line| {
                line.constant("  [Previous line repeated ")
                    .integer(times)
                    .constant(" more times]")
            });
        }
    }
    if exception.complete {
        text.line(|line| {
            line.public(&class(exception));
            match &exception.message.known {
                Some(known) => line.constant(": ").public(known),
                None => line,
            }
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
    full: bool,
}

impl Bounded {
    fn line(&mut self, write: impl for<'a> FnOnce(&'a mut PublicText) -> &'a mut PublicText) {
        if self.full {
            return;
        }
        let mut line = PublicText::new();
        write(&mut line);
        let line = line.finish();
        self.bytes = self
            .bytes
            .saturating_add(line.as_str().len())
            .saturating_add(1);
        if self.bytes > TRACE_TEXT_BYTES_MAX {
            self.full = true;
            self.text.constant("[the rest is left out]\n");
            return;
        }
        self.text.public(&line).constant("\n");
    }

    fn finish(self) -> PublicStr {
        self.text.finish()
    }
}
