//! What is known of a configuration once it was vetted, and what the run's owner is told about it.

use crate::event::ConfigValue;
use crate::public::PublicStr;

/// What is known of a configuration.
#[derive(Debug, PartialEq)]
pub struct Vetted {
    /// What may be sent.
    pub value: ConfigValue,
    /// Keys that the public schema does not have.
    pub unknown_keys: u64,
    /// What stands in `value` in the place of something else, for the run's owner.
    pub redactions: Vec<Redaction>,
    /// The texts that may not be sent, for the last gate. Never printed, never stored.
    pub withheld: Vec<String>,
    /// What the training plans to do, for the run's own account of itself.
    pub planned: Planned,
    /// Where the training writes, as the configuration says; stays on this machine.
    pub output_directory: Option<String>,
}

/// One value that was withheld.
#[derive(Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Where: known keys and list positions (`datasets[0].path`).
    pub path: PublicStr,
    /// Why.
    pub reason: Reason,
}

/// Why a value is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A text that is none of the key's public choices.
    Text,
    /// A model that no whitelisted organisation published, or that is a path of this machine.
    Model,
    /// A number of a key that names a place, an account or a secret.
    PrivateKey,
    /// A number large enough to identify something.
    LargeNumber,
    /// Numbers that could stand for letters or pieces of text.
    NumberRow,
    /// A value of another kind than the schema has for the key.
    Unexpected,
    /// More elements, or more depth, than is sent.
    Excess,
}

impl Reason {
    /// The reason in words.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Text => "not one of the public values of this key",
            Self::Model => "not a model of a whitelisted organisation, or a local path",
            Self::PrivateKey => "this key names a place, an account or a secret",
            Self::LargeNumber => "a number that could identify something",
            Self::NumberRow => "many numbers in a row, which could spell a text",
            Self::Unexpected => "not the kind of value that the public schema has for this key",
            Self::Excess => "too many values",
        }
    }
}

/// What the configuration says about the course of the training. Stays on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Planned {
    /// Passes over the data.
    pub num_epochs: Option<f64>,
    /// Steps at the most.
    pub max_steps: Option<u64>,
    /// Steps between two lines of metrics.
    pub logging_steps: Option<u64>,
    /// Steps that make one optimizer step.
    pub gradient_accumulation_steps: Option<u64>,
    /// Samples of one step on one device.
    pub micro_batch_size: Option<u64>,
}

impl Planned {
    /// Passes over the data, where nothing else ends the training before.
    pub const fn epochs(&self) -> Option<f64> {
        if self.max_steps.is_some() {
            None
        } else {
            self.num_epochs
        }
    }
}
