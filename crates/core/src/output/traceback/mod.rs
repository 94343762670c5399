//! Reads tracebacks and other signs of death out of the command's output, and tells what is public of them.
//!
//! The stream is hostile: it holds the user's paths, data and secrets between the frames, anything may be torn,
//! mixed or faked. The invariant holds whatever comes: nothing that is read is told, only what the dictionary,
//! the catalogue and the lists of `knowledge/` have, and bounded numbers. Memory is bounded likewise.
//!
//! [`reader`] takes the lines as they come and tells sources apart ([`prefix`](super::prefix)); each has a [`parser`]
//! that follows the [`grammar`] of tracebacks and makes [`report`]s. What is public of a frame says [`origin`], of a
//! message [`messages`] and [`shape`]. In the end [`selection`] says which report is the one that the process died of.

#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "every place in a line was found in it a moment before; property tests and fuzzing read any line"
    )
)]

mod event;
mod grammar;
mod listed;
mod messages;
mod origin;
mod parser;
mod reader;
mod report;
mod selection;
mod shape;
mod stage;
#[cfg(test)]
mod tests;

pub use event::fingerprint_of;
pub use listed::mechanism;
pub use origin::frame_of_code;
pub use reader::TraceReader;
pub use selection::Judgement;
