//! What a field may hold, and the one way to declare a field.
//!
//! [`Sendable`] is the compile-time half of the privacy promise: it is implemented for public strings,
//! booleans, bounded numbers, the run's own UUIDs and collections of these, and for nothing else. The macro
//! [`fields!`](crate::event::value::fields) declares a struct together with its schema and its JSON, so that
//! the three cannot drift apart. Every field is optional: what is unknown is absent, never 0.

use super::schema::{Field, Kind};
use crate::public::PublicStr;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A value that may leave the machine.
pub trait Sendable {
    /// What the value looks like on the wire.
    fn kind() -> Kind;
    /// The value on the wire.
    fn json(&self) -> Value;
    /// Puts the value into an object; a map with one member per index or package spreads here.
    fn put(&self, name: &str, object: &mut Map<String, Value>) {
        object.insert(name.to_owned(), self.json());
    }
}

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
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// How a number that JSON cannot say is written down: a diverging run is the one worth hearing about.
#[must_use]
pub fn non_finite(number: f64) -> Option<PublicStr> {
    match number {
        n if n.is_nan() => Some(PublicStr::constant("nan")),
        f64::INFINITY => Some(PublicStr::constant("inf")),
        f64::NEG_INFINITY => Some(PublicStr::constant("-inf")),
        _ => None,
    }
}

/// One member per index (`gpu_<i>_memory_bytes`), spread into the object that holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct PerIndex<T>(pub BTreeMap<u32, T>);

/// One member per package of the public list (`<package>_version`), spread likewise.
#[derive(Clone, Debug, PartialEq)]
pub struct PerPackage<T>(pub BTreeMap<&'static str, T>);

impl Sendable for bool {
    fn kind() -> Kind {
        Kind::Boolean
    }
    fn json(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Sendable for u64 {
    fn kind() -> Kind {
        Kind::Integer
    }
    fn json(&self) -> Value {
        Value::from(*self)
    }
}

impl Sendable for i64 {
    fn kind() -> Kind {
        Kind::Integer
    }
    fn json(&self) -> Value {
        Value::from(*self)
    }
}

impl Sendable for Number {
    fn kind() -> Kind {
        Kind::Number
    }
    fn json(&self) -> Value {
        Value::from(self.0)
    }
}

impl Sendable for PublicStr {
    fn kind() -> Kind {
        Kind::Text
    }
    fn json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl<T: Sendable> Sendable for Vec<T> {
    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }
    fn json(&self) -> Value {
        self.iter().map(Sendable::json).collect()
    }
}

impl<T: Sendable> Sendable for PerIndex<T> {
    fn kind() -> Kind {
        T::kind()
    }
    fn json(&self) -> Value {
        self.0
            .iter()
            .map(|(index, value)| (index.to_string(), value.json()))
            .collect::<Map<_, _>>()
            .into()
    }
    fn put(&self, name: &str, object: &mut Map<String, Value>) {
        for (index, value) in &self.0 {
            value.put(&super::schema::fill_hole(name, &index.to_string()), object);
        }
    }
}

impl<T: Sendable> Sendable for PerPackage<T> {
    fn kind() -> Kind {
        T::kind()
    }
    fn json(&self) -> Value {
        self.0
            .iter()
            .map(|(package, value)| ((*package).to_owned(), value.json()))
            .collect::<Map<_, _>>()
            .into()
    }
    fn put(&self, name: &str, object: &mut Map<String, Value>) {
        for (package, value) in &self.0 {
            value.put(&super::schema::fill_hole(name, package), object);
        }
    }
}

/// Declares a struct of sendable fields: `"name on the wire" => rust_name: Type, "why it is collected";`.
macro_rules! fields {
    ($(#[$meta:meta])* pub struct $name:ident { $($wire:literal => $field:ident : $kind:ty, $why:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $(#[doc = $why] pub $field: Option<$kind>,)*
        }

        impl $crate::event::value::Fields for $name {
            fn fields() -> Vec<$crate::event::schema::Field> {
                vec![$($crate::event::schema::Field {
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

        impl $crate::event::value::Sendable for $name {
            fn kind() -> $crate::event::schema::Kind {
                $crate::event::schema::Kind::Object(<Self as $crate::event::value::Fields>::fields())
            }
            fn json(&self) -> serde_json::Value {
                serde_json::Value::Object($crate::event::value::Fields::object(self))
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
        PerIndex(BTreeMap::from([(0, 5_u64), (3, 7)])).put("gpu_<i>_memory_bytes", &mut object);
        assert_eq!(
            Value::Object(object),
            serde_json::json!({"gpu_0_memory_bytes": 5, "gpu_3_memory_bytes": 7})
        );
    }
}
