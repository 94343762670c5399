//! A stand-in for the reader of tracebacks, with the interface that [`run`](crate::run) is written against.

use crate::event::ErrorEvent;
use crate::lines::Line;
use crate::observation::Stream;
use crate::status::End;

/// Takes a run's lines and judges what it died of.
#[derive(Clone, Debug, Default)]
pub struct TraceReader {}

/// What the lines say of the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The error that ended the run.
    pub error: Option<ErrorEvent>,
    /// Tracebacks that the program survived.
    pub handled_count: u64,
    /// Whether the traceback is that of an interrupt.
    pub interrupted: bool,
}

impl TraceReader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one line that came `at` seconds after the spawn.
    pub fn line(&mut self, _stream: Stream, _at: f64, _line: &Line<'_>) {}

    /// Judges, once the end is known.
    #[must_use]
    pub fn finish(&self, _end: Option<End>) -> Judgement {
        Judgement::default()
    }
}
