//! Everything that can ever leave the machine: four events and their fields.
//!
//! This folder is the published list. A field exists for an event only if it is declared here, with the
//! reason why it is collected; PRIVACY.md and `--schema` are printed from the same declarations, and the
//! schema gate compares the final bytes with them. A field's type must be [`Sendable`](value::Sendable),
//! which no `String` is: text is [`PublicStr`](crate::public::PublicStr) or it does not compile.

pub mod error;
pub mod finish;
pub mod progress;
pub mod schema;
pub mod start;
pub mod value;
pub mod wire;

pub use error::{ErrorEvent, Frame, Shape};
pub use finish::{Dropped, Finish, Verdict};
pub use progress::{GpuSample, MemoryReport, Progress};
pub use start::{Accelerator, ConfigValue, Start};

use crate::public::PublicStr;
use schema::Field;
use serde_json::{Map, Value};
use value::Fields as _;

/// The version of the published list; it grows whenever a field is added, removed or changes its meaning.
pub const SCHEMA_VERSION: u64 = 2;

/// The name of an event, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventName {
    /// The command was spawned.
    Start,
    /// The training went on.
    Progress,
    /// The command died of an error.
    Error,
    /// The command ended, however it ended.
    Finish,
}

impl EventName {
    /// All of them, in the order in which a run can send them.
    pub const ALL: [Self; 4] = [Self::Start, Self::Progress, Self::Error, Self::Finish];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Progress => "progress",
            Self::Error => "error",
            Self::Finish => "finish",
        }
    }

    /// When the event is sent, for the published list.
    #[must_use]
    pub const fn when(self) -> &'static str {
        match self {
            Self::Start => "once, when the command was spawned",
            Self::Progress => {
                "at the first step, then every 60 seconds, and at each tenth of the total"
            }
            Self::Error => {
                "at most once, when the command died of an exception or left another sign of an error"
            }
            Self::Finish => "exactly once, when the command has ended, however it ended",
        }
    }

    /// The event of that name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }

    /// The fields that this event may carry besides the [common ones](common_fields).
    #[must_use]
    pub fn fields(self) -> Vec<Field> {
        match self {
            Self::Start => Start::fields(),
            Self::Progress => Progress::fields(),
            Self::Error => ErrorEvent::fields(),
            Self::Finish => Finish::fields(),
        }
    }
}

/// One event, ready to be given an identity and sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// See [`Start`].
    Start(Box<Start>),
    /// See [`Progress`].
    Progress(Box<Progress>),
    /// See [`ErrorEvent`].
    Error(Box<ErrorEvent>),
    /// See [`Finish`].
    Finish(Box<Finish>),
}

impl Event {
    /// The event's name.
    #[must_use]
    pub const fn name(&self) -> EventName {
        match self {
            Self::Start(_) => EventName::Start,
            Self::Progress(_) => EventName::Progress,
            Self::Error(_) => EventName::Error,
            Self::Finish(_) => EventName::Finish,
        }
    }

    /// The event's properties on the wire, the common ones included.
    ///
    /// `elapsed_seconds` counts from the command's spawn.
    #[must_use]
    pub fn properties(&self, elapsed_seconds: f64) -> Map<String, Value> {
        let mut properties = Common::at(elapsed_seconds).object();
        properties.extend(match self {
            Self::Start(event) => event.object(),
            Self::Progress(event) => event.object(),
            Self::Error(event) => event.object(),
            Self::Finish(event) => event.object(),
        });
        properties
    }
}

/// The fields that every event carries.
#[must_use]
pub fn common_fields() -> Vec<Field> {
    Common::fields()
}

value::fields! {
    /// What every event carries besides its own fields.
    pub struct Common {
        "$lib" => library: PublicStr, "the program that made the event: always `axolotl-run`";
        "$lib_version" => library_version: PublicStr, "its version";
        "$process_person_profile" => person_profile: bool, "always false: the server must not build a profile of a person";
        "$geoip_disable" => geoip_disable: bool, "always true: the server must not look up where the sender is";
        "$ip" => address: PublicStr, "always `0.0.0.0`: overwrites the sender's address";
        "schema_version" => schema_version: u64, "the version of this list";
        "elapsed_time" => elapsed_time: value::Number, "seconds since the command was started";
    }
}

impl Common {
    fn at(elapsed_seconds: f64) -> Self {
        Self {
            library: Some(PublicStr::constant("axolotl-run")),
            library_version: Some(PublicStr::constant(env!("CARGO_PKG_VERSION"))),
            person_profile: Some(false),
            geoip_disable: Some(true),
            address: Some(PublicStr::constant("0.0.0.0")),
            schema_version: Some(SCHEMA_VERSION),
            elapsed_time: value::Number::new(elapsed_seconds),
        }
    }
}
