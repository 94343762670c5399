//! What a message looks like, without a word of it.
//!
//! A message that the catalogue does not have may hold anything, so only its length (as a number of bits) and
//! the kinds of things in it are told. The innermost public frame names the `raise` statement: whoever
//! maintains that code reads the literal there; only the private values are lost.

use crate::event::Shape;
use crate::public::PublicStr;
use std::net::Ipv4Addr;

/// The shape of a message; None of an empty one.
pub fn shape(message: &str) -> Option<Shape> {
    let length_bits = message.len().checked_ilog2()? + 1;
    let mut kinds = Vec::new();
    for (name, holds) in KINDS {
        if holds(message) {
            kinds.push(PublicStr::constant(name));
        }
    }
    Some(Shape {
        length: Some(u64::from(length_bits)),
        has: Some(kinds),
    })
}

type Holds = fn(&str) -> bool;

const KINDS: &[(&str, Holds)] = &[
    ("path", |message| words(message).any(is_path)),
    ("url", |message| message.contains("://")),
    ("number", |message| {
        message.contains(|character: char| character.is_ascii_digit())
    }),
    ("string", |message| message.contains(['\'', '"', '`'])),
    ("email", |message| words(message).any(is_email)),
    ("address", |message| words(message).any(is_address)),
];

fn is_path(word: &str) -> bool {
    word.starts_with(['/', '~']) && word.len() > 2
        || word.contains(":\\")
        || word.matches('/').count() > 1
}

fn is_email(word: &str) -> bool {
    match word.split_once('@') {
        Some((name, host)) => !name.is_empty() && host.contains('.'),
        None => false,
    }
}

fn is_address(word: &str) -> bool {
    let (host, _port) = word.split_once(':').unwrap_or((word, ""));
    host.parse::<Ipv4Addr>().is_ok()
}

fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|character: char| character.is_whitespace() || "'\"`()[],<>=".contains(character))
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
