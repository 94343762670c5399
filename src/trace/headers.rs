//! The fixed lines of the grammar: what opens a traceback, what links two, what announces one.

use super::boxed;
use super::markers;
use super::report::{Link, Standing};
use super::types;
use crate::public::PublicStr;

/// What every header of a traceback says.
pub const HEADER: &str = "Traceback (most recent call last)";

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What stands before it in its line.
    pub before: &'a str,
    /// Whether it opens an exception group.
    pub group: bool,
    /// Whether it says that a worker's own traceback follows.
    pub original: bool,
    /// Whether it stands in the upper border of a box.
    pub boxed: bool,
    /// Whether a notebook printed it.
    pub notebook: bool,
    /// Columns before the traceback.
    pub indentation: usize,
}

impl<'a> Header<'a> {
    /// What stands before the words of the grammar: a source's prefix, a margin, a progress bar, or nothing.
    #[must_use]
    pub fn outside(&self) -> &'a str {
        let before = boxed::opens(self.before).and_then(|at| self.before.get(..at)).unwrap_or(self.before);
        if self.notebook {
            return "";
        }
        ["+ Exception Group ", "Exception Group ", "Original ", "traceback : "]
            .iter()
            .find_map(|words| before.strip_suffix(words))
            .unwrap_or(before)
    }
}

/// Reads a header, wherever in the line it stands.
#[must_use]
pub fn header(text: &str) -> Option<Header<'_>> {
    let at = text.find(HEADER)?;
    let (before, rest) = text.split_at_checked(at)?;
    let after = rest.strip_prefix(HEADER)?;
    let boxed = boxed::opens(before).is_some();
    let notebook = !boxed && !after.starts_with(':');
    // A sentence that quotes the header is not one.
    if notebook
        && (!after.trim().is_empty()
            || !before
                .trim_end()
                .chars()
                .all(|character| character.is_alphanumeric() || matches!(character, '_' | '.')))
    {
        return None;
    }
    let elastic = before.trim_end().ends_with("traceback :");
    let blank = before.len().saturating_sub(before.trim_start().len());
    let indentation = match () {
        () if elastic => blank.saturating_add(4),
        () if before.trim().is_empty() => before.len(),
        () => 0,
    };
    let group = before.trim_end().ends_with("Exception Group");
    let original = elastic || before.trim_end().ends_with("Original");
    Some(Header { before, group, original, boxed, notebook, indentation })
}

/// The sentence between two exceptions of a chain.
#[must_use]
pub fn link(text: &str) -> Option<Link> {
    if text.contains("The above exception was the direct cause of the following exception") {
        Some(Link::Cause)
    } else if text.contains("During handling of the above exception, another exception occurred")
        || text.trim() == "Original exception was:"
    {
        Some(Link::Context)
    } else {
        None
    }
}

/// A line between the members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// `+-+---------------- 1 ----------------`: a member follows.
    Member,
    /// `+------------------------------------`: the group is over.
    End,
}

/// Reads a separator.
#[must_use]
pub fn separator(text: &str) -> Option<Separator> {
    let text = text.trim();
    let text = text.strip_prefix("| ").map_or(text, str::trim_start);
    if !text.starts_with("+-")
        || text.len() < 20
        || !text.bytes().all(|byte| matches!(byte, b'+' | b'-' | b' ' | b'.') || byte.is_ascii_digit())
    {
        return None;
    }
    let numbered = text.bytes().any(|byte| byte.is_ascii_digit() || byte == b'.');
    Some(if numbered { Separator::Member } else { Separator::End })
}

/// A heading that says of the next traceback that the program survived it.
#[must_use]
pub fn heading(text: &str) -> Option<Standing> {
    let text = text.trim_start();
    let survived = [
        "Exception in thread ",
        "Exception ignored in",
        "Exception ignored on",
        "--- Logging error ---",
        "Task exception was never retrieved",
        "Exception in callback",
        "Exception in default exception handler",
        "Unhandled exception in client_connected_cb",
        "Unhandled error in exception handler",
    ];
    if survived.iter().any(|start| text.starts_with(start)) || text.ends_with("exception was never retrieved") {
        return Some(Standing::Survived);
    }
    // The interpreter, or `multiprocessing`, says that something ends here.
    let ends = text.starts_with("Error in sys.excepthook:") || text.starts_with("Process ") && text.ends_with(':');
    ends.then_some(Standing::Plain)
}

/// The line of a native death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// What is said of it.
    pub marker: PublicStr,
    /// Whether frames of the interpreter follow.
    pub dumps: bool,
    /// Whether the process died of it.
    pub standing: Standing,
}

/// Reads the line of a native death.
#[must_use]
pub fn native(text: &str) -> Option<Native> {
    const THROWN: &str = "terminate called after throwing an instance of '";
    const NOT_THROWN: &str = "terminate called without an active exception";
    let native = |marker, dumps, standing| Some(Native { marker, dumps, standing });
    if let Some((_, class)) = text.split_once(THROWN) {
        let class = class.rsplit_once('\'').map_or(class, |(class, _)| class);
        return native(
            types::native(class).unwrap_or(PublicStr::constant("terminate called after throwing an exception")),
            false,
            Standing::Native,
        );
    }
    if text.contains(NOT_THROWN) || text.contains("terminate called recursively") {
        return native(UNTHROWN, false, Standing::Native);
    }
    if let Some(marker) = markers::fatal(text) {
        return native(marker, true, Standing::Native);
    }
    let text = text.trim();
    let timeout = text.starts_with("Timeout (")
        && text.ends_with(")!")
        && text.bytes().skip(9).all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b')' | b'!'));
    if timeout { native(PublicStr::constant("faulthandler timeout"), true, Standing::Survived) } else { None }
}

/// The sign of a process whose threads were not joined at its end: it comes after the real error.
pub const UNTHROWN: PublicStr = PublicStr::constant("terminate called without an active exception");

/// The title of a thread in a dump; whether it is the one that failed.
#[must_use]
pub fn thread(text: &str) -> Option<bool> {
    let text = text.trim();
    let titled = text.ends_with("(most recent call first):") && text.contains("hread ");
    titled.then(|| text.starts_with("Current thread"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_in_all_their_places() {
        for (text, group, original, boxed, notebook, indentation) in [
            ("Traceback (most recent call last):", false, false, false, false, 0),
            ("    Traceback (most recent call last):", false, false, false, false, 4),
            (" 45%|##| 431/960 [..]Traceback (most recent call last):", false, false, false, false, 0),
            ("+ Exception Group Traceback (most recent call last):", true, false, false, false, 0),
            ("Original Traceback (most recent call last):", false, true, false, false, 0),
            ("  traceback : Traceback (most recent call last):", false, true, false, false, 6),
            ("╭───── Traceback (most recent call last) ─────╮", false, false, true, false, 0),
            ("+----- Traceback (most recent call last) -----+", false, false, true, false, 0),
            ("RuntimeError          Traceback (most recent call last)", false, false, false, true, 0),
        ] {
            let header = header(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (header.group, header.original, header.boxed, header.notebook, header.indentation),
                (group, original, boxed, notebook, indentation),
                "{text}"
            );
        }
        for text in [
            "see \"Traceback (most recent call last)\" above",
            "Traceback",
            "Object created at (most recent call last):",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }

    #[test]
    fn separators_links_and_headings() {
        assert_eq!(separator("  +-+---------------- 1 ----------------"), Some(Separator::Member));
        assert_eq!(separator("    +---------------- ... ----------------"), Some(Separator::Member));
        assert_eq!(separator("    +------------------------------------"), Some(Separator::End));
        assert_eq!(separator("+----- Traceback (most recent call last) -----+"), None);
        assert_eq!(link("The above exception was the direct cause of the following exception:"), Some(Link::Cause));
        assert_eq!(heading("Exception in thread Thread-3 (fn):"), Some(Standing::Survived));
        assert_eq!(heading("Process SpawnProcess-1:"), Some(Standing::Plain));
        assert_eq!(heading("Processing the data:"), None);
    }

    #[test]
    fn native_deaths() {
        for (text, marker, dumps) in [
            ("terminate called after throwing an instance of 'c10::Error'", "c10::Error", false),
            (
                "terminate called after throwing an instance of 'acme::Secret'",
                "terminate called after throwing an exception",
                false,
            ),
            ("terminate called without an active exception", "terminate called without an active exception", false),
            ("Fatal Python error: Segmentation fault", "Fatal Python error: Segmentation fault (SIGSEGV)", true),
            ("Timeout (0:00:00.4)!", "faulthandler timeout", true),
        ] {
            let native = native(text).unwrap();
            assert_eq!((native.marker.as_str(), native.dumps), (marker, dumps), "{text}");
        }
        assert_eq!(native("Timeout (jane)!"), None);
        assert_eq!(
            (thread("Current thread 0x1 (most recent call first):"), thread("Thread 0x1 (most recent call first):")),
            (Some(true), Some(false))
        );
    }
}
