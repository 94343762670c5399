//! The way out: an event passes the gate, is written down, and only then is offered for sending.
//!
//! Nothing else in the observer writes or sends. A refused event is counted; a start that the gate refuses goes
//! without its configuration, and a finish without its words, since a run without them cannot be read: one that
//! lacks its finish counts as lost. An error loses its message, then its trace, then all but its fingerprint.

use super::disk::Disk;
use super::maintenance;
use super::or_never::or_never;
use super::owner::{Owner, Record};
use crate::delivery::notify::{NotificationLine, Notifier};
use crate::delivery::{
    AttemptOutcome, Certificates, Destination, EndpointState, Priority, Uploader, tries,
};
use crate::protocol::run_request::RunSettings;
use crate::store::{Importance, Journal, Sending, Store, StoreProblem, UnsentPage, Written};
use axolotl_run_core::event::Event;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::launch::job::JobPart;
use axolotl_run_core::limits;
use axolotl_run_core::output::progress::Training;
use axolotl_run_core::privacy::Gate;
use axolotl_run_core::series::SeriesLine;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;

/// Where a run's events go.
pub struct Reporter {
    run: Uuid,
    pub gate: Gate,
    pub journal: Journal,
    disk: Option<Disk>,
    /// Until maintenance begins.
    store: Option<Store>,
    owner: Option<Owner>,
    /// Where the run is recorded, or why it is not.
    place: Result<PathBuf, StoreProblem>,
    uploader: Option<Uploader>,
    /// Pages of events of earlier runs, until all is done.
    maintenance: Option<Receiver<UnsentPage>>,
    /// Events of runs before this one that are on their way.
    earlier: UnsentPage,
    /// Events that the gate refused.
    pub refused: u64,
    /// When the first event was offered to a server of which nothing is known yet.
    offered_at: Option<Instant>,
}

impl Reporter {
    /// Opens the journal; without a place on disk it is kept in memory.
    pub fn open(settings: RunSettings, gate: Gate, owner: Option<Owner>) -> Self {
        let RunSettings {
            run, sending, part, ..
        } = settings;
        let environment = |name: &str| std::env::var_os(name);
        let (journal, place, store) = match Store::open(&environment) {
            Ok(store) => {
                let place = store.path().join(run.to_string());
                (store.begin(run, sending), Ok(place), Some(store))
            }
            Err(problem) => (Journal::in_memory(run, sending), Err(problem), None),
        };
        let mut uploader = None;
        if sending == Sending::Permitted
            && let Some((endpoint, key)) = Destination::configured(&environment).usable()
        {
            let certificates = Certificates::configured(&environment);
            let mut sender = Uploader::new(endpoint, key, certificates);
            sender.limit_tries(tries(&environment));
            sender.prepare();
            uploader = Some(sender);
        }
        Self {
            run,
            gate,
            journal,
            disk: Disk::begin(),
            place,
            // One launcher of a machine looks after the runs before it, not sixteen at once.
            store: store.filter(|_| part != JobPart::Task),
            owner,
            uploader,
            maintenance: None,
            earlier: UnsentPage::default(),
            refused: 0,
            offered_at: None,
        }
    }

    /// Reports one event that happened at a time, so many seconds after the command's spawn.
    pub fn report(&mut self, event: &Event, now: SystemTime, elapsed_seconds: f64) {
        if let Some(owner) = &mut self.owner {
            owner.reported(event, elapsed_seconds);
        }
        let identified =
            |event: &Event| Member::new(Uuid::now_v7(), self.run, event, now, elapsed_seconds);
        let admission = self.gate.admit(event, identified);
        self.refused += u64::from(admission.refusal.is_some());
        let Some((_, line)) = admission.admitted else {
            return;
        };
        let weight = match event {
            Event::Error(_) | Event::Exception(_) | Event::Finish(_) => Importance::Essential,
            Event::Start(_) | Event::Setup(_) | Event::Progress(_) => Importance::Ordinary,
        };
        let stored = self.journal.append(&line, weight);
        if let Some(disk) = &mut self.disk
            && let Some(unforced) = self.journal.unforced()
        {
            disk.force(unforced);
        }
        self.heed_withdrawal();
        if stored != Written::Nowhere
            && let Some(uploader) = &mut self.uploader
        {
            // What the uploader has no room for waits in the journal, for a later launcher.
            let _ = uploader.offer(&line, Priority::Own);
            self.offered_at.get_or_insert_with(Instant::now);
        }
    }

    /// Lets the owner know what the training says now, where they should.
    pub fn look(&mut self, training: &Training) {
        if let Some(owner) = &mut self.owner {
            owner.look(training);
        }
    }

    /// Who else is told.
    fn notifier(&mut self) -> Option<&mut Notifier> {
        notifier(&mut self.owner)
    }

    /// Sends nothing more where the consent was withdrawn or the run forgotten meanwhile.
    pub fn heed_withdrawal(&mut self) {
        if self.uploader.is_some() && !self.journal.may_be_sent() {
            self.uploader = None;
        }
    }

    /// Writes a line of the time series down.
    pub fn measured(&mut self, line: &SeriesLine) {
        if let Some(owner) = &mut self.owner {
            owner.measured(line);
        }
        let _ = self.journal.append_sample(&line.text());
    }

    /// Says whether the last line on stderr has not ended, so that what is told begins on its own.
    pub fn leave_line_open(&mut self, is_line_open: bool) {
        if let Some(owner) = &mut self.owner {
            owner.is_line_open = is_line_open;
        }
    }

    /// Tells the owner how it went, where they asked. Before the launcher goes: what is said after it, nobody hears.
    pub fn tell_owner(&mut self) {
        if let Some(owner) = &mut self.owner {
            let record = match &self.place {
                Ok(place) => Record::In(place.clone(), self.journal.events_unwritten()),
                Err(problem) => Record::Nowhere(problem),
            };
            owner.tell(self.run, &record);
        }
    }

    /// Looks after the runs of earlier launchers, and takes up what waits. Once a run, when there is nothing more
    /// urgent.
    pub fn begin_maintenance(&mut self) {
        if let Some(store) = self.store.take() {
            self.maintenance = Some(maintenance::begin(store, self.uploader.is_some()));
        }
    }

    /// Sends until the next outcome and writes it down, or takes up the next events of earlier runs. Never returns
    /// where there is nothing to be done.
    pub async fn send(&mut self) {
        let is_free = self.earlier.is_settled() || !self.sends();
        tokio::select! {
            outcome = or_never(self.uploader.as_mut().map(Uploader::step)) => self.keep(&outcome),
            line = or_never(notifier(&mut self.owner).map(Notifier::step)) => self.note(line.as_ref()),
            page = or_never(self.maintenance.as_mut().map(Receiver::recv)), if is_free => self.take_up(page),
        }
    }

    /// Writes down what became of a message.
    fn note(&mut self, line: Option<&NotificationLine>) {
        if let Some(line) = line {
            let _ = self.journal.append_notification(&line.text());
        }
    }

    /// Whether there is a server that may still take something.
    fn sends(&self) -> bool {
        let uploader = self.uploader.as_ref();
        uploader.is_some_and(|uploader| !uploader.state().is_final())
    }

    fn take_up(&mut self, page: Option<UnsentPage>) {
        if self.sends()
            && let Some(mut page) = page
            && let Some(uploader) = &mut self.uploader
        {
            for line in std::mem::take(&mut page.lines) {
                let _ = uploader.offer(&line, Priority::Earlier);
            }
            self.earlier = page;
        } else {
            self.maintenance = None;
        }
    }

    /// Writes an outcome down with each run that it concerns. A passing one names nobody, and is this run's as well.
    fn keep(&mut self, outcome: &AttemptOutcome) {
        let is_earlier = self.earlier.keep(outcome);
        if !(is_earlier && outcome.answer.disposition.is_final())
            && let Some(line) = outcome.line()
        {
            let _ = self.journal.append_delivery(&line);
        }
    }

    /// Whether a short wait is worth it at the end: for a server that is known to answer, or has not had the time, or for
    /// a channel of the owner's that has not been tried.
    pub fn is_worth_waiting_for(&mut self) -> bool {
        if self
            .notifier()
            .is_some_and(|notifier| notifier.is_worth_waiting_for())
        {
            return true;
        }
        let Some(uploader) = &self.uploader else {
            return false;
        };
        if uploader.state() == EndpointState::Untried
            && let Some(offered) = self.offered_at
            && offered.elapsed() >= limits::FIRST_ANSWER_WAIT
        {
            return false;
        }
        uploader.is_worth_waiting_for()
    }

    /// Whether there is something that may yet be sent, or maintenance is under way.
    pub fn is_busy(&mut self) -> bool {
        let tells = self.notifier().is_some_and(|notifier| notifier.is_busy());
        let unsettled = self.uploader.as_ref().map_or(0, Uploader::unsettled);
        self.maintenance.is_some() || tells || (self.sends() && unsettled > 0)
    }

    /// Writes what waits in memory, as far as it can be, and has the disk take it all.
    pub fn finish(&mut self) {
        let given_up = self.notifier().map(Notifier::give_up);
        for line in given_up.iter().flatten() {
            self.note(Some(line));
        }
        self.journal.flush();
        if let Some(mut disk) = self.disk.take() {
            if let Some(unforced) = self.journal.unforced() {
                disk.force(unforced);
            }
            disk.finish();
        }
    }
}

/// Who else is told. Apart from the reporter, so that the rest of it can be used beside.
fn notifier(owner: &mut Option<Owner>) -> Option<&mut Notifier> {
    let notices = owner.as_mut()?.notices.as_mut()?;
    Some(&mut notices.notifier)
}
