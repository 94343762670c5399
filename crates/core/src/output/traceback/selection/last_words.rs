//! What kind of word a report is: of a program that ended by it, of one that only carries or lost another one, or of one
//! that went on.

use crate::knowledge::Wrapper;
use crate::knowledge::lists::BEREAVED_MESSAGES;
use crate::output::traceback::report::{ErrorReport, ReportStanding, ReportedException};
use crate::status::End;
use crate::status::signal::{SIGHUP, SIGINT, SIGTERM};

/// Whether a program is told to go by this signal.
pub const fn asks_program_to_end(death_signal: i32) -> bool {
    matches!(death_signal, SIGHUP | SIGINT | SIGTERM)
}

/// Whether a report is of a program that ended by it.
pub fn ended_its_program(error_report: &ErrorReport) -> bool {
    error_report.standing >= ReportStanding::Plain
        && error_report.is_complete()
        && !error_report.is_interruption
}

/// Whether the last word of a report is a launcher's or a messenger's.
pub fn carries_another_error(error_report: &ErrorReport) -> bool {
    error_report
        .last()
        .is_some_and(ReportedException::carries_another)
}

/// Whether a report is that of a process which lost another one.
pub fn is_bereaved(error_report: &ErrorReport) -> bool {
    if let Some(error_event) = error_report.error()
        && let Some(message) = &error_event.message.known
        && BEREAVED_MESSAGES
            .iter()
            .any(|words| message.as_str().starts_with(words))
    {
        return true;
    }
    error_report.wrapper_kind() == Some(Wrapper::Bereaved)
}

/// Whether the program went on after this report, as far as can be told.
///
/// What launchers say at the end is no other failure, nor is the fatal error when it is printed again, nor what an
/// interpreter ignores on its way out.
pub fn was_survived(
    error_report: &ErrorReport,
    blamed_report: Option<&ErrorReport>,
    command_end: Option<End>,
) -> bool {
    let is_stray = error_report.standing == ReportStanding::Stray;
    if command_end == Some(End::Exited(0)) {
        return !is_stray;
    }
    if is_stray || error_report.is_interruption || carries_another_error(error_report) {
        return false;
    }
    let Some(blamed_report) = blamed_report else {
        return error_report.standing <= ReportStanding::Plain && error_report.rank.is_none();
    };
    if error_report.repeats(blamed_report) || error_report == blamed_report {
        return false;
    }
    let is_earlier = error_report.order < blamed_report.order;
    match error_report.standing {
        ReportStanding::Ignored => is_earlier,
        ReportStanding::Survived | ReportStanding::Logged => true,
        _ => is_earlier && error_report.rank == blamed_report.rank && error_report.is_complete(),
    }
}
