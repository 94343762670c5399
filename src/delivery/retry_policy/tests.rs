//! Whatever the sequence of faults: each event is stored once under one uuid, or is refused with a reason, or is
//! still in the journal.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What happens next to a launcher and its server.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// So many events are written down and offered.
    Made(u8),
    /// The server stores what it gets, and says so.
    Accepts,
    /// It stores what it gets, and the answer is lost.
    AcceptsInSilence,
    /// It does not get it, or says that it has no time.
    Fails(Option<u16>),
    /// It finds a request of more than so many events too large.
    TooLarge(u8),
    /// The key is wrong.
    Stops,
    /// The server stores what it gets, and the launcher is killed before it hears of it.
    Killed,
    /// The launcher ends; the next one begins.
    Restarted,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{Accepts, AcceptsInSilence, Fails, Killed, Made, Restarted, Stops, TooLarge};
    prop_oneof![
        4 => (1_u8..40).prop_map(Made),
        4 => Just(Accepts),
        2 => Just(AcceptsInSilence),
        4 => prop_oneof![Just(None), Just(Some(429)), Just(Some(503))].prop_map(Fails),
        2 => (1_u8..50).prop_map(TooLarge),
        1 => Just(Stops),
        1 => Just(Killed),
        2 => Just(Restarted),
    ]
}

/// Journal, launcher and server.
#[derive(Default)]
struct World {
    journal: BTreeMap<u128, Option<Disposition>>,
    policy: RetryPolicy,
    stored: BTreeMap<u128, String>,
}

fn line(number: u128) -> String {
    format!("event {number}")
}

/// Each eleventh event is one that the server never takes.
const fn is_poison(number: u128) -> bool {
    number.is_multiple_of(11)
}

impl World {
    fn make(&mut self, count: u8) {
        for _ in 0..count {
            let number = self.journal.len() as u128;
            self.journal.insert(number, None);
            self.offer(number, Priority::Own);
        }
    }

    fn offer(&mut self, number: u128, priority: Priority) {
        // One that is not taken waits in the journal.
        let _ = self.policy.offer(
            QueuedEvent {
                uuid: Uuid::from_u128(number),
                run_id: Uuid::nil(),
                line: line(number).into(),
            },
            priority,
        );
    }

    fn restart(&mut self) {
        self.policy = RetryPolicy::default();
        let waiting: Vec<_> = self
            .journal
            .iter()
            .filter(|(_, disposition)| disposition.is_none())
            .map(|(number, _)| *number)
            .collect();
        waiting
            .into_iter()
            .for_each(|number| self.offer(number, Priority::Earlier));
    }

    fn attempt(&mut self, happening: Happening) {
        let Some(batch) = self.policy.depart() else {
            return;
        };
        assert!(batch.queued_events.len() <= limits::BATCH_EVENTS_MAX);
        let poisoned = batch
            .queued_events
            .iter()
            .any(|queued_event| is_poison(queued_event.uuid.as_u128()));
        let takes = match happening {
            Happening::Accepts | Happening::AcceptsInSilence | Happening::Killed => true,
            Happening::TooLarge(most) => batch.queued_events.len() <= usize::from(most),
            _ => false,
        };
        if takes && !poisoned {
            for queued_event in &batch.queued_events {
                self.stored
                    .insert(queued_event.uuid.as_u128(), queued_event.line.to_string());
            }
        }
        let (response_class, status) = match happening {
            Happening::Killed => return self.restart(),
            Happening::Fails(status) => (ResponseClass::Later, status),
            Happening::Stops => (ResponseClass::Stop, Some(401)),
            Happening::TooLarge(_) if !takes => (ResponseClass::Divide, Some(413)),
            Happening::AcceptsInSilence if !poisoned => (ResponseClass::Later, None),
            _ if poisoned => (ResponseClass::Divide, Some(400)),
            _ => (ResponseClass::Delivered, Some(200)),
        };
        let attempt = Attempt {
            response_class,
            status,
            cause: None,
            retry_after: None,
        };
        let Some(outcome) = self
            .policy
            .settle(batch, &attempt, 0.5, SystemTime::UNIX_EPOCH)
        else {
            return;
        };
        assert_eq!(
            self.policy.wait.is_some(),
            outcome.answer.disposition == Disposition::Delayed
        );
        if matches!(
            outcome.answer.disposition,
            Disposition::Delivered | Disposition::Refused
        ) {
            for uuid in outcome.uuids {
                self.journal
                    .insert(uuid.as_u128(), Some(outcome.answer.disposition));
            }
        }
    }

    fn play(&mut self, happening: Happening) {
        match happening {
            Happening::Made(count) => self.make(count),
            Happening::Restarted => self.restart(),
            _ => self.attempt(happening),
        }
    }

    /// What must hold at any moment.
    fn check(&self) {
        for (number, disposition) in &self.journal {
            match disposition {
                Some(Disposition::Delivered) => {
                    assert_eq!(self.stored.get(number), Some(&line(*number)), "{number}")
                }
                Some(Disposition::Refused) => assert!(is_poison(*number), "{number}"),
                _ => {}
            }
        }
        let known: BTreeSet<_> = self.journal.keys().collect();
        assert!(
            self.stored.keys().all(|number| known.contains(number)),
            "nothing is sent that is not written down"
        );
    }
}

proptest! {
    #[test]
    fn every_event_arrives_or_is_kept_or_is_refused_with_reason(happenings in prop::collection::vec(happening(), 0..60)) {
        let mut world = World::default();
        for happening in happenings {
            world.play(happening);
            world.check();
        }
        // In the end the server is well, and somebody starts a launcher.
        world.restart();
        let mut requests = 0;
        while !world.policy.queue.is_empty() {
            world.attempt(Happening::Accepts);
            requests += 1;
            prop_assert!(requests < 10_000, "it comes to an end");
        }
        world.check();
        for (number, disposition) in &world.journal {
            let expected = if is_poison(*number) { Disposition::Refused } else { Disposition::Delivered };
            prop_assert_eq!(*disposition, Some(expected), "{}", number);
        }
    }
}

#[test]
fn after_three_failures_one_event_is_risked_and_then_twice_as_many() {
    let mut world = World::default();
    let numbers = (0..300_u128).filter(|number| !is_poison(*number)).take(200);
    numbers.for_each(|number| world.offer(number, Priority::Own));
    let mut sizes = Vec::new();
    let mut attempt = |world: &mut World, happening| {
        let batch = world.policy.depart().unwrap();
        sizes.push(batch.queued_events.len());
        world.policy.queue.put_back(batch);
        world.attempt(happening);
    };
    for _ in 0..5 {
        attempt(&mut world, Happening::Fails(None));
    }
    assert_eq!(
        (world.policy.state, world.policy.failures_in_a_row),
        (EndpointState::Dead, 5)
    );
    while !world.policy.queue.is_empty() {
        attempt(&mut world, Happening::Accepts);
    }
    assert_eq!(sizes, [100, 100, 100, 1, 1, 1, 2, 4, 8, 16, 32, 64, 73]);
    assert_eq!(
        (world.policy.state, world.policy.failures_in_a_row),
        (EndpointState::Alive, 0)
    );
}

#[test]
fn an_outage_is_told_once_and_a_wrong_key_ends_it() {
    let mut world = World::default();
    world.offer(1, Priority::Own);
    let mut tell = |response_class, status| {
        let batch = world.policy.depart().unwrap();
        let attempt = Attempt {
            response_class,
            status,
            cause: None,
            retry_after: None,
        };
        world
            .policy
            .settle(batch, &attempt, 0.5, SystemTime::UNIX_EPOCH)
            .map(|conclusion| (conclusion.answer.disposition, conclusion.repeated))
    };
    for (status, repeated) in [(503, false), (503, true), (502, false), (503, false)] {
        assert_eq!(
            tell(ResponseClass::Later, Some(status)),
            Some((Disposition::Delayed, repeated)),
            "{status}"
        );
    }
    assert_eq!(
        tell(ResponseClass::Stop, Some(401)),
        Some((Disposition::Stopped, false))
    );
    assert!(
        world.policy.depart().is_none() && !world.policy.queue.is_empty(),
        "it is kept"
    );
    world.offer(2, Priority::Own);
    assert_eq!(world.policy.queue.len(), 1, "and no more is taken");
}
