//! Measuring: the machine, the command's processes, its control group, the accelerators, the packages.
//!
//! None of this may be felt by the training or fail loudly: readings are bounded, targeted at the command's
//! own processes, and unknown (None) where they cannot be had.

pub mod accelerator;
pub mod cgroup;
mod files;
pub mod host;
pub mod launcher;
pub mod tree;
