//! What a run leaves behind: its records, its events, what was sent, and that none of it is private.

mod burst;
mod canaries;
mod check_gpu;
mod events;
mod fleet;
mod gpu_runs;
mod jobs;
mod knowledge;
mod owner;
mod promises;
mod records;
mod samples;
mod stacks;
mod wild;
