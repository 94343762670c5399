//! Says which of all reports is the one that the process died of.
//!
//! The end decides first: a program that exits with 0 survived whatever it printed, and one that was told to
//! stop did not fail. Then the kind of death: a signal that the kernel raises is no Python exception. Of
//! several tracebacks the last one that nothing says was survived; but behind it may stand a launcher, whose
//! worker is to blame, and of many ranks the first, for the others only lost it.

use super::event;
use super::headers::UNTHROWN;
use super::launcher::RootCause;
use super::report::{Report, Standing};
use super::{Judgement, Sign, Weight};
use crate::event::ErrorEvent;
use crate::knowledge::Meaning;
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::{End, signal_name};
use std::collections::BTreeSet;

/// Everything that was read.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The reports, in the order in which they began.
    pub reports: &'a [Report],
    /// Other signs.
    pub signs: &'a [Sign],
    /// What the launcher says.
    pub root: Option<RootCause>,
    /// Reports that were dropped.
    pub dropped: u64,
}

/// What the process died of.
#[derive(Clone, Debug, PartialEq)]
enum Cause<'a> {
    Report(&'a Report),
    Marker(PublicStr, Option<u64>),
    Interruption,
    Unknown,
}

/// Errors of launchers: a worker's own error is the cause.
const LAUNCHERS: &[&str] = &[
    "ChildFailedError",
    "CalledProcessError",
    "ProcessExitedException",
    "TrainingFailedError",
    "RayTaskError",
];
/// Errors of processes that lost another one.
const BEREAVED: &[&str] = &[
    "DistNetworkError",
    "DistStoreError",
    "BrokenPipeError",
    "ConnectionResetError",
    "EOFError",
];

/// The verdict over all that was read.
#[must_use]
pub fn judge(found: &Found<'_>, end: Option<End>) -> Judgement {
    let cause = cause(found, end);
    let blamed = match &cause {
        Cause::Report(report) => Some(*report),
        _ => None,
    };
    let handled = if end == Some(End::Exited(0)) {
        found
            .reports
            .iter()
            .filter(|report| report.standing != Standing::Stray)
            .count()
    } else {
        found
            .reports
            .iter()
            .filter(|report| survived(report, blamed))
            .count()
    };
    let handled_count = u64::try_from(handled)
        .unwrap_or(u64::MAX)
        .saturating_add(found.dropped);
    let error = match &cause {
        Cause::Report(report) => Some(with_launcher(
            event::event(report, true),
            found.reports,
            report,
        )),
        Cause::Marker(marker, rank) => Some(marked(marker.clone(), *rank)),
        Cause::Interruption | Cause::Unknown => None,
    };
    let told = blamed.or_else(|| {
        if matches!(cause, Cause::Marker(..)) {
            None
        } else {
            best(found.reports)
        }
    });
    let independent: Vec<&Report> = found
        .reports
        .iter()
        .filter(|report| report.standing != Standing::Stray)
        .collect();
    let independent = if independent.is_empty() {
        blamed.into_iter().collect()
    } else {
        independent
    };
    Judgement {
        error: error.map(|error| {
            // Where ranks leave no mark on their lines, the launcher knows whose they are.
            let rank = error.rank.or_else(|| found.root?.rank);
            ErrorEvent {
                handled_count: Some(handled_count),
                rank,
                other_ranks: others(found, rank),
                ..error
            }
        }),
        handled_count,
        first_rank: found.root.and_then(|root| root.rank),
        interrupted: cause == Cause::Interruption,
        reports: independent
            .iter()
            .map(|report| event::event(report, blamed == Some(*report)))
            .collect(),
        exception_type: told
            .filter(|report| report.last().is_some_and(|last| last.complete))
            .and_then(|report| report.class().cloned()),
        markers: found
            .signs
            .iter()
            .map(|sign| sign.says.clone())
            .collect(),
    }
}

/// What the process died of.
fn cause<'a>(found: &Found<'a>, end: Option<End>) -> Cause<'a> {
    let signal = end.and_then(signal);
    match (end, signal) {
        (Some(End::Exited(0)), _) => Cause::Unknown,
        (_, Some(2)) => Cause::Interruption,
        (_, Some(9)) => Cause::Marker(sign_of_death(found).unwrap_or_else(|| named(9)), None),
        (_, Some(1 | 13 | 15)) => match of_error(found) {
            cause @ Cause::Report(report)
                if matches!(cause, Cause::Report(_))
                    && report.standing >= Standing::Plain
                    && report.complete() =>
            {
                cause
            }
            _ => Cause::Interruption,
        },
        (_, Some(signal)) => of_crash(found, signal),
        _ => of_error(found),
    }
}

/// A death by a signal that the kernel raises, or that the process raises against itself.
fn of_crash<'a>(found: &Found<'a>, signal: i32) -> Cause<'a> {
    let native = found
        .reports
        .iter()
        .rfind(|report| report.standing == Standing::Native);
    match native {
        // Threads that were not joined: the interpreter was on its way out already, for another reason.
        Some(report) if report.marker == Some(UNTHROWN) => {
            let before = found.reports.iter().rfind(|other| {
                other.standing == Standing::Plain && other.complete() && other.order < report.order
            });
            Cause::Report(before.unwrap_or(report))
        }
        Some(report) => Cause::Report(report),
        None => Cause::Marker(sign_of_death(found).unwrap_or_else(|| named(signal)), None),
    }
}

/// An exit with a code, or an end that nobody saw.
fn of_error<'a>(found: &Found<'a>) -> Cause<'a> {
    let Some(last) = best(found.reports) else {
        return match sign_of_death(found) {
            Some(marker) => Cause::Marker(marker, None),
            None => hint(found).map_or(Cause::Unknown, |sign| {
                Cause::Marker(sign.says.clone(), None)
            }),
        };
    };
    if last.standing < Standing::Logged
        && let Some(marker) = sign_of_death(found)
    {
        return Cause::Marker(marker, None);
    }
    if last.interruption {
        return Cause::Interruption;
    }
    if let Some(cause) = found.root
        && last.is_a(LAUNCHERS)
    {
        let native = found.reports.iter().find(|report| {
            report.standing == Standing::Native
                && (report.rank == cause.rank || report.rank.is_none())
        });
        let signal = cause
            .exit_code
            .filter(|code| *code < 0)
            .and_then(|code| i32::try_from(-code).ok());
        if let Some(signal) = signal {
            return native.map_or_else(|| Cause::Marker(named(signal), cause.rank), Cause::Report);
        }
        let own = found.reports.iter().find(|report| {
            report.rank.is_some()
                && report.rank == cause.rank
                && report.complete()
                && !report.interruption
        });
        if let Some(own) = own {
            return Cause::Report(own);
        }
        // It went without a word, and what the others say is that they lost it.
        let loudest = worker(found.reports, last);
        if cause.exit_code.is_some()
            && cause.rank.is_some()
            && loudest.rank != cause.rank
            && bereaved(loudest)
        {
            return Cause::Marker(
                PublicStr::constant("a worker exited without a traceback"),
                cause.rank,
            );
        }
    }
    Cause::Report(if last.is_a(LAUNCHERS) || last.rank.is_some() {
        worker(found.reports, last)
    } else {
        last
    })
}

/// What was said last besides tracebacks. That a worker exited or was ended explains nothing.
fn hint<'a>(found: &Found<'a>) -> Option<&'a Sign> {
    found
        .signs
        .iter()
        .rfind(|sign| !matches!(sign.meaning, Meaning::WorkerExit | Meaning::WorkerLost))
}

/// The report of the worker that is to blame for this one.
fn worker<'a>(reports: &'a [Report], last: &'a Report) -> &'a Report {
    let failed = |report: &&Report| {
        report.standing >= Standing::Plain
            && report.complete()
            && !report.interruption
            && !report.is_a(LAUNCHERS)
            && report.order <= last.order
    };
    // torch prefixes what ends a process, and nothing else: of ranks the first one is the cause.
    let mut ranks = reports
        .iter()
        .filter(failed)
        .filter(|report| report.rank.is_some());
    let guilty = ranks.clone().find(|report| !bereaved(report));
    let others = || reports.iter().filter(failed);
    // Before the ranks know of each other there are no prefixes.
    let guilty = guilty.or_else(|| others().rfind(|report| !bereaved(report)));
    guilty
        .or_else(|| ranks.next())
        .or_else(|| others().next_back())
        .unwrap_or(last)
}

/// Whether a report is that of a process which lost another one.
fn bereaved(report: &Report) -> bool {
    let message = report.last().and_then(|last| last.message.known.as_ref());
    report.is_a(BEREAVED) || message.is_some_and(|known| known.as_str().starts_with("Connection "))
}

/// The report that tells most: what nothing says was survived, and the last of it.
fn best(reports: &[Report]) -> Option<&Report> {
    let grade = |report: &Report| {
        let standing = match report.standing {
            Standing::Native => Standing::Plain,
            // A launcher logs that a worker failed before it dies of it.
            Standing::Logged if report.is_a(LAUNCHERS) => Standing::Plain,
            standing => standing,
        };
        // An interruption only counts where nothing failed; the end of the stream may have cut off the last one.
        (
            standing != Standing::Stray,
            !report.interruption,
            standing,
            report.complete(),
            report.order,
        )
    };
    reports.iter().max_by_key(|report| grade(report))
}

/// The error of a worker, with that of the launcher which it brought down at the end of its chain.
fn with_launcher(mut error: ErrorEvent, reports: &[Report], blamed: &Report) -> ErrorEvent {
    let launcher = reports
        .iter()
        .rfind(|report| report.order > blamed.order && report.is_a(LAUNCHERS));
    if let (Some(launcher), Some(own)) = (
        launcher.and_then(|report| report.class().cloned()),
        error.exception_type.clone(),
    ) {
        error.chain.get_or_insert_with(|| vec![own]).push(launcher);
    }
    error
}

/// Whether the program went on after this report, as far as can be told.
fn survived(report: &Report, blamed: Option<&Report>) -> bool {
    match blamed {
        _ if report.standing == Standing::Stray || report.interruption => false,
        Some(blamed) if blamed == report => false,
        Some(blamed) => {
            report.standing < Standing::Plain
                || report.rank == blamed.rank
                    && report.order < blamed.order
                    && !blamed.is_a(LAUNCHERS)
        }
        None => {
            report.standing <= Standing::Plain && report.rank.is_none() && !report.is_a(LAUNCHERS)
        }
    }
}

/// Other ranks that reported a failure.
fn others(found: &Found<'_>, rank: Option<u64>) -> Option<u64> {
    let ranks: BTreeSet<u64> = found
        .reports
        .iter()
        .filter_map(|report| report.rank)
        .filter(|other| Some(*other) != rank)
        .collect();
    u64::try_from(ranks.len()).ok().filter(|count| *count > 0)
}

/// The sign that says most certainly what the process died of.
fn sign_of_death(found: &Found<'_>) -> Option<PublicStr> {
    let deaths = || {
        found
            .signs
            .iter()
            .filter(|sign| sign.weight == Weight::Death)
    };
    // The shell's word comes last and only repeats the signal; what came before it says why.
    let cause = deaths().find(|sign| !sign.says.as_str().contains("(SIG"));
    cause
        .or_else(|| deaths().next_back())
        .map(|sign| sign.says.clone())
}

/// The signal that ended the command, or that a shell reports as 128 and its number.
fn signal(end: End) -> Option<i32> {
    match end {
        End::Signaled(signal) => Some(signal),
        End::Exited(code) => (129..=159)
            .contains(&code)
            .then(|| i32::from(code).saturating_sub(128)),
    }
}

fn named(signal: i32) -> PublicStr {
    signal_name(signal).map_or(PublicStr::constant("signal"), PublicStr::constant)
}

/// The event of a death that left no report.
fn marked(marker: PublicStr, rank: Option<u64>) -> ErrorEvent {
    let mut fingerprint = PublicText::new();
    fingerprint.hex(crate::public::dictionary::fingerprint_of([&marker]));
    ErrorEvent {
        marker: Some(marker),
        rank,
        fatal: Some(true),
        fingerprint: Some(fingerprint.finish()),
        ..ErrorEvent::default()
    }
}
