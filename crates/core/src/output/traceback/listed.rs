//! The exceptions of a report in the form of PostHog's Error tracking.
//!
//! The first is the one that ended the program, or what it was raised from where it only carries another; the others
//! follow, newest first. PostHog wants a file and a function of every frame: where neither is public, the kind of code
//! stands for them.

use super::event::class_of;
use super::report::{ErrorReport, ReportedException};
use crate::event::exception::{Mechanism, Stacktrace};
use crate::event::{Frame, ListedException, ListedFrame};
use crate::public::PublicStr;
use crate::public::text::PublicText;

/// Exceptions that are listed; the oldest of a longer chain is the root cause, which its type in `chain` still names.
const LISTED_MAX: usize = 8;

/// The exceptions of a report. One whose last line never came has no type.
pub fn listed(report: &ErrorReport) -> Vec<ListedException> {
    let mut exceptions = Vec::new();
    let Some(error) = report.error() else {
        return exceptions;
    };
    exceptions.push(entry(error));
    for other in report.exceptions.iter().rev() {
        if other.is_complete && !std::ptr::eq(other, error) && exceptions.len() < LISTED_MAX {
            exceptions.push(entry(other));
        }
    }
    exceptions
}

fn entry(exception: &ReportedException) -> ListedException {
    let mut listed = ListedException {
        value: exception.message.known.clone(),
        mechanism: Some(mechanism(false)),
        ..ListedException::default()
    };
    if exception.is_complete {
        listed.kind = Some(class_of(exception).clone());
    }
    if !exception.frames.is_empty() {
        listed.stacktrace = Some(Stacktrace {
            kind: Some(PublicStr::constant("raw")),
            frames: Some(exception.frames.iter().map(listed_frame).collect()),
        });
    }
    listed
}

/// How a failure came about; without an exception it is synthetic.
pub fn mechanism(is_synthetic: bool) -> Mechanism {
    Mechanism {
        handled: Some(false),
        kind: Some(PublicStr::constant("generic")),
        synthetic: Some(is_synthetic),
    }
}

fn listed_frame(frame: &Frame) -> ListedFrame {
    let origin = frame.origin.as_ref();
    let mut placeholder = PublicText::new();
    placeholder.constant("<");
    match origin {
        Some(origin) => placeholder.public(origin),
        None => placeholder.constant("unknown"),
    };
    placeholder.constant(">");
    let placeholder = placeholder.finish();
    let is_axolotl = origin.is_some_and(|origin| origin.as_str() == "axolotl");
    ListedFrame {
        platform: Some(PublicStr::constant("python")),
        filename: Some(frame.file.as_ref().unwrap_or(&placeholder).clone()),
        function: Some(frame.function.as_ref().unwrap_or(&placeholder).clone()),
        lineno: frame.line,
        in_app: Some(is_axolotl),
    }
}
