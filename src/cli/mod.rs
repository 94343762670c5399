//! What was typed, and nothing else: no environment, no files, no terminal; and what it means here and now ([`plan`], and
//! of a word that is no program [`meant`]).

mod help;
mod meant;
pub mod notice;
mod options;
mod parse;
pub mod plan;
mod typed;

pub use crate::ui::NAME;
pub use help::{ABOUT, DESCRIPTION, OPERANDS, exit_statuses, help, shown};
pub use meant::meant;
#[cfg(test)]
pub use options::Value;
pub use options::{Group, OPTIONS};
pub use parse::parse;
pub use typed::{Mode, Typed, printable};

#[cfg(test)]
mod tests;
