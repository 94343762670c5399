//! What supervisor and observer know of each other, who must not import one another: the order that a
//! supervised run is started by, the settings that an observer is born with, the messages between them, and what is
//! left to the successor of an observer that died.

pub mod messages;
pub mod order;
pub mod settings;
pub mod testament;

pub use axolotl_run_sys::channel::MESSAGE_BYTES;
