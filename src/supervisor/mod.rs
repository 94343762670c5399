//! To be written.

pub mod order;
pub use order::{Order, Sending};

use crate::status::Finished;
use crate::sys::process;

/// Placeholder: runs the command unobserved.
#[must_use]
pub fn observe(order: &Order) -> Finished {
    Finished::Exited(process::exec(&order.command, &order.environment_changes()).exit_code())
}
