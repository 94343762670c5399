//! Reads a line as the last line of a traceback: `module.Class: message`.
//!
//! The class is told if it is public, else it is `<private>`. The line itself is only believed where the
//! grammar allows it (left of the frames); what is said here is whether it could be one at all, because in a
//! traceback's place there may also stand a log line, a progress bar or a piece of another process's output.

use crate::knowledge::lists::{CLASS_ENDINGS, LOG_WORDS};
use crate::output::traceback::report::ReportStanding;
use crate::public::{PublicStr, dictionary};

/// Longest name of a class that is looked at.
const NAME_BYTES_MAX: usize = 300;

/// The last line of a traceback.
#[derive(Debug, PartialEq)]
pub struct ExceptionLine<'a> {
    /// The class; None where it is not public.
    pub class: Option<PublicStr>,
    /// What follows the colon.
    pub message: &'a str,
    /// Whether a colon stands behind the class: a message follows, if only in the next line.
    pub has_colon: bool,
    /// Whether the name alone makes an exception's line of it, wherever it stands.
    pub is_certain: bool,
}

impl ExceptionLine<'_> {
    /// The signal that a launcher names: `got signal: 15`, `died with <Signals.SIGTERM: 15>`.
    pub fn signal(&self) -> Option<i32> {
        let class = self.class.as_ref()?.as_str();
        let message = self.message.trim_end();
        let digits = if class.ends_with("SignalException") {
            message.rsplit(": ").next()?
        } else if class.ends_with("CalledProcessError") {
            let (_, signal) = message.rsplit_once(" died with <Signals.")?;
            signal.split_once(": ")?.1.trim_end_matches(['>', '.'])
        } else {
            return None;
        };
        let signal = digits.parse().ok();
        signal.filter(|signal| (1..=64).contains(signal))
    }

    /// What it is worth without a traceback.
    ///
    /// Two classes the interpreter prints alone, for it has no memory or no time for more. Any other line may be a
    /// program's own words; it is remembered for the case that nothing better comes, if its class is public.
    pub fn standing_alone(&self, line_text: &str) -> Option<ReportStanding> {
        let class = self.class.as_ref()?.as_str();
        match line_text.trim() {
            "MemoryError" | "KeyboardInterrupt" => Some(ReportStanding::Plain),
            _ if class.ends_with("Warning") || class.ends_with("Exit") => None,
            _ => Some(ReportStanding::Stray),
        }
    }
}

/// Reads a line without its indentation.
pub fn exception_line(line_text: &str) -> Option<ExceptionLine<'_>> {
    let line_text = line_text.trim_end();
    let is_outside = |letter: char| !letter.is_alphanumeric() && !"_.<>".contains(letter);
    let (class_name, behind_name) =
        line_text.split_at(line_text.find(is_outside).unwrap_or(line_text.len()));
    let begins_name = |first_class: char| first_class.is_alphabetic() || first_class == '_';
    if class_name.len() > NAME_BYTES_MAX || !class_name.starts_with(begins_name) {
        return None;
    }
    let (class_name, behind_name) =
        unglued(class_name, behind_inner_class(class_name, behind_name))?;
    let has_colon = behind_name.starts_with(':');
    let message = behind_name.strip_prefix(':').unwrap_or(behind_name);
    let is_message = message.is_empty() || has_colon && message.starts_with(' ');
    if !is_message {
        return None;
    }
    let message = message.trim_start();
    let class = dictionary::exception(class_name);
    let name_without_module = class_name.rsplit('.').next().unwrap_or(class_name);
    let is_log_word = LOG_WORDS.contains(&class_name);
    let has_ending = CLASS_ENDINGS
        .iter()
        .any(|class_ending| name_without_module.ends_with(class_ending));
    let is_certain = (class.is_some() || has_ending) && !is_log_word;
    if class.is_none() && !is_certain {
        let has_module = class_name.contains('.');
        let begins_like_class = has_module || name_without_module.starts_with(char::is_uppercase);
        let says_anything = has_module || !message.is_empty();
        if is_log_word || !begins_like_class || !says_anything {
            return None;
        }
    }
    Some(ExceptionLine {
        class,
        message,
        has_colon,
        is_certain,
    })
}

/// Ray names the class of the task's own error in brackets: `RayTaskError(ValueError)`. The outer one is what is raised
/// here; the inner one is printed again where it was raised.
fn behind_inner_class<'line>(class_name: &str, behind_name: &'line str) -> &'line str {
    if let Some(inner) = behind_name.strip_prefix('(')
        && let Some((_, behind)) = inner.split_once(')')
        && class_name.ends_with("Error")
        && (behind.is_empty() || behind.starts_with(':'))
    {
        return behind;
    }
    behind_name
}

/// Takes apart what several ranks wrote over one another: `ValueErrorValueError: : x` is one class. None where it can't
/// be taken apart: of several classes none is the line's own.
fn unglued<'line>(
    class_name: &'line str,
    behind_name: &'line str,
) -> Option<(&'line str, &'line str)> {
    let mut first_end = class_name.len();
    for class_ending in CLASS_ENDINGS {
        if let Some(index) = class_name.find(class_ending) {
            first_end = first_end.min(index + class_ending.len());
        }
    }
    let (first_class, glued_names) = class_name.split_at(first_end);
    if glued_names.is_empty()
        || dictionary::exception(class_name).is_some()
        || dictionary::exception(first_class).is_none()
    {
        return Some((class_name, behind_name));
    }
    let others = glued_names.trim_start_matches(first_class);
    if !others.is_empty() {
        // `ErrorHandlerError` is a name; a second class is not.
        let is_name = dictionary::exception(others).is_none();
        return is_name.then_some((class_name, behind_name));
    }
    let mut behind_name = behind_name;
    for _ in 0..glued_names.len() / first_class.len() {
        if behind_name.starts_with(": : ") {
            behind_name = &behind_name[2..];
        }
    }
    Some((first_class, behind_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_end_a_traceback() {
        for (line_text, class, message) in [
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
            let line = exception_line(line_text).unwrap_or_else(|| panic!("{line_text}"));
            assert_eq!(
                (line.class.as_ref().map(PublicStr::as_str), line.message),
                (class, message),
                "{line_text}"
            );
        }
    }

    #[test]
    fn lines_that_do_not() {
        for line_text in [
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
            assert_eq!(exception_line(line_text), None, "{line_text}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line_text in "\\PC{0,200}") {
            if let Some(ExceptionLine { class: Some(class), .. }) = exception_line(&line_text) {
                prop_assert!(line_text.starts_with(class.as_str()));
            }
        }
    }
}
