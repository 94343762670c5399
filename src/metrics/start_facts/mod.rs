//! What the start event says of the machine and of the packages.

mod gathering;
mod packages;
mod site;

pub use gathering::{facts, gather};
