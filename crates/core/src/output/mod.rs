//! What the command prints, read: lines, progress, tracebacks.

/// What the groups of a regular expression hold; the function returns None where the text does not match it.
macro_rules! captures {
    ($regex:expr, $text:expr) => {{
        use std::sync::LazyLock;
        static REGEX: LazyLock<Option<regex::Regex>> =
            LazyLock::new(|| regex::Regex::new($regex).ok());
        REGEX.as_ref()?.captures($text)?
    }};
}

pub mod configuration;
pub mod lines;
mod prefix;
pub mod progress;
pub mod tail;
pub mod traceback;
pub mod watchdogs;
