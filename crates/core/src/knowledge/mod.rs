//! What is known about the world, as tables that are made from `knowledge/` when the program is built.
//!
//! A verdict is drawn from the [`Meaning`] of what was read, never from the words of a text.

pub mod commands;
pub mod launchers;
mod meaning;
mod signs;
mod wrappers;

pub use meaning::Meaning;
pub(crate) use signs::{Sign, Weight, sign};
pub(crate) use wrappers::{Wrapper, points_elsewhere, restarts, wrapper};
