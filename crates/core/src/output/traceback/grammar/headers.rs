//! The fixed lines of the grammar: what opens a traceback, what links two, what announces one.

use super::words::HEADER;
use super::{boxed, exceptions, fatal, frames};
use crate::knowledge::lists::{NATIVE_CLASSES, SURVIVED_HEADINGS};
use crate::output::traceback::report::{ChainLink, ReportStanding};
use crate::public::PublicStr;

/// A header.
#[derive(Debug, PartialEq)]
pub struct TracebackHeader<'line> {
    /// What stands before it in its line.
    pub before: &'line str,
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

impl<'line> TracebackHeader<'line> {
    /// What stands before the words of the grammar: a source's prefix, a margin, a progress bar, or nothing.
    pub fn outside(&self) -> &'line str {
        let mut before = self.before;
        if let Some(column) = boxed::opens(before) {
            before = &before[..column];
        }
        if self.notebook {
            return split_class(before).0;
        }
        for words in [
            "  + Exception Group ",
            "+ Exception Group ",
            "Exception Group ",
            "Original ",
            "traceback : ",
        ] {
            if let Some(outside) = before.strip_suffix(words) {
                return outside;
            }
        }
        before
    }
}

/// What stands before a line that opens a report: a source's prefix may be in it.
pub fn before_opening(line_text: &str) -> Option<&str> {
    if let Some(header) = header(line_text) {
        return Some(header.outside());
    }
    let (before, _) = fatal::split_fatal(line_text)?;
    Some(before)
}

/// What stands before a frame. Where a header is missing (it was lost, or the renderer prints none) the first frame
/// opens a report; but a message may quote one, so that only a source between reports may ask.
pub fn before_frame(line_text: &str) -> Option<&str> {
    for (index, _) in line_text.match_indices("File \"") {
        let (before, frame) = line_text.split_at(index);
        if frames::quoted(frame).is_some() {
            return Some(before).filter(|before| !before.trim_end().ends_with('>'));
        }
    }
    None
}

/// Reads a header, wherever in the line it stands.
pub fn header(line_text: &str) -> Option<TracebackHeader<'_>> {
    let (before, behind) = line_text
        .split_once(HEADER)
        .or_else(|| boxed::cut_title(line_text))?;
    let boxed = boxed::opens(before).is_some();
    let notebook = !boxed && !behind.starts_with(':');
    if notebook && !(behind.trim().is_empty() && titles_notebook(before)) {
        return None;
    }
    let words = before.trim_end();
    let elastic = words.ends_with("traceback :");
    let mut indentation = 0;
    if elastic {
        indentation = before.len() - before.trim_start().len() + 4;
    } else if words.is_empty() {
        indentation = before.len();
    }
    Some(TracebackHeader {
        before,
        group: words.ends_with("Exception Group"),
        original: elastic || words.ends_with("Original"),
        boxed,
        notebook,
        indentation,
    })
}

/// Whether a class stands before the header, as notebooks put it. A sentence that quotes the header has other words
/// before it, and a prefix is told from those by the columns that a notebook leaves empty behind the class. Where it has
/// no columns to leave, the class touches the header, or its name must say that it is one.
fn titles_notebook(before: &str) -> bool {
    let (prefix, class) = split_class(before);
    if prefix.is_empty() {
        return true;
    }
    let has_columns = before.ends_with("  ") || !before.ends_with(' ');
    let is_named = || exceptions::exception_line(class).is_some_and(|line| line.is_certain);
    !class.is_empty() && (has_columns || is_named())
}

/// What stands before the name that ends the text, and that name; a rank's prefix may touch it (`[default0]:KeyError`).
fn split_class(line_text: &str) -> (&str, &str) {
    let line_text = line_text.trim_end();
    let prefix = line_text.trim_end_matches(|character: char| {
        character.is_alphanumeric() || matches!(character, '_' | '.')
    });
    line_text.split_at(prefix.len())
}

/// The sentence between two exceptions of a chain.
pub fn link(line_text: &str) -> Option<ChainLink> {
    if line_text.contains("The above exception was the direct cause of the following exception") {
        return Some(ChainLink::Cause);
    }
    if line_text.contains("During handling of the above exception, another exception occurred")
        || line_text.trim() == "Original exception was:"
    {
        return Some(ChainLink::Context);
    }
    None
}

/// A line between the members of a group.
#[derive(Debug, PartialEq)]
pub enum Separator {
    /// `+-+---------------- 1 ----------------`: a member follows.
    Member,
    /// `+------------------------------------`: the group is over.
    End,
}

/// Bytes of the shortest separator: the interpreter prints 15 dashes before a member's number.
const SEPARATOR_BYTES_MIN: usize = 20;

/// Reads a separator.
pub fn separator(line_text: &str) -> Option<Separator> {
    let mut rule = line_text.trim_start_matches(' ');
    if let Some(behind_margin) = rule.strip_prefix("| ") {
        rule = behind_margin.trim_start_matches(' ');
    }
    let is_rule = |letter: u8| b"-+ .".contains(&letter) || letter.is_ascii_digit();
    if !rule.starts_with("+-") || rule.len() < SEPARATOR_BYTES_MIN || !rule.bytes().all(is_rule) {
        return None;
    }
    let is_numbered = rule.contains(|letter: char| letter == '.' || letter.is_ascii_digit());
    Some(if is_numbered {
        Separator::Member
    } else {
        Separator::End
    })
}

/// A heading that says of the next traceback that the program survived it.
pub fn heading(line_text: &str) -> Option<ReportStanding> {
    let line_text = line_text.trim_start();
    if line_text.starts_with("Exception ignored in")
        || line_text.starts_with("Exception ignored on")
    {
        return Some(ReportStanding::Ignored);
    }
    let mut survived_headings = SURVIVED_HEADINGS.iter();
    if survived_headings.any(|start| line_text.starts_with(start))
        || line_text.ends_with("exception was never retrieved")
    {
        return Some(ReportStanding::Survived);
    }
    // The interpreter, or `multiprocessing`, says that something ends here.
    let is_last_heading = line_text.starts_with("Error in sys.excepthook:")
        || line_text.starts_with("Process ") && line_text.ends_with(':');
    is_last_heading.then_some(ReportStanding::Plain)
}

/// The line of a native death.
#[derive(Debug, PartialEq)]
pub struct NativeDeath {
    /// What is said of it.
    pub marker: PublicStr,
    /// Whether frames of the interpreter follow.
    pub has_dump: bool,
    /// Whether the process died of it.
    pub standing: ReportStanding,
}

/// Reads the line of a native death.
pub fn native(line_text: &str) -> Option<NativeDeath> {
    let mut native = NativeDeath {
        marker: UNTHROWN,
        has_dump: false,
        standing: ReportStanding::Native,
    };
    if let Some((_, behind)) =
        line_text.split_once("terminate called after throwing an instance of '")
    {
        let class = behind.rsplit_once('\'').map_or(behind, |(class, _)| class);
        let known_class = NATIVE_CLASSES.iter().find(|known| **known == class);
        let sentence = known_class.unwrap_or(&"terminate called after throwing an exception");
        native.marker = PublicStr::constant(sentence);
    } else if let Some(marker) = fatal::fatal(line_text) {
        native.marker = marker;
        native.has_dump = true;
    } else if !line_text.contains(UNTHROWN.as_str())
        && !line_text.contains("terminate called recursively")
    {
        captures!(r"^\s*Timeout \([0-9:.]+\)!\s*$", line_text);
        native.marker = PublicStr::constant("faulthandler timeout");
        native.has_dump = true;
        native.standing = ReportStanding::Survived;
    }
    Some(native)
}

/// The sign of a process whose threads were not joined at its end: it comes after the real error.
pub const UNTHROWN: PublicStr = PublicStr::constant("terminate called without an active exception");

/// The title of a thread in a dump; whether it is the one that failed.
pub fn thread(line_text: &str) -> Option<bool> {
    let captures = captures!(
        r"^\s*(Current t)?.*hread .*\(most recent call first\):\s*$",
        line_text
    );
    Some(captures.get(1).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_in_all_their_places() {
        for (line_text, group, original, boxed, notebook, indentation) in [
            (
                "Traceback (most recent call last):",
                false,
                false,
                false,
                false,
                0,
            ),
            (
                "    Traceback (most recent call last):",
                false,
                false,
                false,
                false,
                4,
            ),
            (
                " 45%|##| 431/960 [..]Traceback (most recent call last):",
                false,
                false,
                false,
                false,
                0,
            ),
            (
                "+ Exception Group Traceback (most recent call last):",
                true,
                false,
                false,
                false,
                0,
            ),
            (
                "Original Traceback (most recent call last):",
                false,
                true,
                false,
                false,
                0,
            ),
            (
                "  traceback : Traceback (most recent call last):",
                false,
                true,
                false,
                false,
                6,
            ),
            (
                "╭───── Traceback (most recent call last) ─────╮",
                false,
                false,
                true,
                false,
                0,
            ),
            (
                "+----- Traceback (most recent call last) -----+",
                false,
                false,
                true,
                false,
                0,
            ),
            (
                "RuntimeError          Traceback (most recent call last)",
                false,
                false,
                false,
                true,
                0,
            ),
            (
                "pod-7 | RuntimeError          Traceback (most recent call last)",
                false,
                false,
                false,
                true,
                0,
            ),
            (
                "[default4]:KeyError          Traceback (most recent call last)",
                false,
                false,
                false,
                true,
                0,
            ),
            (
                "[rank0]: KeyErrorTraceback (most recent call last)",
                false,
                false,
                false,
                true,
                0,
            ),
            (
                "[rank0]: a.KeyError Traceback (most recent call last)",
                false,
                false,
                false,
                true,
                0,
            ),
            ("     ╭─ Traceback (m─╮   ", false, false, true, false, 0),
        ] {
            let header = header(line_text).unwrap_or_else(|| panic!("{line_text}"));
            assert_eq!(
                (
                    header.group,
                    header.original,
                    header.boxed,
                    header.notebook,
                    header.indentation
                ),
                (group, original, boxed, notebook, indentation),
                "{line_text}"
            );
        }
        for line_text in [
            "see \"Traceback (most recent call last)\" above",
            "that is a Traceback (most recent call last)",
            "╭─ Trac─╮",
            "╭─ Tracebacks ─╮",
            "Traceback",
            "Object created at (most recent call last):",
        ] {
            assert_eq!(header(line_text), None, "{line_text}");
        }
    }

    #[test]
    fn what_stands_before_an_opening_line() {
        for (line_text, before) in [
            (
                "[rank0]: Traceback (most recent call last):",
                Some("[rank0]: "),
            ),
            (
                "[default1]:  + Exception Group Traceback (most recent call last):",
                Some("[default1]:"),
            ),
            (
                "h | KeyError        Traceback (most recent call last)",
                Some("h | "),
            ),
            (
                "[default4]:a.KeyError        Traceback (most recent call last)",
                Some("[default4]:"),
            ),
            (
                "11:22:33 h: Fatal Python error: Aborted",
                Some("11:22:33 h: "),
            ),
            ("loss: 3", None),
        ] {
            assert_eq!(before_opening(line_text), before, "{line_text}");
        }
        for (line_text, before) in [
            ("(f pid=7) File \"/a.py\", line 3, in f", Some("(f pid=7) ")),
            (
                "[rank0]:   File \"/a.py\", line 3, in f",
                Some("[rank0]:   "),
            ),
            ("> File \"/a.py\", line 3, in f", None),
            ("raise E('File \"a\" is missing')", None),
        ] {
            assert_eq!(before_frame(line_text), before, "{line_text}");
        }
    }

    #[test]
    fn separators_links_and_headings() {
        assert_eq!(
            separator("  +-+---------------- 1 ----------------"),
            Some(Separator::Member)
        );
        assert_eq!(
            separator("    +---------------- ... ----------------"),
            Some(Separator::Member)
        );
        assert_eq!(
            separator("    +------------------------------------"),
            Some(Separator::End)
        );
        assert_eq!(
            separator("+----- Traceback (most recent call last) -----+"),
            None
        );
        assert_eq!(
            link("The above exception was the direct cause of the following exception:"),
            Some(ChainLink::Cause)
        );
        assert_eq!(
            heading("Exception in thread Thread-3 (fn):"),
            Some(ReportStanding::Survived)
        );
        assert_eq!(
            heading("Process SpawnProcess-1:"),
            Some(ReportStanding::Plain)
        );
        assert_eq!(heading("Processing the data:"), None);
    }

    #[test]
    fn native_deaths() {
        for (line_text, marker, has_dump) in [
            (
                "terminate called after throwing an instance of 'c10::Error'",
                "c10::Error",
                false,
            ),
            (
                "terminate called after throwing an instance of 'acme::Secret'",
                "terminate called after throwing an exception",
                false,
            ),
            (
                "terminate called without an active exception",
                "terminate called without an active exception",
                false,
            ),
            (
                "Fatal Python error: Segmentation fault",
                "Fatal Python error: Segmentation fault (SIGSEGV)",
                true,
            ),
            ("Timeout (0:00:00.4)!", "faulthandler timeout", true),
        ] {
            let native = native(line_text).unwrap();
            assert_eq!(
                (native.marker.as_str(), native.has_dump),
                (marker, has_dump),
                "{line_text}"
            );
        }
        assert_eq!(native("Timeout (jane)!"), None);
        assert_eq!(
            (
                thread("Current thread 0x1 (most recent call first):"),
                thread("Thread 0x1 (most recent call first):")
            ),
            (Some(true), Some(false))
        );
    }
}
