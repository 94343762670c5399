//! What stands around lines: the boxes of `rich`, and the margins of exception groups.

use super::super::boxed;
use super::super::report::Report;
use super::{Machine, State};

/// Groups in groups that are followed; nobody nests deeper.
const WRAPPERS_MAX: u8 = 8;

impl Machine {
    /// The line without the boxes of a group's members; None where it is one of their borders.
    pub(super) fn unwrapped<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        let mut line = line;
        for depth in 1..=self.wrappers {
            match boxed::wrapped(line) {
                boxed::Wrapped::Row(inner) => line = inner,
                boxed::Wrapped::End => {
                    (self.wrappers, self.boxed, self.state) =
                        (depth.saturating_sub(1), None, State::After);
                    return None;
                }
                // Somebody else's line, or the box was cut off: it is read as it stands.
                boxed::Wrapped::Not => break,
            }
        }
        if self.boxed.is_none() && self.report.is_some() && boxed::opens_member(line) {
            self.wrappers = self.wrappers.saturating_add(1).min(WRAPPERS_MAX);
            self.member();
            return None;
        }
        Some(line)
    }

    /// Feeds a box of `rich`; false where there is none.
    pub(super) fn in_box(&mut self, line: &str) -> bool {
        let Some(reader) = &mut self.boxed else {
            return false;
        };
        let (frame, ended) = match reader.row(line) {
            boxed::Row::Nothing => (None, false),
            boxed::Row::Frame(frame) => (Some(frame), false),
            boxed::Row::End(frame) => (frame, true),
        };
        if ended {
            self.column = reader.column.saturating_add(1);
            self.boxed = None;
        }
        if let (Some(frame), Some(exception)) =
            (frame, self.report.as_mut().and_then(Report::newest))
        {
            exception.frames.push(frame);
        }
        true
    }

    /// The line without the margin of an exception group: the margin's column, and what stands behind it.
    pub(super) fn without_margin<'a>(&self, line: &'a str) -> (Option<usize>, &'a str) {
        let bare = line.trim_start_matches(' ');
        let column = line.len().saturating_sub(bare.len());
        let inner = bare
            .strip_prefix("| ")
            .or_else(|| bare.strip_prefix("+ "))
            .or((bare == "|").then_some(""));
        match inner {
            Some(inner) if column >= 2 => (Some(column), inner),
            _ => (None, line),
        }
    }
}
