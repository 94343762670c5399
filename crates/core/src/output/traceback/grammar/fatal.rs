//! The first line of what the interpreter prints when it dies: `Fatal Python error: Segmentation fault`.
//!
//! The cause is told where CPython itself names it; any other text may be a program's own.

use crate::public::PublicStr;
use crate::public::text::PublicText;

/// The causes that CPython itself names; any other text may be a program's.
const FATAL: &[&str] = &[
    "Segmentation fault",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Illegal instruction",
    "Cannot recover from stack overflow.",
    "deallocating None",
    "GC object already tracked",
    "Python memory allocator called without holding the GIL",
    "PyEval_SaveThread: the function must be called with the GIL held",
    "_PyErr_NormalizeException: Cannot recover from MemoryErrors while normalizing exceptions.",
    "init_fs_encoding: failed to get the Python codec of the filesystem encoding",
    "init_sys_streams: can't initialize sys standard streams",
    "could not acquire lock for <_io.BufferedWriter name='<stderr>'> at interpreter shutdown, possibly due to daemon threads",
    "_enter_buffered_busy: could not acquire lock for <_io.BufferedWriter name='<stdout>'> at interpreter shutdown, possibly due to daemon threads",
    "access violation",
    "stack overflow",
];

/// The signal that a known cause stands for.
const fn signal(cause: &str) -> &'static str {
    match cause.as_bytes() {
        b"Segmentation fault" => " (SIGSEGV)",
        b"Aborted" => " (SIGABRT)",
        b"Bus error" => " (SIGBUS)",
        b"Floating point exception" => " (SIGFPE)",
        b"Illegal instruction" => " (SIGILL)",
        _ => "",
    }
}

/// What stands before and behind the words with which a dump of the interpreter begins.
pub fn split_fatal(line: &str) -> Option<(&str, &str)> {
    ["Fatal Python error: ", "Windows fatal exception: "]
        .iter()
        .find_map(|head| line.split_once(head))
}

/// `Fatal Python error: Segmentation fault`: the sign, with the cause where it is a known one.
pub fn fatal(line: &str) -> Option<PublicStr> {
    let (_, cause) = split_fatal(line)?;
    let mut text = PublicText::new();
    text.constant("Fatal Python error");
    let known = FATAL.iter().find(|known| {
        cause
            .strip_prefix(**known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':', '\t']))
    });
    if let Some(known) = known {
        text.constant(": ").constant(known).constant(signal(known));
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
