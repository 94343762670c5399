//! Measuring: the machine, the command's processes, its control group, the accelerators, the packages.
//!
//! None of this may be felt by the training or fail loudly: readings are bounded, targeted at the command's
//! own processes, and unknown (None) where they cannot be had. The observer's loop uses two things of it:
//! [`Sampler`], and [`gather`], which finds the start event's facts on a thread of its own, since a file of a stuck
//! network file system, or the memory map of a stuck process, can hold a reader up for ever.

pub mod accelerator;
pub mod disk;
pub mod files;
pub mod memory;
pub mod processes;
mod processor_energy;
pub mod python_stacks;
mod sampler;
mod start_facts;
pub mod trainer_state;
pub mod tree;

pub use memory::allowance;
pub use sampler::Sampler;
pub use start_facts::{cached_model, facts, gather};
