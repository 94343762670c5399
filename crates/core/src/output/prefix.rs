//! What stands before a line of the training's own: a rank, an actor, a container's name, a time.
//!
//! Launchers and collectors of logs put it there, so that the same training prints other lines under each of them. The
//! known forms are data (`knowledge/prefixes/`, read by [`forms`]). A form that nobody wrote down is learned: from a
//! traceback's header by [`source`], from a progress bar by [`collector`].
//!
//! A prefix is the user's text. It is bounded, kept only to compare with, and never told. One that is not recognised
//! stays, and turns its line into an unknown one: a step is missed rather than invented.

#![cfg_attr(
    not(test),
    expect(
        clippy::string_slice,
        reason = "every place in a text was found in it a moment before; property tests read any line"
    )
)]

mod collector;
mod forms;
mod source;

pub use collector::Collector;
pub use forms::{split, strip};
pub use source::{SourcePrefix, behind_bar, is_digit, is_log_line, is_progress_bar};
