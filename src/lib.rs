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

pub(crate) mod cli;
pub(crate) mod commands;
pub(crate) mod delivery;
pub(crate) mod front;
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod protocol;
pub(crate) mod store;
pub(crate) mod supervisor;
pub(crate) mod ui;

pub use front::main;

/// For the programs in `benches/` that measure a part without a process around it; nothing else may use it.
#[doc(hidden)]
pub mod bench {
    pub use crate::metrics::accelerator::{DriverTimeouts, Gpus};
    pub use crate::metrics::facts;
    pub use crate::metrics::tree::TreeSampler;
}
