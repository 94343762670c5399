//! The owner's side of a record: what a run's owner needs and nobody else may have.
//!
//! ```text
//! $XDG_STATE_HOME/axolotl-run/runs/<run>/
//!     owner.json    command line, directory, configuration, host, local start, last whole checkpoint, traceback as printed
//!     output.log    the last 64 KiB of the output, both streams in their order, each line with its time
//! ```
//! The problem: events hold nothing of the user's, and so a report made of them explains a crash in one's own code worse
//! than the terminal does. The rules: these two files exist only where the run was recorded with `--record`, or with the
//! stored choice to record always; nothing that sends may read them, so nothing below the observer and the commands
//! imports this module, and nothing else knows the names of the files (`tests/sources` looks); they lie in the run's
//! directory and go with it. Secrets of well-known forms are masked before anything is written.
//!
//! The observer writes through an [`OwnerWriter`]; the report and the list of runs read an [`OwnerView`].

mod facts;
mod names;
mod view;
mod writer;

pub use names::FILES;
pub use view::OwnerView;
pub use writer::OwnerWriter;
