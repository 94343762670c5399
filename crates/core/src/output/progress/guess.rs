//! Loops over epochs whose bars say nothing: `for _ in trange(3): for batch in tqdm(loader)`, or a bar for each epoch.
//!
//! A trainer's bars say nothing either: its own counts all steps, and those of evaluations come and go in it. So a guess
//! is made only where nothing of a trainer's was seen (a log line, an announcement, a bar that is drawn again after a
//! line was printed through it), and it is given up as soon as something is, or as the bars do not go on as epochs would:
//! a bar around epochs moves by no more than have begun.

use super::bar::ProgressBar;
use super::loops::{EpochLoops, TrainingPosition};
use super::role::BarRole;

/// Epochs that a bar without a description is believed to count; beyond that it counts steps.
const GUESSED_EPOCHS_MAX: u64 = 1000;

/// What bars without a description are taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LoopGuess {
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
pub struct LoopGuesses {
    pub guess: Option<LoopGuess>,
    /// A trainer is at work.
    trainer: bool,
    /// What was printed last is the blanks that take a bar away.
    pub cleared: bool,
}

/// What becomes of a bar under a guess.
#[derive(Clone, Copy, PartialEq)]
pub enum Guessed {
    /// There is none, or it is not about this bar.
    No,
    /// The bar is a part of the guessed loop, which is there now, where that can be told.
    Part(Option<TrainingPosition>),
    /// The guess was wrong: the bar that was taken for one of epochs is a training's own.
    Wrong,
}

impl LoopGuesses {
    /// Guesses from the bar that comes now that the chosen one, without a description, counts epochs, or is one. Answers
    /// whether that is new.
    pub fn make(
        &mut self,
        bar: &ProgressBar<'_>,
        chosen: &TrainingPosition,
        loops: &mut EpochLoops,
    ) -> bool {
        let begins = bar.role == BarRole::Plain && bar.step == 0;
        if !begins || self.trainer || self.guess.is_some() {
            return false;
        }
        let (Some(length), Some(chosen_length)) = (bar.total, chosen.total) else {
            return false;
        };
        let is_as_long = chosen_length == length;
        if chosen.step == 0 && !is_as_long && chosen_length <= GUESSED_EPOCHS_MAX {
            loops.outer(0, Some(chosen_length));
            self.guess = Some(LoopGuess::Around {
                epochs: chosen_length,
                done: 0,
                begun: 0,
            });
        } else if chosen.is_end() && is_as_long {
            loops.unnamed(0, length, Some(length));
            self.guess = Some(LoopGuess::Each {
                length,
                number: 0,
                count: length,
            });
        }
        self.guess.is_some()
    }

    /// Takes a bar without a description.
    pub fn take(&mut self, step: u64, total: Option<u64>, loops: &mut EpochLoops) -> Guessed {
        match &mut self.guess {
            Some(LoopGuess::Around {
                epochs,
                done,
                begun,
            }) if total == Some(*epochs) => {
                let newly_done = step.saturating_sub(*done);
                if newly_done > *begun {
                    return Guessed::Wrong;
                }
                *done = (*done).max(step);
                *begun -= newly_done;
                Guessed::Part(loops.outer(step, total))
            }
            Some(LoopGuess::Around { begun, .. }) => {
                *begun += u64::from(step == 0);
                match loops.inner(step, total) {
                    None => Guessed::No,
                    position => Guessed::Part(position),
                }
            }
            Some(LoopGuess::Each {
                length,
                number,
                count,
            }) if total == Some(*length) => {
                *number += u64::from(step < *count);
                *count = step;
                Guessed::Part(loops.unnamed(*number, step, total))
            }
            Some(LoopGuess::Each { .. }) | None => Guessed::No,
        }
    }

    /// A trainer is at work, so there are no such loops: answers where the bar stands that was taken for one.
    pub fn give_up(&mut self) -> Option<TrainingPosition> {
        self.trainer = true;
        let (step, total) = match self.guess.take()? {
            LoopGuess::Around { epochs, done, .. } => (done, epochs),
            LoopGuess::Each { length, count, .. } => (count, length),
        };
        Some(TrainingPosition {
            step,
            total: Some(total),
            ..TrainingPosition::default()
        })
    }

    /// A bar was drawn; the chosen one at some step, or another. A chosen one that comes back at once was taken away
    /// for a line to be printed: trainers do that with each line of their log, wherever that goes. Answers whether it
    /// was.
    pub fn drawn(&mut self, chosen_step: Option<u64>) -> bool {
        let printed = self.cleared && chosen_step > Some(0);
        self.trainer |= printed;
        self.cleared = false;
        printed
    }
}
