//! What the options that take the place of a command print.
//!
//! Nothing here decides anything about a run. Text from disk is made harmless for terminals before it is printed.
//! Called by the front alone.

mod answer;
mod documents;
mod explain;
mod output;
mod preview;
mod price;
mod recorded;
pub(crate) mod report;
mod status;
mod told;

pub use answer::answer;

#[cfg(test)]
mod tests;
