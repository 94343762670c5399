//! The dump of the interpreter's threads behind a fatal error: their frames, innermost first.

use super::{frames, headers};
use crate::output::traceback::origin;
use crate::output::traceback::report::{ErrorReport, Frames};

/// Whose frames are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ThreadDump {
    /// Those of the thread that is printed last, the main one, as long as none is said to have failed.
    #[default]
    Any,
    /// Those of the thread that failed.
    Failed,
    /// None of the others'.
    Others,
}

impl ThreadDump {
    /// Takes a line; false where the dump is over.
    pub fn line(&mut self, line_text: &str, report: &mut ErrorReport) -> bool {
        if let Some(has_failed) = headers::thread(line_text) {
            *self = match self {
                _ if has_failed => Self::Failed,
                Self::Any => Self::Any,
                Self::Failed | Self::Others => Self::Others,
            };
            if *self != Self::Others
                && let Some(exception) = report.newest()
            {
                exception.frames = Frames::default();
            }
            return true;
        }
        if let Some(raw) = frames::quoted(line_text) {
            if *self != Self::Others
                && let Some(exception) = report.newest()
            {
                exception.frames.push(origin::frame(raw));
            }
            return true;
        }
        let line_text = line_text.trim_start();
        line_text.is_empty()
            || line_text.starts_with('<')
            || line_text.starts_with("Python runtime state")
    }

    /// Turns the frames round: all other tracebacks have the innermost last.
    pub fn end(report: &mut ErrorReport) {
        if let Some(exception) = report.newest() {
            exception.frames = exception.frames.reversed();
        }
    }
}
