//! Steps of loops that count each epoch anew.
//!
//! Hand-written loops and Lightning draw one bar an epoch: `Epoch 3:  50%|… 20/40`. What the run's owner wants to know
//! is the step of the training, so the epochs before are added. Which epoch it is stands in the description, or on a bar
//! around it that counts the epochs; that one is drawn late or not at all when epochs are short, so a bar that begins
//! anew counts as the next epoch by itself.

use super::role::EpochName;
use crate::limits::STEP_MAX;

/// How a bar is known to be a training's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum BarKind {
    /// It has no description.
    #[default]
    Plain,
    /// Its description says so.
    Steps,
    /// It is one epoch's, and was converted into steps of the training.
    Epochs,
}

/// Where a training is, as a bar shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainingPosition {
    pub kind: BarKind,
    pub step: u64,
    /// Of epochs it is known where their number is.
    pub total: Option<u64>,
    /// Seconds of the bar's own clock, which begins anew with each epoch.
    pub elapsed_seconds: Option<u64>,
    /// Epochs done, the current one's share among them, where its length is known.
    pub epoch: Option<f64>,
}

impl TrainingPosition {
    pub fn is_end(&self) -> bool {
        self.total == Some(self.step)
    }

    pub fn is_under_way(&self) -> bool {
        self.total.is_some_and(|total| self.step < total)
    }

    /// Whether a bar can be this one. A description may come and go; the epochs' total may become known.
    pub fn is_continued_by(self, bar: Self) -> bool {
        match (self.kind, bar.kind) {
            (BarKind::Epochs, BarKind::Epochs) => true,
            (BarKind::Epochs, _) | (_, BarKind::Epochs) => false,
            _ => self.total == bar.total,
        }
    }
}

/// How a program numbers its epochs.
#[derive(Clone, Copy, PartialEq)]
pub enum Numbering {
    /// From 0 or from 1.
    Unknown,
    /// From 0, as Lightning does.
    FromZero,
    /// From 0, and the number behind the slash is the last one's own: Lightning's bars of `rich`.
    FromZeroToLast,
}

/// The epochs of one training.
#[derive(Clone, Debug, Default)]
pub struct EpochLoops {
    /// Epochs done and planned, as a bar around the batches says; the bars in it count batches.
    pub outer: Option<(u64, Option<u64>)>,
    current: Option<CurrentEpoch>,
}

#[derive(Clone, Copy, Debug)]
struct CurrentEpoch {
    /// The number that is printed first; what is counted from there on.
    first: u64,
    number: u64,
    /// Steps of the epochs before.
    steps_before: u64,
    batches_done: u64,
    epoch_length: Option<u64>,
}

impl EpochLoops {
    /// Notes the bar that counts epochs; an epoch that it counts is done, whatever the bar in it last showed.
    pub fn outer(&mut self, done: u64, planned: Option<u64>) -> Option<TrainingPosition> {
        self.outer = Some((done, planned));
        let current = self.current.as_mut()?;
        if done <= current.number {
            return None;
        }
        current.batches_done = current.epoch_length?;
        self.position(planned)
    }

    /// Whether an epoch has this many batches.
    pub fn is_length(&self, epoch_length: Option<u64>) -> bool {
        epoch_length.is_some()
            && self
                .current
                .is_some_and(|current| current.epoch_length == epoch_length)
    }

    /// A bar in the bar of epochs.
    pub fn inner(
        &mut self,
        batches_done: u64,
        epoch_length: Option<u64>,
    ) -> Option<TrainingPosition> {
        let (done, _) = self.outer?;
        let number = match self.current {
            // An evaluation's bar in the same epoch.
            Some(current) if current.epoch_length != epoch_length => return None,
            Some(current) if batches_done < current.batches_done => done.max(current.number + 1),
            Some(current) => current.number,
            None => done,
        };
        self.unnamed(number, batches_done, epoch_length)
    }

    /// A bar of an epoch that does not name it: this one, from 0.
    pub fn unnamed(
        &mut self,
        number: u64,
        batches_done: u64,
        epoch_length: Option<u64>,
    ) -> Option<TrainingPosition> {
        self.note(number, 0, batches_done, epoch_length);
        self.position(None)
    }

    /// A bar that names its epoch.
    pub fn named(
        &mut self,
        epoch: EpochName,
        numbering: Numbering,
        batches_done: u64,
        epoch_length: Option<u64>,
    ) -> Option<TrainingPosition> {
        let from_zero = numbering != Numbering::Unknown;
        // The first picture of a bar may not yet say whose it is.
        if from_zero && self.current.is_some_and(|current| current.first == 1) {
            self.current = None;
        }
        // Who counts from 0 prints 0 first, unless it resumes.
        let mut first = match self.current {
            Some(current) => current.first,
            None => u64::from(epoch.number > 0 && !from_zero),
        };
        if epoch.number < first {
            first = 0;
        }
        self.note(epoch.number, first, batches_done, epoch_length);
        let mut epochs = epoch.last;
        if numbering == Numbering::FromZeroToLast && first == 0 {
            epochs = epochs.map(|last| last + 1);
        }
        self.position(epochs.filter(|epochs| *epochs > epoch.number - first))
    }

    fn note(&mut self, number: u64, first: u64, batches_done: u64, epoch_length: Option<u64>) {
        let mut next = CurrentEpoch {
            first,
            number,
            // The first one that is seen, or a training that begins anew.
            steps_before: (number - first).saturating_mul(epoch_length.unwrap_or(0)),
            batches_done,
            epoch_length,
        };
        if let Some(current) = self.current {
            if number == current.number {
                next.first = current.first;
                next.steps_before = current.steps_before;
                next.batches_done = batches_done.max(current.batches_done);
            } else if number > current.number {
                let last_epoch = current.epoch_length.unwrap_or(current.batches_done);
                next.steps_before = current.steps_before.saturating_add(last_epoch);
            }
        }
        self.current = Some(next);
    }

    /// `epochs`: how many are planned; where nobody says it, the bar around them may.
    fn position(&self, epochs: Option<u64>) -> Option<TrainingPosition> {
        let current = self.current?;
        let step = current.steps_before.saturating_add(current.batches_done);
        if step > STEP_MAX {
            return None;
        }
        let mut position = TrainingPosition {
            kind: BarKind::Epochs,
            step,
            ..TrainingPosition::default()
        };
        let Some(epoch_length) = current.epoch_length else {
            return Some(position);
        };
        let epochs_done = current.number - current.first;
        let share_of_epoch = current.batches_done as f64 / epoch_length.max(1) as f64;
        position.epoch = Some(epochs_done as f64 + share_of_epoch);
        let planned = self.outer.and_then(|(_, planned)| planned);
        if let Some(epochs) = epochs.or(planned) {
            let steps_left = epochs
                .saturating_sub(epochs_done)
                .saturating_mul(epoch_length);
            let total = steps_left.saturating_add(current.steps_before);
            position.total = Some(total).filter(|total| (step..=STEP_MAX).contains(total));
        }
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(
        loops: &mut EpochLoops,
        number: u64,
        last: Option<u64>,
        batches_done: u64,
    ) -> (u64, Option<u64>, Option<f64>) {
        let place = loops
            .named(
                EpochName { number, last },
                Numbering::Unknown,
                batches_done,
                Some(40),
            )
            .unwrap();
        (place.step, place.total, place.epoch)
    }

    #[test]
    fn epochs_before_are_added_from_whichever_number_is_counted() {
        let mut ones = EpochLoops::default();
        assert_eq!(named(&mut ones, 1, Some(2), 10), (10, Some(80), Some(0.25)));
        assert_eq!(named(&mut ones, 2, Some(2), 0), (40, Some(80), Some(1.0)));
        assert_eq!(named(&mut ones, 2, Some(2), 40), (80, Some(80), Some(2.0)));
        let mut zeros = EpochLoops::default();
        assert_eq!(
            named(&mut zeros, 0, Some(2), 10),
            (10, Some(80), Some(0.25))
        );
        assert_eq!(named(&mut zeros, 1, Some(2), 40), (80, Some(80), Some(2.0)));
        let mut open = EpochLoops::default();
        assert_eq!(named(&mut open, 0, None, 10), (10, None, Some(0.25)));
        let mut resumed = EpochLoops::default();
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
        let mut loops = EpochLoops::default();
        let total = loops
            .named(
                EpochName {
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
        let place = EpochLoops::default()
            .named(
                EpochName {
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
        let mut loops = EpochLoops::default();
        loops
            .named(
                EpochName {
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
                EpochName {
                    number: 1,
                    last: None,
                },
                Numbering::Unknown,
                3,
                None,
            )
            .unwrap();
        assert_eq!((place.step, place.total, place.epoch), (40, None, None));
    }

    #[test]
    fn a_bar_that_begins_anew_is_the_next_epoch_whatever_the_outer_bar_shows() {
        let mut loops = EpochLoops::default();
        assert_eq!(loops.inner(3, Some(30)), None, "no bar around it");
        assert_eq!(loops.outer(0, Some(3)), None);
        let step = |loops: &mut EpochLoops, batches_done| {
            loops
                .inner(batches_done, Some(30))
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
