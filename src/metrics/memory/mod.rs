//! The memory of a run: its control group, what the kernel killed for it, how short of it the machine is.

mod group;
mod locate;
mod oom;
mod pressure;

pub use group::MemoryGroup;
pub use oom::{OomKills, OomWatch};
pub use pressure::PressureWatch;
