//! What a field may hold, and the one way to declare a field.
//!
//! The macro [`fields!`](crate::event::value::fields) declares a struct together with its schema, its writer and its
//! reader, so that the four cannot drift apart. Every field is optional: what is unknown is absent, never 0.
//!
//! [`Sendable`] is the compile-time half of the privacy promise: it is implemented for public strings, booleans,
//! bounded numbers and collections of these, and for nothing else. [`Readable`] is the way back from a file that may
//! hold anything: a value of another kind is unknown. Text that was read is a `String`, which is not sendable, so an
//! event that was read can never be sent without being judged again.

use crate::public::{PublicStr, version};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Display;

/// One field of the published list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name on the wire; `<i>`, `<n>` and `<package>` are holes for an index, a number and a listed package.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Why it is collected, and its unit.
    pub why: &'static str,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// A value that may leave the machine.
pub trait Sendable {
    /// What the value looks like on the wire.
    fn kind() -> FieldKind;
    /// The value on the wire.
    fn json(&self) -> Value;
    /// Puts the value into an object; a map with one member per index or package spreads here.
    fn put(&self, name: &str, object: &mut Map<String, Value>) {
        object.insert(name.to_owned(), self.json());
    }
}

/// A value that can be read back.
pub trait Readable: Sized {
    /// The value; None where it is of another kind.
    fn read(value: &Value) -> Option<Self>;
    /// The value among an object's members.
    fn find(name: &str, members: &Map<String, Value>) -> Option<Self> {
        Self::read(members.get(name)?)
    }
}

/// The two types of text: [`PublicStr`], which can be sent, and `String`, which was read.
pub trait Text: Ord + AsRef<str> {}

impl Text for PublicStr {}
impl Text for String {}

/// A struct whose fields are all sendable.
pub trait Fields {
    /// The declared fields, in order.
    fn fields() -> Vec<Field>;
    /// Those that are known, on the wire.
    fn object(&self) -> Map<String, Value>;
}

/// A finite number; JSON has no other.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// None for NaN and the infinities.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
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
    fn json(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Readable for bool {
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Sendable for u64 {
    fn kind() -> FieldKind {
        FieldKind::Integer
    }
    fn json(&self) -> Value {
        Value::from(*self)
    }
}

impl Readable for u64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Sendable for Number {
    fn kind() -> FieldKind {
        FieldKind::Number
    }
    fn json(&self) -> Value {
        Value::from(self.0)
    }
}

impl Readable for Number {
    fn read(value: &Value) -> Option<Self> {
        Self::new(value.as_f64()?)
    }
}

impl Sendable for PublicStr {
    fn kind() -> FieldKind {
        FieldKind::Text
    }
    fn json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Readable for String {
    /// An empty text says nothing.
    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl<T: Sendable> Sendable for Vec<T> {
    fn kind() -> FieldKind {
        FieldKind::List(Box::new(T::kind()))
    }
    fn json(&self) -> Value {
        self.iter().map(Sendable::json).collect()
    }
}

impl<T: Readable> Readable for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        Some(value.as_array()?.iter().filter_map(T::read).collect())
    }
}

/// One member for each key (`gpu_<i>_memory_bytes`, `<package>_version`), spread into the object that holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread<K, T>(pub BTreeMap<K, T>);

/// One member for each index or number.
pub type PerIndex<T> = Spread<u32, T>;
/// One member for each package of the public list.
pub type PerPackage<T> = Spread<&'static str, T>;

/// What fills the hole in a field's name.
pub trait HoleKey: Ord + Display + Sized {
    /// The key, where the text is one.
    fn parse(text: &str) -> Option<Self>;
}

/// Digits of an index.
const INDEX_DIGITS_MAX: usize = 6;

impl HoleKey for u32 {
    fn parse(text: &str) -> Option<Self> {
        let is_index =
            text.len() <= INDEX_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_index { text.parse().ok() } else { None }
    }
}

impl HoleKey for &'static str {
    fn parse(text: &str) -> Option<Self> {
        version::PACKAGES.iter().copied().find(|name| *name == text)
    }
}

impl<K: HoleKey, T: Sendable> Sendable for Spread<K, T> {
    fn kind() -> FieldKind {
        T::kind()
    }
    fn json(&self) -> Value {
        let mut object = Map::new();
        self.put("<>", &mut object);
        object.into()
    }
    fn put(&self, name: &str, object: &mut Map<String, Value>) {
        let (before, _, after) = hole(name).unwrap_or((name, "", ""));
        for (key, value) in &self.0 {
            value.put(&format!("{before}{key}{after}"), object);
        }
    }
}

impl<K: HoleKey, T: Readable> Readable for Spread<K, T> {
    fn read(value: &Value) -> Option<Self> {
        Self::find("<>", value.as_object()?)
    }
    fn find(listed: &str, members: &Map<String, Value>) -> Option<Self> {
        let mut found = BTreeMap::new();
        for (name, value) in members {
            let key = filling(listed, name).and_then(K::parse);
            if let (Some(key), Some(value)) = (key, T::read(value)) {
                found.insert(key, value);
            }
        }
        (!found.is_empty()).then_some(Self(found))
    }
}

/// What is before the hole in a name, the hole's own name, and what is behind it.
fn hole(listed: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = listed.split_once('<')?;
    let (hole, after) = rest.split_once('>')?;
    Some((before, hole, after))
}

/// What fills the hole of a listed name.
fn filling<'a>(listed: &str, name: &'a str) -> Option<&'a str> {
    let (before, _, after) = hole(listed)?;
    name.strip_prefix(before)?.strip_suffix(after)
}

impl Field {
    /// Whether this is the field of a member.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let Some((_, hole, _)) = hole(self.name) else {
            return self.name == name;
        };
        let Some(filling) = filling(self.name, name) else {
            return false;
        };
        match hole {
            "package" => <&str>::parse(filling).is_some(),
            _ => u32::parse(filling).is_some(),
        }
    }
}

/// Declares a struct of fields: `"name on the wire" => rust_name: Type, "why it is collected";`.
///
/// A struct with text has a parameter for its type, which is [`PublicStr`] unless it was read.
macro_rules! fields {
    ($(#[$meta:meta])* pub struct $name:ident $(<$text:ident>)? {
        $($wire:literal => $field:ident : $kind:ty, $why:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name $(<$text = $crate::public::PublicStr>)? {
            $(#[doc = $why] pub $field: Option<$kind>,)*
        }

        impl $(<$text>)? Default for $name $(<$text>)? {
            fn default() -> Self {
                Self { $($field: None,)* }
            }
        }

        impl $(<$text: $crate::event::value::Sendable + $crate::event::value::Text>)?
            $crate::event::value::Fields for $name $(<$text>)?
        {
            fn fields() -> Vec<$crate::event::value::Field> {
                vec![$($crate::event::value::Field {
                    name: $wire,
                    kind: <$kind as $crate::event::value::Sendable>::kind(),
                    why: $why,
                },)*]
            }

            fn object(&self) -> serde_json::Map<String, serde_json::Value> {
                let mut object = serde_json::Map::new();
                $(if let Some(value) = &self.$field {
                    $crate::event::value::Sendable::put(value, $wire, &mut object);
                })*
                object
            }
        }

        impl $(<$text: $crate::event::value::Sendable + $crate::event::value::Text>)?
            $crate::event::value::Sendable for $name $(<$text>)?
        {
            fn kind() -> $crate::event::value::FieldKind {
                $crate::event::value::FieldKind::Object(<Self as $crate::event::value::Fields>::fields())
            }
            fn json(&self) -> serde_json::Value {
                serde_json::Value::Object($crate::event::value::Fields::object(self))
            }
        }

        impl $(<$text: $crate::event::value::Readable + $crate::event::value::Text>)? $name $(<$text>)? {
            /// Reads the members that were written down; a member of another kind is unknown.
            pub fn recorded(members: &serde_json::Map<String, serde_json::Value>) -> Self {
                Self { $($field: $crate::event::value::Readable::find($wire, members),)* }
            }
        }

        impl $(<$text: $crate::event::value::Readable + $crate::event::value::Text>)?
            $crate::event::value::Readable for $name $(<$text>)?
        {
            fn read(value: &serde_json::Value) -> Option<Self> {
                value.as_object().map(Self::recorded)
            }
        }
    };
}
pub(crate) use fields;

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut object = Map::new();
        let written = Spread(BTreeMap::from([(0, 5_u64), (3, 7)]));
        written.put("gpu_<i>_memory_bytes", &mut object);
        let expected = serde_json::json!({"gpu_0_memory_bytes": 5, "gpu_3_memory_bytes": 7});
        assert_eq!(Value::Object(object.clone()), expected);
        for odd in [
            "gpu_x_memory_bytes",
            "gpu_9999999_memory_bytes",
            "gpu_1_memory",
        ] {
            object.insert(odd.to_owned(), 1.into());
        }
        object.insert("gpu_1_memory_bytes".to_owned(), Value::Null);
        assert_eq!(
            Readable::find("gpu_<i>_memory_bytes", &object),
            Some(written)
        );
    }
}
