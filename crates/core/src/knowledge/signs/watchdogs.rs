//! What ranks print about the collective operations in which they wait for one another.
//!
//! Of a line only numbers and the closed names of operations are read, by the names of the entry's holes.

#[cfg(test)]
use crate::knowledge::entry;
use crate::knowledge::entry::Finder;
use crate::knowledge::lists::COLLECTIVE_OPERATIONS;
use regex::bytes::Captures;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/watchdogs.rs"));

/// Dimensions of a tensor that are read; real ones have a handful.
const DIMENSIONS_MAX: usize = 16;

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// A rank's operation timed out.
    TimedOut,
    /// What a rank of a group has enqueued and completed.
    Status,
    /// The desync report: ranks that lag.
    Lagging,
    /// Two ranks that run different operations.
    Fingerprints,
    /// Ranks that did not come to a monitored barrier.
    BarrierFailed,
    /// The rank came to the barrier, and was let down.
    BarrierPassed,
    /// A rank waited for another one until its time was up.
    Waited,
    /// A rank lost its connection to another one.
    Lost,
    /// Two ranks sent one another different sizes.
    SizesDiffer,
    /// The watchdog itself stood still.
    Stuck,
    /// How many processes came to the rendezvous.
    Clients,
    /// Nobody answered at the place of the rendezvous.
    Unreachable,
    /// A rank waited for what another one has to put into the store first.
    IdAwaited,
}

/// One entry of `knowledge/watchdogs.yaml`.
struct KnownLine {
    regex: &'static str,
    tells: Tells,
    #[cfg(test)]
    grounds: entry::Grounds,
}

/// A line that was read.
pub struct WatchdogLine<'line> {
    /// What it tells.
    pub tells: Tells,
    captures: Captures<'line>,
}

static FINDER: LazyLock<Option<Finder>> =
    LazyLock::new(|| Finder::new(LINES.iter().map(|entry| entry.regex)));

/// Reads a line; None where no rank speaks of a collective operation in it.
pub fn read(line_text: &str) -> Option<WatchdogLine<'_>> {
    let (index, captures) = FINDER.as_ref()?.find(line_text)?;
    let tells = LINES.get(index)?.tells;
    Some(WatchdogLine { tells, captures })
}

impl<'line> WatchdogLine<'line> {
    /// Where in the line it begins.
    pub fn begins_at(&self) -> usize {
        self.captures.get(0).map_or(0, |whole| whole.start())
    }

    /// The text of a hole.
    pub fn text(&self, hole: &str) -> Option<&'line str> {
        std::str::from_utf8(self.captures.name(hole)?.as_bytes()).ok()
    }

    /// The number in a hole.
    pub fn number(&self, hole: &str) -> Option<u64> {
        self.text(hole)?.parse().ok()
    }

    /// The number in a hole, which may be negative.
    pub fn signed(&self, hole: &str) -> Option<i64> {
        self.text(hole)?.parse().ok()
    }

    /// The numbers in a hole.
    pub fn numbers(&self, hole: &str) -> Vec<u64> {
        let listed = self.text(hole).unwrap_or_default().split(',');
        listed.filter_map(|part| part.trim().parse().ok()).collect()
    }

    /// The dimensions of a tensor in a hole.
    pub fn shape(&self, hole: &str) -> Option<Vec<u64>> {
        self.text(hole)?;
        let mut shape = self.numbers(hole);
        shape.truncate(DIMENSIONS_MAX);
        Some(shape)
    }

    /// The name of an operation in a hole, where it is one of PyTorch's.
    pub fn operation(&self, hole: &str) -> Option<&'static str> {
        let name = self.text(hole)?;
        let mut operations = COLLECTIVE_OPERATIONS.iter().copied();
        operations.find(|known| *known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_as_what_it_is_and_no_look_alike_is() {
        assert!(FINDER.is_some());
        let first = |line: &str| Some(FINDER.as_ref().unwrap().find(line)?.0);
        for (index, entry) in LINES.iter().enumerate() {
            for example in entry.grounds.examples {
                assert_eq!(first(example), Some(index), "{example}");
            }
            for look_alike in entry.grounds.look_alikes {
                assert_ne!(first(look_alike), Some(index), "{look_alike}");
            }
        }
    }
}
