//! The schema gate: compares the final JSON of an event with the published list and names what does not belong.
//!
//! It is defence in depth behind the types, and the only guard of events that are read back from disk.

use super::list::{EventName, common_fields};
use super::value::{Field, FieldKind};
use crate::limits;
use crate::public::config_keys;
use serde_json::{Map, Value};

/// Elements of a list in an event; the longest are configuration lists.
const EVENT_LIST_MAX: usize = 1024;

/// Why the schema gate refused an event. It names a field of the list or our own rule, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A name that the list does not have, below this event or field.
    Unlisted(&'static str),
    /// The value of this field is of another kind.
    Kind(&'static str),
    /// The value of this field is longer, or nested deeper, than anything we make.
    Size(&'static str),
}

/// Checks an event's properties against the published list.
///
/// # Errors
/// The first violation found.
pub fn check(event: EventName, properties: &Map<String, Value>) -> Result<(), Violation> {
    let mut fields = common_fields();
    fields.extend(event.fields());
    check_object(event.as_str(), &fields, properties)
}

fn check_object(
    owner: &'static str,
    fields: &[Field],
    member_values: &Map<String, Value>,
) -> Result<(), Violation> {
    for (name, value) in member_values {
        let field = fields
            .iter()
            .find(|field| field.filling(name).is_some())
            .ok_or(Violation::Unlisted(owner))?;
        check_value(field.name, &field.kind, value)?;
    }
    Ok(())
}

fn check_value(
    name: &'static str,
    expected_kind: &FieldKind,
    value: &Value,
) -> Result<(), Violation> {
    match (expected_kind, value) {
        (_, Value::Null)
        | (FieldKind::Boolean, Value::Bool(_))
        | (FieldKind::Number, Value::Number(_)) => Ok(()),
        (FieldKind::Integer, Value::Number(number)) if number.is_u64() => Ok(()),
        (FieldKind::Text, Value::String(text)) => check_text(name, text),
        (FieldKind::List(element), Value::Array(values)) => {
            if values.len() > EVENT_LIST_MAX {
                return Err(Violation::Size(name));
            }
            for value in values {
                check_value(name, element, value)?;
            }
            Ok(())
        }
        (FieldKind::Object(fields), Value::Object(member_values)) => {
            check_object(name, fields, member_values)
        }
        (FieldKind::Config, value) => check_configuration(name, value, limits::CONFIG_DEPTH_MAX),
        _ => Err(Violation::Kind(name)),
    }
}

fn check_configuration(name: &'static str, value: &Value, depth: usize) -> Result<(), Violation> {
    let depth = depth.checked_sub(1).ok_or(Violation::Size(name))?;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => check_text(name, text),
        Value::Array(values) => {
            for value in values {
                check_configuration(name, value, depth)?;
            }
            Ok(())
        }
        Value::Object(member_values) => {
            for (key, value) in member_values {
                if !config_keys::is_key(key) {
                    return Err(Violation::Unlisted(name));
                }
                check_configuration(name, value, depth)?;
            }
            Ok(())
        }
    }
}

fn check_text(name: &'static str, text: &str) -> Result<(), Violation> {
    let printable = text
        .chars()
        .all(|character| character == '\n' || !character.is_control());
    if printable && text.len() <= limits::EVENT_TEXT_BYTES_MAX {
        Ok(())
    } else {
        Err(Violation::Size(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(event: EventName, properties: &Value) -> Result<(), Violation> {
        check(event, properties.as_object().unwrap())
    }

    #[test]
    fn what_the_list_has_passes_and_what_it_has_not_is_named() {
        use EventName::{Progress, Start};
        for (event, properties, expected) in [
            (
                Progress,
                json!({"step": 3, "loss": 1.5, "memory": {"gpu_0_memory_bytes": 7}}),
                Ok(()),
            ),
            (Progress, json!({"loss": null, "loss_repr": "nan"}), Ok(())),
            (
                Progress,
                json!({"stepp": 3}),
                Err(Violation::Unlisted("progress")),
            ),
            (
                Progress,
                json!({"step": "three"}),
                Err(Violation::Kind("step")),
            ),
            (Progress, json!({"step": 1.5}), Err(Violation::Kind("step"))),
            (
                Progress,
                json!({"memory": {"gpu_x_memory_bytes": 7}}),
                Err(Violation::Unlisted("memory")),
            ),
            (
                Start,
                json!({"torch_version": "2.8.0", "mamba-ssm_version": "2.2"}),
                Ok(()),
            ),
            (
                Start,
                json!({"acmecorp_version": "1"}),
                Err(Violation::Unlisted("start")),
            ),
            (
                Start,
                json!({"os": "x\u{1b}[0m"}),
                Err(Violation::Size("os")),
            ),
        ] {
            assert_eq!(verdict(event, &properties), expected, "{properties}");
        }
    }

    #[test]
    fn no_field_is_declared_twice() {
        for event in EventName::ALL {
            let mut names: Vec<_> = common_fields()
                .into_iter()
                .chain(event.fields())
                .map(|field| field.name)
                .collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{event:?}");
        }
    }
}
