//! What is known about the world, as tables that are made from `knowledge/` when the program is built.

pub mod commands;
pub mod launchers;
