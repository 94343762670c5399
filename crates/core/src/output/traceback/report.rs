//! One report of an error: a traceback with the exceptions of its chain, or what a native death prints.
//!
//! A chain and a group are one report: they tell one failure. Everything in a report is public already; the
//! user's text was dropped where it was read. Its size is bounded whatever the input: the outermost and the
//! innermost frames of an exception are kept, the middle is counted; so are the exceptions of a chain.

use super::messages::ToldMessage;
use crate::event::Frame;
use crate::knowledge::{self, Meaning, Wrapper};
use crate::public::PublicStr;
use std::collections::VecDeque;

/// Outermost frames that are kept of a traceback: where the program was.
pub const TRACE_FRAMES_FIRST: usize = 8;
/// Innermost frames that are kept: where it failed.
const TRACE_FRAMES_LAST: usize = 32;
/// Exceptions that are kept of a chain or a group.
const TRACE_CHAIN_MAX: usize = 12;

/// The first and the last of many, and how many of the middle were dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FirstAndLast<T, const FIRST: usize, const LAST: usize> {
    first: Vec<T>,
    last: VecDeque<T>,
    /// How many of the middle were dropped.
    pub dropped: u64,
}

impl<T, const FIRST: usize, const LAST: usize> FirstAndLast<T, FIRST, LAST> {
    /// Appends one.
    pub fn push(&mut self, item: T) {
        if self.first.len() < FIRST {
            self.first.push(item);
            return;
        }
        if self.last.len() >= LAST {
            self.last.pop_front();
            self.dropped += 1;
        }
        self.last.push_back(item);
    }

    /// Appends one, or none.
    pub fn extend(&mut self, item: Option<T>) {
        if let Some(item) = item {
            self.push(item);
        }
    }

    /// The one that was pushed last.
    pub fn newest(&mut self) -> Option<&mut T> {
        self.last.back_mut().or(self.first.last_mut())
    }

    /// All that were kept.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.first.iter().chain(&self.last)
    }

    /// The same, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.last)
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

/// The frames of one exception.
pub type Frames = FirstAndLast<Frame, TRACE_FRAMES_FIRST, TRACE_FRAMES_LAST>;

impl Frames {
    /// The same frames in the other order: faulthandler prints the innermost first.
    pub fn reversed(&self) -> Self {
        let mut reversed = Self::default();
        for public_frame in self.iter().rev() {
            reversed.push(public_frame.clone());
        }
        reversed.dropped = self.dropped;
        reversed
    }
}

/// How an exception belongs to its report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ChainLink {
    /// It stands alone or begins the chain.
    #[default]
    First,
    /// The one before was its direct cause.
    Cause,
    /// It was raised while the one before was being handled.
    Context,
    /// It is a member of the group before.
    Member,
    /// It is what the message of the one before quotes: a worker's error, printed again.
    Quoted,
}

/// One exception.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportedException {
    /// How it belongs to the one before.
    pub link: ChainLink,
    /// Its class; None where it is private, or where its line never came.
    pub class: Option<PublicStr>,
    /// Whether its line came.
    pub is_complete: bool,
    /// What is told of its message.
    pub message: ToldMessage,
    /// Whether its message only points to another error.
    pub points_elsewhere: bool,
    /// The signal by which it says that a process ended.
    pub signal: Option<i32>,
    /// Its traceback.
    pub frames: Frames,
}

impl ReportedException {
    /// What it means: its message, and where that says little, its class.
    pub fn meaning(&self) -> Option<Meaning> {
        let message_meaning = self.message.meaning;
        if let Some(meaning) = message_meaning
            && !meaning.is_vague()
        {
            return message_meaning;
        }
        let Some(class) = &self.class else {
            return message_meaning;
        };
        knowledge::class(class.as_str()).or(message_meaning)
    }

    /// What it says about another error, if it is one that only does that.
    pub fn wrapper_kind(&self) -> Option<Wrapper> {
        if self.points_elsewhere {
            return Some(Wrapper::Messenger);
        }
        let class = self.class.as_ref()?.as_str();
        let stdlib = Some(PublicStr::constant("stdlib"));
        let mut innermost_first = self.frames.iter().rev();
        let innermost_frame = innermost_first.find(|public_frame| public_frame.origin != stdlib);
        let innermost_file = innermost_frame.and_then(|public_frame| public_frame.file.as_ref());
        knowledge::wrapper(class, innermost_file.map(PublicStr::as_str))
    }

    /// Whether it carries another error: what it lost is another thing.
    pub fn carries_another(&self) -> bool {
        matches!(
            self.wrapper_kind(),
            Some(Wrapper::Runner | Wrapper::Messenger)
        )
    }
}

/// What the lines around a traceback say about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportStanding {
    /// A lone line that looks like an exception's, without a traceback.
    Stray,
    /// The interpreter ignored it: a finalizer's. It never is what a program dies of.
    Ignored,
    /// The interpreter says itself that it goes on: a thread, a task, a log handler; or the launcher started again.
    Survived,
    /// A log line stands before it: somebody caught it, whether to go on or to give up.
    Logged,
    /// Nothing: what the interpreter prints when it dies of an exception.
    #[default]
    Plain,
    /// A native death.
    Native,
}

/// One report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorReport {
    /// Its exceptions, in the order in which they are printed.
    pub exceptions: Vec<ReportedException>,
    /// Exceptions of the chain that were dropped.
    pub dropped: u64,
    /// What the lines around it say.
    pub standing: ReportStanding,
    /// The sign of a native death.
    pub marker: Option<PublicStr>,
    /// The rank whose lines it came in.
    pub rank: Option<u64>,
    /// Place in the order in which reports began.
    pub order: u64,
    /// Number of the line with which it ended.
    pub ended: u64,
    /// Whether the program says that it was interrupted, not broken.
    pub is_interruption: bool,
}

impl ErrorReport {
    /// Appends an exception; the middle of an endless chain is dropped.
    pub fn push(&mut self, reported_exception: ReportedException) {
        if self.exceptions.len() >= TRACE_CHAIN_MAX {
            // The oldest is the root cause and the newest is what the process died of.
            self.exceptions.remove(1);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.exceptions.push(reported_exception);
    }

    /// The exception that is being read.
    pub fn newest(&mut self) -> Option<&mut ReportedException> {
        self.exceptions.last_mut()
    }

    /// The exception that ended the program: the last of the chain that is neither quoted nor a group's member.
    pub fn last(&self) -> Option<&ReportedException> {
        let last_exception = self.exceptions.iter().rfind(|reported_exception| {
            !matches!(
                reported_exception.link,
                ChainLink::Member | ChainLink::Quoted
            )
        });
        last_exception.or(self.exceptions.last())
    }

    /// The exception that explains it: what a launcher or a messenger quotes, or was raised from.
    pub fn error(&self) -> Option<&ReportedException> {
        let last_exception = self.last()?;
        if !last_exception.carries_another() {
            return Some(last_exception);
        }
        let mut exceptions = self.exceptions.iter();
        let index = exceptions
            .position(|reported_exception| std::ptr::eq(reported_exception, last_exception))?;
        let (earlier, quoted) = self.exceptions.split_at(index);
        let explains = |reported_exception: &&ReportedException| {
            reported_exception.is_complete && !reported_exception.carries_another()
        };
        let mut explaining_exception = quoted.iter().rfind(explains);
        if explaining_exception.is_none() && last_exception.link == ChainLink::Cause {
            explaining_exception = earlier.iter().rfind(explains);
        }
        explaining_exception.or(Some(last_exception))
    }

    /// What it means: the innermost that explains, else what another exception of the chain says.
    pub fn meaning(&self) -> Option<Meaning> {
        let error = self.error()?;
        let newest_first = self.exceptions.iter().rev();
        let candidates = std::iter::once(error).chain(newest_first);
        let mut meanings = candidates.filter_map(ReportedException::meaning);
        let clear_meaning = meanings.find(|meaning| !meaning.is_vague());
        clear_meaning.or_else(|| error.meaning())
    }

    /// The class of its error.
    pub fn class(&self) -> Option<&PublicStr> {
        self.error()?.class.as_ref()
    }

    /// What it says about an error of another report; None where it explains itself.
    pub fn wrapper_kind(&self) -> Option<Wrapper> {
        self.error()?.wrapper_kind()
    }

    /// Whether nothing came of it.
    pub fn is_empty(&self) -> bool {
        let mut exceptions = self.exceptions.iter();
        let is_told = |reported_exception: &ReportedException| {
            reported_exception.is_complete || !reported_exception.frames.is_empty()
        };
        self.marker.is_none() && !exceptions.any(is_told)
    }

    /// Whether it tells the same error: a process may print it and a launcher log it.
    pub fn repeats(&self, other: &Self) -> bool {
        let (Some(this_error), Some(other_error)) = (self.error(), other.error()) else {
            return false;
        };
        let innermost_frame = this_error.frames.iter().next_back();
        this_error.is_complete
            && this_error.class == other_error.class
            && innermost_frame.is_some()
            && innermost_frame == other_error.frames.iter().next_back()
    }

    /// Whether the line of the exception that ended the program came.
    pub fn is_complete(&self) -> bool {
        self.last()
            .is_some_and(|reported_exception| reported_exception.is_complete)
            || self.marker.is_some()
    }

    /// The name of its class, without the module.
    pub fn class_name(&self) -> &str {
        let class = self.class().map_or("", PublicStr::as_str);
        class.rsplit('.').next().unwrap_or(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(line: u64) -> Frame {
        Frame {
            line: Some(line),
            ..Frame::default()
        }
    }

    #[test]
    fn the_middle_of_many_frames_is_counted() {
        let mut frames = Frames::default();
        for line in 0..100 {
            frames.push(numbered(line));
        }
        let kept: Vec<_> = frames
            .iter()
            .filter_map(|public_frame| public_frame.line)
            .collect();
        assert_eq!(kept.len(), TRACE_FRAMES_FIRST + TRACE_FRAMES_LAST);
        assert_eq!(
            (kept[0], kept[7], kept[8], kept[39], frames.dropped),
            (0, 7, 68, 99, 60)
        );
        assert_eq!(frames.reversed().iter().next(), Some(&numbered(99)));
    }

    #[test]
    fn an_endless_chain_keeps_its_ends() {
        let mut report = ErrorReport::default();
        for order in 0..100 {
            let mut reported_exception = ReportedException::default();
            reported_exception.frames.push(numbered(order));
            report.push(reported_exception);
        }
        let kept: Vec<_> = report
            .exceptions
            .iter()
            .filter_map(|reported_exception| reported_exception.frames.iter().next()?.line)
            .collect();
        assert_eq!(
            (kept.len(), kept[0], kept[11], report.dropped),
            (TRACE_CHAIN_MAX, 0, 99, 88)
        );
    }

    #[test]
    fn quoted_errors_and_members_are_not_what_ended_the_program() {
        let link = |link| ReportedException {
            link,
            is_complete: true,
            ..ReportedException::default()
        };
        let report = ErrorReport {
            exceptions: vec![
                link(ChainLink::First),
                link(ChainLink::Cause),
                link(ChainLink::Quoted),
                link(ChainLink::Member),
            ],
            ..ErrorReport::default()
        };
        assert_eq!(
            report
                .last()
                .map(|reported_exception| reported_exception.link),
            Some(ChainLink::Cause)
        );
    }
}
