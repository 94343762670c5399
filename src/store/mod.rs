//! The runs on disk: what was observed, what was sent, what waits.
//!
//! ```text
//! $XDG_STATE_HOME/axolotl-run/runs/<run>/
//!     live            locked by the run's observer for as long as it lives; holds the machine's boot id
//!     consent         exists where the run was recorded with consent to send
//!     events.jsonl    the exact events, written before any attempt to send
//!     delivery.jsonl  attempts and the server's answers
//!     notify.jsonl    whether the user's own channels were reached, never sent
//!     samples.jsonl   the time series for the report, never sent
//!     job.json        the run's place in a job of several processes, never sent
//!     …               what is kept for the owner alone, by a module that is none of ours to read
//! ```
//! The rules: events are written down first and sent second; a run without the consent marker is never sent;
//! finish is written exactly once, if need be by a later launcher; what is read back is hostile and is judged
//! again ([`gate`]). Launchers share the directory without talking to each other: each run has one writer, and
//! a process that finishes, sends or deletes the run of another takes its lock first.
//!
//! The observer writes through a [`Journal`]; the queries read through [`Store`].

mod append_log;
pub mod decision;
mod delete;
pub mod gate;
mod journal;
mod layout;
mod lock;
mod read;
mod recover;
mod runs;
mod unsent;

pub use append_log::{Importance, Written};
pub use axolotl_run_core::consent::Sending;
pub use delete::{Forgotten, Withdrawn};
pub use journal::{Journal, Unforced};
pub use layout::{StoreProblem, files, run_file};
pub use recover::RunEnd;
pub use runs::job;
pub use runs::{RecordedEvent, RecordedRun, RunState, Store};
pub use unsent::UnsentPage;

#[cfg(test)]
pub(crate) mod tests;
