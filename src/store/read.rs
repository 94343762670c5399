//! Reads a run's files back, whatever they have become.
//!
//! Files are read as streams with a bound on the whole and on each line; a line that is too long is skipped to
//! its end without being held, a line that is not ours is counted and skipped, and the lines after it are
//! read as if nothing had happened. An event that was written twice (a write that was cut off before its
//! newline is repeated) is seen once.
//!
//! Used within the store; [`Sent`] and [`Answer`] are what the queries show.

use super::gate;
use super::layout::{DELIVERY, EVENTS, SAMPLES};
use crate::delivery::{Disposition, FailureCause, LastAnswer};
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use axolotl_run_sys::files::{Access, Directory};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read as _};
use std::time::SystemTime;
use uuid::Uuid;

/// What was wrong with a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Damage {
    /// Lines that are not ours or too long.
    pub lines: u64,
    /// The file goes on beyond what is read.
    pub truncated: bool,
}

/// What became of an event that was offered to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The server accepted it.
    Delivered,
    /// It will not be sent: the server or our own gate refused it.
    Refused,
}

/// The server's answer to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What became of it.
    pub sent: Sent,
    /// When it was answered, as it was written down.
    pub time: String,
    /// The HTTP status; None where the server was not asked.
    pub status: Option<u16>,
}

/// The answers, by event.
pub type Delivered = HashMap<Uuid, Answer>;

/// Calls `each` with every event of a run, in order, each once.
pub(super) fn events(directory: &Directory, mut each: impl FnMut(&str, Member)) -> Damage {
    let mut seen = HashSet::new();
    lines(
        directory,
        EVENTS,
        limits::RUN_EVENTS_BYTES_MAX,
        limits::EVENT_BYTES_MAX,
        |line| {
            let Some(member) = gate::parse(line) else {
                return false;
            };
            if seen.insert(member.uuid) {
                each(line, member);
            }
            true
        },
    )
}

/// A line of the delivery record, as the delivery writes it.
#[derive(Deserialize)]
struct DeliveryRecord {
    time: String,
    outcome: Disposition,
    status: Option<u16>,
    cause: Option<FailureCause>,
    #[serde(default)]
    uuids: Vec<Uuid>,
}

/// The answers to a run's events, and the last thing that the server said. A later answer does not undo that the
/// event was accepted once.
pub(super) fn deliveries(directory: &Directory) -> (Delivered, Option<LastAnswer>, Damage) {
    let mut answers = Delivered::new();
    let mut last = None;
    let damage = lines(
        directory,
        DELIVERY,
        limits::RUN_DELIVERY_BYTES_MAX,
        limits::EVENT_BYTES_MAX,
        |line| {
            let Ok(record) = serde_json::from_str::<DeliveryRecord>(line) else {
                return false;
            };
            let DeliveryRecord {
                outcome: disposition,
                status,
                cause,
                ..
            } = record;
            if cause != Some(FailureCause::Gate)
                && let Ok(time) = humantime::parse_rfc3339(&record.time)
            {
                last = Some(LastAnswer {
                    time,
                    disposition,
                    status,
                    cause,
                });
            }
            let sent = match disposition {
                Disposition::Delivered => Sent::Delivered,
                Disposition::Refused => Sent::Refused,
                Disposition::Delayed | Disposition::Stopped => return true,
            };
            for uuid in record.uuids {
                let known = answers
                    .get(&uuid)
                    .is_some_and(|answer| answer.sent == Sent::Delivered);
                if !known && answers.len() < limits::DELIVERED_MAX {
                    answers.insert(
                        uuid,
                        Answer {
                            sent,
                            time: record.time.clone(),
                            status: record.status,
                        },
                    );
                }
            }
            true
        },
    );
    (answers, last, damage)
}

/// When a run's first event happened. Only the file's beginning is read.
pub(super) fn began(directory: &Directory, run: Uuid) -> Option<SystemTime> {
    let file = directory.file(EVENTS, Access::Read).ok()?;
    let mut reader = BufReader::new(file.take(limits::ESSENTIAL_BYTES_MAX));
    let mut line = Vec::new();
    loop {
        line.clear();
        match next_line(&mut reader, &mut line, limits::EVENT_BYTES_MAX) {
            Ok(Next::Line) => {
                let text = std::str::from_utf8(&line).unwrap_or_default();
                let member =
                    gate::parse(text).filter(|member| gate::judge(run, text, member).is_ok());
                if let Some(time) = member.as_ref().and_then(gate::happened) {
                    return Some(time);
                }
            }
            Ok(Next::Long) => {}
            Ok(Next::End) | Err(_) => return None,
        }
    }
}

/// Calls `each` with the measurements of a run, in order; it says whether the measurement makes sense.
///
/// Of a file that is larger than what a reader has the patience for only every second, third… line is given.
pub(super) fn samples(directory: &Directory, mut each: impl FnMut(SeriesLine) -> bool) -> Damage {
    let length = directory
        .file(SAMPLES, Access::Read)
        .and_then(|file| file.metadata())
        .map_or(0, |found| found.len());
    let every = length.div_ceil(limits::SAMPLES_READ_BYTES).max(1);
    let mut number = 0_u64;
    lines(
        directory,
        SAMPLES,
        limits::SAMPLES_SEEN_BYTES,
        limits::SAMPLE_BYTES_MAX,
        |line| {
            number = number.wrapping_add(1);
            if !number.is_multiple_of(every) {
                return true;
            }
            SeriesLine::read(line).is_some_and(&mut each)
        },
    )
}

/// Calls `ours` with every line of a file; it says whether the line is one of ours.
fn lines(
    directory: &Directory,
    name: &str,
    file_bytes_max: u64,
    line_bytes_max: usize,
    mut ours: impl FnMut(&str) -> bool,
) -> Damage {
    let mut damage = Damage::default();
    let Ok(file) = directory.file(name, Access::Read) else {
        return damage;
    };
    // Twice the bound of writing: what waited in memory and the essential lines may go beyond it.
    let bound = file_bytes_max.saturating_mul(2);
    damage.truncated = file.metadata().is_ok_and(|metadata| metadata.len() > bound);
    let mut reader = BufReader::new(file.take(bound));
    let mut line = Vec::new();
    loop {
        line.clear();
        match next_line(&mut reader, &mut line, line_bytes_max) {
            Ok(Next::Line) if line.trim_ascii().is_empty() => {}
            Ok(Next::Line) if std::str::from_utf8(&line).is_ok_and(&mut ours) => {}
            Ok(Next::Line | Next::Long) => damage.lines = damage.lines.saturating_add(1),
            // An error of the disk ends the reading as the file's end does; what was read counts.
            Ok(Next::End) | Err(_) => return damage,
        }
    }
}

enum Next {
    Line,
    Long,
    End,
}

fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> io::Result<Next> {
    let (mut any, mut long) = (false, false);
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            answer => answer?,
        };
        if available.is_empty() {
            return Ok(if long {
                Next::Long
            } else if any {
                Next::Line
            } else {
                Next::End
            });
        }
        any = true;
        let end = memchr::memchr(b'\n', available);
        let part = available
            .get(..end.unwrap_or(available.len()))
            .unwrap_or_default();
        long = long || line.len().saturating_add(part.len()) > bytes_max;
        if long {
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        let used = part.len().saturating_add(usize::from(end.is_some()));
        reader.consume(used);
        if end.is_some() {
            return Ok(if long { Next::Long } else { Next::Line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8], bytes_max: usize) -> Vec<Option<Vec<u8>>> {
        let mut reader = BufReader::with_capacity(7, bytes);
        let (mut found, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            match next_line(&mut reader, &mut line, bytes_max).unwrap() {
                Next::Line => found.push(Some(line.clone())),
                Next::Long => found.push(None),
                Next::End => return found,
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(
            all(b"one\ntoo long by far\ntwo", 8),
            [some("one"), None, some("two")]
        );
        assert_eq!(all(b"12345678\n123456789", 8), [some("12345678"), None]);
        assert_eq!(all(b"\n\nx\n", 8), [some(""), some(""), some("x")]);
        assert_eq!(all(b"", 8), []);
    }

    proptest! {
        #[test]
        fn no_line_is_lost_or_made_up(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200)) {
            let mut expected: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            let expected: Vec<_> =
                expected.into_iter().map(|line| (line.len() <= 20).then(|| line.to_vec())).collect();
            prop_assert_eq!(all(&bytes, 20), expected);
        }
    }
}
