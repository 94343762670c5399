//! What is known of Python from outside: where an interpreter keeps its stacks, and what they say of a process.

pub mod layouts;
pub mod stack_classes;
