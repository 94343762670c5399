//! What `axolotl-run` knows and decides, without touching anything: no clock, file, environment, thread or system call.
//!
//! Bytes and facts come in as arguments, events and verdicts go out as values, so everything here can be tested by
//! tables and fuzzed.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read files and take times")
)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exit,
        clippy::allow_attributes,
        clippy::mem_forget
    )
)]

pub mod config;
pub mod consent;
pub mod env;
pub mod event;
pub mod judging;
pub mod knowledge;
pub mod launch;
pub mod limits;
pub mod observation;
pub mod output;
pub mod privacy;
pub mod public;
pub mod series;
pub mod status;
