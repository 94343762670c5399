//! Which part of Axolotl failed: the stages whose errors its own telemetry reports, found in a traceback's frames.
//!
//! There a decorator of each stage reports what passes through it, once: so the innermost stage names the event. People
//! rather ask what the program was doing, which is the outermost.

use super::report::{ErrorReport, ReportedException};
use crate::event::Frame;
use crate::knowledge::lists::STAGES;

/// The name of the stage whose function this frame is in.
pub fn stage(frame: &Frame) -> Option<&'static str> {
    let (file, function) = (frame.file.as_ref()?, frame.function.as_ref()?);
    for (known_file, known_function, name) in STAGES {
        if file.as_str() == *known_file && function.as_str() == *known_function {
            return Some(name);
        }
    }
    None
}

/// The outermost stage of a report: of the exception that ended the program, whose frames begin where it was started,
/// else of any other.
pub fn outermost(report: &ErrorReport) -> Option<&'static str> {
    let exceptions = report.last().into_iter().chain(&report.exceptions);
    let mut stages = exceptions.flat_map(|exception| exception.frames.iter().filter_map(stage));
    stages.next()
}

/// The innermost stage through which the first exception went that went through any.
pub fn innermost(report: &ErrorReport) -> Option<&'static str> {
    let last_stage = |exception: &ReportedException| exception.frames.iter().rev().find_map(stage);
    report.exceptions.iter().find_map(last_stage)
}
