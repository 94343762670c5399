//! The first line of what the interpreter prints when it dies: `Fatal Python error: Segmentation fault`.
//!
//! The cause is told where CPython itself names it; any other text may be a program's own.

use crate::knowledge::lists::FATAL_CAUSES;
use crate::knowledge::signal_called;
use crate::public::PublicStr;
use crate::public::text::PublicText;
use crate::status::signal_name;

/// What stands before and behind the words with which a dump of the interpreter begins.
pub fn split_fatal(line: &str) -> Option<(&str, &str)> {
    line.split_once("Fatal Python error: ")
        .or_else(|| line.split_once("Windows fatal exception: "))
}

/// `Fatal Python error: Segmentation fault`: the sign, with the cause where it is a known one.
pub fn fatal(line: &str) -> Option<PublicStr> {
    let (_, cause) = split_fatal(line)?;
    let mut text = PublicText::new();
    text.constant("Fatal Python error");
    for known in FATAL_CAUSES {
        let Some(rest) = cause.strip_prefix(known) else {
            continue;
        };
        if !rest.is_empty() && !rest.starts_with([' ', ':', '\t']) {
            continue;
        }
        text.constant(": ").constant(known);
        if let Some(name) = signal_called(known).and_then(signal_name) {
            text.constant(" (").constant(name).constant(")");
        }
        break;
    }
    Some(text.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fatal_errors_have_a_known_cause_or_none() {
        for (line, says) in [
            (
                "Fatal Python error: Segmentation fault",
                Some("Fatal Python error: Segmentation fault (SIGSEGV)"),
            ),
            (
                "Fatal Python error: acme_core: jane",
                Some("Fatal Python error"),
            ),
            ("Python error", None),
        ] {
            assert_eq!(fatal(line).as_ref().map(PublicStr::as_str), says, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "\\PC{0,200}") {
            let _ = fatal(&line);
        }
    }
}
