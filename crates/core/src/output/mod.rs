//! What the command prints, read: lines, progress, tracebacks.

pub mod lines;
mod prefix;
pub mod progress;
pub mod traceback;
