//! Steps of loops that count each epoch anew.
//!
//! Hand-written loops and Lightning draw one bar an epoch: `Epoch 3:  50%|… 20/40`. What the run's owner wants to know
//! is the step of the training, so the epochs before are added. Which epoch it is stands in the description, or on a bar
//! around it that counts the epochs; that one is drawn late or not at all when epochs are short, so a bar that begins
//! anew counts as the next epoch by itself.

use super::role::Epoch;
use crate::limits::STEP_MAX;

/// Where such a loop is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) step: u64,
    /// Known where the number of epochs is.
    pub(super) total: Option<u64>,
    /// Epochs done, the current one's share among them, where its length is known.
    pub(super) epoch: Option<f64>,
}

/// How a program numbers its epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// From 0 or from 1.
    Unknown,
    /// From 0, as Lightning does.
    FromZero,
    /// From 0, and the number behind the slash is the last one's own: Lightning's bars of `rich`.
    FromZeroToLast,
}

/// The epochs of one training.
#[derive(Clone, Debug, Default)]
pub(super) struct Loops {
    /// Epochs done and planned, as a bar around the batches says.
    outer: Option<(u64, Option<u64>)>,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    /// The number that is printed first; what is counted from there on.
    first: u64,
    number: u64,
    /// Steps of the epochs before.
    before: u64,
    count: u64,
    length: Option<u64>,
}

impl Loops {
    /// Notes the bar that counts epochs; an epoch that it counts is done, whatever the bar in it last showed.
    pub(super) fn outer(&mut self, done: u64, planned: Option<u64>) -> Option<Place> {
        self.outer = Some((done, planned));
        let current = self
            .current
            .as_mut()
            .filter(|current| done > current.number)?;
        current.count = current.length?;
        self.place(planned)
    }

    /// Whether an epoch has this many batches.
    pub(super) fn is_length(&self, length: Option<u64>) -> bool {
        length.is_some() && self.current.is_some_and(|current| current.length == length)
    }

    /// Whether there is such a bar, so that the bars in it count batches.
    pub(super) const fn has_outer(&self) -> bool {
        self.outer.is_some()
    }

    /// A bar in the bar of epochs.
    pub(super) fn inner(&mut self, count: u64, length: Option<u64>) -> Option<Place> {
        let (done, planned) = self.outer?;
        let number = match self.current {
            // An evaluation's bar in the same epoch.
            Some(current) if current.length != length => return None,
            Some(current) if count < current.count => done.max(current.number.saturating_add(1)),
            Some(current) => current.number,
            None => done,
        };
        self.at(Epoch { number, last: None }, 0, count, length);
        self.place(planned)
    }

    /// A bar that names its epoch.
    pub(super) fn named(
        &mut self,
        epoch: Epoch,
        numbering: Numbering,
        count: u64,
        length: Option<u64>,
    ) -> Option<Place> {
        let from_zero = numbering != Numbering::Unknown;
        // The first picture of a bar may not yet say whose it is.
        if from_zero && self.current.is_some_and(|current| current.first == 1) {
            self.current = None;
        }
        // Who counts from 0 prints 0 first, unless it resumes.
        let first = match self.current {
            Some(current) => current.first,
            None => u64::from(epoch.number > 0 && !from_zero),
        };
        let first = if epoch.number < first { 0 } else { first };
        self.at(epoch, first, count, length);
        let is_last_number = numbering == Numbering::FromZeroToLast && first == 0;
        let epochs = epoch
            .last
            .map(|last| last.saturating_add(u64::from(is_last_number)))
            .filter(|epochs| *epochs > epoch.number.saturating_sub(first));
        self.place(epochs.or(self.outer.and_then(|(_, planned)| planned)))
    }

    fn at(&mut self, epoch: Epoch, first: u64, count: u64, length: Option<u64>) {
        let number = epoch.number;
        let skipped = number
            .saturating_sub(first)
            .saturating_mul(length.unwrap_or(0));
        let current = match self.current {
            Some(current) if current.number == number => Current {
                count: count.max(current.count),
                length,
                ..current
            },
            Some(current) if number > current.number => {
                let before = current
                    .before
                    .saturating_add(current.length.unwrap_or(current.count));
                Current {
                    first,
                    number,
                    before,
                    count,
                    length,
                }
            }
            // The first one that is seen, or a training that begins anew.
            _ => Current {
                first,
                number,
                before: skipped,
                count,
                length,
            },
        };
        self.current = Some(current);
    }

    fn place(&self, epochs: Option<u64>) -> Option<Place> {
        let current = self.current?;
        let done = current.number.saturating_sub(current.first);
        let rest = |length: u64| {
            Some(
                epochs?
                    .saturating_sub(done)
                    .saturating_mul(length)
                    .saturating_add(current.before),
            )
        };
        let step = current.before.saturating_add(current.count);
        let total = current
            .length
            .and_then(rest)
            .filter(|total| (step..=STEP_MAX).contains(total));
        let epoch = current
            .length
            .map(|length| done as f64 + current.count as f64 / length.max(1) as f64);
        (step <= STEP_MAX).then_some(Place { step, total, epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(
        loops: &mut Loops,
        number: u64,
        last: Option<u64>,
        count: u64,
    ) -> (u64, Option<u64>, Option<f64>) {
        let place = loops
            .named(Epoch { number, last }, Numbering::Unknown, count, Some(40))
            .unwrap();
        (place.step, place.total, place.epoch)
    }

    #[test]
    fn epochs_before_are_added_from_whichever_number_is_counted() {
        let mut ones = Loops::default();
        assert_eq!(named(&mut ones, 1, Some(2), 10), (10, Some(80), Some(0.25)));
        assert_eq!(named(&mut ones, 2, Some(2), 0), (40, Some(80), Some(1.0)));
        assert_eq!(named(&mut ones, 2, Some(2), 40), (80, Some(80), Some(2.0)));
        let mut zeros = Loops::default();
        assert_eq!(
            named(&mut zeros, 0, Some(2), 10),
            (10, Some(80), Some(0.25))
        );
        assert_eq!(named(&mut zeros, 1, Some(2), 40), (80, Some(80), Some(2.0)));
        let mut open = Loops::default();
        assert_eq!(named(&mut open, 0, None, 10), (10, None, Some(0.25)));
        let mut resumed = Loops::default();
        assert_eq!(
            named(&mut resumed, 3, Some(4), 5),
            (85, Some(160), Some(2.125))
        );
        assert_eq!(
            named(&mut resumed, 0, Some(4), 5),
            (5, Some(160), Some(0.125)),
            "begun anew, counting from 0"
        );
    }

    #[test]
    fn rich_names_the_last_epoch_itself() {
        let mut loops = Loops::default();
        let total = loops
            .named(
                Epoch {
                    number: 0,
                    last: Some(1),
                },
                Numbering::FromZeroToLast,
                3,
                Some(40),
            )
            .unwrap()
            .total;
        assert_eq!(total, Some(80));
        // Outside of a terminal only the last picture is drawn.
        let place = Loops::default()
            .named(
                Epoch {
                    number: 1,
                    last: Some(1),
                },
                Numbering::FromZeroToLast,
                40,
                Some(40),
            )
            .unwrap();
        assert_eq!(
            (place.step, place.total, place.epoch),
            (80, Some(80), Some(2.0))
        );
    }

    #[test]
    fn without_a_length_the_last_count_is_the_epochs() {
        let mut loops = Loops::default();
        loops
            .named(
                Epoch {
                    number: 0,
                    last: None,
                },
                Numbering::Unknown,
                37,
                None,
            )
            .unwrap();
        let place = loops
            .named(
                Epoch {
                    number: 1,
                    last: None,
                },
                Numbering::Unknown,
                3,
                None,
            )
            .unwrap();
        assert_eq!(
            place,
            Place {
                step: 40,
                total: None,
                epoch: None
            }
        );
    }

    #[test]
    fn a_bar_that_begins_anew_is_the_next_epoch_whatever_the_outer_bar_shows() {
        let mut loops = Loops::default();
        assert_eq!(loops.inner(3, Some(30)), None, "no bar around it");
        assert_eq!(loops.outer(0, Some(3)), None);
        let step = |loops: &mut Loops, count| {
            loops
                .inner(count, Some(30))
                .map(|place| (place.step, place.total))
        };
        assert_eq!(step(&mut loops, 30), Some((30, Some(90))));
        assert_eq!(
            step(&mut loops, 2),
            Some((32, Some(90))),
            "the outer bar was not drawn"
        );
        assert_eq!(loops.outer(2, Some(3)).map(|place| place.step), Some(60));
        assert_eq!(loops.inner(7, Some(12)), None, "an evaluation");
        assert_eq!(step(&mut loops, 0), Some((60, Some(90))));
        assert_eq!(step(&mut loops, 30), Some((90, Some(90))));
    }
}
