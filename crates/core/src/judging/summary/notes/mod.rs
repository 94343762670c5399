//! What a run's owner should know or change, as far as the recorded figures say it.
//!
//! The problem: a page of figures does not say which of them matters. The rule: a note is one of a closed list, carries
//! the figures that it rests on, and is not made without them. At most [`NOTES_MAX`] are told, in the order of
//! [`RULES`]: first what spoils the result, then what ends or slows a run, last what was asked for and not used.
//!
//! A new note: a variant with its numbers, a sentence, a rule, and rows in the table of the tests, of what must get the
//! note and of what is near it and must not.

mod memory;
#[cfg(test)]
mod tests;
mod training;

use super::Summary;
use super::units::{bytes, percent};
use serde::Serialize;

/// Notes that are told of one run.
pub const NOTES_MAX: usize = 5;

/// One note, with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A number of the training was none any more.
    NotFinite {
        /// Which: `loss` or `grad_norm`.
        metric: String,
        /// `nan`, `inf` or `-inf`.
        repr: String,
        /// The step at which it began.
        since_step: Option<u64>,
    },
    /// The run came close to the memory that it may use.
    MemoryNearLimit {
        /// Highest bytes in use.
        used_bytes: u64,
        /// Bytes that it may use.
        limit_bytes: u64,
    },
    /// GPUs ran nothing for much of the training.
    GpusIdle {
        /// How many GPUs that is the mean of.
        gpus: u64,
        /// Share of the training in which they ran no kernel, 0 to 1.
        idle_share: f64,
    },
    /// Most of the memory that was asked for was never used.
    MemoryUnused {
        /// Highest bytes in use.
        used_bytes: u64,
        /// Bytes that were asked for.
        limit_bytes: u64,
    },
}

/// What may make a note.
type Rule = fn(&Summary) -> Option<Note>;

/// All rules, the most useful note first.
const RULES: &[Rule] = &[
    training::not_finite,
    memory::near_limit,
    training::gpus_idle,
    memory::unused,
];

/// The notes of a run, the most useful one first.
pub fn notes(summary: &Summary) -> Vec<Note> {
    let mut notes: Vec<_> = RULES.iter().filter_map(|rule| rule(summary)).collect();
    notes.truncate(NOTES_MAX);
    notes
}

impl Note {
    /// The note in words.
    pub fn sentence(&self) -> String {
        match self {
            Self::NotFinite {
                metric,
                repr,
                since_step,
            } => match since_step {
                Some(step) => format!(
                    "{metric} was {repr} from step {step} on: use no checkpoint that was saved after it"
                ),
                None => {
                    format!("{metric} was {repr} at the end: the last checkpoint may be useless")
                }
            },
            Self::MemoryNearLimit {
                used_bytes,
                limit_bytes,
            } => format!(
                "{} of the {} of memory that the run may use were in use: beyond them the kernel kills it",
                bytes(*used_bytes as f64),
                bytes(*limit_bytes as f64)
            ),
            Self::GpusIdle { gpus, idle_share } => {
                let idle = percent(*idle_share);
                let who = match gpus {
                    1 => "the GPU".to_owned(),
                    gpus => format!("the {gpus} GPUs, on average,"),
                };
                format!("{who} ran nothing for {idle} of the training")
            }
            Self::MemoryUnused {
                used_bytes,
                limit_bytes,
            } => format!(
                "at most {} of the {} of memory that were asked for were used ({})",
                bytes(*used_bytes as f64),
                bytes(*limit_bytes as f64),
                percent(*used_bytes as f64 / *limit_bytes as f64)
            ),
        }
    }
}
