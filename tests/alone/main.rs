//! What has to be alone on the machine: tests that change, or look at, what all processes of it share.
//!
//! `cargo test` runs one test program after the other, so whatever is in this one has the machine to itself. Within
//! it, `deaths` takes turns by a lock of its own: a kill for memory raises a counter of the whole machine.

mod deaths;
mod transparency;
