//! Ends that only the program's own output explains: by its meaning, never by its words.

use super::{Case, Confidence, Evidence, Finding, Kind};
use crate::knowledge::Meaning;
use crate::public::PublicStr;

impl Case<'_> {
    /// What the program printed, where nothing stronger speaks.
    pub fn printed(self) -> Option<Finding> {
        self.ending.end?;
        if let Some(kind) = self.scheduler_ended()
            && !self.raised()
        {
            return Some((kind, Confidence::High, vec![Evidence::SchedulersWord]));
        }
        self.judgement.error.as_ref()?;
        let meaning = self.judgement.meaning;
        let vague = meaning.is_none_or(Meaning::is_vague);
        if meaning == Some(Meaning::SharedMemoryFull)
            || vague && self.says(Meaning::SharedMemoryFull)
        {
            return Some(self.full_shared_memory());
        }
        if self.raised() {
            // A launcher raises an exception because of the signal that killed its worker.
            let signal = meaning.filter(|meaning| meaning.is_signal());
            let evidence = vec![Evidence::Traceback];
            return Some(match signal.and_then(of_marker) {
                Some(kind) => (kind, Confidence::Low, evidence),
                None if self.only_lost_another() => {
                    (Kind::PeerLost, Confidence::Low, vec![Evidence::LostPeer])
                }
                None => (Kind::Exception, Confidence::High, evidence),
            });
        }
        let kind = of_marker(meaning?)?;
        let confidence = match kind {
            Kind::KilledUnknown => Confidence::Low,
            _ => Confidence::Medium,
        };
        Some((kind, confidence, vec![Evidence::Marker]))
    }

    /// Whether an exception was raised, and not only a sign printed.
    pub fn raised(self) -> bool {
        let error = self.judgement.error.as_ref();
        error.is_some_and(|error| error.exception_type.is_some())
    }

    /// Whether all that a rank says is that its connection to another one is gone.
    fn only_lost_another(self) -> bool {
        let Some(error) = &self.judgement.error else {
            return false;
        };
        let words = error.exception.as_ref().map_or("", PublicStr::as_str);
        let is_one_of_several = error.rank.is_some()
            || self.ending.is_worker
            || self.ending.world_size.is_some_and(|size| size > 1);
        let is_lost = ["Connection closed by peer", "Connection reset by peer"].contains(&words);
        is_lost && is_one_of_several
    }

    /// How the error was told.
    pub fn how_it_was_told(self) -> Evidence {
        if self.raised() {
            Evidence::Traceback
        } else {
            Evidence::Marker
        }
    }

    fn full_shared_memory(self) -> Finding {
        let mut evidence = vec![Evidence::Traceback];
        let mut confidence = Confidence::Medium;
        if self.shared_memory_full() {
            confidence = Confidence::High;
            evidence.push(Evidence::SharedMemoryFull);
        }
        (Kind::ShmFull, confidence, evidence)
    }
}

/// The kind of an end that a sign tells.
const fn of_marker(meaning: Meaning) -> Option<Kind> {
    Some(match meaning {
        Meaning::Segfault => Kind::Segfault,
        Meaning::Abort | Meaning::CorruptMemory => Kind::Abort,
        Meaning::BusError => Kind::BusError,
        Meaning::IllegalInstruction => Kind::IllegalInstruction,
        Meaning::FloatingPointError => Kind::FloatingPointError,
        Meaning::CollectiveTimeout => Kind::NcclTimeout,
        Meaning::Killed => Kind::KilledUnknown,
        Meaning::Terminated => Kind::Terminated,
        Meaning::HungUp => Kind::HungUp,
        Meaning::TimeLimit => Kind::TimeLimit,
        Meaning::Preempted | Meaning::Cancelled | Meaning::NodeFailure => {
            Kind::PreemptedOrCancelled
        }
        _ => return None,
    })
}
