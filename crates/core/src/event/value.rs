//! What a field may hold, and the one way to declare a field.
//!
//! The macro [`fields!`](crate::event::value::fields) declares a struct together with its schema; serde writes and reads
//! it by the same names, so that the four cannot drift apart. Every field is optional: what is unknown is absent, never 0.
//!
//! [`Sendable`] is the compile-time half of the privacy promise: it is implemented for public strings, booleans,
//! bounded numbers and collections of these, and for nothing else. What is read back comes from a file that may hold
//! anything: a value of another kind is unknown. Text that was read is a `String`, which is not sendable, so an event
//! that was read can never be sent without being judged again.

use crate::public::{PublicStr, version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One field of the published list.
#[derive(Clone)]
pub struct Field {
    /// Its name on the wire; `<i>`, `<n>` and `<package>` are holes for an index, a number and a listed package.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Why it is collected, and its unit.
    pub why: &'static str,
}

/// What a field holds.
#[derive(Clone)]
pub enum FieldKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A finite number.
    Number,
    /// Public text: a constant, a name of the public dictionary, or a formatted number.
    Text,
    /// Several of one kind.
    List(Box<Self>),
    /// Named members.
    Object(Vec<Field>),
    /// Known configuration keys with vetted values.
    Config,
}

impl FieldKind {
    /// The kind in words, for the published list.
    pub fn name(&self) -> String {
        match self {
            Self::Boolean => "boolean".into(),
            Self::Integer => "integer".into(),
            Self::Number => "number".into(),
            Self::Text => "public text".into(),
            Self::List(kind) => format!("list of {}", kind.name()),
            Self::Object(_) => "object".into(),
            Self::Config => "configuration".into(),
        }
    }

    /// The fields of an object, or of the objects in a list.
    pub fn members(&self) -> &[Field] {
        match self {
            Self::Object(fields) => fields,
            Self::List(kind) => kind.members(),
            _ => &[],
        }
    }

    /// What of a value that was read is of this kind.
    fn fitting(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Boolean, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::Config, _) => {}
            (Self::Integer, Value::Number(number)) if number.is_u64() => {}
            // An empty text says nothing.
            (Self::Text, Value::String(text)) if !text.is_empty() => {}
            (Self::List(kind), Value::Array(values)) => {
                return Some(
                    values
                        .iter()
                        .filter_map(|value| kind.fitting(value))
                        .collect(),
                );
            }
            (Self::Object(fields), Value::Object(members)) => {
                return Some(gathered(fields, members));
            }
            _ => return None,
        }
        Some(value.clone())
    }
}

/// A value that may leave the machine.
pub trait Sendable: Serialize {
    /// What the value looks like on the wire.
    fn kind() -> FieldKind;

    /// The value on the wire.
    fn json(&self) -> Value {
        // Finite numbers and texts under names cannot fail to be written.
        spread(serde_json::to_value(self).unwrap_or_default())
    }
}

/// Reads a struct of these fields from members that were written down; a member of another kind is unknown.
pub fn read<R: DeserializeOwned>(fields: &[Field], members: &Map<String, Value>) -> Option<R> {
    serde_json::from_value(gathered(fields, members)).ok()
}

/// The two types of text: [`PublicStr`], which can be sent, and `String`, which was read.
pub trait Text: Ord + AsRef<str> {}

impl Text for PublicStr {}
impl Text for String {}

/// A finite number; JSON has no other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number(f64);

impl Number {
    /// None for NaN and the infinities.
    pub fn new(number: f64) -> Option<Self> {
        if number.is_finite() {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// How a number that JSON cannot say is written down: a diverging run is the one worth hearing about.
pub fn non_finite(number: f64) -> Option<PublicStr> {
    match number {
        n if n.is_nan() => Some(PublicStr::constant("nan")),
        f64::INFINITY => Some(PublicStr::constant("inf")),
        f64::NEG_INFINITY => Some(PublicStr::constant("-inf")),
        _ => None,
    }
}

impl Sendable for bool {
    fn kind() -> FieldKind {
        FieldKind::Boolean
    }
}

impl Sendable for u64 {
    fn kind() -> FieldKind {
        FieldKind::Integer
    }
}

impl Sendable for Number {
    fn kind() -> FieldKind {
        FieldKind::Number
    }
}

impl Sendable for PublicStr {
    fn kind() -> FieldKind {
        FieldKind::Text
    }
}

impl<T: Sendable> Sendable for Vec<T> {
    fn kind() -> FieldKind {
        FieldKind::List(Box::new(T::kind()))
    }
}

/// One member for each index or number (`gpu_<i>_memory_bytes`), spread into the object that holds it.
pub type PerIndex<T> = BTreeMap<u32, T>;
/// One member for each package of the public list (`<package>_version`).
pub type PerPackage<T> = BTreeMap<T, T>;

impl<T: Sendable> Sendable for PerIndex<T> {
    fn kind() -> FieldKind {
        T::kind()
    }
}

impl<T: Sendable + Text> Sendable for PerPackage<T> {
    fn kind() -> FieldKind {
        FieldKind::Text
    }
}

/// Digits of an index.
const INDEX_DIGITS_MAX: usize = 6;

impl Field {
    /// What fills the hole in the name, where this is the field of a member: nothing where there is no hole.
    pub fn filling<'a>(&self, member: &'a str) -> Option<&'a str> {
        let Some((before, hole, after)) = hole(self.name) else {
            return if self.name == member { Some("") } else { None };
        };
        let filling = member.strip_prefix(before)?.strip_suffix(after)?;
        let fits = match hole {
            "package" => version::PACKAGES.contains(&filling),
            _ => {
                let digits = filling.parse::<u32>().ok()?.to_string();
                digits == filling && digits.len() <= INDEX_DIGITS_MAX
            }
        };
        if fits { Some(filling) } else { None }
    }
}

/// What is before the hole in a name, the hole's own name, and what is behind it.
fn hole(listed: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = listed.split_once('<')?;
    let (hole, after) = rest.split_once('>')?;
    Some((before, hole, after))
}

/// The value with the members of a map in the object that holds it: `gpu_<i>_memory_bytes` becomes one for each GPU.
fn spread(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(spread).collect(),
        Value::Object(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                match (hole(&name), value) {
                    (Some((before, _, after)), Value::Object(filled)) => {
                        for (key, value) in filled {
                            object.insert(format!("{before}{key}{after}"), value);
                        }
                    }
                    (_, value) => {
                        object.insert(name, spread(value));
                    }
                }
            }
            object.into()
        }
        value => value,
    }
}

/// The way back: of members that were read those that fit their field, and one map for each name with a hole.
fn gathered(fields: &[Field], members: &Map<String, Value>) -> Value {
    let mut object = Map::new();
    for (name, value) in members {
        for field in fields {
            let Some(filling) = field.filling(name) else {
                continue;
            };
            let Some(value) = field.kind.fitting(value) else {
                continue;
            };
            let place = object.entry(field.name).or_insert(Value::Null);
            if filling.is_empty() {
                *place = value;
            } else {
                // Null becomes an object here.
                place[filling] = value;
            }
        }
    }
    object.into()
}

/// Declares a struct of fields: `"name on the wire" => rust_name: Type, "why it is collected";`.
///
/// A struct with text has a parameter for its type, which is [`PublicStr`] unless it was read.
macro_rules! fields {
    ($(#[$meta:meta])* pub struct $name:ident $(<$text:ident>)? {
        $($wire:literal => $field:ident : $kind:ty, $why:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name $(<$text: $crate::event::value::Text = $crate::public::PublicStr>)? {
            $(
                #[doc = $why]
                #[serde(rename = $wire, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$kind>,
            )*
        }

        impl $(<$text: $crate::event::value::Text>)? Default for $name $(<$text>)? {
            fn default() -> Self {
                Self { $($field: None,)* }
            }
        }

        impl $(<$text: $crate::event::value::Sendable + $crate::event::value::Text>)?
            $crate::event::value::Sendable for $name $(<$text>)?
        {
            fn kind() -> $crate::event::value::FieldKind {
                $crate::event::value::FieldKind::Object(vec![$($crate::event::value::Field {
                    name: $wire,
                    kind: <$kind as $crate::event::value::Sendable>::kind(),
                    why: $why,
                },)*])
            }
        }
    };
}
pub(crate) use fields;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MemoryReport;

    #[test]
    fn a_number_that_json_cannot_say_is_refused_and_has_a_name() {
        for (number, name) in [
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(Number::new(number), None);
            assert_eq!(
                non_finite(number).as_ref().map(PublicStr::as_str),
                Some(name)
            );
        }
        assert_eq!(Number::new(1.5).map(Number::get), Some(1.5));
        assert_eq!(non_finite(1.5), None);
    }

    #[test]
    fn one_member_per_index_spreads_into_its_object() {
        let report = MemoryReport {
            gpu_memory_bytes: Some(BTreeMap::from([(0, 5), (3, 7)])),
            ..MemoryReport::default()
        };
        let mut written = report.json();
        let expected = serde_json::json!({"gpu_0_memory_bytes": 5, "gpu_3_memory_bytes": 7});
        assert_eq!(written, expected);
        for odd in [
            "gpu_x_memory_bytes",
            "gpu_9999999_memory_bytes",
            "gpu_1_memory",
            "gpu_01_memory_bytes",
        ] {
            written[odd] = 1.into();
        }
        written["gpu_1_memory_bytes"] = Value::Null;
        let read = read(MemoryReport::kind().members(), written.as_object().unwrap());
        assert_eq!(read, Some(report));
    }
}
