//! `axolotl-run`: a transparent prefix to a training command that observes the run from outside.
//!
//! The floors, from the ground up; an import only ever points down (`tests/floors.rs` enforces it):
//!
//! | floor | modules | what lives there |
//! |---|---|---|
//! | 0 vocabulary | [`public`], [`event`], [`env`], [`limits`], [`wire`], [`status`], [`observation`], [`protocol`] | what can be said |
//! | 1 judgement | [`consent`], [`rank`], [`lines`], [`progress`], [`trace`], [`config`], [`privacy`], [`hang`], [`verdict`], [`run`], [`digest`] | pure functions |
//! | 2 system | [`sys`] and, above it, [`streams`], [`store`], [`delivery`], [`machine`] | the kernel, the command's output, the disk, the network, the hardware |
//! | 3 processes | [`supervisor`], [`observer`] | the two roles; neither imports the other |
//! | 4 front | [`mod@front`], [`cli`], [`plan`], [`notice`], [`ui`], [`query`] | what was typed, what it means, what is said |

#![deny(unsafe_code)]
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

pub mod env;
pub mod event;
pub mod limits;
pub mod observation;
pub mod protocol;
pub mod public;
pub mod status;
pub mod wire;

pub mod config;
pub mod consent;
pub mod digest;
pub mod hang;
pub mod lines;
pub mod privacy;
pub mod progress;
pub mod rank;
pub mod run;
pub mod trace;
pub mod verdict;

pub mod delivery;
pub mod machine;
pub mod store;
pub mod streams;
pub mod sys;

pub mod observer;
pub mod supervisor;

pub mod cli;
pub mod front;
pub mod notice;
pub mod plan;
pub mod query;
pub mod ui;

pub use front::{front, main};
