//! `axolotl-run`: a transparent prefix to a training command that observes the run from outside.
//!
//! The layers, from the ground up; an import only ever points down:
//!
//! | layer | what is in it |
//! |---|---|
//! | `crates/core` | what is known and decided: pure functions over events, output, configuration, verdicts |
//! | `crates/sys` | the kernel: the only place of unsafe code |
//! | [`protocol`], [`delivery`], [`store`], [`metrics`] | what the processes say to each other, the network, the disk, the hardware |
//! | [`supervisor`], [`observer`] | the two processes; neither imports the other |
//! | [`ui`], [`cli`], [`commands`], [`mod@front`] | what was typed, what it means, what is printed |

#![forbid(unsafe_code)]
#![warn(missing_docs)]
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

pub mod cli;
pub mod commands;
pub mod delivery;
pub mod front;
pub mod metrics;
pub mod observer;
pub mod protocol;
pub mod store;
pub mod supervisor;
pub mod ui;

pub use front::{front, main};
