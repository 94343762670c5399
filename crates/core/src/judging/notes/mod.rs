//! What a run's owner should know or change, as far as the recorded figures say it.
//!
//! The problem: a page of figures does not say which of them matters. The rule: a note is one of a closed list, carries
//! the figures that it rests on, and is not made without them. At most [`NOTES_MAX`] are told, in the order of
//! [`RULES`]: first what spoils the result, then what ends or slows a run, last what was asked for and not used.
//!
//! A new note: a variant with its numbers, a sentence, a rule, and rows in the table of the tests, of what must get the
//! note and of what is near it and must not.

mod asked;
mod disk;
mod gpus;
mod memory;
mod note;
mod slow;
#[cfg(test)]
mod tests;
mod training;

use crate::judging::summary::Summary;
pub use disk::will_not_hold;
pub use note::Note;

/// Notes that are told of one run.
pub const NOTES_MAX: usize = 5;

/// What may make a note.
type Rule = fn(&Summary) -> Option<Note>;

/// All rules, the most useful note first.
const RULES: &[Rule] = &[
    training::not_finite,
    disk::will_not_hold,
    memory::near_limit,
    memory::grows,
    memory::shared_full,
    disk::almost_full,
    memory::swapped,
    slow::data_bound,
    slow::straggler,
    slow::processors_taken,
    gpus::differs,
    gpus::slowed,
    gpus::idle,
    training::slows_down,
    training::evaluation_long,
    training::checkpoints_long,
    slow::mostly_else,
    slow::compilation,
    gpus::memory_full,
    memory::page_cache,
    gpus::memory_free,
    asked::memory,
    asked::cores,
    asked::time,
];

/// The notes of a run, the most useful one first.
pub fn notes(summary: &Summary) -> Vec<Note> {
    let mut notes: Vec<_> = RULES.iter().filter_map(|rule| rule(summary)).collect();
    notes.truncate(NOTES_MAX);
    notes
}
