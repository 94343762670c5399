//! A configuration file as a tree, read without trusting it.
//!
//! YAML is more than data: tags name Python classes, aliases make a kilobyte of text unfold into gigabytes,
//! documents follow each other. This reader keeps to what Axolotl's own (`yaml.safe_load`) accepts: one document, no
//! tags, the last of two equal keys wins, `<<` merges. Depth, values and text are counted while they are read, with
//! aliases followed, so that the bound holds before the memory is spent. What is too large is no configuration.
//!
//! A tree is the user's text. It stays within [`config`](super): [`vet`](super::vet) decides what may be said of it.

use crate::knowledge::lists;
use crate::limits;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_yaml::{Mapping, Value};
use std::cell::Cell;
use std::fmt;

/// Depth of a configuration file that is still read; Axolotl's own files nest 5 deep.
const CONFIG_PARSE_DEPTH_MAX: usize = 64;
/// Values of a configuration once its aliases are followed; Axolotl's largest example has 200.
const CONFIG_NODES_MAX: usize = 50_000;
/// Brackets that may be open at once.
const CONFIG_BRACKETS_MAX: usize = 1000;
/// Bytes of text of a configuration once its aliases are followed; a prompt template has a few KiB.
const CONFIG_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

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
pub fn parse(yaml: &str) -> Result<Value, ConfigProblem> {
    if u64::try_from(yaml.len()).is_ok_and(|length| length > limits::CONFIG_FILE_BYTES_MAX)
        || is_too_complex(yaml, CONFIG_NODES_MAX, CONFIG_BRACKETS_MAX)
    {
        return Err(ConfigProblem::Size);
    }
    if has_foreign_tag(yaml) {
        return Err(ConfigProblem::Syntax);
    }
    let budget = Budget {
        nodes: Cell::new(CONFIG_NODES_MAX),
        bytes: Cell::new(CONFIG_TEXT_BYTES_MAX),
        exhausted: Cell::new(false),
    };
    let seed = Seed {
        budget: &budget,
        depth: CONFIG_PARSE_DEPTH_MAX,
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

/// Whether a text of YAML has more values than these, or nests deeper, by a count of the signs that begin a value. It
/// is asked before the parser starts: that one holds every value before the first is looked at, and its work on open
/// brackets grows with the square of their number. Signs within texts are counted, too; no configuration has as many.
pub fn is_too_complex(yaml: &str, nodes_max: usize, open_brackets_max: usize) -> bool {
    let mut nodes = 0_usize;
    let mut open_brackets = 0_usize;
    for line in yaml.split(['\n', '\r']) {
        let begins_value = |word: &&str| matches!(*word, "-" | "?" | ":");
        let decorates = |word: &str| word.starts_with(['&', '!']);
        let words = || line.split_ascii_whitespace();
        // `- - - x` nests once for each sign.
        let nested = words().take_while(|word| begins_value(word) || decorates(word));
        if nested.filter(begins_value).count() > CONFIG_PARSE_DEPTH_MAX {
            return true;
        }
        nodes += 1 + words().filter(begins_value).count();
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => {
                    open_brackets += 1;
                    nodes += 1;
                }
                b']' | b'}' => open_brackets = open_brackets.saturating_sub(1),
                b',' => nodes += 1,
                _ => {}
            }
            if open_brackets > open_brackets_max {
                return true;
            }
        }
        if nodes > nodes_max {
            return true;
        }
    }
    false
}

/// Whether a tag stands where one can stand that is none of those that `yaml.safe_load` knows, or a directive, which may
/// give tags other names. The parser passes over tags of the language itself (`!!python/name:…`), so they are looked for
/// in the text; a sentence that looks like one costs the configuration, and a doubt should.
fn has_foreign_tag(yaml: &str) -> bool {
    let foreign = |(at, sign): (usize, &str)| {
        let (before, tag) = yaml.split_at_checked(at).unwrap_or(("", yaml));
        let name = tag
            .trim_start_matches(sign)
            .split(|end: char| end.is_whitespace() || ",]}".contains(end))
            .next();
        let begins = before.is_empty()
            || before.ends_with(|last: char| last.is_whitespace() || "[{,".contains(last));
        begins && !name.is_some_and(|name| lists::YAML_TAGS.contains(&name))
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
        let Some(left) = from.get().checked_sub(amount) else {
            return Err(self.exhaust());
        };
        from.set(left);
        Ok(())
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.take(&self.budget.nodes, 1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("YAML without tags")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    // So large a number is only ever found to be too large.
    fn visit_i128<E>(self, _value: i128) -> Result<Value, E> {
        Ok(f64::MIN.into())
    }

    fn visit_u128<E>(self, _value: u128) -> Result<Value, E> {
        Ok(f64::MAX.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.budget.take(&self.budget.bytes, value.len())?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(below)? {
            elements.push(element);
        }
        Ok(Value::Sequence(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut members = Mapping::new();
        while let Some(key) = access.next_key_seed(below)? {
            // A key's name, as Axolotl would compare it.
            let key = match key {
                Value::Number(number) => number.to_string().into(),
                Value::Bool(value) => value.to_string().into(),
                key => key,
            };
            members.insert(key, access.next_value_seed(below)?);
        }
        // What is written out wins over what is merged, and of several merged maps the first.
        let sources = match members.shift_remove("<<") {
            None => Vec::new(),
            Some(Value::Sequence(sources)) => sources,
            Some(source) => vec![source],
        };
        for source in sources {
            let Value::Mapping(source) = source else {
                return Err(A::Error::custom("a merge of no map"));
            };
            for (key, value) in source {
                members.entry(key).or_insert(value);
            }
        }
        Ok(Value::Mapping(members))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _access: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("a tag"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::time::Instant;

    fn text(text: &str) -> Value {
        Value::from(text)
    }

    fn map(members: &[(&str, Value)]) -> Value {
        let members = members.iter().cloned();
        Value::Mapping(members.map(|(key, value)| (key.into(), value)).collect())
    }

    #[test]
    fn what_safe_load_reads_is_read() {
        for (yaml, expected) in [
            ("a: 1", map(&[("a", Value::from(1))])),
            ("\u{feff}a: 1", map(&[("a", Value::from(1))])),
            ("a:", map(&[("a", Value::Null)])),
            (
                "a: [1, x]",
                map(&[("a", Value::Sequence(vec![Value::from(1), text("x")]))]),
            ),
            (
                "a: 1\nb: 2\na: 3",
                map(&[("b", Value::from(2)), ("a", Value::from(3))]),
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
                map(&[("b", map(&[("l", Value::from(2)), ("k", Value::from(3))]))]),
            ),
            (
                "b: {<<: [{k: 1}, {k: 2}]}",
                map(&[("b", map(&[("k", Value::from(1))]))]),
            ),
            ("1: a", map(&[("1", text("a"))])),
            (
                "a: !!int 3\nb: !!str x",
                map(&[("a", Value::from(3)), ("b", text("x"))]),
            ),
            ("a: stop!!now", map(&[("a", text("stop!!now"))])),
            (
                "[1, 2]: a",
                Value::Mapping(Mapping::from_iter([(Value::from(vec![1, 2]), text("a"))])),
            ),
            (
                "a: 123456789012345678901",
                map(&[("a", Value::from(f64::MAX))]),
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
        let dashes = "- ".repeat(500_000);
        let questions = "? ".repeat(500_000);
        let anchored = "- &a ".repeat(150_000);
        let lines = "- \n".repeat(300_000);
        let file = " ".repeat(2_000_000);
        for yaml in [
            laughs, long, deep, indented, wide, file, dashes, questions, anchored, lines,
        ] {
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
