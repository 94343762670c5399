//! Which events go together.
//!
//! The server refuses a whole request for one malformed event. So a request that can never succeed is halved until each
//! such event is alone, and all others arrive. A request that merely failed keeps its events in order, and newer events
//! join it. The run's own events go before those of earlier runs, so that the run's end does not wait for a backlog. A
//! request holds the events of one run only: two runs in one request would be two runs of one machine. Pure; bounded by [`limits::UNSENT_BYTES_MAX`].

use axolotl_run_core::limits;
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// One event to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedEvent {
    /// Its identity.
    pub uuid: Uuid,
    /// Its run's.
    pub run_id: Uuid,
    /// The exact bytes of its line in the journal; shared, because attempts repeat.
    pub line: Arc<str>,
}

/// Whose events they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Priority {
    /// This run's.
    Own,
    /// Those that earlier runs left.
    Earlier,
}

/// The events of one request, all of one run.
#[derive(Debug)]
pub struct Batch {
    /// The events, oldest first.
    pub queued_events: Vec<QueuedEvent>,
    /// Whose they are.
    pub priority: Priority,
    /// It is a part of a request that could never succeed, and must not be put together with others again.
    is_part: bool,
}

/// The events that wait.
#[derive(Default)]
pub struct Queue {
    divided_batches: VecDeque<Batch>,
    own: VecDeque<QueuedEvent>,
    earlier: VecDeque<QueuedEvent>,
}

impl Queue {
    /// Takes an event; false where there is no room, and the event has to stay where it is written down.
    #[must_use]
    pub fn push(&mut self, queued_event: QueuedEvent, priority: Priority) -> bool {
        let fits = self.bytes() + queued_event.line.len() as u64 <= limits::UNSENT_BYTES_MAX;
        if fits {
            self.priority(priority).push_back(queued_event);
        }
        fits
    }

    /// Takes the next batch out, of so many events at the most.
    pub fn take(&mut self, events_max: usize) -> Option<Batch> {
        if let Some(is_part) = self.divided_batches.pop_front() {
            return Some(is_part);
        }
        let own = self.gather(Priority::Own, events_max);
        own.or_else(|| self.gather(Priority::Earlier, events_max))
    }

    /// Puts a batch back that failed for a reason that may pass.
    pub fn put_back(&mut self, batch: Batch) {
        if batch.is_part {
            self.divided_batches.push_front(batch);
            return;
        }
        let waiting = self.priority(batch.priority);
        for queued_event in batch.queued_events.into_iter().rev() {
            waiting.push_front(queued_event);
        }
    }

    /// Puts a batch behind all others.
    pub fn put_last(&mut self, batch: Batch) {
        self.priority(batch.priority).extend(batch.queued_events);
    }

    /// Divides a batch that can never succeed: both halves wait to be sent. An event that was alone in it is at fault, and
    /// is given back.
    pub fn divide(&mut self, batch: Batch) -> Option<QueuedEvent> {
        let mut first = batch.queued_events;
        let second = first.split_off(first.len().div_ceil(2));
        if second.is_empty() {
            return first.pop();
        }
        for queued_events in [second, first] {
            self.divided_batches.push_front(Batch {
                queued_events,
                priority: batch.priority,
                is_part: true,
            });
        }
        None
    }

    /// The events that wait, in no order.
    fn queued_events(&self) -> impl Iterator<Item = &QueuedEvent> {
        let divided_batches = self
            .divided_batches
            .iter()
            .flat_map(|batch| &batch.queued_events);
        divided_batches.chain(&self.own).chain(&self.earlier)
    }

    fn bytes(&self) -> u64 {
        self.queued_events()
            .map(|queued_event| queued_event.line.len() as u64)
            .sum()
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.queued_events().count()
    }

    /// Whether none waits.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one of this priority waits.
    pub fn has_any_of(&self, priority: Priority) -> bool {
        let queued_events = match priority {
            Priority::Own => &self.own,
            Priority::Earlier => &self.earlier,
        };
        !queued_events.is_empty()
            || self
                .divided_batches
                .iter()
                .any(|batch| batch.priority == priority)
    }

    const fn priority(&mut self, priority: Priority) -> &mut VecDeque<QueuedEvent> {
        match priority {
            Priority::Own => &mut self.own,
            Priority::Earlier => &mut self.earlier,
        }
    }

    fn gather(&mut self, priority: Priority, events_max: usize) -> Option<Batch> {
        let mut queued_events: Vec<QueuedEvent> = Vec::new();
        let mut bytes = 0;
        let waiting = self.priority(priority);
        while let Some(queued_event) = waiting.pop_front() {
            // One byte for the comma. An event by itself always fits: it is smaller than a batch.
            bytes += queued_event.line.len() + 1;
            let is_full = queued_events.len() >= events_max || bytes > limits::BATCH_BYTES_MAX;
            if let Some(first) = queued_events.first()
                && (is_full || first.run_id != queued_event.run_id)
            {
                waiting.push_front(queued_event);
                break;
            }
            queued_events.push(queued_event);
        }
        if queued_events.is_empty() {
            return None;
        }
        Some(Batch {
            queued_events,
            priority,
            is_part: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn queued_event(number: u128, length: usize) -> QueuedEvent {
        QueuedEvent {
            uuid: Uuid::from_u128(number),
            run_id: Uuid::nil(),
            line: "x".repeat(length).into(),
        }
    }

    fn queue(lengths: &[usize]) -> Queue {
        let mut queue = Queue::default();
        for (number, length) in (0..).zip(lengths) {
            assert!(queue.push(queued_event(number, *length), Priority::Own));
        }
        queue
    }

    fn take(queue: &mut Queue) -> Option<Batch> {
        queue.take(limits::BATCH_EVENTS_MAX)
    }

    fn numbers(batch: &Batch) -> Vec<u128> {
        batch
            .queued_events
            .iter()
            .map(|queued_event| queued_event.uuid.as_u128())
            .collect()
    }

    #[test]
    fn a_batch_is_bounded_in_events_and_in_bytes() {
        let mut queue = queue(&[10; 250]);
        let sizes: Vec<_> = std::iter::from_fn(|| take(&mut queue))
            .map(|batch| batch.queued_events.len())
            .collect();
        assert_eq!(sizes, [100, 100, 50]);
        let mut queue = self::queue(&[limits::EVENT_BYTES_MAX; 9]);
        let sizes: Vec<_> = std::iter::from_fn(|| take(&mut queue))
            .map(|batch| batch.queued_events.len())
            .collect();
        assert_eq!(sizes, [3, 3, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn this_runs_events_go_first_and_alone() {
        let mut queue = Queue::default();
        for (number, priority) in [
            (0, Priority::Earlier),
            (1, Priority::Own),
            (2, Priority::Earlier),
            (3, Priority::Own),
        ] {
            assert!(queue.push(queued_event(number, 5), priority));
        }
        let batches: Vec<_> = std::iter::from_fn(|| take(&mut queue)).collect();
        assert_eq!(
            batches.iter().map(numbers).collect::<Vec<_>>(),
            [[1, 3], [0, 2]]
        );
        let [own, earlier] = <[Batch; 2]>::try_from(batches).unwrap();
        assert_eq!(
            (
                queue.has_any_of(Priority::Own),
                queue.has_any_of(Priority::Earlier)
            ),
            (false, false)
        );
        queue.put_back(earlier);
        queue.divide(own);
        assert_eq!(
            (
                queue.has_any_of(Priority::Own),
                queue.has_any_of(Priority::Earlier),
                queue.len()
            ),
            (true, true, 4)
        );
        assert_eq!(queue.take(1).map(|batch| numbers(&batch)), Some(vec![1]));
    }

    #[test]
    fn a_request_holds_the_events_of_one_run() {
        let mut queue = Queue::default();
        for (number, run) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
            let run_id = Uuid::from_u128(run);
            let queued_event = QueuedEvent {
                run_id,
                ..queued_event(number, 5)
            };
            assert!(queue.push(queued_event, Priority::Earlier));
        }
        let batches: Vec<_> = std::iter::from_fn(|| take(&mut queue)).collect();
        let numbers: Vec<_> = batches.iter().map(numbers).collect();
        assert_eq!(numbers, [vec![0, 1], vec![2], vec![3]]);
    }

    #[test]
    fn what_does_not_fit_stays_outside() {
        let mut queue = Queue::default();
        let pushed = (0..100)
            .filter(|number| {
                queue.push(
                    queued_event(*number, limits::EVENT_BYTES_MAX),
                    Priority::Own,
                )
            })
            .count();
        assert_eq!(
            pushed as u64,
            limits::UNSENT_BYTES_MAX / limits::EVENT_BYTES_MAX as u64
        );
    }

    #[test]
    fn a_failed_batch_goes_again_with_what_came_meanwhile() {
        let mut queue = queue(&[5, 5]);
        let batch = take(&mut queue).unwrap();
        assert!(queue.push(queued_event(2, 5), Priority::Own));
        queue.put_back(batch);
        assert_eq!(numbers(&take(&mut queue).unwrap()), [0, 1, 2]);
    }

    #[test]
    fn a_half_that_failed_stays_a_half() {
        let mut queue = queue(&[5; 4]);
        let batch = take(&mut queue).unwrap();
        assert_eq!(queue.divide(batch), None);
        let half = take(&mut queue).unwrap();
        queue.put_back(half);
        assert_eq!(queue.len(), 4);
        assert_eq!(numbers(&take(&mut queue).unwrap()), [0, 1]);
        assert_eq!(numbers(&take(&mut queue).unwrap()), [2, 3]);
    }

    proptest! {
        #[test]
        fn exactly_the_bad_events_are_set_aside(bad in prop::collection::vec(any::<bool>(), 1..300), flaky in any::<u64>()) {
            let mut queue = queue(&vec![7; bad.len()]);
            let (mut delivered, mut refused, mut requests) = (Vec::new(), Vec::new(), 0_u32);
            while let Some(batch) = take(&mut queue) {
                requests += 1;
                prop_assert!(requests < 2000);
                if requests < 64 && flaky >> requests & 1 == 1 {
                    queue.put_back(batch);
                } else if batch.queued_events.iter().any(|queued_event| bad[queued_event.uuid.as_u128() as usize]) {
                    if let Some(queued_event) = queue.divide(batch) {
                        refused.push(queued_event.uuid.as_u128() as usize);
                    }
                } else {
                    delivered.extend(numbers(&batch));
                }
            }
            prop_assert!(refused.iter().all(|number| bad[*number]));
            prop_assert_eq!(refused.len(), bad.iter().filter(|bad| **bad).count());
            prop_assert!(delivered.is_sorted());
            prop_assert_eq!(delivered.len() + refused.len(), bad.len());
            prop_assert_eq!(queue.len(), 0);
        }
    }
}
