//! The training configuration: which file it is, what it says, and what of that may be said to others.
//!
//! Axolotl's own telemetry sends the whole configuration with some values struck out, so whatever its authors did
//! not think of leaves: prompts, run names, tokens, host names, the keys of private plugins. Here nothing is struck
//! out. The value that is sent is built anew from the public schema, and holds a text of the file only where the
//! same text stands in a public list for that very key.
//!
//! [`locate`] reads a command line, [`read`] a file's contents; neither touches the disk. For the run's own machine
//! [`Vetted`] also says what was withheld and why, and keeps the withheld texts for the last gate, which refuses
//! any event that holds one of them.

mod locate;
mod overrides;
mod parse;
mod scalar;
mod vet;

pub use locate::{Located, locate, output_directory, trains_nothing};
pub use parse::ConfigProblem;

use crate::event::ConfigValue;
use crate::public::PublicStr;

/// What is known of a configuration.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Where: known keys and list positions (`datasets[0].path`).
    pub path: PublicStr,
    /// Why.
    pub reason: Reason,
}

/// Why a value is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A text that is none of the key's public choices.
    Text,
    /// A model that no whitelisted organisation published, or that is a path of this machine.
    Model,
    /// A number of a key that names a place, an account or a secret.
    PrivateKey,
    /// A number large enough to identify something.
    LargeNumber,
    /// A value of another kind than the schema has for the key.
    Unexpected,
    /// More elements, or more depth, than is sent.
    Excess,
}

impl Reason {
    /// The reason in words.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Text => "not one of the public values of this key",
            Self::Model => "not a model of a whitelisted organisation, or a local path",
            Self::PrivateKey => "this key names a place, an account or a secret",
            Self::LargeNumber => "a number that could identify something",
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
    #[must_use]
    pub const fn epochs(&self) -> Option<f64> {
        if self.max_steps.is_some() {
            None
        } else {
            self.num_epochs
        }
    }
}

/// Reads a configuration file's contents, with the overrides of the command line applied.
///
/// `exists` tells whether a path is there, seen from the training's working directory; it is asked only about texts
/// that look like a public model.
///
/// # Errors
/// Where the contents are not a configuration. Nothing may be sent of it then.
pub fn read(
    yaml: &str,
    overrides: &[(String, String)],
    exists: &dyn Fn(&str) -> bool,
) -> Result<Vetted, ConfigProblem> {
    let mut tree = parse::parse(yaml)?;
    overrides::apply(&mut tree, overrides);
    let parse::Node::Map(members) = &tree else {
        return Err(ConfigProblem::NotAMap);
    };
    Ok(vet::vet(members, exists))
}

#[cfg(test)]
mod tests;
