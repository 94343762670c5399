//! Native deaths: their own lines, and the dump of the interpreter's threads that may follow.

use super::super::report::{Exception, Frames, Report};
use super::super::{frames, headers};
use super::{Around, Machine, State};

impl Machine {
    /// In the dump of a fatal error.
    pub(super) fn dump(&mut self, text: &str, done: &mut Vec<Report>) {
        if let Some(current) = headers::thread(text) {
            // The thread that failed, where it is named; else the one that is printed last, the main one.
            self.named = self.named || current;
            self.wanted = current || !self.named;
            if self.wanted
                && let Some(exception) = self.report.as_mut().and_then(Report::newest)
            {
                exception.frames = Frames::default();
            }
            return;
        }
        if let Some(raw) = frames::quoted(text) {
            if self.wanted {
                self.push(raw);
            }
            return;
        }
        let nothing = text.trim().is_empty()
            || text.trim_start().starts_with('<')
            || text.starts_with("Python runtime state");
        if !nothing {
            self.end_dump();
            self.close(done);
        }
    }

    pub(super) fn end_dump(&mut self) {
        if self.state == State::Dump
            && let Some(exception) = self.report.as_mut().and_then(Report::newest)
        {
            exception.frames = exception.frames.reversed();
        }
    }

    /// A native death: `terminate called …`, `Fatal Python error: …`, the dump of a timeout.
    pub(super) fn native(&mut self, sign: headers::Native, around: Around, done: &mut Vec<Report>) {
        self.close(done);
        let mut report = Report {
            standing: sign.standing,
            rank: around.rank,
            at: around.at,
            order: around.order,
            marker: Some(sign.marker),
            ..Report::default()
        };
        report.push(Exception::default());
        self.report = Some(report);
        self.state = if sign.dumps {
            State::Dump
        } else {
            State::After
        };
        (self.wanted, self.named) = (true, false);
    }
}
