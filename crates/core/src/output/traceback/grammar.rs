//! The fixed lines of tracebacks, each read by itself: what it is, not what it means.

/// What the groups of a regular expression hold; the function returns None where the text does not match it.
macro_rules! captures {
    ($regex:literal, $text:expr) => {{
        use std::sync::LazyLock;
        static REGEX: LazyLock<Option<regex::Regex>> =
            LazyLock::new(|| regex::Regex::new($regex).ok());
        REGEX.as_ref()?.captures($text)?
    }};
}

pub mod boxed;
pub mod dump;
pub mod escaped;
pub mod exceptions;
mod fatal;
pub mod frames;
pub mod headers;
pub mod launcher;
pub mod words;
