//! Reads one line as a frame of a traceback, in all the forms that interpreters and their guests print.
//!
//! Only the shape is read here; what of it is public is for the frame's origin to say. A line that has
//! the shape may still be a lie (a message may hold anything): the worst that a lie achieves is a frame of a
//! public file that was not there.

use crate::output::prefix::is_digit;
use regex::Captures;

/// A frame as it is printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawFrame<'a> {
    /// The file.
    pub path: &'a str,
    /// The line number, where it is one.
    pub line: Option<u64>,
    /// The function, where one is named.
    pub function: Option<&'a str>,
    /// Columns before it; the exception's line stands further left.
    pub column: usize,
}

impl<'a> RawFrame<'a> {
    /// The frame in the groups that are named like its parts.
    fn of(captures: &Captures<'a>) -> Option<Self> {
        let group = |name| captures.name(name).map(|group| group.as_str());
        let function = group("function").map(str::trim);
        Some(Self {
            path: group("path")?,
            line: group("line").and_then(number),
            function: function.filter(|name| !name.is_empty()),
            column: group("margin").unwrap_or_default().len(),
        })
    }
}

/// `  File "/p/t.py", line 5, in f`, also as faulthandler (`line 5 in f`), `tracemalloc` (`lineno 5`),
/// syntax errors (no function), `loguru` (`> File`) and `stackprinter` (no indentation) print it.
///
/// Nearly every line of a traceback is asked whether it is one, so it is read without an expression.
pub fn quoted(line_text: &str) -> Option<RawFrame<'_>> {
    let indented = line_text.trim_start_matches([' ', '\t']);
    let file = indented.strip_prefix("> ").unwrap_or(indented);
    // Only the last quote ends the path, which may hold some.
    let (path, place) = file.strip_prefix("File \"")?.rsplit_once('"')?;
    let place = place.strip_prefix(", line")?;
    let place = place
        .strip_prefix("no")
        .unwrap_or(place)
        .strip_prefix(' ')?;
    let behind_number = place.trim_start_matches(is_digit);
    let digits = &place[..place.len() - behind_number.len()];
    if digits.is_empty() {
        return None;
    }
    let function = behind_number.strip_prefix(',').unwrap_or(behind_number);
    let function = function.strip_prefix(" in ").unwrap_or_default().trim();
    Some(RawFrame {
        path,
        line: number(digits),
        function: Some(function).filter(|name| !name.is_empty()),
        column: line_text.len() - file.len(),
    })
}

/// `File ~/p/t.py:5, in f(x)`, `File ~/p/t.py:5 in f`, as IPython prints it.
pub fn notebook(line_text: &str) -> Option<RawFrame<'_>> {
    if !line_text.trim_start().starts_with("File ") {
        return None;
    }
    RawFrame::of(&captures!(
        r#"^(?<margin>\s*)File (?<path>[^"].*?):(?<line>[0-9]+)(?:,? in (?<function>[^(]*).*)?\s*$"#,
        line_text
    ))
}

/// `Cell In[3], line 5, in f(x)`, the same for a cell.
pub fn cell(line_text: &str) -> Option<RawFrame<'_>> {
    RawFrame::of(&captures!(
        r"^(?<margin>\s*)(?<path>Cell In|Input In) ?\[[^\]]*\](?:, line (?<line>[0-9]+))?(?:,? in (?<function>[^(]*))?",
        line_text
    ))
}

/// `~/p/t.py in f(x, token)`, as IPython 7 prints it; the line number follows in an [`arrow`].
pub fn notebook_without_line(line_text: &str) -> Option<RawFrame<'_>> {
    RawFrame::of(&captures!(
        r"^(?<path>(?:[/~.<]|.:\\).*?) in (?<function>[^ (]+)(?:\(.*)?\s*$",
        line_text
    ))
}

/// `----> 5 code`: the line number of the frame above.
pub fn arrow(line_text: &str) -> Option<u64> {
    number(&captures!(r"^\s*--+> ([0-9]+)", line_text)[1])
}

/// `/p/t.py:5 in f`, as `rich` prints it; `joined` is the text of all rows over which it was folded.
pub fn boxed(joined: &str) -> Option<RawFrame<'_>> {
    let joined = joined.trim();
    // The last `:LINE in NAME`: a path may hold colons, and folding may have eaten the blanks around `in`.
    for (colon, _) in joined.rmatch_indices(':') {
        let behind_number = joined[colon + 1..].trim_start_matches(is_digit);
        let digits = &joined[colon + 1..joined.len() - behind_number.len()];
        let function = behind_number.trim_start().strip_prefix("in");
        let function = function.map(str::trim_start).unwrap_or_default();
        let is_whole = behind_number.is_empty() || !function.is_empty() && !function.contains(' ');
        if colon > 0 && !digits.is_empty() && is_whole {
            return Some(RawFrame {
                path: &joined[..colon],
                line: number(digits),
                function: Some(function).filter(|name| !name.is_empty()),
                column: 0,
            });
        }
    }
    None
}

/// `  [Previous line repeated 196 more times]`.
pub fn repeated(line_text: &str) -> Option<u64> {
    let times = line_text
        .trim_start()
        .strip_prefix("[Previous line repeated ")?;
    number(times.split_once(" more time")?.0)
}

/// A number that is no longer than line numbers are.
fn number(digits: &str) -> Option<u64> {
    digits.parse::<u32>().ok().map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame<'a>(
        path: &'a str,
        line: u64,
        function: Option<&'a str>,
    ) -> Option<(&'a str, Option<u64>, Option<&'a str>)> {
        Some((path, Some(line), function))
    }

    fn read(frame: Option<RawFrame<'_>>) -> Option<(&str, Option<u64>, Option<&str>)> {
        frame.map(|frame| (frame.path, frame.line, frame.function))
    }

    #[test]
    fn frames_in_quotes() {
        for (line_text, expected) in [
            (
                "  File \"/a/b.py\", line 5, in f",
                frame("/a/b.py", 5, Some("f")),
            ),
            (
                "    > File \"/a/b.py\", line 5, in <module>",
                frame("/a/b.py", 5, Some("<module>")),
            ),
            (
                "  File \"/a/b.py\", line 4 in g",
                frame("/a/b.py", 4, Some("g")),
            ),
            ("  File \"/a/b.py\", lineno 7", frame("/a/b.py", 7, None)),
            ("  File \"/a/b.py\", line 2", frame("/a/b.py", 2, None)),
            (
                "File \"/a \"b\", line 1, c.py\", line 2, in h",
                frame("/a \"b\", line 1, c.py", 2, Some("h")),
            ),
            (
                "  File \"/a/b.py\", line 12345678901, in f",
                Some(("/a/b.py", None, Some("f"))),
            ),
            ("    raise E(f'File \"{x}\", line 3')", None),
            ("  File \"/a/b.py\", line , in f", None),
            ("  File \"/a/b.py", None),
        ] {
            assert_eq!(read(quoted(line_text)), expected, "{line_text}");
        }
    }

    #[test]
    fn frames_of_notebooks() {
        for (line_text, expected) in [
            (
                "File ~/p/t.py:5, in f(x, token)",
                frame("~/p/t.py", 5, Some("f")),
            ),
            ("File /p/t.py:5", frame("/p/t.py", 5, None)),
            ("  File /p/t.py:5 in f", frame("/p/t.py", 5, Some("f"))),
            ("Cell In[3], line 2", frame("Cell In", 2, None)),
            (
                "Cell In [3], line 2, in f(x)",
                frame("Cell In", 2, Some("f")),
            ),
            (
                "Input In [3], in <cell line: 1>()",
                Some(("Input In", None, Some("<cell line: 1>"))),
            ),
            ("File not found: x", None),
            ("ValueError: 5", None),
        ] {
            assert_eq!(
                read(cell(line_text).or_else(|| notebook(line_text))),
                expected,
                "{line_text}"
            );
        }
        assert_eq!(
            read(notebook_without_line("~/p/t.py in f(x, token)")),
            Some(("~/p/t.py", None, Some("f")))
        );
        assert_eq!(notebook_without_line("ValueError: bad value in f(x)"), None);
        assert_eq!(
            (
                arrow("----> 5 code"),
                arrow("--> 592   x"),
                arrow("  5 > 3")
            ),
            (Some(5), Some(592), None)
        );
    }

    #[test]
    fn frames_in_boxes_and_repetitions() {
        for (line_text, expected) in [
            (
                "/a/b.py:7 in <module>",
                frame("/a/b.py", 7, Some("<module>")),
            ),
            ("/a/b c.py:7in f", frame("/a/b c.py", 7, Some("f"))),
            ("/a:1/b.py:7", frame("/a:1/b.py", 7, None)),
            ("C:\\a\\b.py:7 in f", frame("C:\\a\\b.py", 7, Some("f"))),
            ("x = {'a': 5}", None),
            ("... 5 frames hidden ...", None),
        ] {
            assert_eq!(read(boxed(line_text)), expected, "{line_text}");
        }
        assert_eq!(
            repeated("  [Previous line repeated 196 more times]"),
            Some(196)
        );
        assert_eq!(repeated("[Previous line repeated x]"), None);
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line_text in "\\PC{0,200}") {
            let _ = (quoted(&line_text), notebook(&line_text), cell(&line_text), notebook_without_line(&line_text), boxed(&line_text), repeated(&line_text), arrow(&line_text));
        }
    }
}
