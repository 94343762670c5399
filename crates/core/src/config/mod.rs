//! The training configuration: which file it is, what it says, and what of that may be said to others.
//!
//! Axolotl's own telemetry sends the whole configuration with some values struck out, so whatever its authors did
//! not think of leaves: prompts, run names, tokens, host names, the keys of private plugins. Here nothing is struck
//! out. The value that is sent is built anew from the public schema, and holds a text of the file only where the
//! same text stands in a public list for that very key.
//!
//! [`read`] reads a file's contents; which file it is, the command line says (`launch::training`). For the run's own
//! machine [`Vetted`] also says what was withheld and why, and keeps the withheld texts for the last gate, which refuses
//! any event that holds one of them.

mod model;
mod overrides;
mod parse;
mod scalar;
mod vet;
mod vetted;

pub use model::model_facts;
pub use parse::{ConfigProblem, is_too_complex};
pub use vetted::{Planned, Reason, Redaction, Vetted};

use serde_yaml::Value;

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
    let Value::Mapping(mut members) = parse::parse(yaml)? else {
        return Err(ConfigProblem::NotAMap);
    };
    overrides::apply(&mut members, overrides);
    Ok(vet::vet(&members, exists))
}

#[cfg(test)]
mod tests;
