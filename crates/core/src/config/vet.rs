//! The judgement: a tree of the user's text goes in, a value made of public words and bounded numbers comes out.
//!
//! The rule for each key of the public schema, and for no other: a switch is kept; a number where the schema wants
//! one, if it is small and the key names no place, account or secret; a text if it stands in the key's own public
//! list; a model of a whitelisted organisation for the few keys that name one, unless it is also a path of this
//! machine. Everything else is replaced by a constant that tells its kind. Keys that the schema does not have are
//! counted, and neither their names nor their values are looked at any further.

use super::scalar;
use super::vetted::{Planned, Reason, Redaction, Vetted};
use crate::event::ConfigValue;
use crate::event::value::{self, non_finite};
use crate::knowledge::lists;
use crate::limits;
use crate::public::PublicStr;
use crate::public::config_keys::{self, KeyShape};
use crate::public::models::ModelId;
use crate::public::text::PublicText;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// Elements of a list of the configuration that are sent; more are counted as `<more>`.
const CONFIG_LIST_MAX: usize = 64;
/// Numbers in a row that are sent; weights of losses and pairs of layers have fewer, and more can spell a word.
const CONFIG_NUMBER_ROW_MAX: usize = 4;
/// Values of a configuration that are sent in all; they fill half of the largest event. Axolotl's largest example has 200.
const CONFIG_VALUES_MAX: usize = 2500;
/// Magnitude from which a number is withheld: a telephone number or an account has eight digits or more.
const CONFIG_NUMBER_MAX: f64 = 1e7;
/// The same for whole numbers, of which those of seven digits must be round as well.
const CONFIG_INTEGER_MAX: u64 = 10_000_000;
/// Withheld texts that the last gate looks for; Axolotl's largest example has 30.
const CONFIG_WITHHELD_MAX: usize = 2000;
/// Digits that are kept of a number that is not whole; a learning rate has two or three.
const CONFIG_NUMBER_DIGITS: usize = 6;

/// Vets the members of the top level.
pub fn vet(members: &Mapping, exists: &dyn Fn(&str) -> bool) -> Vetted {
    let mut judge = Judge {
        exists,
        path: Vec::new(),
        values_left: CONFIG_VALUES_MAX,
        unknown_keys: 0,
        redactions: Vec::new(),
        withheld: Vec::new(),
    };
    let value = judge.members(members, &config_keys::top_level);
    Vetted {
        value,
        unknown_keys: judge.unknown_keys,
        redactions: judge.redactions,
        withheld: judge.withheld,
        planned: planned(members),
        output_directory: match members.get("output_dir") {
            Some(Value::String(yaml_text)) if !yaml_text.is_empty() => Some(yaml_text.clone()),
            _ => None,
        },
    }
}

/// Finds a key in the group that is being read.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<(PublicStr, &'static KeyShape)>;

/// A step into the tree, for telling the run's owner where something was withheld.
enum PathStep {
    Key(PublicStr),
    Element(usize),
}

struct Judge<'a> {
    exists: &'a dyn Fn(&str) -> bool,
    path: Vec<PathStep>,
    values_left: usize,
    unknown_keys: u64,
    redactions: Vec<Redaction>,
    withheld: Vec<String>,
}

impl Judge<'_> {
    fn members(&mut self, members: &Mapping, lookup: Lookup<'_>) -> ConfigValue {
        let mut kept_values = BTreeMap::new();
        for (key, yaml_value) in members {
            let Some((name, shape)) = key.as_str().and_then(lookup) else {
                self.unknown_keys = self.unknown_keys.saturating_add(1);
                self.remember(key.as_str());
                self.remember_all(yaml_value);
                continue;
            };
            // A key without a value is to Axolotl as if it were not there.
            if yaml_value.is_null() {
                continue;
            }
            self.path.push(PathStep::Key(name.clone()));
            if let Some(value) = self.value(name.as_str(), shape, yaml_value) {
                kept_values.insert(name.clone(), value);
            }
            self.path.pop();
        }
        ConfigValue::Map(kept_values)
    }

    /// What is sent of a value; None where so much was sent that it is left out.
    fn value(
        &mut self,
        key: &str,
        shape: &'static KeyShape,
        yaml_value: &Value,
    ) -> Option<ConfigValue> {
        let Some(left) = self.values_left.checked_sub(1) else {
            self.withhold(yaml_value, Reason::Excess);
            return None;
        };
        self.values_left = left;
        Some(match yaml_value {
            Value::Null => ConfigValue::Null,
            Value::Mapping(_) | Value::Sequence(_)
                if self.path.len() >= limits::CONFIG_DEPTH_MAX.saturating_sub(1) =>
            {
                self.withhold(yaml_value, Reason::Excess)
            }
            Value::Mapping(members) => self.map(shape, members, yaml_value),
            Value::Sequence(_) if numbers_in_row(yaml_value) > CONFIG_NUMBER_ROW_MAX => {
                self.withhold(yaml_value, Reason::NumberRow)
            }
            Value::Sequence(elements) => self.list(key, shape, elements),
            scalar => self.scalar(key, shape, scalar),
        })
    }

    fn map(
        &mut self,
        shape: &'static KeyShape,
        members: &Mapping,
        yaml_value: &Value,
    ) -> ConfigValue {
        // A list of one map is often written as the map alone.
        let shape = if shape.has_members() {
            shape
        } else {
            shape.element()
        };
        if shape.has_members() {
            self.members(members, &|key| shape.member(key))
        } else {
            self.withhold(yaml_value, Reason::Unexpected)
        }
    }

    fn list(&mut self, key: &str, shape: &'static KeyShape, elements: &[Value]) -> ConfigValue {
        let mut kept_values = Vec::new();
        for (position, element) in elements.iter().enumerate() {
            self.path.push(PathStep::Element(position));
            if position < CONFIG_LIST_MAX
                && !shape.has_elements()
                && choice(shape, element).is_none()
            {
                // The schema knows no list here, so nothing is known of its elements; a row of numbers may be a text.
                kept_values.push(self.withhold(element, Reason::Unexpected));
            } else if position < CONFIG_LIST_MAX {
                kept_values.extend(self.value(key, shape.element(), element));
            } else if position == CONFIG_LIST_MAX {
                self.withhold(element, Reason::Excess);
                kept_values.push(ConfigValue::Text(PublicStr::constant("<more>")));
            } else {
                self.remember_all(element);
            }
            self.path.pop();
        }
        ConfigValue::List(kept_values)
    }

    fn scalar(&mut self, key: &str, shape: &'static KeyShape, yaml_value: &Value) -> ConfigValue {
        if let Some(word) = choice(shape, yaml_value) {
            return ConfigValue::Text(word);
        }
        if let Value::String(yaml_text) = yaml_value
            && lists::MODEL_KEYS.contains(&key)
        {
            return match ModelId::parse(yaml_text) {
                Some(id) if !id.as_paths().into_iter().any(self.exists) => {
                    if !id.is_known() {
                        self.withhold(yaml_value, Reason::Model);
                    }
                    ConfigValue::Text(id.public())
                }
                _ => self.withhold(yaml_value, Reason::Model),
            };
        }
        if let Value::Bool(value) = yaml_value {
            return ConfigValue::Boolean(*value);
        }
        if shape.number()
            && let Some(number) = scalar::number(yaml_value)
        {
            if is_private(key) {
                return self.withhold(yaml_value, Reason::PrivateKey);
            }
            return match bounded(&number) {
                Some(number) => number,
                None => self.withhold(yaml_value, Reason::LargeNumber),
            };
        }
        if shape.boolean()
            && let Some(value) = scalar::boolean(yaml_value)
        {
            return ConfigValue::Boolean(value);
        }
        if yaml_value.is_string() {
            return self.withhold(yaml_value, Reason::Text);
        }
        self.withhold(yaml_value, Reason::Unexpected)
    }

    /// A constant in the place of the value, which is remembered for the last gate.
    fn withhold(&mut self, yaml_value: &Value, reason: Reason) -> ConfigValue {
        self.remember_all(yaml_value);
        if self.redactions.len() < CONFIG_VALUES_MAX {
            self.redactions.push(Redaction {
                path: self.place(),
                reason,
            });
        }
        ConfigValue::Text(PublicStr::constant(match yaml_value {
            Value::Number(_) => "<num>",
            Value::Mapping(_) => "<map>",
            Value::Sequence(_) => "<list>",
            _ => "<str>",
        }))
    }

    fn place(&self) -> PublicStr {
        let mut place = PublicText::new();
        for (position, step) in self.path.iter().enumerate() {
            match step {
                PathStep::Key(key) if position == 0 => place.public(key),
                PathStep::Key(key) => place.constant(".").public(key),
                PathStep::Element(index) => place
                    .constant("[")
                    .integer(u64::try_from(*index).unwrap_or(u64::MAX))
                    .constant("]"),
            };
        }
        place.finish()
    }

    fn remember(&mut self, yaml_text: Option<&str>) {
        let Some(yaml_text) = yaml_text else { return };
        if self.withheld.len() < CONFIG_WITHHELD_MAX {
            self.withheld.push(yaml_text.to_owned());
        }
    }

    fn remember_all(&mut self, yaml_value: &Value) {
        match yaml_value {
            Value::String(yaml_text) => self.remember(Some(yaml_text)),
            Value::Sequence(elements) => {
                for element in elements {
                    self.remember_all(element);
                }
            }
            Value::Mapping(members) => {
                for (key, value) in members {
                    self.remember(key.as_str());
                    self.remember_all(value);
                }
            }
            _ => {}
        }
    }
}

/// The public word of the key that the value is.
fn choice(shape: &'static KeyShape, yaml_value: &Value) -> Option<PublicStr> {
    match yaml_value {
        Value::String(yaml_text) => shape.choice(yaml_text),
        // Some public words are digits, and YAML makes numbers of them.
        Value::Number(number) if !shape.number() && number.is_i64() => {
            shape.choice(&number.to_string())
        }
        _ => None,
    }
}

/// The numbers in a list and in the lists of it.
fn numbers_in_row(yaml_value: &Value) -> usize {
    match yaml_value {
        Value::Sequence(elements) => elements.iter().map(numbers_in_row).sum(),
        scalar => usize::from(scalar::number(scalar).is_some()),
    }
}

fn is_private(key: &str) -> bool {
    let mut prefixes = lists::PRIVATE_KEY_PREFIXES.iter();
    let mut words = key.split('_');
    lists::PRIVATE_KEYS.contains(&key)
        || prefixes.any(|prefix| key.starts_with(prefix))
        || words.any(|word| lists::PRIVATE_KEY_WORDS.contains(&word))
}

/// The number, if it is too small and too coarse to be anybody's.
fn bounded(number: &serde_yaml::Number) -> Option<ConfigValue> {
    if let Some(whole) = number.as_i64() {
        // A whole number of seven digits may still be a telephone number; a count that large is a round one.
        let is_round = whole % 1000 == 0 || whole % 1024 == 0;
        let size = whole.unsigned_abs();
        if size < 1_000_000 || (is_round && size < CONFIG_INTEGER_MAX) {
            return Some(ConfigValue::Integer(whole));
        }
        return None;
    }
    let number = number.as_f64()?;
    if let Some(word) = non_finite(number) {
        return Some(ConfigValue::Text(word));
    }
    if number.abs() >= CONFIG_NUMBER_MAX {
        return None;
    }
    let rounded = format!("{number:.*e}", CONFIG_NUMBER_DIGITS - 1);
    let number = value::Number::new(rounded.parse().ok()?)?;
    Some(ConfigValue::Number(number))
}

fn planned(members: &Mapping) -> Planned {
    let number = |key: &str| scalar::number(members.get(key)?);
    let count = |key: &str| number(key)?.as_u64().filter(|number| *number > 0);
    let epochs = number("num_epochs").and_then(|number| number.as_f64());
    Planned {
        num_epochs: epochs.filter(|number| number.is_finite() && *number > 0.0),
        max_steps: count("max_steps"),
        logging_steps: count("logging_steps"),
        gradient_accumulation_steps: count("gradient_accumulation_steps"),
        micro_batch_size: count("micro_batch_size"),
    }
}
