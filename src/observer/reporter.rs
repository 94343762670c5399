//! The way out: an event passes the gate, is written down, and only then is offered for sending.
//!
//! Nothing else in the observer writes or sends. A refused event is counted; a start that the gate refuses goes
//! without its configuration, and a finish without its words, since a run without them cannot be read: one that
//! lacks its finish counts as lost.

use crate::delivery::{Certificates, Destination, Fate, Lane, Outcome, State, Uploader};
use crate::event::{Event, Finish, Start};
use crate::limits;
use crate::privacy::Gate;
use crate::store::{Journal, Sending, Store, Stored, WaitingRun, Weight};
use crate::wire::Member;
use std::time::{Instant, SystemTime};
use uuid::Uuid;

/// Where a run's events go.
pub struct Reporter {
    run: Uuid,
    gate: Gate,
    journal: Journal,
    store: Option<Store>,
    uploader: Option<Uploader>,
    /// Runs before this one whose events wait, and are ours to send.
    earlier: Vec<WaitingRun>,
    refused: u64,
    kept_house: bool,
    /// When the first event was offered to a server of which nothing is known yet.
    offered_at: Option<Instant>,
}

impl Reporter {
    /// Opens the journal; without a place on disk it is kept in memory.
    #[must_use]
    pub fn open(run: Uuid, sending: bool, gate: Gate) -> Self {
        let environment = |name: &str| std::env::var_os(name);
        let store = Store::open(environment).ok();
        let permission = if sending { Sending::Permitted } else { Sending::Forbidden };
        let journal = store.as_ref().map_or_else(|| Journal::in_memory(run), |store| store.begin(run, permission));
        let destination = if sending { Destination::configured(environment).usable() } else { None };
        let uploader =
            destination.map(|(endpoint, key)| Uploader::new(endpoint, key, Certificates::configured(environment)));
        Self {
            run,
            gate,
            journal,
            store,
            uploader,
            earlier: Vec::new(),
            refused: 0,
            kept_house: false,
            offered_at: None,
        }
    }

    /// Texts of the configuration that must never be in an event.
    pub fn withhold(&mut self, texts: &[String]) {
        self.gate.withhold(texts);
    }

    /// Events that the gate refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Events that are not on disk.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.journal.events_unwritten()
    }

    /// Reports one event that happened at a time, so many seconds after the command's spawn.
    pub fn report(&mut self, event: &Event, now: SystemTime, elapsed_seconds: f64) {
        if self.pass(event, now, elapsed_seconds) {
            return;
        }
        self.refused += 1;
        let bare = match event {
            Event::Start(start) => {
                let bare = Start { config: None, config_unknown_keys: None, ..(**start).clone() };
                [Event::Start(Box::new(bare)), Event::Start(Box::default())]
            }
            Event::Finish(finish) => {
                let bare = Finish { verdict: None, signal: None, supervisor_lost: None, ..(**finish).clone() };
                [Event::Finish(Box::new(bare.clone())), Event::Finish(Box::new(Finish { outcome: None, ..bare }))]
            }
            Event::Progress(_) | Event::Error(_) => return,
        };
        // The first that passes.
        let _ = bare.iter().any(|event| self.pass(event, now, elapsed_seconds));
    }

    fn pass(&mut self, event: &Event, now: SystemTime, elapsed_seconds: f64) -> bool {
        let Ok(line) = self.gate.check(&Member::new(self.run, event, now, elapsed_seconds)) else { return false };
        let weight = match event {
            Event::Error(_) | Event::Finish(_) => Weight::Essential,
            Event::Start(_) | Event::Progress(_) => Weight::Ordinary,
        };
        let stored = self.journal.append(&line, weight);
        if !self.journal.may_be_sent() {
            self.uploader = None;
        }
        if stored != Stored::Nowhere
            && let Some(uploader) = &mut self.uploader
        {
            // What the uploader has no room for waits in the journal, for a later launcher.
            let _ = uploader.offer(&line, Lane::Own);
            self.offered_at.get_or_insert_with(Instant::now);
        }
        true
    }

    /// Writes a point of the time series down.
    pub fn sample(&mut self, line: &str) {
        let _ = self.journal.append_sample(line);
    }

    /// Finishes what earlier launchers could not, deletes what is too old, and takes up what waits. Once a run,
    /// when there is nothing more urgent.
    pub fn keep_house(&mut self) {
        if std::mem::replace(&mut self.kept_house, true) {
            return;
        }
        let Some(store) = &self.store else { return };
        let now = SystemTime::now();
        store.recover(now);
        store.prune(now);
        let Some(uploader) = &mut self.uploader else { return };
        for mut run in store.waiting(now).runs {
            if !run.refused.is_empty() {
                let refused = std::mem::take(&mut run.refused);
                run.append_delivery(&Outcome::refused_by_gate(refused, now).line().unwrap_or_default());
            }
            for line in &run.lines {
                let _ = uploader.offer(line, Lane::Earlier);
            }
            self.earlier.push(run);
        }
    }

    /// Sends until the next outcome and writes it down. Never returns where there is nothing to send.
    pub async fn send(&mut self) {
        let Some(uploader) = &mut self.uploader else { return std::future::pending().await };
        let outcome = uploader.step().await;
        let of_earlier = |run: &WaitingRun| {
            let part = outcome.of(|uuid| run.lines.iter().any(|line| line.contains(&uuid.to_string())))?;
            part.line()
        };
        let mut others = 0;
        for run in &mut self.earlier {
            if let Some(line) = of_earlier(run) {
                others += 1;
                run.append_delivery(&line);
            }
        }
        // An outcome of ours alone, of all together, or a passing one that names nobody.
        if (others == 0 || !matches!(outcome.fate, Fate::Delivered | Fate::Refused))
            && let Some(line) = outcome.line()
        {
            let _ = self.journal.append_delivery(&line);
        }
    }

    /// Whether a short wait for the server is worth it at the end: it is known to answer, or has not had the time.
    #[must_use]
    pub fn is_worth_waiting_for(&self) -> bool {
        let Some(uploader) = &self.uploader else { return false };
        let silent = uploader.state() == State::Untried && self.first_answer_is_late();
        uploader.is_worth_waiting_for() && !silent
    }

    fn first_answer_is_late(&self) -> bool {
        self.offered_at.is_some_and(|offered| offered.elapsed() >= limits::FIRST_ANSWER_WAIT)
    }

    /// Whether there is something that may yet be sent.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.uploader.as_ref().is_some_and(|uploader| uploader.unsettled() > 0 && uploader.state() != State::Stopped)
    }

    /// Writes what waits in memory, as far as it can be, and has the disk take it all.
    pub fn flush(&mut self) {
        self.journal.flush();
        self.journal.sync();
    }
}
