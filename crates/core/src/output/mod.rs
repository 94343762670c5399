//! What the command prints, read: lines, progress, tracebacks.

pub mod lines;
pub mod progress;
pub mod traceback;
