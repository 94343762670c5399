//! Python's stacks of another process, read from outside.
//!
//! The problem: of a training that stands still everybody asks where, and the program cannot say. What CPython keeps of
//! its frames is in its memory, and `/proc/PID/mem` shows that without stopping it: no ptrace, no signal, nothing that
//! it could notice. Where which release keeps what is data (`knowledge/python_layouts.yaml`).
//!
//! The process goes on while it is looked at, and its memory may hold anything. So a look is void as soon as something
//! in it is not what it has to be: a frame whose code is no code object, a text that is too long. Of each frame only
//! file, function and line are read, never a value. Frames that were read twice and are the same stood still. Of a
//! training that goes on samples are taken, which say what it does and not where.

mod image;
mod line_table;
mod look;
mod memory;
mod process;
mod sampling;
#[cfg(test)]
mod tests;

pub use look::{StackLook, StackReader, SteadyProcess, why_refused};
