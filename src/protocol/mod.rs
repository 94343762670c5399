//! What supervisor and observer know of each other, who must not import one another: the order that a
//! supervised run is started by, the settings that an observer is born with, the messages between them, and what is
//! left to the fallback finisher.

pub mod exit_record;
pub mod messages;
pub mod observer_config;
pub mod run_request;

pub use axolotl_run_sys::channel::MESSAGE_BYTES;
