//! What the start event says of the machine and of the packages.

mod gathering;
mod model_config;
mod packages;
mod site;

pub use gathering::{facts, gather};
pub use model_config::{cached_model, hub_cache};
