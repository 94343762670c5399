//! Says which of all reports is the one that the process died of.
//!
//! The end decides first: a program that exits with 0 survived whatever it printed, and one that was told to
//! stop did not fail. Then the kind of death: a signal that the kernel raises is no Python exception. Of
//! several tracebacks the last one that nothing says was survived; but behind it may stand a launcher or a messenger
//! ([`Wrapper`]), whose worker is to blame, and of many ranks the first, for the others only lost it.

use super::event;
use super::grammar::headers::UNTHROWN;
use super::grammar::launcher::RootCause;
use super::report::{Exception, Report, Standing};
use crate::event::ErrorEvent;
use crate::knowledge::{self, Meaning, Sign, Weight, Wrapper};
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::signal::SIGKILL;
use crate::status::{End, signal_name};
use std::collections::BTreeSet;

/// What the output says about the command's end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The error that the command died of; None where it did not, or was interrupted.
    pub error: Option<ErrorEvent>,
    /// Tracebacks that the program printed and survived.
    pub handled_count: u64,
    /// Whether somebody stopped the command (Ctrl-C, a signal to terminate): no error.
    pub interrupted: bool,
    /// The signal by which it was stopped, where a launcher names it.
    pub stopped_by: Option<i32>,
    /// All independent reports; a chain or a group counts once.
    pub reports: Vec<ErrorEvent>,
    /// The rank that failed first, as the launcher of the ranks says.
    pub first_rank: Option<u64>,
    /// Class of the exception that ended the report that tells most, whether or not the command died of it. The error's
    /// own class is that of the innermost exception that explains.
    pub exception_type: Option<PublicStr>,
    /// What the error means.
    pub meaning: Option<Meaning>,
    /// Whether the traceback of the error is the last that the program said.
    pub is_last_word: bool,
    /// Signs of a death besides tracebacks, each once, in the order in which they came.
    pub(crate) signs: Vec<Sign>,
}

impl Judgement {
    /// What is said of the signs.
    pub fn markers(&self) -> Vec<PublicStr> {
        self.signs.iter().map(|sign| sign.says.clone()).collect()
    }

    /// Whether anything that was read may be of the first rank, which is the one that reports; true where nothing was.
    #[must_use]
    pub fn has_word_of_the_first(&self) -> bool {
        self.reports.is_empty()
            || self
                .reports
                .iter()
                .any(|report| report.rank.is_none_or(|rank| rank == 0))
    }
}

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
    /// Lines that were read or passed over.
    pub lines: u64,
}

/// Lines behind a traceback after which the program has gone on: a dying one prints its threads, its own crash and what
/// a logger of experiments says at the end.
const LAST_WORDS_MAX: u64 = 40;

/// What the process died of.
#[derive(Clone, Debug, PartialEq)]
enum Cause<'a> {
    Report(&'a Report),
    /// An exception, and the crash of the interpreter that followed it.
    Crash(&'a Report, PublicStr),
    /// A sign, of a rank; the launcher's own report, where it has one.
    Marker(PublicStr, Option<u64>, Option<&'a Report>),
    Interruption,
    Unknown,
}

/// The verdict over all that was read.
#[must_use]
pub fn judge(found: &Found<'_>, end: Option<End>) -> Judgement {
    let cause = cause(found, end);
    let blamed = match &cause {
        Cause::Report(report) | Cause::Crash(report, _) => Some(*report),
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
        Cause::Crash(report, marker) => Some(ErrorEvent {
            marker: Some(marker.clone()),
            ..event::event(report, true)
        }),
        Cause::Marker(marker, rank, launcher) => {
            // Nobody but the launcher has frames; what it raised says nothing.
            let launcher = launcher
                .map(|report| event::event(report, true))
                .unwrap_or_default();
            let meaning = knowledge::meaning_of(marker.as_str(), found.signs);
            Some(ErrorEvent {
                meaning: meaning.map(Meaning::public),
                frames: launcher.frames,
                stack_trace: launcher.stack_trace,
                ..marked(marker.clone(), *rank)
            })
        }
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
        error: error.filter(tells).map(|error| {
            // Where ranks leave no mark on their lines, the launcher knows whose they are.
            let rank = error.rank.or_else(|| first_rank(found));
            ErrorEvent {
                handled_count: Some(handled_count),
                rank,
                other_ranks: others(found, rank),
                ..error
            }
        }),
        handled_count,
        first_rank: first_rank(found),
        interrupted: cause == Cause::Interruption,
        stopped_by: (cause == Cause::Interruption)
            .then(|| asked_by(found))
            .flatten(),
        reports: independent
            .iter()
            .map(|report| event::event(report, blamed == Some(*report)))
            .collect(),
        exception_type: told
            .filter(|report| report.last().is_some_and(|last| last.complete))
            .and_then(|report| report.last()?.class.clone()),
        meaning: match &cause {
            Cause::Report(report) | Cause::Crash(report, _) => meaning_of_report(report, found),
            Cause::Marker(marker, ..) => knowledge::meaning_of(marker.as_str(), found.signs),
            Cause::Interruption | Cause::Unknown => None,
        },
        is_last_word: blamed.is_some_and(|report| {
            failed(report) && found.lines.saturating_sub(report.ended) <= LAST_WORDS_MAX
        }),
        signs: found.signs.to_vec(),
    }
}

/// The rank that failed first, as a launcher says: in its table, or in a line of its own.
fn first_rank(found: &Found<'_>) -> Option<u64> {
    let of_sign = |sign: &Sign| sign.rank.filter(|_| sign.weight == Weight::Death);
    let named = found.root.and_then(|root| root.rank);
    named.or_else(|| found.signs.iter().find_map(of_sign))
}

/// Whether an error says anything at all.
fn tells(error: &ErrorEvent) -> bool {
    error.exception_type.is_some() || error.marker.is_some() || error.frames.is_some()
}

/// What a report means; of a native death that names no signal, that the program aborted.
fn meaning_of_report(report: &Report, found: &Found<'_>) -> Option<Meaning> {
    let said = report.meaning();
    if said.is_some() || report.standing != Standing::Native {
        return said;
    }
    let marker = report.marker.as_ref()?.as_str();
    knowledge::meaning_of(marker, found.signs).or(Some(Meaning::Abort))
}

/// What the process died of.
fn cause<'a>(found: &Found<'a>, end: Option<End>) -> Cause<'a> {
    let signal = end.and_then(signal);
    match (end, signal) {
        (Some(End::Exited(0)), _) => Cause::Unknown,
        (_, Some(2)) => Cause::Interruption,
        (_, Some(9)) => Cause::Marker(sign_of_death(found).unwrap_or_else(|| named(9)), None, None),
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
///
/// The traceback that was printed last explains it: an interpreter that ends because of an exception often crashes on
/// its way out, and a program may abort because of one.
fn of_crash<'a>(found: &Found<'a>, signal: i32) -> Cause<'a> {
    let native = found
        .reports
        .iter()
        .rfind(|report| report.standing == Standing::Native);
    let until = native.map_or(u64::MAX, |report| report.order);
    let before = found.reports.iter().rfind(|report| {
        failed(report)
            && report.standing == Standing::Plain
            && report.order < until
            && found.lines.saturating_sub(report.ended) <= LAST_WORDS_MAX
    });
    let before = before.map(|last| {
        if carries(last) {
            worker(found.reports, last).unwrap_or(last)
        } else {
            last
        }
    });
    match (native, before) {
        // Threads that were not joined: the interpreter was on its way out already, for another reason.
        (Some(native), Some(before)) if native.marker == Some(UNTHROWN) => Cause::Report(before),
        (Some(native), Some(before)) => match &native.marker {
            Some(marker) => Cause::Crash(before, marker.clone()),
            None => Cause::Report(before),
        },
        (Some(native), None) => Cause::Report(native),
        (None, before) => {
            let marker = sign_of_death(found).unwrap_or_else(|| named(signal));
            match before {
                Some(before) => Cause::Crash(before, marker),
                None => Cause::Marker(marker, None, None),
            }
        }
    }
}

/// An exit with a code, or an end that nobody saw.
fn of_error<'a>(found: &Found<'a>) -> Cause<'a> {
    let Some(last) = best(found.reports) else {
        return match sign_of_death(found) {
            Some(marker) => Cause::Marker(marker, None, None),
            None => hint(found).map_or(Cause::Unknown, |sign| {
                Cause::Marker(sign.says.clone(), None, None)
            }),
        };
    };
    if last.standing < Standing::Logged
        && let Some(marker) = sign_of_death(found)
    {
        return Cause::Marker(marker, None, None);
    }
    if last.interruption {
        return Cause::Interruption;
    }
    if !carries(last) {
        let first = match (found.root, last.rank) {
            (Some(root), Some(_)) => own(found, root).or_else(|| worker(found.reports, last)),
            (None, Some(_)) => worker(found.reports, last),
            (_, None) => None,
        };
        return Cause::Report(first.unwrap_or(last));
    }
    if let Some(root) = found.root
        && let Some(cause) = of_rank(found, root, last)
    {
        return cause;
    }
    if let Some(worker) = worker(found.reports, last) {
        return Cause::Report(worker);
    }
    // Nobody failed: somebody was told to go, and all above repeat that.
    let interrupted = found.reports.iter().any(|report| report.interruption);
    if interrupted || asked_by(found).is_some() {
        Cause::Interruption
    } else {
        Cause::Report(last)
    }
}

/// The signal by which somebody was told to go, as launchers say.
fn asked_by(found: &Found<'_>) -> Option<i32> {
    let root = found.root.and_then(RootCause::signal);
    let mut named = found
        .reports
        .iter()
        .filter(|report| report.interruption || carries(report))
        .filter_map(|report| report.error()?.signal);
    named
        .find(|signal| asked_for(Some(*signal)))
        .or(root.filter(|signal| asked_for(Some(*signal))))
}

/// The last word of the rank that failed first, as the launcher says.
fn own<'a>(found: &Found<'a>, root: RootCause) -> Option<&'a Report> {
    let is_own = |report: &&Report| {
        failed(report) && !carries(report) && report.rank.is_some() && report.rank == root.rank
    };
    found.reports.iter().rfind(is_own)
}

/// What the launcher says of the rank that failed first.
fn of_rank<'a>(found: &Found<'a>, root: RootCause, last: &'a Report) -> Option<Cause<'a>> {
    let own = own(found, root);
    if let Some(signal) = root.signal() {
        let native = found.reports.iter().find(|report| {
            report.standing == Standing::Native
                && (report.rank == root.rank || report.rank.is_none())
        });
        return match (native, own) {
            // A rank that the launcher told to go, or that aborted, may have said why.
            (None, Some(own)) if asked_for(Some(signal)) => Some(Cause::Report(own)),
            (_, Some(own)) if own.standing == Standing::Plain && signal != SIGKILL => {
                let marker = native.and_then(|native| native.marker.clone());
                Some(Cause::Crash(own, marker.unwrap_or_else(|| named(signal))))
            }
            (Some(native), _) => Some(Cause::Report(native)),
            (None, _) if asked_for(Some(signal)) => None,
            (None, _) => Some(Cause::Marker(named(signal), root.rank, Some(last))),
        };
    }
    if let Some(own) = own {
        return Some(Cause::Report(own));
    }
    // It went without a word, and what the others say is that they lost it.
    let loudest = worker(found.reports, last).unwrap_or(last);
    let silent = root.exit_code.is_some()
        && root.rank.is_some()
        && loudest.rank != root.rank
        && bereaved(loudest);
    silent.then(|| {
        Cause::Marker(
            PublicStr::constant("a worker exited without a traceback"),
            root.rank,
            Some(last),
        )
    })
}

/// What was said last besides tracebacks. That a worker exited or was ended explains nothing.
fn hint<'a>(found: &Found<'a>) -> Option<&'a Sign> {
    found
        .signs
        .iter()
        .rfind(|sign| !matches!(sign.meaning, Meaning::WorkerExit | Meaning::WorkerLost))
}

/// Signals by which a program is told to go.
const fn asked_for(signal: Option<i32>) -> bool {
    matches!(signal, Some(1 | 2 | 15))
}

/// Whether a report is of a program that ended by it.
fn failed(report: &Report) -> bool {
    report.standing >= Standing::Plain && report.complete() && !report.interruption
}

/// Whether the last word of a report is a launcher's or a messenger's.
fn carries(report: &Report) -> bool {
    report.last().is_some_and(Exception::carries)
}

/// The report of the worker that is to blame for this one; None where none speaks.
fn worker<'a>(reports: &'a [Report], last: &'a Report) -> Option<&'a Report> {
    let explains = |report: &&Report| {
        failed(report)
            && report.order <= last.order
            && !matches!(report.wraps(), Some(Wrapper::Runner | Wrapper::Messenger))
    };
    // What a rank survived comes before what it died of, and of the ranks the first that died is the cause.
    let last_of_its_rank = |report: &&Report| {
        report.rank.is_some()
            && !reports.iter().any(|other| {
                explains(&other) && other.rank == report.rank && other.order > report.order
            })
    };
    let mut ranks = reports.iter().filter(explains).filter(last_of_its_rank);
    if let Some(guilty) = ranks.clone().find(|report| !bereaved(report)) {
        return Some(guilty);
    }
    // Before the ranks know of each other there are no prefixes.
    let mut others = reports.iter().filter(explains);
    if let Some(guilty) = others.clone().rfind(|report| !bereaved(report)) {
        return Some(guilty);
    }
    if let Some(first) = ranks.next() {
        return Some(first);
    }
    // A process that waits for another one often logs what it said.
    let messenger = last.last().and_then(Exception::wraps) == Some(Wrapper::Messenger);
    let logged = reports.iter().rfind(|report| {
        messenger
            && report.standing == Standing::Logged
            && report.complete()
            && report.order < last.order
            && report.wraps().is_none()
    });
    others.next_back().or(logged)
}

/// Whether a report is that of a process which lost another one.
fn bereaved(report: &Report) -> bool {
    let message = report
        .error()
        .and_then(|error| error.message.known.as_ref());
    report.wraps() == Some(Wrapper::Bereaved)
        || message.is_some_and(|known| known.as_str().starts_with("Connection "))
}

/// The report that tells most: what nothing says was survived, and the last of it.
fn best(reports: &[Report]) -> Option<&Report> {
    let grade = |report: &Report| {
        let standing = match report.standing {
            Standing::Native => Standing::Plain,
            // A launcher logs that a worker failed before it dies of it.
            Standing::Logged if carries(report) => Standing::Plain,
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
    reports
        .iter()
        .filter(|report| report.standing != Standing::Ignored)
        .max_by_key(|report| grade(report))
}

/// The error of a worker, with that of the launcher which it brought down at the end of its chain.
fn with_launcher(mut error: ErrorEvent, reports: &[Report], blamed: &Report) -> ErrorEvent {
    let launcher = reports
        .iter()
        .rfind(|report| report.order > blamed.order && carries(report));
    if let (Some(launcher), Some(own)) = (
        launcher.and_then(|report| report.class().cloned()),
        error.exception_type.clone(),
    ) {
        error.chain.get_or_insert_with(|| vec![own]).push(launcher);
    }
    error
}

/// Whether the program went on after this report, as far as can be told.
///
/// What launchers say at the end is no other failure, nor is the fatal error when it is printed again, nor what an
/// interpreter ignores on its way out.
fn survived(report: &Report, blamed: Option<&Report>) -> bool {
    if report.standing == Standing::Stray || report.interruption || carries(report) {
        return false;
    }
    let Some(blamed) = blamed else {
        return report.standing <= Standing::Plain && report.rank.is_none();
    };
    if report.repeats(blamed) || report == blamed {
        return false;
    }
    let before = report.order < blamed.order;
    match report.standing {
        Standing::Ignored => before,
        Standing::Survived | Standing::Logged => true,
        _ => before && report.rank == blamed.rank && report.complete(),
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
