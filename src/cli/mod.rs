//! What was typed, and nothing else: no environment, no files, no terminal; and what it means here and now ([`plan`]).

mod help;
pub mod notice;
mod options;
mod parse;
pub mod plan;
mod typed;

pub use crate::ui::NAME;
pub use help::{ABOUT, DESCRIPTION, OPERANDS, exit_statuses, help, shown};
#[cfg(test)]
pub use options::Value;
pub use options::{Group, OPTIONS};
pub use parse::parse;
pub use typed::{Mode, Typed, printable};

#[cfg(test)]
mod tests;
