//! Questions about recorded runs.

pub mod choose;
pub mod export;
pub mod forget;
pub mod runs;
pub mod send;
pub mod show;
pub mod stacks;
