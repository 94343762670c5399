//! Says what happened in a saved log: the error that would be sent of it, and what else its reader found.
//!
//! The same reader that watches a run reads the log. A log has no times: its lines are in order, which is all that
//! the reader asks for.

use crate::event::value::Sendable as _;
use crate::event::wire::Member;
use crate::event::{CollectiveReport, Event, EventName, ExceptionEvent};
use crate::judging::issue::issue;
use crate::judging::verdict::{judge, judge_collectives};
use crate::observation::{Ending, Stream};
use crate::output::lines::LineCutter;
use crate::output::progress::Training;
use crate::output::traceback::{Judgement, TraceReader};
use crate::privacy::{Gate, Refusal};
use crate::status::End;
use serde_json::{Value, json};
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// Reads a log that comes in pieces.
#[derive(Default)]
pub struct Explainer {
    cutter: LineCutter,
    reader: TraceReader,
}

/// What a log says.
#[derive(Debug)]
pub struct Explanation {
    /// What its reader found.
    pub judgement: Judgement,
    /// The same failure as an issue of PostHog's Error tracking.
    pub exception: Option<ExceptionEvent>,
    /// What its ranks say of a collective operation that failed.
    pub collective: Option<CollectiveReport>,
    /// Whether the program failed; without a known end it did where an error is found.
    pub fatal: bool,
    /// Why the gate refuses the error as it was judged; what is left of it is the judgement's.
    pub refusal: Option<Refusal>,
}

impl Explainer {
    /// Takes the next bytes of the log.
    pub fn push(&mut self, bytes: &[u8]) {
        self.reader.bytes(Stream::Both, &mut self.cutter, bytes);
    }

    /// Says what the log said; `end` is how its program ended, where that is known.
    pub fn finish(mut self, end: Option<End>) -> Explanation {
        let reader = &mut self.reader;
        self.cutter.finish(|line| reader.line(Stream::Both, &line));
        let mut judgement = self.reader.finish(end);
        let fatal = match end {
            Some(end) => end != End::Exited(0),
            None => judgement.error.is_some(),
        };
        // Whether all ranks can be heard in it, a log does not say.
        let collective = judge_collectives(&judgement.watchdogs, None)
            .filter(|_| end != Some(End::Exited(0)))
            .map(|finding| CollectiveReport::from(&finding));
        if let Some(error) = &mut judgement.error {
            error.collective.clone_from(&collective);
        }
        let mut exception = None;
        if fatal {
            let ending = Ending {
                end: end.or(Some(End::Exited(1))),
                ..Ending::default()
            };
            let verdict = judge(&ending, &judgement, &Training::default());
            exception = issue(&judgement, &verdict);
        }
        Explanation {
            judgement,
            exception,
            collective,
            fatal,
            refusal: None,
        }
    }
}

impl Explanation {
    /// Explains a whole log.
    pub fn of(log: &[u8], end: Option<End>) -> Self {
        let mut explainer = Explainer::default();
        explainer.push(log);
        explainer.finish(end)
    }

    /// Leaves of the events what this gate lets through, as a run that reported them would.
    pub fn through(mut self, gate: &Gate) -> Self {
        let identified =
            |event: &Event| Member::new(Uuid::nil(), Uuid::nil(), event, UNIX_EPOCH, 0.0);
        if let Some(error) = self.judgement.error.take() {
            let admission = gate.admit(&Event::Error(Box::new(error)), identified);
            self.refusal = admission.refusal;
            if let Some((Event::Error(error), _)) = admission.admitted {
                self.judgement.error = Some(*error);
            }
        }
        if let Some(exception) = self.exception.take() {
            let admission = gate.admit(&Event::Exception(Box::new(exception)), identified);
            self.refusal = self.refusal.or(admission.refusal);
            if let Some((Event::Exception(exception), _)) = admission.admitted {
                self.exception = Some(*exception);
            }
        }
        self
    }

    /// The answer for programs.
    pub fn json(&self) -> Value {
        let judgement = &self.judgement;
        let mut events = Vec::new();
        if let Some(error) = &judgement.error {
            events.push(json!({"event": EventName::Error.as_str(), "properties": error.json()}));
        }
        if let Some(exception) = &self.exception {
            let name = EventName::Exception.as_str();
            events.push(json!({"event": name, "properties": exception.json()}));
        }
        json!({
            "events": events,
            "collective": self.collective.as_ref().map(|report| report.json()),
            "exception_type": judgement.exception_type.as_ref().map(|class| class.json()),
            "fatal": self.fatal,
            "interrupted": judgement.interrupted,
            "handled_count": judgement.handled_count,
            "markers": judgement.markers().json(),
            "refused": self.refusal.map(|refusal| refusal.to_string()),
            "traces": judgement.reports.json(),
        })
    }
}
