//! Numbers and switches as Axolotl ends up reading them.
//!
//! A learning rate of `5e-5` is text to PyYAML, `500_000` is a number to it and text to others, and `yes` is a switch.
//! None of this matters to the training, because Axolotl's schema coerces; so this module coerces too, where the
//! schema says what the key wants.

use serde_yaml::{Number, Value};

/// The number that a value is, for a key that wants one.
pub fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => number_of_text(text.trim()),
        _ => None,
    }
}

/// The switch that a value is, for a key that wants one.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => match number.as_i64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn number_of_text(text: &str) -> Option<Number> {
    // 40 characters are more than any number of a configuration has; letters beyond e, x and hexadecimal digits
    // would only be `inf`, `nan` and their like, which are left to YAML's own spelling.
    let plain = text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if !plain {
        return None;
    }
    let digits = text.replace('_', "");
    let octal = digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if octal {
        return i64::from_str_radix(&digits, 8).ok().map(Number::from);
    }
    if let Ok(integer) = digits.parse::<i64>() {
        return Some(integer.into());
    }
    if digits
        .trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return None;
    }
    digits.parse::<f64>().ok().map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_schema_coerces_them() {
        for (text, expected) in [
            ("5e-5", Some(Number::from(5e-5))),
            ("2E-4", Some(Number::from(2e-4))),
            (" 0.1 ", Some(Number::from(0.1))),
            ("500_000", Some(Number::from(500_000))),
            ("+3", Some(Number::from(3))),
            ("-3", Some(Number::from(-3))),
            (".5", Some(Number::from(0.5))),
            ("1.", Some(Number::from(1.0))),
            ("010", Some(Number::from(8))),
            ("090", Some(Number::from(90))),
            ("0", Some(Number::from(0))),
            ("", None),
            ("inf", None),
            ("-inf", None),
            ("+nan", None),
            ("nan", None),
            ("infinity", None),
            ("5e-5x", None),
            ("1:30", None),
            ("12 34", None),
            ("1234567890123456789012345678901234567890123", None),
        ] {
            assert_eq!(number(&Value::from(text)), expected, "{text:?}");
        }
        assert_eq!(number(&Value::from(true)), None);
    }

    #[test]
    fn switches_are_read_as_the_schema_coerces_them() {
        for (value, expected) in [
            (Value::from(true), Some(true)),
            (Value::from(0), Some(false)),
            (Value::from(2), None),
            (Value::from("yes"), Some(true)),
            (Value::from("Off"), Some(false)),
            (Value::from("auto"), None),
            (Value::from(1.0), None),
            (Value::Null, None),
        ] {
            assert_eq!(boolean(&value), expected, "{value:?}");
        }
    }
}
