//! The gate for events that were written down, and may have been changed since.
//!
//! The problem: that every text is public by construction ends with the program that made it. Until a later launcher
//! sends an event, its file is anybody's. The rule: beside what the gate asks of every event, a text that is read back
//! must be one that we can make. Some fields have a form of their own (versions, devices, models); every other text is
//! made of public words and names, and holds no long numbers where none of ours does.

use super::gate::{Gate, Refusal, name_around};
use super::vocabulary;
use crate::event::wire::Member;
use crate::judging::profile::{DataCause, SlowCause};
use crate::judging::verdict::{Confidence, Evidence, Kind, Outcome};
use crate::knowledge::lists::{
    CI_SYSTEMS, FROZEN_MODULES, KernelWait, MODEL_ACTIVATIONS, MODEL_DTYPES, NAMELESS_CODE,
    NATIVE_CLASSES, PSEUDO_FILES, QUANTIZATION_METHODS, SCHEDULERS, SIZE_UNITS, STAGES,
};
use crate::knowledge::python::stack_classes::StackClass;
use crate::knowledge::{Meaning, launchers, sentences};
use crate::observation::StacksRefused;
use crate::public::{dictionary, hardware, models, version};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::LazyLock;

/// Fields whose texts have numbers out of the output.
const FIELDS_WITH_NUMBERS: [&str; 6] = [
    "exception",
    "stack_trace",
    "evidence",
    "marker",
    "value",
    "$issue_description",
];
/// Digits of a number elsewhere.
const DIGITS_MAX: usize = 4;
/// Letters from which on a word is looked up; shorter ones are in everything.
const WORD_MIN: usize = 3;
/// What stands in a configuration for what was withheld or is no number.
const CONFIG_CONSTANTS: [&str; 8] = [
    "<str>", "<num>", "<list>", "<map>", "<more>", "nan", "inf", "-inf",
];
/// Further constants of ours: kinds of code, of markers and of what a message holds, why a GPU is slow, and the fixed
/// words of Error tracking.
const CONSTANTS: &str = "stdlib notebook generated faulthandler timeout terminate called without exited brake heat \
    url number email address string withheld raw process";

/// The words that our constants are made of, beside those that everybody has.
static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut constants = vec![CONSTANTS];
    constants.extend(Kind::ALL.iter().map(|word| word.as_str()));
    constants.extend(Evidence::ALL.iter().map(|word| word.as_str()));
    constants.extend(Confidence::ALL.iter().map(|word| word.as_str()));
    constants.extend(SlowCause::ALL.iter().map(|word| word.as_str()));
    constants.extend(DataCause::ALL.iter().map(|word| word.as_str()));
    constants.extend(KernelWait::ALL.iter().map(|word| word.as_str()));
    constants.extend(StacksRefused::ALL.iter().map(|word| word.as_str()));
    constants.extend(StackClass::ALL.iter().map(|word| word.as_str()));
    constants.extend(Outcome::ALL.iter().map(|word| word.as_str()));
    constants.extend(launchers::ROWS.iter().map(|launcher| launcher.name));
    constants.extend(STAGES.iter().map(|(_, _, name)| *name));
    for homes in [CI_SYSTEMS, SCHEDULERS] {
        constants.extend(homes.iter().map(|(name, _)| *name));
    }
    for names in [
        FROZEN_MODULES,
        MODEL_ACTIVATIONS,
        MODEL_DTYPES,
        NAMELESS_CODE,
        NATIVE_CLASSES,
        PSEUDO_FILES,
        QUANTIZATION_METHODS,
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
        self.recorded_members(&member.properties)?;
        Ok(line)
    }

    fn recorded_members(&self, members: &Map<String, Value>) -> Result<(), Refusal> {
        let text = |name| members.get(name).and_then(Value::as_str);
        let file = text("file").or(text("filename"));
        let model_type = text("model_type");
        for (field, value) in members {
            let is_name_within = match (field.as_str(), value, file, model_type) {
                ("function", Value::String(function), Some(file), _) => {
                    dictionary::is_public_function(file, function)
                }
                ("model_type", Value::String(kind), ..) => dictionary::model_type(kind).is_some(),
                ("architectures", Value::Array(classes), _, Some(kind)) => {
                    let mut names = classes.iter().filter_map(Value::as_str);
                    names.all(|class| dictionary::model_class(kind, class).is_some())
                }
                _ => false,
            };
            if !is_name_within {
                self.recorded_value(field, value)?;
            }
        }
        Ok(())
    }

    fn recorded_value(&self, field: &str, value: &Value) -> Result<(), Refusal> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::Object(_) | Value::Array(_) if field == "config" => configured_value(value),
            Value::String(text) if self.can_be_ours(field, text) => Ok(()),
            Value::String(_) => Err(Refusal::Foreign),
            Value::Array(values) => values
                .iter()
                .try_for_each(|value| self.recorded_value(field, value)),
            Value::Object(members) => self.recorded_members(members),
        }
    }

    fn can_be_ours(&self, field: &str, text: &str) -> bool {
        match field {
            "$lib" => text == "axolotl-run",
            "$ip" => text == "0.0.0.0",
            "fingerprint" | "$exception_fingerprint" => is_fingerprint(text),
            "os" => hardware::is_platform(text),
            "name" => hardware::is_accelerator_name(text),
            "python_version" => version::python(text).is_some(),
            "$issue_name" => is_meaning(text) || self.is_issue_name(text),
            "$issue_description" if is_meaning(text) => true,
            _ => match field.strip_suffix("_version") {
                Some(package) if field != "$lib_version" => {
                    version::format(package, text).is_some_and(|version| version.as_str() == text)
                }
                _ => self.is_made_of_public_words(field, text),
            },
        }
    }

    /// `torch.OutOfMemoryError in forward of torch/nn/modules/linear.py`.
    fn is_issue_name(&self, text: &str) -> bool {
        let (class, place) = text.split_once(" in ").unwrap_or((text, ""));
        let is_public_place = match place.split_once(" of ") {
            Some((function, file)) => dictionary::is_public_function(file, function),
            None => place.is_empty() || dictionary::file(place).is_some(),
        };
        is_public_place && self.is_made_of_public_words("$issue_name", class)
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

fn is_fingerprint(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a verdict or an error means, in words.
fn is_meaning(text: &str) -> bool {
    let of_verdicts = Kind::ALL.iter().map(|kind| kind.means());
    let of_errors = Meaning::ALL.iter().map(|meaning| meaning.means());
    of_verdicts
        .chain(of_errors)
        .any(|sentence| sentence.trim_end_matches('.') == text.trim_end_matches('.'))
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
