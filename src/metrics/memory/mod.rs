//! The memory of a run: its control group, what the kernel killed for it, how short of it the machine is.

mod allowance;
mod group;
mod locate;
mod pressure;

pub use allowance::{allowance, of_machine};
pub use group::{MemoryGroup, OomKillWatch, oom_kills};
pub use pressure::PressureWatch;
