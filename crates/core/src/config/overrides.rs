//! Overrides of the command line, put into the tree as Axolotl puts them into its configuration.
//!
//! Axolotl takes `--learning-rate 1e-4` and `--trl.beta 0.1`, in two levels at the most, and coerces the text to what
//! the file had there. What the value means is decided later, by the schema; here it only takes its place.

use super::parse::Node;
use super::scalar;

type Members = Vec<(Option<String>, Node)>;

/// Applies the overrides, in order; a later one wins. A tree that is no map is left alone.
pub(super) fn apply(tree: &mut Node, overrides: &[(String, String)]) {
    let Node::Map(members) = tree else { return };
    // With `strict`, Axolotl ignores overrides of keys that the file does not have.
    let strict = find(members, "strict").is_some_and(|value| scalar::boolean(value) == Some(true));
    for (key, text) in overrides {
        let (parent, child) = key
            .split_once('.')
            .map_or((key.as_str(), None), |(parent, child)| {
                (parent, Some(child))
            });
        if strict && find(members, parent).is_none() {
            continue;
        }
        let Some(child) = child else {
            set(members, parent, text);
            continue;
        };
        change(members, parent, |value| {
            if !matches!(value, Node::Map(_)) {
                *value = Node::Map(Vec::new());
            }
            if let Node::Map(members) = value {
                set(members, child, text);
            }
        });
    }
}

fn find<'a>(members: &'a Members, key: &str) -> Option<&'a Node> {
    members
        .iter()
        .find(|(name, _)| name.as_deref() == Some(key))
        .map(|(_, value)| value)
}

/// Changes the value of a key, which is there afterwards.
fn change(members: &mut Members, key: &str, change: impl FnOnce(&mut Node)) {
    if let Some((_, value)) = members
        .iter_mut()
        .find(|(name, _)| name.as_deref() == Some(key))
    {
        return change(value);
    }
    let mut value = Node::Null;
    change(&mut value);
    members.push((Some(key.to_owned()), value));
}

fn set(members: &mut Members, key: &str, text: &str) {
    let nothing = matches!(text.to_ascii_lowercase().as_str(), "null" | "none" | "~");
    change(members, key, |value| {
        *value = if nothing && *value == Node::Null {
            Node::Null
        } else {
            Node::Text(text.to_owned())
        };
    });
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
            ("[a]", vec![("a", "2")], "[a]"),
        ] {
            let mut tree = parse(yaml).unwrap();
            let overrides: Vec<_> = overrides
                .into_iter()
                .map(|(key, text)| (key.to_owned(), text.to_owned()))
                .collect();
            apply(&mut tree, &overrides);
            assert_eq!(tree, parse(expected).unwrap(), "{yaml} with {overrides:?}");
        }
    }
}
