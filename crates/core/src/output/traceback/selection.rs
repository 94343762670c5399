//! Says which of all reports is the one that the process died of.
//!
//! The end decides first: a program that exits with 0 survived whatever it printed, and one that was told to
//! stop did not fail. Then the kind of death: a signal that the kernel raises is no Python exception. Of
//! several tracebacks the last one that nothing says was survived; but behind it may stand a launcher or a messenger
//! ([`Wrapper`]), whose worker is to blame, and of many ranks the first, for the others only lost it.

use super::event;
use super::grammar::headers::UNTHROWN;
use super::grammar::launcher::RootCause;
use super::report::{ErrorReport, Exception, Standing};
use crate::event::ErrorEvent;
use crate::knowledge::{self, Meaning, Sign, Weight, Wrapper};
use crate::public::PublicStr;
use crate::status::signal::{SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM};
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
    pub signs: Vec<Sign>,
}

impl Judgement {
    /// What is said of the signs.
    pub fn markers(&self) -> Vec<PublicStr> {
        self.signs.iter().map(|sign| sign.says.clone()).collect()
    }

    /// Whether anything that was read may be of the first rank, which is the one that reports; true where nothing was.
    #[must_use]
    pub fn has_word_of_the_first(&self) -> bool {
        let is_first = |report: &ErrorEvent| matches!(report.rank, None | Some(0));
        self.reports.is_empty() || self.reports.iter().any(is_first)
    }
}

/// Everything that was read.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The reports, in the order in which they began.
    pub reports: &'a [ErrorReport],
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
enum DeathCause<'a> {
    /// An exception, and the sign of the crash that followed it.
    Report(&'a ErrorReport, Option<PublicStr>),
    /// A sign, of a rank; the launcher's own report, where it has one.
    Marker(PublicStr, Option<u64>, Option<&'a ErrorReport>),
    Interruption,
    Unknown,
}

impl DeathCause<'_> {
    fn sign(marker: PublicStr) -> Self {
        Self::Marker(marker, None, None)
    }
}

/// The verdict over all that was read.
#[must_use]
pub fn judge(found: &Found<'_>, end: Option<End>) -> Judgement {
    let cause = cause(found, end);
    let mut judgement = Judgement {
        first_rank: first_rank(found),
        interrupted: cause == DeathCause::Interruption,
        signs: found.signs.to_vec(),
        ..Judgement::default()
    };
    let mut blamed = None;
    let mut told = best(found.reports);
    match cause {
        DeathCause::Report(report, marker) => {
            let mut error = event::event(report, true);
            if marker.is_some() {
                error.marker = marker;
            } else {
                append_launcher(&mut error, found.reports, report);
            }
            judgement.error = Some(error);
            judgement.meaning = meaning_of_report(report, found);
            judgement.is_last_word = failed(report) && found.ends_behind(report);
            blamed = Some(report);
            told = blamed;
        }
        DeathCause::Marker(marker, rank, launcher) => {
            let meaning = knowledge::meaning_of(marker.as_str(), found.signs);
            let mut error = marked(marker, rank);
            error.meaning = meaning.map(Meaning::public);
            // Nobody but the launcher has frames; what it raised says nothing.
            if let Some(launcher) = launcher {
                let launcher = event::event(launcher, true);
                error.frames = launcher.frames;
                error.stack_trace = launcher.stack_trace;
            }
            judgement.error = Some(error);
            judgement.meaning = meaning;
            told = None;
        }
        DeathCause::Interruption => judgement.stopped_by = asked_by(found),
        DeathCause::Unknown => {}
    }
    let mut handled = 0;
    for report in found.reports {
        if report.standing != Standing::Stray {
            let event = event::event(report, blamed == Some(report));
            judgement.reports.push(event);
        }
        if survived(report, blamed, end) {
            handled += 1;
        }
    }
    if let Some(blamed) = blamed
        && judgement.reports.is_empty()
    {
        judgement.reports.push(event::event(blamed, true));
    }
    judgement.handled_count = found.dropped.saturating_add(handled);
    if let Some(last) = told.and_then(ErrorReport::last)
        && last.complete
    {
        judgement.exception_type.clone_from(&last.class);
    }
    judgement.error = judgement.error.filter(tells);
    if let Some(error) = &mut judgement.error {
        // Where ranks leave no mark on their lines, the launcher knows whose they are.
        error.rank = error.rank.or(judgement.first_rank);
        error.other_ranks = others(found, error.rank);
        error.handled_count = Some(judgement.handled_count);
    }
    judgement
}

impl Found<'_> {
    /// Whether nothing but last words came behind the report.
    fn ends_behind(&self, report: &ErrorReport) -> bool {
        self.lines.saturating_sub(report.ended) <= LAST_WORDS_MAX
    }
}

/// The rank that failed first, as a launcher says: in its table, or in a line of its own.
fn first_rank(found: &Found<'_>) -> Option<u64> {
    let named = found.root.and_then(|root| root.rank);
    let mut deaths = deaths(found);
    named.or_else(|| deaths.find_map(|sign| sign.rank))
}

/// Whether an error says anything at all.
fn tells(error: &ErrorEvent) -> bool {
    error.exception_type.is_some() || error.marker.is_some() || error.frames.is_some()
}

/// What a report means; of a native death that names no signal, that the program aborted.
fn meaning_of_report(report: &ErrorReport, found: &Found<'_>) -> Option<Meaning> {
    let said = report.meaning();
    if said.is_some() || report.standing != Standing::Native {
        return said;
    }
    let marker = report.marker.as_ref()?.as_str();
    knowledge::meaning_of(marker, found.signs).or(Some(Meaning::Abort))
}

/// What the process died of.
fn cause<'a>(found: &Found<'a>, end: Option<End>) -> DeathCause<'a> {
    if end == Some(End::Exited(0)) {
        return DeathCause::Unknown;
    }
    match end.and_then(signal) {
        None => of_error(found),
        Some(SIGINT) => DeathCause::Interruption,
        Some(SIGKILL) => DeathCause::sign(sign_of(found, SIGKILL)),
        Some(SIGHUP | SIGPIPE | SIGTERM) => match of_error(found) {
            DeathCause::Report(report, None)
                if report.standing >= Standing::Plain && report.complete() =>
            {
                DeathCause::Report(report, None)
            }
            _ => DeathCause::Interruption,
        },
        Some(signal) => of_crash(found, signal),
    }
}

/// A death by a signal that the kernel raises, or that the process raises against itself.
///
/// The traceback that was printed last explains it: an interpreter that ends because of an exception often crashes on
/// its way out, and a program may abort because of one.
fn of_crash<'a>(found: &Found<'a>, signal: i32) -> DeathCause<'a> {
    let is_native = |report: &&ErrorReport| report.standing == Standing::Native;
    let native = found.reports.iter().rfind(is_native);
    let until = native.map_or(u64::MAX, |report| report.order);
    let before = found.reports.iter().rfind(|report| {
        failed(report)
            && report.standing == Standing::Plain
            && report.order < until
            && found.ends_behind(report)
    });
    let Some(mut before) = before else {
        return match native {
            Some(native) => DeathCause::Report(native, None),
            None => DeathCause::sign(sign_of(found, signal)),
        };
    };
    if carries(before) {
        before = worker(found.reports, before).unwrap_or(before);
    }
    let marker = match native {
        Some(native) => native.marker.clone(),
        None => Some(sign_of(found, signal)),
    };
    // Threads that were not joined: the interpreter was on its way out already, for another reason.
    DeathCause::Report(before, marker.filter(|marker| *marker != UNTHROWN))
}

/// An exit with a code, or an end that nobody saw.
fn of_error<'a>(found: &Found<'a>) -> DeathCause<'a> {
    let death = sign_of_death(found);
    let Some(last) = best(found.reports) else {
        return death
            .or_else(|| hint(found))
            .map_or(DeathCause::Unknown, DeathCause::sign);
    };
    if last.standing < Standing::Logged
        && let Some(marker) = death
    {
        return DeathCause::sign(marker);
    }
    if last.interruption {
        return DeathCause::Interruption;
    }
    if !carries(last) {
        if last.rank.is_none() {
            return DeathCause::Report(last, None);
        }
        let own = found.root.and_then(|root| own(found, root));
        let first = own.or_else(|| worker(found.reports, last));
        return DeathCause::Report(first.unwrap_or(last), None);
    }
    if let Some(root) = found.root
        && let Some(cause) = of_rank(found, root, last)
    {
        return cause;
    }
    if let Some(worker) = worker(found.reports, last) {
        return DeathCause::Report(worker, None);
    }
    // Nobody failed: somebody was told to go, and all above repeat that.
    let is_interrupted = found.reports.iter().any(|report| report.interruption);
    if is_interrupted || asked_by(found).is_some() {
        return DeathCause::Interruption;
    }
    DeathCause::Report(last, None)
}

/// The signal by which somebody was told to go, as launchers say.
fn asked_by(found: &Found<'_>) -> Option<i32> {
    for report in found.reports {
        if (report.interruption || carries(report))
            && let Some(error) = report.error()
            && let Some(signal) = error.signal
            && asks(signal)
        {
            return Some(signal);
        }
    }
    let root = found.root.and_then(RootCause::signal);
    root.filter(|signal| asks(*signal))
}

/// The last word of the rank that failed first, as the launcher says.
fn own<'a>(found: &Found<'a>, root: RootCause) -> Option<&'a ErrorReport> {
    let rank = root.rank?;
    let is_own =
        |report: &&ErrorReport| failed(report) && !carries(report) && report.rank == Some(rank);
    found.reports.iter().rfind(is_own)
}

/// What the launcher says of the rank that failed first.
fn of_rank<'a>(
    found: &Found<'a>,
    root: RootCause,
    last: &'a ErrorReport,
) -> Option<DeathCause<'a>> {
    let own = own(found, root);
    let Some(signal) = root.signal() else {
        if let Some(own) = own {
            return Some(DeathCause::Report(own, None));
        }
        // It went without a word, and what the others say is that they lost it.
        let loudest = worker(found.reports, last).unwrap_or(last);
        if root.exit_code.is_none()
            || root.rank.is_none()
            || loudest.rank == root.rank
            || !bereaved(loudest)
        {
            return None;
        }
        let marker = PublicStr::constant("a worker exited without a traceback");
        return Some(DeathCause::Marker(marker, root.rank, Some(last)));
    };
    let native = found.reports.iter().find(|report| {
        report.standing == Standing::Native && (report.rank == root.rank || report.rank.is_none())
    });
    Some(match (native, own) {
        // A rank that the launcher told to go, or that aborted, may have said why.
        (None, Some(own)) if asks(signal) => DeathCause::Report(own, None),
        (_, Some(own)) if own.standing == Standing::Plain && signal != SIGKILL => {
            let marker = native.and_then(|native| native.marker.clone());
            DeathCause::Report(own, marker.or_else(|| Some(named(signal))))
        }
        (Some(native), _) => DeathCause::Report(native, None),
        (None, _) if asks(signal) => return None,
        (None, _) => DeathCause::Marker(named(signal), root.rank, Some(last)),
    })
}

/// What was said last besides tracebacks. That a worker exited or was ended explains nothing.
fn hint(found: &Found<'_>) -> Option<PublicStr> {
    let explains =
        |sign: &&Sign| !matches!(sign.meaning, Meaning::WorkerExit | Meaning::WorkerLost);
    Some(found.signs.iter().rfind(explains)?.says.clone())
}

/// Whether a program is told to go by this signal.
const fn asks(signal: i32) -> bool {
    matches!(signal, SIGHUP | SIGINT | SIGTERM)
}

/// Whether a report is of a program that ended by it.
fn failed(report: &ErrorReport) -> bool {
    report.standing >= Standing::Plain && report.complete() && !report.interruption
}

/// Whether the last word of a report is a launcher's or a messenger's.
fn carries(report: &ErrorReport) -> bool {
    report.last().is_some_and(Exception::carries)
}

/// The report of the worker that is to blame for this one; None where none speaks.
fn worker<'a>(reports: &'a [ErrorReport], last: &'a ErrorReport) -> Option<&'a ErrorReport> {
    let mut others: Vec<&ErrorReport> = reports.iter().collect();
    others.retain(|report| {
        failed(report)
            && report.order <= last.order
            && !matches!(report.wraps(), Some(Wrapper::Runner | Wrapper::Messenger))
    });
    // What a rank survived comes before what it died of, and of the ranks the first that died is the cause.
    let mut ranks = others.clone();
    ranks.retain(|report| {
        let is_later =
            |other: &&ErrorReport| other.rank == report.rank && other.order > report.order;
        report.rank.is_some() && !others.iter().any(is_later)
    });
    let is_guilty = |report: &&&ErrorReport| !bereaved(report);
    let guilty = ranks.iter().find(is_guilty);
    // Before the ranks know of each other there are no prefixes.
    let guilty = guilty.or_else(|| others.iter().rfind(is_guilty));
    if let Some(guilty) = guilty.or(ranks.first()).or(others.last()) {
        return Some(guilty);
    }
    // A process that waits for another one often logs what it said.
    let is_messenger = last.last().and_then(Exception::wraps) == Some(Wrapper::Messenger);
    reports.iter().rfind(|report| {
        is_messenger
            && report.standing == Standing::Logged
            && report.complete()
            && report.order < last.order
            && report.wraps().is_none()
    })
}

/// Whether a report is that of a process which lost another one.
fn bereaved(report: &ErrorReport) -> bool {
    if let Some(error) = report.error()
        && let Some(known) = &error.message.known
        && known.as_str().starts_with("Connection ")
    {
        return true;
    }
    report.wraps() == Some(Wrapper::Bereaved)
}

/// The report that tells most: what nothing says was survived, and the last of it.
fn best(reports: &[ErrorReport]) -> Option<&ErrorReport> {
    let grade = |report: &&ErrorReport| {
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
    let believed = |report: &&ErrorReport| report.standing != Standing::Ignored;
    reports.iter().filter(believed).max_by_key(grade)
}

/// Appends to a worker's error that of the launcher which it brought down, at the end of its chain.
fn append_launcher(error: &mut ErrorEvent, reports: &[ErrorReport], blamed: &ErrorReport) {
    let is_launcher = |report: &&ErrorReport| report.order > blamed.order && carries(report);
    if let Some(launcher) = reports.iter().rfind(is_launcher)
        && let Some(class) = launcher.class()
        && let Some(own) = &error.exception_type
    {
        let chain = error.chain.get_or_insert_with(|| vec![own.clone()]);
        chain.push(class.clone());
    }
}

/// Whether the program went on after this report, as far as can be told.
///
/// What launchers say at the end is no other failure, nor is the fatal error when it is printed again, nor what an
/// interpreter ignores on its way out.
fn survived(report: &ErrorReport, blamed: Option<&ErrorReport>, end: Option<End>) -> bool {
    if end == Some(End::Exited(0)) {
        return report.standing != Standing::Stray;
    }
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
    let mut ranks: BTreeSet<Option<u64>> = found.reports.iter().map(|report| report.rank).collect();
    ranks.remove(&None);
    ranks.remove(&rank);
    u64::try_from(ranks.len()).ok().filter(|count| *count > 0)
}

/// The signs of what the process, or one that it cannot do without, died of.
fn deaths<'a>(found: &Found<'a>) -> impl DoubleEndedIterator<Item = &'a Sign> {
    let signs = found.signs.iter();
    signs.filter(|sign| sign.weight == Weight::Death)
}

/// The sign that says most certainly what the process died of.
fn sign_of_death(found: &Found<'_>) -> Option<PublicStr> {
    // The shell's word comes last and only repeats the signal; what came before it says why.
    let cause = deaths(found).find(|sign| !sign.says.as_str().contains("(SIG"));
    let sign = cause.or_else(|| deaths(found).next_back())?;
    Some(sign.says.clone())
}

/// The same, or the signal itself where nothing says more.
fn sign_of(found: &Found<'_>, signal: i32) -> PublicStr {
    sign_of_death(found).unwrap_or_else(|| named(signal))
}

/// The signal that ended the command, or that a shell reports as 128 and its number.
fn signal(end: End) -> Option<i32> {
    match end {
        End::Signaled(signal) => Some(signal),
        End::Exited(code @ 129..=159) => Some(i32::from(code) - 128),
        End::Exited(_) => None,
    }
}

fn named(signal: i32) -> PublicStr {
    PublicStr::constant(signal_name(signal).unwrap_or("signal"))
}

/// The event of a death that left no report.
fn marked(marker: PublicStr, rank: Option<u64>) -> ErrorEvent {
    ErrorEvent {
        fingerprint: Some(event::fingerprint_of(std::slice::from_ref(&marker))),
        marker: Some(marker),
        rank,
        fatal: Some(true),
        ..ErrorEvent::default()
    }
}
