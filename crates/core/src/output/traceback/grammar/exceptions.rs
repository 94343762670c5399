//! Reads a line as the last line of a traceback: `module.Class: message`.
//!
//! The class is told if it is public, else it is `<private>`. The line itself is only believed where the
//! grammar allows it (left of the frames); what is said here is whether it could be one at all, because in a
//! traceback's place there may also stand a log line, a progress bar or a piece of another process's output.

use crate::public::{PublicStr, dictionary};

/// What stands for a class that is not public.
pub const PRIVATE: PublicStr = PublicStr::constant("<private>");

/// Longest name of a class that is looked at.
const NAME_BYTES_MAX: usize = 300;

/// How such names end in almost all programs.
const SUFFIXES: &[&str] = &[
    "Error",
    "Exception",
    "Warning",
    "Interrupt",
    "Exit",
    "Failure",
    "Fault",
    "Timeout",
    "Cancelled",
    "Traceback",
];

/// First words of log lines, which look like a class without a module.
const LOG_WORDS: &[&str] = &[
    "INFO",
    "WARNING",
    "WARN",
    "ERROR",
    "DEBUG",
    "CRITICAL",
    "FATAL",
    "NOTE",
    "NOTICE",
    "TRACE",
    "Message",
    "Arguments",
    "Warning",
    "Error",
    "Note",
    "Hint",
];

/// The last line of a traceback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionLine<'a> {
    /// The class; None where it is not public.
    pub class: Option<PublicStr>,
    /// What follows the colon.
    pub message: &'a str,
    /// Whether a colon stands behind the class: a message follows, if only in the next line.
    pub has_colon: bool,
    /// Whether the name alone makes an exception's line of it, wherever it stands.
    pub certain: bool,
}

impl ExceptionLine<'_> {
    /// The signal that a launcher names: `got signal: 15`, `died with <Signals.SIGTERM: 15>`.
    pub fn signal(&self) -> Option<i32> {
        let class = self.class.as_ref()?.as_str();
        let message = self.message.trim_end();
        let number = if class.ends_with("SignalException") {
            message.rsplit(": ").next()?
        } else if class.ends_with("CalledProcessError") {
            let (_, signal) = message.rsplit_once(" died with <Signals.")?;
            signal.split_once(": ")?.1.trim_end_matches(['>', '.'])
        } else {
            return None;
        };
        let signal = number.parse().ok()?;
        (1..=64).contains(&signal).then_some(signal)
    }
}

/// Reads a line without its indentation.
pub fn exception_line(text: &str) -> Option<ExceptionLine<'_>> {
    let text = text.trim_end();
    let end = text
        .char_indices()
        .find(|(_, character)| {
            !(character.is_alphanumeric() || matches!(character, '_' | '.' | '<' | '>'))
        })
        .map_or(text.len(), |(at, _)| at);
    let (name, rest) = text.split_at_checked(end)?;
    if name.len() > NAME_BYTES_MAX
        || !name.starts_with(|first: char| first.is_alphabetic() || first == '_')
    {
        return None;
    }
    // Ray names the class of the task's own error in brackets: `RayTaskError(ValueError)`. The outer one is
    // what is raised here; the inner one is printed again where it was raised.
    let rest = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, after))
            if name.ends_with("Error") && (after.is_empty() || after.starts_with(':')) =>
        {
            after
        }
        _ => rest,
    };
    let (name, rest) = unglued(name, rest)?;
    let message = match rest.strip_prefix(':') {
        Some(message) if message.is_empty() || message.starts_with(' ') => message.trim_start(),
        None if rest.is_empty() => "",
        _ => return None,
    };
    let public = dictionary::exception(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    let certain = (public.is_some() || SUFFIXES.iter().any(|suffix| last.ends_with(suffix)))
        && !LOG_WORDS.contains(&name);
    let log_word = LOG_WORDS.contains(&name)
        || (message.is_empty() && public.is_none() && !certain && !name.contains('.'));
    let plausible = certain || name.contains('.') || last.starts_with(char::is_uppercase);
    if !plausible || (log_word && public.is_none()) {
        return None;
    }
    Some(ExceptionLine {
        class: public,
        message,
        has_colon: rest.starts_with(':'),
        certain,
    })
}

/// Takes apart what several ranks wrote over one another: `ValueErrorValueError: : x` is one class. None where it can't
/// be taken apart: of several classes none is the line's own.
fn unglued<'a>(name: &'a str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let suffix = SUFFIXES
        .iter()
        .filter_map(|suffix| Some((name.find(suffix)? + suffix.len(), suffix)))
        .min();
    let Some((end, _)) = suffix.filter(|(end, _)| *end < name.len()) else {
        return Some((name, rest));
    };
    let (first, more) = name.split_at_checked(end)?;
    if dictionary::exception(name).is_some() || dictionary::exception(first).is_none() {
        return Some((name, rest));
    }
    let mut more = more;
    let mut count = 1;
    while let Some(after) = more.strip_prefix(first) {
        more = after;
        count += 1;
    }
    if !more.is_empty() {
        // `ErrorHandlerError` is a name; a second class is not.
        return if dictionary::exception(more).is_some() {
            None
        } else {
            Some((name, rest))
        };
    }
    let mut rest = rest;
    for _ in 1..count {
        rest = rest
            .strip_prefix(": ")
            .filter(|rest| rest.starts_with(": "))
            .unwrap_or(rest);
    }
    Some((first, rest))
}

/// The class that a C++ runtime names when it terminates, where it is one that everybody has.
pub fn native(name: &str) -> Option<PublicStr> {
    NATIVE
        .iter()
        .find(|known| **known == name)
        .map(|known| PublicStr::constant(known))
}

const NATIVE: &[&str] = &[
    "c10::Error",
    "c10::OutOfMemoryError",
    "c10::DistError",
    "c10::DistBackendError",
    "c10::DistNetworkError",
    "c10::DistStoreError",
    "c10::IndexError",
    "c10::ValueError",
    "c10::TypeError",
    "c10::NotImplementedError",
    "c10::EnforceFiniteError",
    "c10::LinAlgError",
    "c10::CUDAError",
    "c10::AcceleratorError",
    "gloo::IoException",
    "gloo::EnforceNotMet",
    "gloo::TimeoutException",
    "torch::jit::JITException",
    "thrust::system::system_error",
    "thrust::THRUST_200302_800_NS::system::system_error",
    "pybind11::error_already_set",
    "pybind11::cast_error",
    "std::bad_alloc",
    "std::bad_array_new_length",
    "std::bad_cast",
    "std::bad_function_call",
    "std::bad_optional_access",
    "std::bad_variant_access",
    "std::bad_weak_ptr",
    "std::domain_error",
    "std::exception",
    "std::future_error",
    "std::invalid_argument",
    "std::ios_base::failure",
    "std::ios_base::failure[abi:cxx11]",
    "std::length_error",
    "std::logic_error",
    "std::out_of_range",
    "std::overflow_error",
    "std::range_error",
    "std::regex_error",
    "std::runtime_error",
    "std::system_error",
    "std::underflow_error",
    "std::filesystem::__cxx11::filesystem_error",
    "std::filesystem::filesystem_error",
    "boost::wrapexcept<std::runtime_error>",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_end_a_traceback() {
        for (text, class, message) in [
            ("ValueError: bad", Some("ValueError"), "bad"),
            (
                "torch.OutOfMemoryError: CUDA out of memory.",
                Some("torch.OutOfMemoryError"),
                "CUDA out of memory.",
            ),
            ("MemoryError", Some("MemoryError"), ""),
            ("KeyboardInterrupt", Some("KeyboardInterrupt"), ""),
            ("acme.core.PricingBoom: x", None, "x"),
            ("AcmeError", None, ""),
            ("AcmeBoom: x: y", None, "x: y"),
            ("__main__.f.<locals>.Boom: x", None, "x"),
            (
                "ray.exceptions.RayTaskError(ValueError): ray::f() (pid=1)",
                Some("ray.exceptions.RayTaskError"),
                "ray::f() (pid=1)",
            ),
            (
                "subprocess.CalledProcessError: Command '['a']' returned",
                Some("subprocess.CalledProcessError"),
                "Command '['a']' returned",
            ),
            ("ChildFailedError:", Some("ChildFailedError"), ""),
            ("ValueErrorValueError: : x", Some("ValueError"), "x"),
            ("KeyErrorKeyErrorKeyError: : : x", Some("KeyError"), "x"),
            ("ValueErrorValueError", Some("ValueError"), ""),
            ("AcmeErrorAcmeError: : x", None, ": x"),
        ] {
            let line = exception_line(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (line.class.as_ref().map(PublicStr::as_str), line.message),
                (class, message),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_that_do_not() {
        for text in [
            "INFO: hello",
            "ERROR:root:retrying",
            "wandb: syncing",
            "  45%|###",
            "{'loss': 1}",
            "return f(x)",
            "Loading",
            "note",
            "",
            "a b: c",
            "5Error: x",
            "ValueErrorRuntimeError: : x",
        ] {
            assert_eq!(exception_line(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(text in "\\PC{0,200}") {
            if let Some(ExceptionLine { class: Some(class), .. }) = exception_line(&text) {
                prop_assert!(text.starts_with(class.as_str()));
            }
        }
    }
}
