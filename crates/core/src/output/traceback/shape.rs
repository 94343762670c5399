//! What a message looks like, without a word of it.
//!
//! A message that the catalogue does not have may hold anything, so only its length (as a number of bits) and
//! the kinds of things in it are told. The innermost public frame names the `raise` statement: whoever
//! maintains that code reads the literal there; only the private values are lost.

use crate::event::Shape;
use crate::public::PublicStr;

/// The shape of a message; None of an empty one.
#[must_use]
pub fn shape(message: &str) -> Option<Shape> {
    if message.is_empty() {
        return None;
    }
    let has = KINDS
        .iter()
        .filter(|(_, holds)| holds(message))
        .map(|(name, _)| PublicStr::constant(name))
        .collect();
    let bits = usize::BITS.saturating_sub(message.len().leading_zeros());
    Some(Shape {
        length: Some(u64::from(bits)),
        has: Some(has),
    })
}

type Holds = fn(&str) -> bool;

const KINDS: &[(&str, Holds)] = &[
    ("path", |text| {
        words(text).any(|word| {
            word.starts_with(['/', '~']) && word.len() > 2
                || word.contains(":\\")
                || word.matches('/').count() > 1
        })
    }),
    ("url", |text| text.contains("://")),
    ("number", |text| {
        text.bytes().any(|byte| byte.is_ascii_digit())
    }),
    ("string", |text| text.contains(['\'', '"', '`'])),
    ("email", |text| {
        words(text).any(|word| {
            word.split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        })
    }),
    ("address", |text| {
        words(text).any(|word| {
            word.split(':')
                .next()
                .is_some_and(|host| host.parse::<core::net::Ipv4Addr>().is_ok())
        })
    }),
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| {
        character.is_whitespace()
            || matches!(
                character,
                '\'' | '"' | '`' | '(' | ')' | '[' | ']' | ',' | '<' | '>' | '='
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_no_word_of_the_message() {
        for (message, length, has) in [
            ("x", 1, &[][..]),
            ("no such file '/home/a/b'", 5, &["path", "string"]),
            ("see https://x.example/a", 5, &["path", "url"]),
            (
                "jane@x.example at 10.0.0.1:29500",
                6,
                &["number", "email", "address"],
            ),
            ("C:\\Users\\a", 4, &["path"]),
        ] {
            let shape = shape(message).unwrap();
            let kinds: Vec<_> = shape
                .has
                .as_ref()
                .unwrap()
                .iter()
                .map(PublicStr::as_str)
                .collect();
            assert_eq!(
                (shape.length, kinds.as_slice()),
                (Some(length), has),
                "{message}"
            );
        }
        assert_eq!(shape(""), None);
    }
}
