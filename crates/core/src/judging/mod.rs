//! Judging: what the run does, whether it hangs, why it ended, and what its owner is told of it.

mod edges;
pub mod explanation;
pub mod hang;
pub mod issue;
pub mod job;
pub mod notes;
pub mod profile;
pub mod run;
pub mod stacks;
pub mod summary;
pub mod verdict;
