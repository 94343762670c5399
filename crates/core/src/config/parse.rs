//! A configuration file as a tree, read without trusting it.
//!
//! YAML is more than data: tags name Python classes, aliases make a kilobyte of text unfold into gigabytes,
//! documents follow each other. This reader keeps to what Axolotl's own (`yaml.safe_load`) accepts: one document, no
//! tags, the last of two equal keys wins, `<<` merges. Depth, values and text are counted while they are read, with
//! aliases followed, so that the bound holds before the memory is spent. What is too large is no configuration.
//!
//! A tree is the user's text. It stays within [`config`](super): [`vet`](super::vet) decides what may be said of it.

use crate::limits;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};
use std::cell::Cell;
use std::fmt;

/// A value of the configuration, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Nothing.
    Null,
    /// A switch.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; one that is whole but does not fit is one of these too.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in its order. A key that is not a scalar has no name.
    Map(Vec<(Option<String>, Node)>),
}

/// Why a file is no configuration. Says nothing about its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigProblem {
    /// It is not YAML, or YAML that Axolotl would refuse.
    Syntax,
    /// It is larger, once unfolded, than any configuration.
    Size,
    /// Its top level is not a map.
    NotAMap,
}

/// Reads the one document of a file.
pub(super) fn parse(yaml: &str) -> Result<Node, ConfigProblem> {
    if u64::try_from(yaml.len()).is_ok_and(|length| length > limits::CONFIG_FILE_BYTES_MAX)
        || nests_too_deep(yaml)
    {
        return Err(ConfigProblem::Size);
    }
    if has_foreign_tag(yaml) {
        return Err(ConfigProblem::Syntax);
    }
    let budget = Budget {
        nodes: Cell::new(limits::CONFIG_NODES_MAX),
        bytes: Cell::new(limits::CONFIG_TEXT_BYTES_MAX),
        exhausted: Cell::new(false),
    };
    let seed = Seed {
        budget: &budget,
        depth: limits::CONFIG_PARSE_DEPTH_MAX,
    };
    // Some editors begin a file with a byte order mark.
    let document = serde_yaml::Deserializer::from_str(yaml.trim_start_matches('\u{feff}'));
    seed.deserialize(document).map_err(|_| {
        if budget.exhausted.get() {
            ConfigProblem::Size
        } else {
            ConfigProblem::Syntax
        }
    })
}

/// Whether brackets open without closing, far beyond any configuration: the scanner's work on them grows with the
/// square of their number, so they are counted before it starts.
fn nests_too_deep(yaml: &str) -> bool {
    let mut open = 0_usize;
    yaml.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => open = open.saturating_add(1),
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > 1000
    })
}

/// Whether a tag stands where one can stand that is none of those that `yaml.safe_load` knows, or a directive, which may
/// give tags other names. The parser passes over tags of the language itself (`!!python/name:…`), so they are looked for
/// in the text; a sentence that looks like one costs the configuration, and a doubt should.
fn has_foreign_tag(yaml: &str) -> bool {
    const KNOWN: [&str; 12] = [
        "null",
        "bool",
        "int",
        "float",
        "str",
        "seq",
        "map",
        "binary",
        "timestamp",
        "omap",
        "pairs",
        "set",
    ];
    let foreign = |(at, sign): (usize, &str)| {
        let (before, tag) = yaml.split_at_checked(at).unwrap_or(("", yaml));
        let name = tag
            .trim_start_matches(sign)
            .split(|end: char| end.is_whitespace() || ",]}".contains(end))
            .next();
        let begins = before.is_empty()
            || before.ends_with(|last: char| last.is_whitespace() || "[{,".contains(last));
        begins && !name.is_some_and(|name| KNOWN.contains(&name))
    };
    yaml.lines().any(|line| line.starts_with('%'))
        || ["!!", "!<"]
            .iter()
            .any(|sign| yaml.match_indices(sign).any(foreign))
}

/// What may still be read.
struct Budget {
    nodes: Cell<usize>,
    bytes: Cell<usize>,
    exhausted: Cell<bool>,
}

impl Budget {
    fn take<E: serde::de::Error>(&self, from: &Cell<usize>, amount: usize) -> Result<(), E> {
        match from.get().checked_sub(amount) {
            Some(left) => {
                from.set(left);
                Ok(())
            }
            None => Err(self.exhaust()),
        }
    }

    fn exhaust<E: serde::de::Error>(&self) -> E {
        self.exhausted.set(true);
        E::custom("too large")
    }
}

/// Reads one value, counting.
#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl Seed<'_> {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| self.budget.exhaust())?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.budget.take(&self.budget.nodes, 1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("YAML without tags")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "so large a number is only ever found to be too large"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::Number(value as f64), Node::Integer))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "so large a number is only ever found to be too large"
    )]
    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "so large a number is only ever found to be too large"
    )]
    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        self.budget.take(&self.budget.bytes, value.len())?;
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(below)? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let mut members = Vec::new();
        let mut merged = Vec::new();
        while let Some(key) = access.next_key_seed(below)? {
            let value = access.next_value_seed(below)?;
            match (key, value) {
                (Node::Text(key), value) if key == "<<" => merged.push(value),
                (key, value) => members.push((scalar_text(key), value)),
            }
        }
        for value in merged {
            merge(&mut members, value)?;
        }
        Ok(Node::Map(last_wins(members)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _access: A) -> Result<Node, A::Error> {
        Err(A::Error::custom("a tag"))
    }
}

/// A key's name, as Axolotl would compare it.
fn scalar_text(key: Node) -> Option<String> {
    match key {
        Node::Text(text) => Some(text),
        Node::Integer(number) => Some(number.to_string()),
        Node::Boolean(value) => Some(value.to_string()),
        Node::Number(number) => Some(number.to_string()),
        Node::Null | Node::List(_) | Node::Map(_) => None,
    }
}

/// Adds the members of a `<<` value in front: what is written out wins, and of several merged maps the first.
fn merge<E: serde::de::Error>(
    members: &mut Vec<(Option<String>, Node)>,
    value: Node,
) -> Result<(), E> {
    let sources = match value {
        Node::List(sources) => sources,
        source => vec![source],
    };
    for source in sources {
        let Node::Map(mut inherited) = source else {
            return Err(E::custom("a merge of no map"));
        };
        inherited.append(members);
        *members = inherited;
    }
    Ok(())
}

/// Keeps the last of equal keys, in the order of their last appearance.
fn last_wins(members: Vec<(Option<String>, Node)>) -> Vec<(Option<String>, Node)> {
    let mut seen = std::collections::HashSet::new();
    let mut kept: Vec<_> = members
        .into_iter()
        .rev()
        .filter(|(key, _)| key.is_none() || seen.insert(key.clone()))
        .collect();
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::time::Instant;

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    fn map(members: &[(&str, Node)]) -> Node {
        Node::Map(
            members
                .iter()
                .map(|(key, value)| (Some((*key).to_owned()), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn what_safe_load_reads_is_read() {
        for (yaml, expected) in [
            ("a: 1", map(&[("a", Node::Integer(1))])),
            ("\u{feff}a: 1", map(&[("a", Node::Integer(1))])),
            ("a:", map(&[("a", Node::Null)])),
            (
                "a: [1, x]",
                map(&[("a", Node::List(vec![Node::Integer(1), text("x")]))]),
            ),
            (
                "a: 1\nb: 2\na: 3",
                map(&[("b", Node::Integer(2)), ("a", Node::Integer(3))]),
            ),
            (
                "a: &x {k: v}\nb: *x",
                map(&[
                    ("a", map(&[("k", text("v"))])),
                    ("b", map(&[("k", text("v"))])),
                ]),
            ),
            (
                "b: {<<: {k: 1, l: 2}, k: 3}",
                map(&[(
                    "b",
                    map(&[("l", Node::Integer(2)), ("k", Node::Integer(3))]),
                )]),
            ),
            (
                "b: {<<: [{k: 1}, {k: 2}]}",
                map(&[("b", map(&[("k", Node::Integer(1))]))]),
            ),
            ("1: a", map(&[("1", text("a"))])),
            (
                "a: !!int 3\nb: !!str x",
                map(&[("a", Node::Integer(3)), ("b", text("x"))]),
            ),
            ("a: stop!!now", map(&[("a", text("stop!!now"))])),
            ("[1, 2]: a", Node::Map(vec![(None, text("a"))])),
            (
                "a: 123456789012345678901",
                map(&[("a", Node::Number(123_456_789_012_345_678_901.0))]),
            ),
        ] {
            assert_eq!(parse(yaml), Ok(expected), "{yaml}");
        }
    }

    #[test]
    fn what_safe_load_refuses_is_refused() {
        for yaml in [
            "",
            "a: !!python/name:os.system x",
            "a: !!python/object/apply:os.system [x]",
            "!!python/object:x {}",
            "a: [!<tag:yaml.org,2002:python/name:x> y]",
            "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:x y",
            "a: !secret x",
            "a: 1\n---\na: 2",
            "a: [1",
            "a: b: c",
            "\tx",
            "<<: 1",
            "a: *gone",
            "a: \"\u{1}",
        ] {
            assert_eq!(parse(yaml), Err(ConfigProblem::Syntax), "{yaml}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for level in 1..9 {
            let below = vec![format!("*a{}", level - 1); 9].join(", ");
            let _ = writeln!(laughs, "a{level}: &a{level} [{below}]");
        }
        let long = format!(
            "a: &a {}\nb: [{}]",
            "x".repeat(500_000),
            vec!["*a"; 1000].join(", ")
        );
        let deep = "[".repeat(900_000);
        let indented = (0..200).fold(String::new(), |mut yaml, level| {
            let _ = writeln!(yaml, "{}a:", " ".repeat(level));
            yaml
        });
        let wide = format!("a: [{}]", "1,".repeat(200_000));
        let file = " ".repeat(2_000_000);
        for yaml in [laughs, long, deep, indented, wide, file] {
            let started = Instant::now();
            assert!(parse(&yaml).is_err());
            assert!(
                started.elapsed().as_secs() < 20,
                "{:?} for {}",
                started.elapsed(),
                yaml.get(..20).unwrap_or("")
            );
        }
    }
}
