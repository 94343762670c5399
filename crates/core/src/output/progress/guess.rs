//! Loops over epochs whose bars say nothing: `for _ in trange(3): for batch in tqdm(loader)`, or a bar for each epoch.
//!
//! A trainer's bars say nothing either: its own counts all steps, and those of evaluations come and go in it. So a guess
//! is made only where nothing of a trainer's was seen (a log line, an announcement, a bar that is drawn again after a
//! line was printed through it), and it is given up as soon as something is, or as the bars do not go on as epochs would:
//! a bar around epochs moves by no more than have begun.

use super::bar::Bar;
use super::loops::{Loops, Numbering, Place};
use super::role::{Epoch, Role};
use crate::limits::GUESSED_EPOCHS_MAX;

/// What bars without a description are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    /// The bar of this length counts epochs: how many are done, and how many have begun beyond those.
    Around { epochs: u64, done: u64, begun: u64 },
    /// A bar of this length is drawn anew for each epoch: which one it is, and its count.
    Each {
        length: u64,
        number: u64,
        count: u64,
    },
}

/// The guess of a run, and what speaks against any.
#[derive(Clone, Debug, Default)]
pub(super) struct Guesses {
    guess: Option<Guess>,
    /// A trainer is at work.
    trainer: bool,
    /// What was printed last is the blanks that take a bar away.
    cleared: bool,
}

/// What becomes of a bar under a guess.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Guessed {
    /// There is none, or it is not about this bar.
    No,
    /// The bar is a part of the guessed loop, which is there now, where that can be told.
    Part(Option<Place>),
    /// The guess was wrong: the bar that was taken for one of epochs is a training's own.
    Wrong,
}

impl Guesses {
    /// Whether there is one.
    pub(super) const fn is_made(&self) -> bool {
        self.guess.is_some()
    }

    /// The chosen bar, without a description, stands at this count of this total. Guesses from the bar that comes now
    /// that it counts epochs, or is one. Answers whether that is new.
    pub(super) fn make(&mut self, bar: &Bar<'_>, chosen: (u64, u64), loops: &mut Loops) -> bool {
        let begins = bar.role == Role::Plain && bar.step == 0;
        let Some(length) = bar
            .total
            .filter(|_| begins && !self.trainer && !self.is_made())
        else {
            return false;
        };
        self.guess = match chosen {
            (0, epochs) if epochs != length && epochs <= GUESSED_EPOCHS_MAX => {
                loops.outer(0, Some(epochs));
                Some(Guess::Around {
                    epochs,
                    done: 0,
                    begun: 0,
                })
            }
            (count, total) if count == total && total == length => {
                loops.named(
                    Epoch {
                        number: 0,
                        last: None,
                    },
                    Numbering::Unknown,
                    length,
                    Some(length),
                );
                Some(Guess::Each {
                    length,
                    number: 0,
                    count: length,
                })
            }
            _ => None,
        };
        self.is_made()
    }

    /// Takes a bar without a description.
    pub(super) fn take(&mut self, step: u64, total: Option<u64>, loops: &mut Loops) -> Guessed {
        match &mut self.guess {
            None => Guessed::No,
            Some(Guess::Around {
                epochs,
                done,
                begun,
            }) if total == Some(*epochs) => {
                let ended = step.saturating_sub(*done);
                if ended > *begun {
                    return Guessed::Wrong;
                }
                (*done, *begun) = ((*done).max(step), begun.saturating_sub(ended));
                Guessed::Part(loops.outer(step, total))
            }
            Some(Guess::Around { begun, .. }) => {
                *begun = begun.saturating_add(u64::from(step == 0));
                loops
                    .inner(step, total)
                    .map_or(Guessed::No, |place| Guessed::Part(Some(place)))
            }
            Some(Guess::Each {
                length,
                number,
                count,
            }) if total == Some(*length) => {
                *number = number.saturating_add(u64::from(step < *count));
                *count = step;
                Guessed::Part(loops.named(
                    Epoch {
                        number: *number,
                        last: None,
                    },
                    Numbering::Unknown,
                    step,
                    total,
                ))
            }
            Some(Guess::Each { .. }) => Guessed::No,
        }
    }

    /// A trainer is at work, so there are no such loops: answers where the bar stands that was taken for one.
    pub(super) fn give_up(&mut self) -> Option<(u64, u64)> {
        self.trainer = true;
        Some(match self.guess.take()? {
            Guess::Around { epochs, done, .. } => (done, epochs),
            Guess::Each { length, count, .. } => (count, length),
        })
    }

    /// A bar was taken away.
    pub(super) fn clear(&mut self) {
        self.cleared = true;
    }

    /// Whether a bar was taken away just now.
    pub(super) const fn is_cleared(&self) -> bool {
        self.cleared
    }

    /// A bar was drawn; the chosen one at some step, or another. A chosen one that comes back at once was taken away
    /// for a line to be printed: trainers do that with each line of their log, wherever that goes. Answers whether it
    /// was.
    pub(super) fn drawn(&mut self, chosen_step: Option<u64>) -> bool {
        let printed = self.cleared && chosen_step.is_some_and(|step| step > 0);
        self.trainer |= printed;
        self.cleared = false;
        printed
    }
}
