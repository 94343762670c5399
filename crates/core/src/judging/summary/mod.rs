//! A run in a few figures, for its owner: what its events say, in the order in which one wants to know it.
//!
//! The problem: the summary at the end, the page of a continuous integration system and the report tell the same
//! story, the first two while the run ends, the last from its files. So one reader takes events, those that are
//! reported as well as those that were read back. Files may hold anything: texts are kept as they are, and whoever
//! prints them makes them harmless.

mod collective;
mod conclusion;
mod figures;
mod headline;
pub mod lines;
mod measured;
pub mod message;
pub mod price;
mod root_error;
mod standing;
pub mod units;

#[cfg(test)]
mod tests;

pub use figures::{GpuUse, Summary};
pub use measured::{GpuShares, Mean, Measured};
