//! Says which of all reports is the one that the process died of.
//!
//! The end decides first: a program that exits with 0 survived whatever it printed, and one that was told to
//! stop did not fail. Then the kind of death: a signal that the kernel raises is no Python exception. Of
//! several tracebacks the last one that nothing says was survived; but behind it may stand a launcher or a messenger
//! ([`Wrapper`]), whose worker is to blame, and of many ranks the first, for the others only lost it.

use super::event::{self, event};
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
pub struct Evidence<'a> {
    /// The reports, in the order in which they began.
    pub reports: &'a [ErrorReport],
    /// Other signs.
    pub signs: &'a [Sign],
    /// What the launcher says.
    pub root_cause: RootCause,
    /// Reports that were dropped.
    pub dropped: u64,
    /// Lines that were read or passed over.
    pub lines: u64,
}

/// Lines behind a traceback after which the program has gone on: a dying one prints its threads, its own crash and what
/// a logger of experiments says at the end.
const LAST_WORDS_MAX: u64 = 40;

/// What the process died of.
enum DeathCause<'a> {
    /// An exception, and the sign of the crash that followed it.
    Report(&'a ErrorReport, Option<PublicStr>),
    /// A sign alone.
    Sign(PublicStr),
    /// A sign of the rank that failed first, and the launcher's own report.
    RankSign(PublicStr, &'a ErrorReport),
    Interruption,
    Unknown,
}

impl<'a> Evidence<'a> {
    /// The verdict over all that was read.
    #[must_use]
    pub fn judge(&self, end: Option<End>) -> Judgement {
        let mut judgement = Judgement {
            first_rank: self.first_rank(),
            signs: self.signs.to_vec(),
            handled_count: self.dropped,
            ..Judgement::default()
        };
        let mut blamed = None;
        let mut most_telling = self.most_telling_report();
        match self.cause_of_death(end) {
            DeathCause::Report(report, marker) => {
                let mut error = event(report, true);
                if marker.is_some() {
                    error.marker = marker;
                } else {
                    self.append_launcher(&mut error, report);
                }
                judgement.error = Some(error);
                judgement.meaning = self.meaning_of_report(report);
                judgement.is_last_word = is_failure(report) && self.ends_behind(report);
                blamed = Some(report);
                most_telling = blamed;
            }
            DeathCause::Sign(marker) => {
                self.blame_sign(&mut judgement, marker);
                most_telling = None;
            }
            DeathCause::RankSign(marker, launcher) => {
                // Nobody but the launcher has frames; what it raised says nothing.
                let launcher_event = event(launcher, true);
                let error = self.blame_sign(&mut judgement, marker);
                error.rank = self.root_cause.rank;
                error.frames = launcher_event.frames;
                error.stack_trace = launcher_event.stack_trace;
                most_telling = None;
            }
            DeathCause::Interruption => {
                judgement.interrupted = true;
                judgement.stopped_by = self.asked_by();
            }
            DeathCause::Unknown => {}
        }
        for report in self.reports {
            if report.standing != Standing::Stray {
                let is_fatal = blamed == Some(report);
                judgement.reports.push(event(report, is_fatal));
            }
            if was_survived(report, blamed, end) {
                judgement.handled_count += 1;
            }
        }
        if let Some(blamed) = blamed
            && judgement.reports.is_empty()
        {
            judgement.reports.push(event(blamed, true));
        }
        if let Some(last_exception) = most_telling.and_then(ErrorReport::last)
            && last_exception.is_complete
        {
            judgement.exception_type.clone_from(&last_exception.class);
        }
        judgement.error = judgement.error.filter(says_anything);
        if let Some(error) = &mut judgement.error {
            // Where ranks leave no mark on their lines, the launcher knows whose they are.
            error.rank = error.rank.or(judgement.first_rank);
            error.other_ranks = self.other_ranks(error.rank);
            error.handled_count = Some(judgement.handled_count);
        }
        judgement
    }

    /// Makes the error of a death that left no report.
    fn blame_sign<'judgement>(
        &self,
        judgement: &'judgement mut Judgement,
        marker: PublicStr,
    ) -> &'judgement mut ErrorEvent {
        let meaning = knowledge::meaning_of(marker.as_str(), self.signs);
        judgement.meaning = meaning;
        judgement.error.insert(ErrorEvent {
            fingerprint: Some(event::fingerprint_of(vec![&marker])),
            meaning: meaning.map(Meaning::public),
            marker: Some(marker),
            fatal: Some(true),
            ..ErrorEvent::default()
        })
    }

    /// Whether nothing but last words came behind the report.
    fn ends_behind(&self, report: &ErrorReport) -> bool {
        self.lines.saturating_sub(report.ended) <= LAST_WORDS_MAX
    }

    /// The rank that failed first, as a launcher says: in its table, or in a line of its own.
    fn first_rank(&self) -> Option<u64> {
        let mut deaths = self.deaths();
        let named_rank = self.root_cause.rank;
        named_rank.or_else(|| deaths.find_map(|sign| sign.rank))
    }

    /// What a report means; of a native death that names no signal, that the program aborted.
    fn meaning_of_report(&self, report: &ErrorReport) -> Option<Meaning> {
        let meaning = report.meaning();
        if meaning.is_some() || report.standing != Standing::Native {
            return meaning;
        }
        let marker = report.marker.as_ref()?.as_str();
        knowledge::meaning_of(marker, self.signs).or(Some(Meaning::Abort))
    }

    fn cause_of_death(&self, end: Option<End>) -> DeathCause<'a> {
        if end == Some(End::Exited(0)) {
            return DeathCause::Unknown;
        }
        match end.and_then(signal_of_end) {
            None => self.cause_of_error(),
            Some(SIGINT) => DeathCause::Interruption,
            Some(SIGKILL) => DeathCause::Sign(self.sign_of(SIGKILL)),
            Some(SIGHUP | SIGPIPE | SIGTERM) => match self.cause_of_error() {
                DeathCause::Report(report, None)
                    if report.standing >= Standing::Plain && report.is_complete() =>
                {
                    DeathCause::Report(report, None)
                }
                _ => DeathCause::Interruption,
            },
            Some(signal) => self.cause_of_crash(signal),
        }
    }

    /// A death by a signal that the kernel raises, or that the process raises against itself.
    ///
    /// The traceback that was printed last explains it: an interpreter that ends because of an exception often crashes
    /// on its way out, and a program may abort because of one.
    fn cause_of_crash(&self, signal: i32) -> DeathCause<'a> {
        let is_native = |report: &&ErrorReport| report.standing == Standing::Native;
        let native_report = self.reports.iter().rfind(is_native);
        let crash_order = native_report.map_or(u64::MAX, |report| report.order);
        let explaining_report = self.reports.iter().rfind(|report| {
            is_failure(report)
                && report.standing == Standing::Plain
                && report.order < crash_order
                && self.ends_behind(report)
        });
        let Some(mut explaining_report) = explaining_report else {
            return match native_report {
                Some(native_report) => DeathCause::Report(native_report, None),
                None => DeathCause::Sign(self.sign_of(signal)),
            };
        };
        if is_carrier(explaining_report) {
            let worker = self.worker_to_blame(explaining_report);
            explaining_report = worker.unwrap_or(explaining_report);
        }
        let marker = match native_report {
            Some(native_report) => native_report.marker.clone(),
            None => Some(self.sign_of(signal)),
        };
        // Threads that were not joined: the interpreter was on its way out already, for another reason.
        DeathCause::Report(
            explaining_report,
            marker.filter(|marker| *marker != UNTHROWN),
        )
    }

    /// An exit with a code, or an end that nobody saw.
    fn cause_of_error(&self) -> DeathCause<'a> {
        let death = self.sign_of_death();
        let Some(last) = self.most_telling_report() else {
            let sign = death.or_else(|| self.hint());
            return sign.map_or(DeathCause::Unknown, DeathCause::Sign);
        };
        if last.standing < Standing::Logged
            && let Some(marker) = death
        {
            return DeathCause::Sign(marker);
        }
        if last.is_interruption {
            return DeathCause::Interruption;
        }
        if !is_carrier(last) {
            if last.rank.is_none() {
                return DeathCause::Report(last, None);
            }
            let last_word = self.last_word_of_first_rank();
            let worker = last_word.or_else(|| self.worker_to_blame(last));
            return DeathCause::Report(worker.unwrap_or(last), None);
        }
        if let Some(cause) = self.cause_of_first_rank(last) {
            return cause;
        }
        if let Some(worker) = self.worker_to_blame(last) {
            return DeathCause::Report(worker, None);
        }
        // Nobody failed: somebody was told to go, and all above repeat that.
        let is_interrupted = self.reports.iter().any(|report| report.is_interruption);
        if is_interrupted || self.asked_by().is_some() {
            return DeathCause::Interruption;
        }
        DeathCause::Report(last, None)
    }

    /// The signal by which somebody was told to go, as launchers say.
    fn asked_by(&self) -> Option<i32> {
        for report in self.reports {
            if (report.is_interruption || is_carrier(report))
                && let Some(error) = report.error()
                && let Some(signal) = error.signal
                && asks_to_go(signal)
            {
                return Some(signal);
            }
        }
        let killed_by = self.root_cause.signal();
        killed_by.filter(|signal| asks_to_go(*signal))
    }

    /// The last word of the rank that failed first, as the launcher says.
    fn last_word_of_first_rank(&self) -> Option<&'a ErrorReport> {
        let first_rank = self.root_cause.rank?;
        self.reports.iter().rfind(|report| {
            is_failure(report) && !is_carrier(report) && report.rank == Some(first_rank)
        })
    }

    /// What the launcher, whose report is the last one, says of the rank that failed first.
    fn cause_of_first_rank(&self, last: &'a ErrorReport) -> Option<DeathCause<'a>> {
        let RootCause { rank, exit_code } = self.root_cause;
        let last_word = self.last_word_of_first_rank();
        let Some(signal) = self.root_cause.signal() else {
            if let Some(last_word) = last_word {
                return Some(DeathCause::Report(last_word, None));
            }
            // It went without a word, and what the others say is that they lost it.
            let loudest = self.worker_to_blame(last).unwrap_or(last);
            let is_other_rank = rank.is_some() && loudest.rank != rank;
            if exit_code.is_none() || !is_other_rank || !is_bereaved(loudest) {
                return None;
            }
            let marker = PublicStr::constant("a worker exited without a traceback");
            return Some(DeathCause::RankSign(marker, last));
        };
        let native_report = self.reports.iter().find(|report| {
            let may_be_its = report.rank == rank || report.rank.is_none();
            report.standing == Standing::Native && may_be_its
        });
        Some(match (native_report, last_word) {
            // A rank that the launcher told to go, or that aborted, may have said why.
            (None, Some(last_word)) if asks_to_go(signal) => DeathCause::Report(last_word, None),
            (_, Some(last_word)) if last_word.standing == Standing::Plain && signal != SIGKILL => {
                let marker = native_report.and_then(|report| report.marker.clone());
                DeathCause::Report(last_word, marker.or_else(|| Some(name_of(signal))))
            }
            (Some(native_report), _) => DeathCause::Report(native_report, None),
            (None, _) if asks_to_go(signal) => return None,
            (None, _) => DeathCause::RankSign(name_of(signal), last),
        })
    }

    /// What was said last besides tracebacks. That a worker exited or was ended explains nothing.
    fn hint(&self) -> Option<PublicStr> {
        let sign = self
            .signs
            .iter()
            .rfind(|sign| !matches!(sign.meaning, Meaning::WorkerExit | Meaning::WorkerLost));
        Some(sign?.says.clone())
    }

    /// The report of the worker that is to blame for this one; None where none speaks.
    fn worker_to_blame(&self, last: &ErrorReport) -> Option<&'a ErrorReport> {
        let mut failures: Vec<&ErrorReport> = self.reports.iter().collect();
        failures.retain(|report| {
            is_failure(report)
                && report.order <= last.order
                && !matches!(
                    report.wrapper_kind(),
                    Some(Wrapper::Runner | Wrapper::Messenger)
                )
        });
        // What a rank survived comes before what it died of, and of the ranks the first that died is the cause.
        let mut last_words = failures.clone();
        last_words.retain(|report| {
            let is_later =
                |other: &&ErrorReport| other.rank == report.rank && other.order > report.order;
            report.rank.is_some() && !failures.iter().any(is_later)
        });
        let is_guilty = |report: &&&ErrorReport| !is_bereaved(report);
        let guilty_rank = last_words.iter().find(is_guilty);
        // Before the ranks know of each other there are no prefixes.
        let guilty = guilty_rank.or_else(|| failures.iter().rfind(is_guilty));
        if let Some(guilty) = guilty.or(last_words.first()).or(failures.last()) {
            return Some(guilty);
        }
        // A process that waits for another one often logs what it said.
        let is_messenger =
            last.last().and_then(Exception::wrapper_kind) == Some(Wrapper::Messenger);
        self.reports.iter().rfind(|report| {
            is_messenger
                && report.standing == Standing::Logged
                && report.is_complete()
                && report.order < last.order
                && report.wrapper_kind().is_none()
        })
    }

    /// The report that tells most: what nothing says was survived, and the last of it.
    fn most_telling_report(&self) -> Option<&'a ErrorReport> {
        let grade = |report: &&ErrorReport| {
            let standing = match report.standing {
                Standing::Native => Standing::Plain,
                // A launcher logs that a worker failed before it dies of it.
                Standing::Logged if is_carrier(report) => Standing::Plain,
                standing => standing,
            };
            // An interruption only counts where nothing failed; the end of the stream may have cut off the last one.
            (
                standing != Standing::Stray,
                !report.is_interruption,
                standing,
                report.is_complete(),
                report.order,
            )
        };
        let is_believed = |report: &&ErrorReport| report.standing != Standing::Ignored;
        self.reports.iter().filter(is_believed).max_by_key(grade)
    }

    /// Appends to a worker's error that of the launcher which it brought down, at the end of its chain.
    fn append_launcher(&self, error: &mut ErrorEvent, blamed: &ErrorReport) {
        let is_launcher = |report: &&ErrorReport| report.order > blamed.order && is_carrier(report);
        if let Some(launcher) = self.reports.iter().rfind(is_launcher)
            && let Some(launcher_class) = launcher.class()
            && let Some(own_class) = &error.exception_type
        {
            let chain = error.chain.get_or_insert_with(|| vec![own_class.clone()]);
            chain.push(launcher_class.clone());
        }
    }

    /// Other ranks that reported a failure.
    fn other_ranks(&self, failed_rank: Option<u64>) -> Option<u64> {
        let mut ranks = BTreeSet::from_iter(self.reports.iter().map(|report| report.rank));
        ranks.remove(&None);
        ranks.remove(&failed_rank);
        Some(ranks.len() as u64).filter(|count| *count > 0)
    }

    /// The signs of what the process, or one that it cannot do without, died of.
    fn deaths(&self) -> impl DoubleEndedIterator<Item = &'a Sign> {
        let signs = self.signs.iter();
        signs.filter(|sign| sign.weight == Weight::Death)
    }

    /// The sign that says most certainly what the process died of.
    fn sign_of_death(&self) -> Option<PublicStr> {
        // The shell's word comes last and only repeats the signal; what came before it says why.
        let names_no_signal = |sign: &&Sign| !sign.says.as_str().contains("(SIG");
        let cause = self.deaths().find(names_no_signal);
        let sign = cause.or_else(|| self.deaths().next_back())?;
        Some(sign.says.clone())
    }

    /// The same, or the signal itself where nothing says more.
    fn sign_of(&self, signal: i32) -> PublicStr {
        self.sign_of_death().unwrap_or_else(|| name_of(signal))
    }
}

/// Whether an error says anything at all.
fn says_anything(error: &ErrorEvent) -> bool {
    error.exception_type.is_some() || error.marker.is_some() || error.frames.is_some()
}

/// Whether a program is told to go by this signal.
const fn asks_to_go(signal: i32) -> bool {
    matches!(signal, SIGHUP | SIGINT | SIGTERM)
}

/// Whether a report is of a program that ended by it.
fn is_failure(report: &ErrorReport) -> bool {
    report.standing >= Standing::Plain && report.is_complete() && !report.is_interruption
}

/// Whether the last word of a report is a launcher's or a messenger's.
fn is_carrier(report: &ErrorReport) -> bool {
    report.last().is_some_and(Exception::carries_another)
}

/// Whether a report is that of a process which lost another one.
fn is_bereaved(report: &ErrorReport) -> bool {
    if let Some(error) = report.error()
        && let Some(message) = &error.message.known
        && message.as_str().starts_with("Connection ")
    {
        return true;
    }
    report.wrapper_kind() == Some(Wrapper::Bereaved)
}

/// Whether the program went on after this report, as far as can be told.
///
/// What launchers say at the end is no other failure, nor is the fatal error when it is printed again, nor what an
/// interpreter ignores on its way out.
fn was_survived(report: &ErrorReport, blamed: Option<&ErrorReport>, end: Option<End>) -> bool {
    let is_stray = report.standing == Standing::Stray;
    if end == Some(End::Exited(0)) {
        return !is_stray;
    }
    if is_stray || report.is_interruption || is_carrier(report) {
        return false;
    }
    let Some(blamed) = blamed else {
        return report.standing <= Standing::Plain && report.rank.is_none();
    };
    if report.repeats(blamed) || report == blamed {
        return false;
    }
    let is_earlier = report.order < blamed.order;
    match report.standing {
        Standing::Ignored => is_earlier,
        Standing::Survived | Standing::Logged => true,
        _ => is_earlier && report.rank == blamed.rank && report.is_complete(),
    }
}

/// The signal that ended the command, or that a shell reports as 128 and its number.
fn signal_of_end(end: End) -> Option<i32> {
    match end {
        End::Signaled(signal) => Some(signal),
        End::Exited(code @ 129..=159) => Some(i32::from(code) - 128),
        End::Exited(_) => None,
    }
}

fn name_of(signal: i32) -> PublicStr {
    PublicStr::constant(signal_name(signal).unwrap_or("signal"))
}
