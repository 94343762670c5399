//! What supervisor and observer know of each other, who must not import one another: the order that a
//! supervised run is started by, the settings that an observer is born with, and the messages between them.

pub mod messages;
pub mod order;
pub mod settings;

/// Bytes of a message.
pub const MESSAGE_BYTES: usize = 40;
