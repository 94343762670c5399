//! Questions that take the place of a command.

pub mod explain;
