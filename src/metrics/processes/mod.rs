//! The run's processes: how they end, which rank they are and what it does, who sends them signals.

mod deaths;
pub mod kernel_wait;
mod rank_activity;
pub mod ranks;
pub mod run_queue;
pub mod signal_sender;

pub use deaths::DeathWatch;
pub use rank_activity::RankActivity;
