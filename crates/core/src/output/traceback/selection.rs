//! Says which of all reports is the one that the process died of.
//!
//! The end decides first: a program that exits with 0 survived whatever it printed, and one that was told to
//! stop did not fail. Then the kind of death: a signal that the kernel raises is no Python exception. Of
//! several tracebacks the last one that nothing says was survived; but behind it may stand a launcher or a messenger
//! ([`Wrapper`]), whose worker is to blame, and of many ranks the first, for the others only lost it.

mod last_words;

use super::event::{self, event};
use super::grammar::headers::UNTHROWN;
use super::grammar::launcher::RootCause;
use super::listed::listed;
use super::report::{ErrorReport, ReportStanding, ReportedException};
use crate::event::{ErrorEvent, ListedException};
use crate::knowledge::{self, Meaning, Sign, Weight, Wrapper};
use crate::output::watchdogs::WatchdogFacts;
use crate::public::PublicStr;
use crate::status::signal::{SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM};
use crate::status::{End, signal_name};
use last_words::{
    asks_program_to_end, carries_another_error, ended_its_program, is_bereaved, was_survived,
};
use std::collections::BTreeSet;

/// What the output says about the command's end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The error that the command died of; None where it did not, or was interrupted.
    pub error: Option<ErrorEvent>,
    /// Its exceptions, the one that ended the program first.
    pub exceptions: Vec<ListedException>,
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
    /// How that one ended, as its launcher says.
    pub first_end: Option<End>,
    /// What the ranks say of collective operations.
    pub watchdogs: WatchdogFacts,
    /// Class of the exception that ended the report that tells most, whether or not the command died of it. The error's
    /// own class is that of the innermost exception that explains.
    pub exception_type: Option<PublicStr>,
    /// What the error means.
    pub meaning: Option<Meaning>,
    /// Whether the traceback of the error is the last that the program said.
    pub is_last_word: bool,
    /// The number of the report that is blamed, among all that were read.
    pub blamed: Option<u64>,
    /// Signs of a death besides tracebacks, each once, in the order in which they came.
    pub signs: Vec<Sign>,
}

impl Judgement {
    /// What is said of the signs.
    pub fn markers(&self) -> Vec<PublicStr> {
        self.signs.iter().map(|sign| sign.says.clone()).collect()
    }

    /// Whether the error says that a data worker failed.
    pub fn blames_data_worker(&self) -> bool {
        let exception = self
            .error
            .as_ref()
            .and_then(|error| error.exception.as_ref());
        exception.is_some_and(|words| words.as_str().starts_with("DataLoader worker"))
    }

    /// Whether anything that was read may be of the first rank, which is the one that reports; true where nothing was.
    pub fn has_word_of_the_first(&self) -> bool {
        let is_first = |report: &ErrorEvent| matches!(report.rank, None | Some(0));
        self.reports.is_empty() || self.reports.iter().any(is_first)
    }
}

/// Everything that was read.
pub struct Evidence<'a> {
    /// The reports, in the order in which they began.
    pub all_reports: &'a [ErrorReport],
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
    /// A sign of the rank that failed first, and the launcher's own report where there is one.
    RankSign(PublicStr, Option<&'a ErrorReport>),
    Interruption,
    Unknown,
}

impl<'a> Evidence<'a> {
    /// The verdict over all that was read.
    pub fn judge(&self, command_end: Option<End>) -> Judgement {
        let mut judgement = Judgement {
            first_rank: self.first_rank(),
            first_end: self.root_cause.end(),
            signs: self.signs.to_vec(),
            handled_count: self.dropped,
            ..Judgement::default()
        };
        let mut blamed_report = None;
        let mut most_telling = self.most_telling_report();
        match self.cause_of_death(command_end) {
            DeathCause::Report(error_report, death_marker) => {
                let mut error_event = event(error_report, true);
                if death_marker.is_some() {
                    error_event.marker = death_marker;
                } else {
                    self.append_launcher(&mut error_event, error_report);
                }
                judgement.error = Some(error_event);
                judgement.exceptions = listed(error_report);
                judgement.meaning = self.meaning_of_report(error_report);
                judgement.is_last_word =
                    ended_its_program(error_report) && self.ends_behind(error_report);
                blamed_report = Some(error_report);
                most_telling = blamed_report;
            }
            DeathCause::Sign(death_marker) => {
                self.blame_sign(&mut judgement, death_marker);
                most_telling = None;
            }
            DeathCause::RankSign(death_marker, launcher_report) => {
                let error_event = self.blame_sign(&mut judgement, death_marker);
                error_event.rank = self.root_cause.rank;
                // Nobody but the launcher has frames; what it raised says nothing.
                if let Some(launcher_report) = launcher_report {
                    let launcher_event = event(launcher_report, true);
                    error_event.frames = launcher_event.frames;
                    error_event.stack_trace = launcher_event.stack_trace;
                }
                most_telling = None;
            }
            DeathCause::Interruption => {
                judgement.interrupted = true;
                judgement.stopped_by = self.asked_by();
            }
            DeathCause::Unknown => {}
        }
        for error_report in self.all_reports {
            if error_report.standing != ReportStanding::Stray {
                let is_fatal = blamed_report == Some(error_report);
                judgement.reports.push(event(error_report, is_fatal));
            }
            if was_survived(error_report, blamed_report, command_end) {
                judgement.handled_count += 1;
            }
        }
        if let Some(blamed_report) = blamed_report
            && judgement.reports.is_empty()
        {
            judgement.reports.push(event(blamed_report, true));
        }
        if let Some(last_exception) = most_telling.and_then(ErrorReport::last)
            && last_exception.is_complete
        {
            judgement.exception_type.clone_from(&last_exception.class);
        }
        judgement.blamed = blamed_report.map(|error_report| error_report.order);
        judgement.error = judgement.error.filter(says_anything);
        if let Some(error_event) = &mut judgement.error {
            // Where ranks leave no mark on their lines, the launcher knows whose they are.
            error_event.rank = error_event.rank.or(judgement.first_rank);
            error_event.other_ranks = self.other_ranks(error_event.rank);
            error_event.handled_count = Some(judgement.handled_count);
        }
        judgement
    }

    /// Makes the error of a death that left no report.
    fn blame_sign<'judgement>(
        &self,
        judgement: &'judgement mut Judgement,
        death_marker: PublicStr,
    ) -> &'judgement mut ErrorEvent {
        let meaning = knowledge::meaning_of(death_marker.as_str(), self.signs);
        judgement.meaning = meaning;
        judgement.error.insert(ErrorEvent {
            fingerprint: Some(event::fingerprint_of(vec![&death_marker])),
            meaning: meaning.map(Meaning::public),
            marker: Some(death_marker),
            fatal: Some(true),
            ..ErrorEvent::default()
        })
    }

    /// Whether nothing but last words came behind the report.
    fn ends_behind(&self, error_report: &ErrorReport) -> bool {
        self.lines.saturating_sub(error_report.ended) <= LAST_WORDS_MAX
    }

    /// The rank that failed first, as a launcher says: in its table, or in a line of its own.
    fn first_rank(&self) -> Option<u64> {
        let mut deaths = self.deaths();
        let named_rank = self.root_cause.rank;
        named_rank.or_else(|| deaths.find_map(|death_sign| death_sign.rank))
    }

    /// What a report means; of a native death that names no signal, that the program aborted.
    fn meaning_of_report(&self, error_report: &ErrorReport) -> Option<Meaning> {
        let meaning = error_report.meaning();
        if meaning.is_some() || error_report.standing != ReportStanding::Native {
            return meaning;
        }
        let death_marker = error_report.marker.as_ref()?.as_str();
        knowledge::meaning_of(death_marker, self.signs).or(Some(Meaning::Abort))
    }

    fn cause_of_death(&self, command_end: Option<End>) -> DeathCause<'a> {
        if command_end == Some(End::Exited(0)) {
            return DeathCause::Unknown;
        }
        match command_end.and_then(signal_of_end) {
            None => self.cause_of_error(),
            Some(SIGINT) => DeathCause::Interruption,
            Some(SIGKILL) => DeathCause::Sign(self.sign_of(SIGKILL)),
            Some(SIGHUP | SIGPIPE | SIGTERM) => match self.cause_of_error() {
                DeathCause::Report(error_report, None)
                    if error_report.standing >= ReportStanding::Plain
                        && error_report.is_complete() =>
                {
                    DeathCause::Report(error_report, None)
                }
                _ => DeathCause::Interruption,
            },
            Some(death_signal) => self.cause_of_crash(death_signal),
        }
    }

    /// A death by a signal that the kernel raises, or that the process raises against itself.
    ///
    /// The traceback that was printed last explains it: an interpreter that ends because of an exception often crashes
    /// on its way out, and a program may abort because of one.
    fn cause_of_crash(&self, death_signal: i32) -> DeathCause<'a> {
        let is_native =
            |error_report: &&ErrorReport| error_report.standing == ReportStanding::Native;
        let native_report = self.all_reports.iter().rfind(is_native);
        let crash_order = native_report.map_or(u64::MAX, |error_report| error_report.order);
        let explaining_report = self.all_reports.iter().rfind(|error_report| {
            ended_its_program(error_report)
                && error_report.standing == ReportStanding::Plain
                && error_report.order < crash_order
                && self.ends_behind(error_report)
        });
        let Some(mut explaining_report) = explaining_report else {
            return match native_report {
                Some(native_report) => DeathCause::Report(native_report, None),
                None => DeathCause::Sign(self.sign_of(death_signal)),
            };
        };
        if carries_another_error(explaining_report) {
            let failed_worker = self.worker_to_blame(explaining_report);
            explaining_report = failed_worker.unwrap_or(explaining_report);
        }
        let death_marker = match native_report {
            Some(native_report) => native_report.marker.clone(),
            None => Some(self.sign_of(death_signal)),
        };
        // Threads that were not joined: the interpreter was on its way out already, for another reason.
        DeathCause::Report(
            explaining_report,
            death_marker.filter(|death_marker| *death_marker != UNTHROWN),
        )
    }

    /// An exit with a code, or an end that nobody saw.
    fn cause_of_error(&self) -> DeathCause<'a> {
        let death = self.sign_of_death();
        let Some(last_report) = self.most_telling_report() else {
            let death_sign = death.or_else(|| self.hint());
            return death_sign.map_or(DeathCause::Unknown, DeathCause::Sign);
        };
        if last_report.standing < ReportStanding::Logged
            && let Some(death_marker) = death
        {
            return DeathCause::Sign(death_marker);
        }
        if last_report.is_interruption {
            return DeathCause::Interruption;
        }
        if !carries_another_error(last_report) {
            if is_bereaved(last_report)
                && let Some(cause_of_death) = self.cause_of_first_rank(last_report)
            {
                return cause_of_death;
            }
            if last_report.rank.is_none() {
                return DeathCause::Report(last_report, None);
            }
            let last_word_of_rank = self.last_word_of_first_rank();
            let failed_worker = last_word_of_rank.or_else(|| self.worker_to_blame(last_report));
            return DeathCause::Report(failed_worker.unwrap_or(last_report), None);
        }
        if let Some(cause_of_death) = self.cause_of_first_rank(last_report) {
            return cause_of_death;
        }
        if let Some(failed_worker) = self.worker_to_blame(last_report) {
            return DeathCause::Report(failed_worker, None);
        }
        // Nobody failed: somebody was told to go, and all above repeat that.
        let is_interrupted = self
            .all_reports
            .iter()
            .any(|error_report| error_report.is_interruption);
        if is_interrupted || self.asked_by().is_some() {
            return DeathCause::Interruption;
        }
        DeathCause::Report(last_report, None)
    }

    /// The signal by which somebody was told to go, as launchers say.
    fn asked_by(&self) -> Option<i32> {
        for error_report in self.all_reports {
            if (error_report.is_interruption || carries_another_error(error_report))
                && let Some(error_event) = error_report.error()
                && let Some(death_signal) = error_event.signal
                && asks_program_to_end(death_signal)
            {
                return Some(death_signal);
            }
        }
        let killed_by = self.root_cause.signal();
        killed_by.filter(|death_signal| asks_program_to_end(*death_signal))
    }

    /// The last word of the rank that failed first, as the launcher says.
    fn last_word_of_first_rank(&self) -> Option<&'a ErrorReport> {
        let first_rank = self.root_cause.rank?;
        self.all_reports.iter().rfind(|error_report| {
            ended_its_program(error_report)
                && !carries_another_error(error_report)
                && error_report.rank == Some(first_rank)
        })
    }

    /// What the launcher or the kernel says of the rank that failed first, where the last report is the launcher's or
    /// that of a rank that lost another one.
    fn cause_of_first_rank(&self, last_report: &'a ErrorReport) -> Option<DeathCause<'a>> {
        let RootCause { rank, exit_code } = self.root_cause;
        let last_word_of_rank = self.last_word_of_first_rank();
        let launcher_report = Some(last_report).filter(|report| carries_another_error(report));
        let Some(death_signal) = self.root_cause.signal() else {
            if let Some(last_word_of_rank) = last_word_of_rank {
                let mut blamed_report = last_word_of_rank;
                // It only ended first, where another one says what it died of.
                if is_bereaved(last_word_of_rank)
                    && let Some(guilty_report) = self.worker_to_blame(last_report)
                    && !is_bereaved(guilty_report)
                {
                    blamed_report = guilty_report;
                }
                return Some(DeathCause::Report(blamed_report, None));
            }
            // It went without a word, and what the others say is that they lost it.
            let loudest = self.worker_to_blame(last_report).unwrap_or(last_report);
            let mut is_other_rank = rank.is_some() && loudest.rank != rank;
            if launcher_report.is_none() {
                // Whose report it is has to be known: the kernel sees those fail, too, that lost another one.
                is_other_rank = is_other_rank && loudest.rank.is_some();
            }
            if exit_code.is_none() || !is_other_rank || !is_bereaved(loudest) {
                return None;
            }
            let death_marker = PublicStr::constant("a worker exited without a traceback");
            return Some(DeathCause::RankSign(death_marker, launcher_report));
        };
        let native_report = self.all_reports.iter().find(|error_report| {
            let may_be_its = error_report.rank == rank || error_report.rank.is_none();
            error_report.standing == ReportStanding::Native && may_be_its
        });
        Some(match (native_report, last_word_of_rank) {
            // A rank that the launcher told to go, or that aborted, may have said why.
            (None, Some(last_word_of_rank)) if asks_program_to_end(death_signal) => {
                DeathCause::Report(last_word_of_rank, None)
            }
            (_, Some(last_word_of_rank))
                if last_word_of_rank.standing == ReportStanding::Plain
                    && death_signal != SIGKILL =>
            {
                let death_marker =
                    native_report.and_then(|error_report| error_report.marker.clone());
                DeathCause::Report(
                    last_word_of_rank,
                    death_marker.or_else(|| Some(name_of(death_signal))),
                )
            }
            (Some(native_report), _) => DeathCause::Report(native_report, None),
            (None, _) if asks_program_to_end(death_signal) => return None,
            (None, _) => DeathCause::RankSign(name_of(death_signal), launcher_report),
        })
    }

    /// What was said last besides tracebacks. That a worker exited or was ended explains nothing.
    fn hint(&self) -> Option<PublicStr> {
        let death_sign = self.signs.iter().rfind(|death_sign| {
            !matches!(
                death_sign.meaning,
                Meaning::WorkerExit | Meaning::WorkerLost
            )
        });
        Some(death_sign?.says.clone())
    }

    /// The report of the worker that is to blame for this one; None where none speaks.
    fn worker_to_blame(&self, last_report: &ErrorReport) -> Option<&'a ErrorReport> {
        let mut failed_reports: Vec<&ErrorReport> = self.all_reports.iter().collect();
        failed_reports.retain(|error_report| {
            ended_its_program(error_report)
                && error_report.order <= last_report.order
                && !matches!(
                    error_report.wrapper_kind(),
                    Some(Wrapper::Runner | Wrapper::Messenger)
                )
        });
        // What a rank survived comes before what it died of, and of the ranks the first that died is the cause.
        let mut last_words = failed_reports.clone();
        last_words.retain(|error_report| {
            let is_later = |other: &&ErrorReport| {
                other.rank == error_report.rank && other.order > error_report.order
            };
            error_report.rank.is_some() && !failed_reports.iter().any(is_later)
        });
        let is_guilty = |error_report: &&&ErrorReport| !is_bereaved(error_report);
        let guilty_rank = last_words.iter().find(is_guilty);
        // Before the ranks know of each other there are no prefixes.
        let guilty_report = guilty_rank.or_else(|| failed_reports.iter().rfind(is_guilty));
        if let Some(guilty_report) = guilty_report
            .or(last_words.first())
            .or(failed_reports.last())
        {
            return Some(guilty_report);
        }
        // A process that waits for another one often logs what it said.
        let is_messenger = last_report.last().and_then(ReportedException::wrapper_kind)
            == Some(Wrapper::Messenger);
        self.all_reports.iter().rfind(|error_report| {
            is_messenger
                && error_report.standing == ReportStanding::Logged
                && error_report.is_complete()
                && error_report.order < last_report.order
                && error_report.wrapper_kind().is_none()
        })
    }

    /// The report that tells most: what nothing says was survived, and the last of it.
    fn most_telling_report(&self) -> Option<&'a ErrorReport> {
        let grade = |error_report: &&ErrorReport| {
            let standing = match error_report.standing {
                ReportStanding::Native => ReportStanding::Plain,
                // A launcher logs that a worker failed before it dies of it.
                ReportStanding::Logged if carries_another_error(error_report) => {
                    ReportStanding::Plain
                }
                standing => standing,
            };
            // An interruption only counts where nothing failed; the end of the stream may have cut off the last one.
            (
                standing != ReportStanding::Stray,
                !error_report.is_interruption,
                standing,
                error_report.is_complete(),
                error_report.order,
            )
        };
        let is_believed =
            |error_report: &&ErrorReport| error_report.standing != ReportStanding::Ignored;
        self.all_reports
            .iter()
            .filter(is_believed)
            .max_by_key(grade)
    }

    /// Appends to a worker's error that of the launcher which it brought down, at the end of its chain.
    fn append_launcher(&self, error_event: &mut ErrorEvent, blamed_report: &ErrorReport) {
        let is_launcher = |error_report: &&ErrorReport| {
            error_report.order > blamed_report.order && carries_another_error(error_report)
        };
        if let Some(launcher_report) = self.all_reports.iter().rfind(is_launcher)
            && let Some(launcher_class) = launcher_report.class()
            && let Some(own_class) = &error_event.exception_type
        {
            let chain = error_event
                .chain
                .get_or_insert_with(|| vec![own_class.clone()]);
            chain.push(launcher_class.clone());
        }
    }

    /// Other ranks that reported a failure.
    fn other_ranks(&self, failed_rank: Option<u64>) -> Option<u64> {
        let mut ranks = BTreeSet::from_iter(
            self.all_reports
                .iter()
                .map(|error_report| error_report.rank),
        );
        ranks.remove(&None);
        ranks.remove(&failed_rank);
        Some(ranks.len() as u64).filter(|count| *count > 0)
    }

    /// The signs of what the process, or one that it cannot do without, died of.
    fn deaths(&self) -> impl DoubleEndedIterator<Item = &'a Sign> {
        let signs = self.signs.iter();
        signs.filter(|death_sign| death_sign.weight == Weight::Death)
    }

    /// The sign that says most certainly what the process died of.
    fn sign_of_death(&self) -> Option<PublicStr> {
        // The shell's word comes last and only repeats the signal; what came before it says why.
        let names_no_signal = |death_sign: &&Sign| !death_sign.says.as_str().contains("(SIG");
        let cause_of_death = self.deaths().find(names_no_signal);
        let death_sign = cause_of_death.or_else(|| self.deaths().next_back())?;
        Some(death_sign.says.clone())
    }

    /// The same, or the signal itself where nothing says more.
    fn sign_of(&self, death_signal: i32) -> PublicStr {
        self.sign_of_death()
            .unwrap_or_else(|| name_of(death_signal))
    }
}

/// Whether an error says anything at all.
fn says_anything(error_event: &ErrorEvent) -> bool {
    error_event.exception_type.is_some()
        || error_event.marker.is_some()
        || error_event.frames.is_some()
}

/// The signal that ended the command, or that a shell reports as 128 and its number.
fn signal_of_end(command_end: End) -> Option<i32> {
    match command_end {
        End::Signaled(death_signal) => Some(death_signal),
        End::Exited(code @ 129..=159) => Some(i32::from(code) - 128),
        End::Exited(_) => None,
    }
}

fn name_of(death_signal: i32) -> PublicStr {
    PublicStr::constant(signal_name(death_signal).unwrap_or("signal"))
}
