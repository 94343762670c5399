//! The gate for events that were written down, and may have been changed since.
//!
//! The problem: that every text is public by construction ends with the program that made it. Until a later launcher
//! sends an event, its file is anybody's. The rule: beside what the gate asks of every event, a text that is read back
//! must be one that we can make. Some fields have a form of their own (versions, devices, models); every other text is
//! made of public words and names, and holds no long numbers where none of ours does.

use super::gate::{Gate, Refusal, name_around};
use super::vocabulary;
use crate::event::wire::Member;
use crate::judging::verdict::{Confidence, Evidence, Kind, Outcome};
use crate::knowledge::launchers;
use crate::knowledge::lists::{
    CI_SYSTEMS, FROZEN_MODULES, NAMELESS_CODE, NATIVE_CLASSES, PSEUDO_FILES, SCHEDULERS, SIZE_UNITS,
};
use crate::knowledge::sentences;
use crate::public::{dictionary, hardware, models, version};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Fields whose texts have numbers out of the output.
const FIELDS_WITH_NUMBERS: [&str; 4] = ["exception", "stack_trace", "evidence", "marker"];
/// Digits of a number elsewhere.
const DIGITS_MAX: usize = 4;
/// Letters from which on a word is looked up; shorter ones are in everything.
const WORD_MIN: usize = 3;
/// What stands in a configuration for what was withheld or is no number.
const CONFIG_CONSTANTS: [&str; 8] = [
    "<str>", "<num>", "<list>", "<map>", "<more>", "nan", "inf", "-inf",
];

/// Further constants of ours: kinds of code, of markers and of what a message holds, and why a GPU is slow.
const CONSTANTS: &str = "stdlib notebook generated faulthandler timeout terminate called without exited brake heat \
    url number email address string";

/// The words that our constants are made of, beside those that everybody has.
static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut constants = vec![CONSTANTS];
    constants.extend(Kind::ALL.iter().map(|word| word.as_str()));
    constants.extend(Evidence::ALL.iter().map(|word| word.as_str()));
    constants.extend(Confidence::ALL.iter().map(|word| word.as_str()));
    constants.extend(Outcome::ALL.iter().map(|word| word.as_str()));
    constants.extend(launchers::ROWS.iter().map(|launcher| launcher.name));
    for homes in [CI_SYSTEMS, SCHEDULERS] {
        constants.extend(homes.iter().map(|(name, _)| *name));
    }
    for names in [
        FROZEN_MODULES,
        NAMELESS_CODE,
        NATIVE_CLASSES,
        PSEUDO_FILES,
        SIZE_UNITS,
    ] {
        constants.extend(names);
    }
    constants.into_iter().flat_map(vocabulary::pieces).collect()
});

impl Gate {
    /// The line of an event that was read back: exactly these bytes may leave.
    ///
    /// # Errors
    /// The rule that the event breaks.
    pub fn check_recorded(&self, member: &Member) -> Result<String, Refusal> {
        let line = self.check(member)?;
        for (field, value) in &member.properties {
            self.recorded_value(field, value, None)?;
        }
        Ok(line)
    }

    fn recorded_value(
        &self,
        field: &str,
        value: &Value,
        file: Option<&Value>,
    ) -> Result<(), Refusal> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::Object(_) | Value::Array(_) if field == "config" => configured_value(value),
            Value::String(text) => {
                let function = if field == "function" { file } else { None };
                if self.can_be_ours(field, text, function) {
                    Ok(())
                } else {
                    Err(Refusal::Foreign)
                }
            }
            Value::Array(values) => values
                .iter()
                .try_for_each(|value| self.recorded_value(field, value, file)),
            Value::Object(members) => members
                .iter()
                .try_for_each(|(key, value)| self.recorded_value(key, value, members.get("file"))),
        }
    }

    fn can_be_ours(&self, field: &str, text: &str, file: Option<&Value>) -> bool {
        if let Some(Value::String(file)) = file {
            return dictionary::is_public_function(file, text) || is_constant_function(text);
        }
        match field {
            "$lib" => text == "axolotl-run",
            "$ip" => text == "0.0.0.0",
            "fingerprint" => text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "os" => hardware::is_platform(text),
            "name" => hardware::is_accelerator_name(text),
            "python_version" => version::python(text).is_some(),
            _ => match field.strip_suffix("_version") {
                Some(package) if field != "$lib_version" => {
                    version::format(package, text).is_some_and(|version| version.as_str() == text)
                }
                _ => self.is_made_of_public_words(field, text),
            },
        }
    }

    fn is_made_of_public_words(&self, field: &str, text: &str) -> bool {
        let short_numbers = text
            .split(|c: char| !c.is_ascii_digit())
            .all(|digits| digits.len() <= DIGITS_MAX);
        if !short_numbers && !FIELDS_WITH_NUMBERS.contains(&field) {
            return false;
        }
        let sentences = sentences::spans(text);
        let mut offset = 0;
        for piece in text.split_inclusive(|c: char| !c.is_alphabetic()) {
            let word = piece.trim_end_matches(|c: char| !c.is_alphabetic());
            let end = offset + word.len();
            let is_ours = word.chars().count() < WORD_MIN
                || vocabulary::is_public(word)
                || WORDS.contains(&word.to_lowercase())
                || sentences
                    .iter()
                    .any(|span| span.start <= offset && end <= span.end)
                || is_public_name(name_around(text, offset))
                || self.is_in_function(text, offset);
            if !is_ours {
                return false;
            }
            offset += piece.len();
        }
        true
    }
}

fn is_constant_function(text: &str) -> bool {
    text == "<private>" || NAMELESS_CODE.contains(&text)
}

/// A name of the dictionary, or a module whose packages are.
fn is_public_name(name: &str) -> bool {
    dictionary::is_public(name)
        || dictionary::module(name).is_some_and(|module| module.as_str() == name)
}

fn configured_value(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) if is_configured(text) => Ok(()),
        Value::String(_) => Err(Refusal::Foreign),
        Value::Array(values) => values.iter().try_for_each(configured_value),
        // The schema knows the keys.
        Value::Object(members) => members.values().try_for_each(configured_value),
    }
}

fn is_configured(text: &str) -> bool {
    CONFIG_CONSTANTS.contains(&text) || vocabulary::is_public_text(text) || models::is_told(text)
}
