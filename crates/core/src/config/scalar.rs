//! Numbers and switches as Axolotl ends up reading them.
//!
//! A learning rate of `5e-5` is text to PyYAML, `500_000` is a number to it and text to others, and `yes` is a switch.
//! None of this matters to the training, because Axolotl's schema coerces; so this module coerces too, where the
//! schema says what the key wants.

use super::parse::Node;

/// The number that a value is, for a key that wants one.
pub(super) fn number(node: &Node) -> Option<Node> {
    match node {
        Node::Integer(_) | Node::Number(_) => Some(node.clone()),
        Node::Text(text) => number_of_text(text.trim()),
        _ => None,
    }
}

/// The switch that a value is, for a key that wants one.
pub(super) fn boolean(node: &Node) -> Option<bool> {
    match node {
        Node::Boolean(value) => Some(*value),
        Node::Integer(number) => match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Node::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn number_of_text(text: &str) -> Option<Node> {
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
        return i64::from_str_radix(&digits, 8).ok().map(Node::Integer);
    }
    if let Ok(integer) = digits.parse() {
        return Some(Node::Integer(integer));
    }
    if digits
        .trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return None;
    }
    digits.parse().ok().map(Node::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_schema_coerces_them() {
        for (text, expected) in [
            ("5e-5", Some(Node::Number(5e-5))),
            ("2E-4", Some(Node::Number(2e-4))),
            (" 0.1 ", Some(Node::Number(0.1))),
            ("500_000", Some(Node::Integer(500_000))),
            ("+3", Some(Node::Integer(3))),
            ("-3", Some(Node::Integer(-3))),
            (".5", Some(Node::Number(0.5))),
            ("1.", Some(Node::Number(1.0))),
            ("010", Some(Node::Integer(8))),
            ("090", Some(Node::Integer(90))),
            ("0", Some(Node::Integer(0))),
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
            assert_eq!(number(&Node::Text(text.to_owned())), expected, "{text:?}");
        }
        assert_eq!(number(&Node::Boolean(true)), None);
    }

    #[test]
    fn switches_are_read_as_the_schema_coerces_them() {
        for (node, expected) in [
            (Node::Boolean(true), Some(true)),
            (Node::Integer(0), Some(false)),
            (Node::Integer(2), None),
            (Node::Text("yes".into()), Some(true)),
            (Node::Text("Off".into()), Some(false)),
            (Node::Text("auto".into()), None),
            (Node::Number(1.0), None),
            (Node::Null, None),
        ] {
            assert_eq!(boolean(&node), expected, "{node:?}");
        }
    }
}
