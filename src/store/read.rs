//! Reads a run's files back, whatever they have become.
//!
//! Files are read as streams with a bound on the whole and on each line; a line that is too long is skipped to
//! its end without being held, a line that is not ours is counted and skipped, and the lines after it are
//! read as if nothing had happened. An event that was written twice (a write that was cut off before its
//! newline is repeated) is seen once.
//!
//! Used within the store.

use super::gate;
use super::layout::{DELIVERY, EVENTS, NOTIFICATIONS, SAMPLES};
use crate::delivery::notify::NotificationLine;
use crate::delivery::{Answer, DeliveryLine, Disposition, FailureCause};
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use axolotl_run_sys::files::{Access, Directory};
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read as _};
use std::time::SystemTime;
use uuid::Uuid;

/// Bytes of measurements that the report takes in: a week's at full rate, half a second of reading. The observer
/// keeps less; of a larger file every second, third… line is taken.
const SAMPLES_READ_BYTES: u64 = 192 * 1000 * 1000;
/// Bytes of measurements that are looked through for them; half of what is read of any file at the most.
const SAMPLES_SEEN_BYTES: u64 = 500 * 1000 * 1000;
/// Delivery records of one run that are remembered while it is read.
const DELIVERED_MAX: usize = 200_000;

/// What was wrong with a file.
#[derive(Default)]
pub struct Damage {
    /// Lines that are not ours or too long.
    pub lines: u64,
    /// The file goes on beyond what is read.
    pub truncated: bool,
}

/// What became of the events that are settled.
pub type Answers = HashMap<Uuid, Answer>;

/// Calls `each` with every event of a run, in order, each once.
pub fn events(run_directory: &Directory, mut visit_event: impl FnMut(&str, Member)) -> Damage {
    let mut seen = HashSet::new();
    read_lines(
        run_directory,
        EVENTS,
        limits::RUN_EVENTS_BYTES_MAX,
        limits::EVENT_BYTES_MAX,
        |line| {
            let Some(member) = gate::parse(line) else {
                return false;
            };
            if seen.insert(member.uuid) {
                visit_event(line, member);
            }
            true
        },
    )
}

/// The answers to a run's events, and the last thing that the server said. A later answer does not undo that the
/// event was accepted once.
pub fn deliveries(run_directory: &Directory) -> (Answers, Option<Answer>, Damage) {
    let mut answers = Answers::new();
    let mut last_answer = None;
    let damage = read_lines(
        run_directory,
        DELIVERY,
        limits::RUN_DELIVERY_BYTES_MAX,
        limits::EVENT_BYTES_MAX,
        |line| {
            let Ok(DeliveryLine { answer, uuids, .. }) = serde_json::from_str(line) else {
                return false;
            };
            if humantime::parse_rfc3339(&answer.time).is_err() {
                return false;
            }
            if answer.disposition.is_final() {
                for uuid in uuids {
                    if answers.len() < DELIVERED_MAX {
                        let known_answer = answers.entry(uuid).or_insert_with(|| answer.clone());
                        if known_answer.disposition != Disposition::Delivered {
                            known_answer.clone_from(&answer);
                        }
                    }
                }
            }
            if answer.cause != Some(FailureCause::Gate) {
                last_answer = Some(answer);
            }
            true
        },
    );
    (answers, last_answer, damage)
}

/// What became of the messages to the user, in order.
pub fn notifications(run_directory: &Directory) -> Vec<NotificationLine> {
    let mut lines = Vec::new();
    read_lines(
        run_directory,
        NOTIFICATIONS,
        limits::RUN_NOTIFICATIONS_BYTES_MAX,
        limits::EVENT_BYTES_MAX,
        |line| {
            let Ok(line) = serde_json::from_str(line) else {
                return false;
            };
            lines.push(line);
            true
        },
    );
    lines
}

/// When a run's first event happened. Only the file's beginning is read.
pub fn first_event_time(run_directory: &Directory, run_id: Uuid) -> Option<SystemTime> {
    let mut first_event_time = None;
    read_lines(
        run_directory,
        EVENTS,
        limits::ESSENTIAL_BYTES_MAX / 2,
        limits::EVENT_BYTES_MAX,
        |line| {
            if first_event_time.is_none()
                && let Some(member) = gate::parse(line)
                && gate::judge(run_id, line, &member).is_ok()
            {
                first_event_time = gate::time_of_event(&member);
            }
            true
        },
    );
    first_event_time
}

/// Calls `each` with the measurements of a run, in order; it says whether the measurement makes sense.
///
/// Of a file that is larger than what a reader has the patience for only every second, third… line is given.
pub fn samples(
    run_directory: &Directory,
    mut visit_event: impl FnMut(SeriesLine) -> bool,
) -> Damage {
    let length = run_directory
        .file(SAMPLES, Access::Read)
        .and_then(|file| file.metadata())
        .map_or(0, |found| found.len());
    let every_nth = length.div_ceil(SAMPLES_READ_BYTES).max(1);
    let mut line_number = 0_u64;
    read_lines(
        run_directory,
        SAMPLES,
        SAMPLES_SEEN_BYTES,
        limits::SAMPLE_BYTES_MAX,
        |line| {
            line_number += 1;
            if !line_number.is_multiple_of(every_nth) {
                return true;
            }
            SeriesLine::read(line).is_some_and(&mut visit_event)
        },
    )
}

/// Calls `ours` with every line of a file; it says whether the line is one of ours.
fn read_lines(
    run_directory: &Directory,
    name: &str,
    file_bytes_max: u64,
    line_bytes_max: usize,
    mut is_ours: impl FnMut(&str) -> bool,
) -> Damage {
    let mut damage = Damage::default();
    let Ok(file) = run_directory.file(name, Access::Read) else {
        return damage;
    };
    // Twice the bound of writing: what waited in memory and the essential lines may go beyond it.
    let bound = file_bytes_max.saturating_mul(2);
    damage.truncated = file.metadata().is_ok_and(|metadata| metadata.len() > bound);
    let mut reader = BufReader::new(file.take(bound));
    let mut line = Vec::new();
    loop {
        match next_line(&mut reader, &mut line, line_bytes_max) {
            Ok(NextLine::Line) if line.trim_ascii().is_empty() => {}
            Ok(NextLine::Line) if std::str::from_utf8(&line).is_ok_and(&mut is_ours) => {}
            Ok(NextLine::Line | NextLine::Long) => damage.lines += 1,
            // An error of the disk ends the reading as the file's end does; what was read counts.
            Ok(NextLine::End) | Err(_) => return damage,
        }
    }
}

enum NextLine {
    Line,
    Long,
    End,
}

/// Reads up to the end of a line; one that is longer than so many bytes is skipped.
fn next_line(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<NextLine> {
    line.clear();
    let with_newline = bytes_max as u64 + 1;
    if reader.take(with_newline).read_until(b'\n', line)? == 0 {
        return Ok(NextLine::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > bytes_max {
        reader.skip_until(b'\n')?;
        return Ok(NextLine::Long);
    }
    Ok(NextLine::Line)
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
                NextLine::Line => found.push(Some(line.clone())),
                NextLine::Long => found.push(None),
                NextLine::End => return found,
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
