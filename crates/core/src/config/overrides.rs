//! Overrides of the command line, put into the tree as Axolotl puts them into its configuration.
//!
//! Axolotl takes `--learning-rate 1e-4` and `--trl.beta 0.1`, in two levels at the most, and coerces the text to what
//! the file had there. What the value means is decided later, by the schema; here it only takes its place.

use super::scalar;
use serde_yaml::{Mapping, Value};

/// Applies the overrides, in order; a later one wins.
pub fn apply(members: &mut Mapping, overrides: &[(String, String)]) {
    // With `strict`, Axolotl ignores overrides of keys that the file does not have.
    let strict = members.get("strict").and_then(scalar::boolean) == Some(true);
    for (key, text) in overrides {
        let (parent, child) = match key.split_once('.') {
            Some((parent, child)) => (parent, Some(child)),
            None => (key.as_str(), None),
        };
        if strict && !members.contains_key(parent) {
            continue;
        }
        let Some(child) = child else {
            set(members, parent, text);
            continue;
        };
        let group = members.entry(parent.into()).or_insert(Value::Null);
        if !group.is_mapping() {
            *group = Mapping::new().into();
        }
        if let Value::Mapping(group) = group {
            set(group, child, text);
        }
    }
}

fn set(members: &mut Mapping, key: &str, text: &str) {
    let value = members.entry(key.into()).or_insert(Value::Null);
    let is_nothing = matches!(text.to_ascii_lowercase().as_str(), "null" | "none" | "~");
    if !is_nothing || !value.is_null() {
        *value = text.into();
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn an_override_takes_the_place_of_the_file_s_value() {
        for (yaml, overrides, expected) in [
            ("a: 1", vec![("a", "2")], "a: '2'"),
            ("a: 1", vec![("b", "2")], "{a: 1, b: '2'}"),
            ("a: 1", vec![("a", "2"), ("a", "3")], "a: '3'"),
            (
                "a: {c: 1}",
                vec![("a.c", "2"), ("a.d", "3")],
                "a: {c: '2', d: '3'}",
            ),
            ("a: 1", vec![("a.c", "2")], "a: {c: '2'}"),
            ("a: 1", vec![("b.c", "2")], "{a: 1, b: {c: '2'}}"),
            ("a: 1", vec![("b", "none")], "{a: 1, b: ~}"),
            ("a: 1", vec![("a", "none")], "a: none"),
            (
                "{strict: true, a: 1}",
                vec![("b", "2"), ("c.d", "2"), ("a", "2")],
                "{strict: true, a: '2'}",
            ),
        ] {
            let mut tree = parse(yaml).unwrap();
            let overrides: Vec<_> = overrides
                .into_iter()
                .map(|(key, text)| (key.to_owned(), text.to_owned()))
                .collect();
            apply(tree.as_mapping_mut().unwrap(), &overrides);
            assert_eq!(tree, parse(expected).unwrap(), "{yaml} with {overrides:?}");
        }
    }
}
