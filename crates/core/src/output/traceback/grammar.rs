//! The fixed lines of tracebacks, each read by itself: what it is, not what it means.

pub mod boxed;
pub mod dump;
pub mod escaped;
pub mod exceptions;
mod fatal;
pub mod frames;
pub mod headers;
pub mod launcher;
pub mod words;
