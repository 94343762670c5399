//! The fixed lines of tracebacks, each read by itself: what it is, not what it means.

pub(super) mod boxed;
pub(super) mod dump;
pub(super) mod escaped;
pub(super) mod exceptions;
mod fatal;
pub(super) mod frames;
pub(super) mod headers;
pub(super) mod launcher;
pub(super) mod words;
