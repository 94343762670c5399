//! Everything that can ever leave the machine: events and their fields.
//!
//! This folder is the published list. A field exists for an event only if it is declared here, with the
//! reason why it is collected; PRIVACY.md and `--schema` are printed from the same declarations, and the
//! schema gate compares the final bytes with them. A field's type must be [`Sendable`](value::Sendable),
//! which no `String` is: text is [`PublicStr`](crate::public::PublicStr) or it does not compile.

pub mod collective;
pub mod error;
pub mod exception;
pub mod finish;
mod list;
pub mod progress;
pub mod schema;
pub mod setup;
pub mod start;
pub mod value;
pub mod wire;

pub use collective::CollectiveReport;
pub use error::{ErrorEvent, Frame, Shape};
pub use exception::{ExceptionEvent, ListedException, ListedFrame};
pub use finish::{Dropped, Finish, FinishVerdict, Phases, StackGroup};
pub use list::{Common, Event, EventName, SCHEMA_VERSION, common_fields};
pub use progress::{GpuSample, MemoryReport, ProfileReport, Progress};
pub use setup::{ModelFacts, Setup};
pub use start::{Accelerator, ConfigValue, Start};
