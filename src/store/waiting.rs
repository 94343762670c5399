//! What waits to be sent.
//!
//! Only runs that were recorded with consent, only events that were neither delivered nor refused, that are
//! young enough, that pass the gate, and of these the newest 10 MB. Each run comes with its lock: while one
//! process sends it no other does, and a run whose observer lives is left to that observer.
//!
//! Called by the observer for the runs before its own, and by `--send`.

use super::lock::{self, Owner, RunLock};
use super::log::{Log, Weight};
use super::runs::summarize;
use super::{DELIVERY, Sending, Store};
use crate::limits;
use crate::sys::files::Directory;
use std::time::SystemTime;
use uuid::Uuid;

/// What waits, the latest run first.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The runs, each with at least one event.
    pub runs: Vec<WaitingRun>,
    /// Events that wait but are beyond what is kept for sending.
    pub left_out: u64,
}

/// A run's events that wait, and the right to send them.
#[derive(Debug)]
pub struct WaitingRun {
    /// The run.
    pub run: Uuid,
    /// The events, oldest first, in the exact bytes to be sent.
    pub lines: Vec<String>,
    /// Events that the gate refuses, not yet written down as such.
    pub refused: Vec<Uuid>,
    directory: Directory,
    delivery: Log,
    _lock: RunLock,
}

impl Waiting {
    /// How many events wait.
    #[must_use]
    pub fn events(&self) -> usize {
        self.runs.iter().map(|run| run.lines.len()).sum()
    }
}

impl WaitingRun {
    /// Writes an answer of the server down.
    pub fn append_delivery(&mut self, line: &str) {
        self.delivery.append(Some(&self.directory), line, Weight::Ordinary);
    }
}

impl Store {
    /// What waits to be sent, and is ours to send while the answer is held.
    #[must_use]
    pub fn waiting(&self, now: SystemTime) -> Waiting {
        let mut directories: Vec<_> = self
            .identities()
            .into_iter()
            .filter_map(|run| Some((run, self.directory(run).ok()?)))
            .map(|(run, directory)| (lock::activity(&directory, now), run, directory))
            .collect();
        directories.sort_by_key(|(activity, run, _)| std::cmp::Reverse((*activity, *run)));
        let mut waiting = Waiting::default();
        let mut room = limits::UNSENT_BYTES_MAX;
        for (_, run, directory) in directories {
            let Owner::Nobody(lock) = lock::owner(&directory, now) else { continue };
            let mut refused = Vec::new();
            let mut lines = Vec::new();
            let summary = summarize(&directory, run, now, |record| {
                if record.is_waiting(now) {
                    lines.push(record.line.to_owned());
                } else if record.refusal.is_some() && record.answer.is_none() {
                    refused.push(record.member.uuid);
                }
            });
            if summary.sending == Sending::Forbidden {
                continue;
            }
            waiting.left_out = waiting.left_out.saturating_add(keep_newest(&mut lines, &mut room));
            if !lines.is_empty() || !refused.is_empty() {
                let delivery = Log::new(DELIVERY, limits::RUN_DELIVERY_BYTES_MAX);
                waiting.runs.push(WaitingRun { run, lines, refused, directory, delivery, _lock: lock });
            }
        }
        waiting
    }
}

/// Keeps the last lines that fit into what room there is; how many do not.
fn keep_newest(lines: &mut Vec<String>, room: &mut u64) -> u64 {
    let fitting = lines
        .iter()
        .rev()
        .take_while(|line| match room.checked_sub(line.len() as u64) {
            Some(left) => {
                *room = left;
                true
            }
            None => false,
        })
        .count();
    let over = lines.len().saturating_sub(fitting);
    lines.drain(..over);
    over as u64
}
