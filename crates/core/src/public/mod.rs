//! The public vocabulary: every string that an event can carry is made here.
//!
//! The problem: a program that reads a training's output holds its user's paths, names and tokens in its
//! hands. A filter that removes what looks private leaks whatever its author forgot. So nothing is removed;
//! instead nothing can be added. [`PublicStr`] has a private field, and the only ways to make one are in this
//! folder: a constant of our source, a hit in the dictionary of public names, a formatter over bounded
//! numbers, and a model id of a whitelisted organisation. An event has no other string type.
//!
//! Anyone may hold, clone and print a `PublicStr`; only this folder may call [`PublicStr::vetted`].

pub mod config_keys;
pub mod dictionary;
pub mod hardware;
pub mod models;
pub mod text;
pub mod version;
pub mod words;

use regex::Regex;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

/// A string that is public knowledge, and so may leave the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PublicStr(Cow<'static, str>);

impl PublicStr {
    /// A constant of our own source.
    ///
    /// `&'static str` keeps run-time text out as long as nothing leaks memory into it; `tests/sources/layers.rs`
    /// refuses `leak` anywhere in the source.
    pub const fn constant(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Text that the caller, a module of this folder, has just matched against public knowledge.
    fn vetted(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PublicStr {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for PublicStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The form of a public text. One that does not compile fits nothing; each has a test that finds this.
type Form = LazyLock<Option<Regex>>;

fn fits(form: &Form, text: &str) -> bool {
    form.as_ref().is_some_and(|form| form.is_match(text))
}
