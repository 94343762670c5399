//! What is known about the world, as tables that are made from `knowledge/` when the program is built.
//!
//! A verdict is drawn from the [`Meaning`] of what was read, never from the words of a text.

pub mod channels;
pub mod commands;
mod entry;
pub mod launchers;
pub mod lists;
mod meaning;
mod messages;
pub mod python;
pub mod sentences;
mod signs;
#[cfg(test)]
mod tests;
mod wrappers;

pub use meaning::Meaning;
pub use messages::{class, message};
#[cfg(test)]
pub use signs::saying;
pub use signs::watchdogs;
pub use signs::{Sign, Speaker, Weight, meaning_of, sign, signal_called};
pub use wrappers::{Wrapper, points_elsewhere, restarts, wrapper};

/// All that can be said of the examples.
#[cfg(test)]
pub fn all_said() -> Vec<crate::public::PublicStr> {
    let meanings = Meaning::ALL.iter().map(|meaning| meaning.public());
    let said = messages::examples().filter_map(|(example, _)| Some(message(example)?.says));
    let signs = signs::examples().filter_map(|(example, _)| Some(sign(example)?.says));
    meanings.chain(said).chain(signs).collect()
}
