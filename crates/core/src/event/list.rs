//! The events by name, and what every event carries.

use super::error::ErrorEvent;
use super::exception::ExceptionEvent;
use super::finish::Finish;
use super::progress::Progress;
use super::setup::Setup;
use super::start::Start;
use super::value::{self, Field, Number, Sendable as _, Text};
use crate::public::PublicStr;
use crate::public::words::words;
use serde_json::{Map, Value};

/// The version of the published list; it grows whenever a field is added, removed or changes its meaning.
pub const SCHEMA_VERSION: u64 = 3;

words! {
    /// The name of an event, as the server sees it, and when it is sent.
    EventName {
        /// once, when the command was spawned
        Start => "start",
        /// at most once, at the first step, or at the end of a run that took none
        Setup => "setup",
        /// at the first step, then every 60 seconds, and at each tenth of the total
        Progress => "progress",
        /// at most once, when the command died of an exception or left another sign of an error
        Error => "error",
        /// beside `error`, and where the run failed without one, in the form of PostHog's Error tracking
        Exception => "$exception",
        /// exactly once, when the command has ended, however it ended
        Finish => "finish",
    }
}

impl EventName {
    /// The fields that this event may carry besides the [common ones](common_fields).
    pub fn fields(self) -> Vec<Field> {
        let kind = match self {
            Self::Start => <Start>::kind(),
            Self::Setup => <Setup>::kind(),
            Self::Progress => <Progress>::kind(),
            Self::Error => <ErrorEvent>::kind(),
            Self::Exception => <ExceptionEvent>::kind(),
            Self::Finish => <Finish>::kind(),
        };
        kind.members().to_vec()
    }
}

/// One event: ready to be given an identity and sent, or, with text of type `String`, read back.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<T: Text = PublicStr> {
    /// See [`Start`].
    Start(Box<Start<T>>),
    /// See [`Setup`].
    Setup(Box<Setup<T>>),
    /// See [`Progress`].
    Progress(Box<Progress<T>>),
    /// See [`ErrorEvent`].
    Error(Box<ErrorEvent<T>>),
    /// See [`ExceptionEvent`].
    Exception(Box<ExceptionEvent<T>>),
    /// See [`Finish`].
    Finish(Box<Finish<T>>),
}

impl Event {
    /// The same event with less and less of it, for the gate that has refused all: what may be lost first goes first.
    pub fn degraded(&self) -> Vec<Self> {
        match self {
            Self::Start(start) => {
                let mut bare = start.clone();
                bare.config = None;
                bare.config_unknown_keys = None;
                vec![Self::Start(bare), Self::Start(Box::default())]
            }
            Self::Setup(setup) => {
                let mut bare = setup.clone();
                bare.config = None;
                bare.config_unknown_keys = None;
                let mut barest = bare.clone();
                barest.model = None;
                vec![Self::Setup(bare), Self::Setup(barest)]
            }
            Self::Progress(_) => Vec::new(),
            Self::Error(error) => {
                let degraded = error.degraded();
                degraded.map(|error| Self::Error(Box::new(error))).to_vec()
            }
            Self::Exception(exception) => {
                let degraded = exception.degraded();
                degraded
                    .map(|exception| Self::Exception(Box::new(exception)))
                    .to_vec()
            }
            Self::Finish(finish) => {
                let mut bare = finish.clone();
                bare.verdict = None;
                bare.stacks = None;
                bare.signal = None;
                bare.supervisor_lost = None;
                let mut barest = bare.clone();
                barest.outcome = None;
                vec![Self::Finish(bare), Self::Finish(barest)]
            }
        }
    }
}

impl<T: Text> Event<T> {
    /// The event's name.
    pub const fn name(&self) -> EventName {
        match self {
            Self::Start(_) => EventName::Start,
            Self::Setup(_) => EventName::Setup,
            Self::Progress(_) => EventName::Progress,
            Self::Error(_) => EventName::Error,
            Self::Exception(_) => EventName::Exception,
            Self::Finish(_) => EventName::Finish,
        }
    }
}

impl Event<String> {
    /// Reads the properties that were written down, and the seconds since the spawn; what is of another kind is unknown.
    pub fn read(name: EventName, properties: &Map<String, Value>) -> Option<(Self, Option<f64>)> {
        let fields = name.fields();
        let event = match name {
            EventName::Start => Self::Start(value::read(&fields, properties)?),
            EventName::Setup => Self::Setup(value::read(&fields, properties)?),
            EventName::Progress => Self::Progress(value::read(&fields, properties)?),
            EventName::Error => Self::Error(value::read(&fields, properties)?),
            EventName::Exception => Self::Exception(value::read(&fields, properties)?),
            EventName::Finish => Self::Finish(value::read(&fields, properties)?),
        };
        let common: Common<String> = value::read(&common_fields(), properties)?;
        Some((event, common.elapsed_time.map(Number::get)))
    }
}

impl Event {
    /// The event's properties on the wire, the common ones included.
    ///
    /// `elapsed_seconds` counts from the command's spawn.
    pub fn properties(&self, elapsed_seconds: f64) -> Map<String, Value> {
        let own = match self {
            Self::Start(event) => event.json(),
            Self::Setup(event) => event.json(),
            Self::Progress(event) => event.json(),
            Self::Error(event) => event.json(),
            Self::Exception(event) => event.json(),
            Self::Finish(event) => event.json(),
        };
        let mut properties = Map::new();
        for part in [Common::at(elapsed_seconds).json(), own] {
            if let Value::Object(members) = part {
                properties.extend(members);
            }
        }
        properties
    }
}

/// The fields that every event carries.
pub fn common_fields() -> Vec<Field> {
    <Common>::kind().members().to_vec()
}

value::fields! {
    /// What every event carries besides its own fields.
    pub struct Common<T> {
        "$lib" => library: T, "the program that made the event: always `axolotl-run`";
        "$lib_version" => library_version: T, "its version";
        "$process_person_profile" => person_profile: bool, "always false: the server must not build a profile of a person";
        "$geoip_disable" => geoip_disable: bool, "always true: the server must not look up where the sender is";
        "$ip" => address: T, "always `0.0.0.0`: overwrites the sender's address";
        "schema_version" => schema_version: u64, "the version of this list";
        "elapsed_time" => elapsed_time: Number, "seconds since the command was started";
    }
}

impl Common<PublicStr> {
    fn at(elapsed_seconds: f64) -> Self {
        Self {
            library: Some(PublicStr::constant("axolotl-run")),
            library_version: Some(PublicStr::constant(env!("CARGO_PKG_VERSION"))),
            person_profile: Some(false),
            geoip_disable: Some(true),
            address: Some(PublicStr::constant("0.0.0.0")),
            schema_version: Some(SCHEMA_VERSION),
            elapsed_time: Number::new(elapsed_seconds),
        }
    }
}
