//! Accelerators: which there are, what the run uses of them, and whether their driver still answers.
//!
//! The problem: a call into the NVIDIA driver can block for ever inside the kernel, where no signal reaches
//! it. So all of it happens on a thread of its own ([`gpus`]); this side asks and never waits. Silence of
//! [`limits::GPU_TIMEOUT`](axolotl_run_core::limits::GPU_TIMEOUT) is a fact about the run ([`Health::Unresponsive`]), the thread is
//! abandoned and nothing ever joins it. On a machine without a sign of an accelerator there is no thread, no library is
//! loaded, no file is opened.

mod amd;
mod attribution;
mod cuda_visible;
mod driver;
mod drm;
mod gpus;
mod intel;
mod nvml;
mod presence;
#[cfg(test)]
mod tests;

pub use driver::{AcceleratorFacts, DriverSettings, Health};
pub use gpus::Gpus;
