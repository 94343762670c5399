//! Reads one line as a frame of a traceback, in all the forms that interpreters and their guests print.
//!
//! Only the shape is read here; what of it is public is for the frame's origin to say. A line that has
//! the shape may still be a lie (a message may hold anything): the worst that a lie achieves is a frame of a
//! public file that was not there.

/// A frame as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// `  File "/p/t.py", line 5, in f`, also as faulthandler (`line 5 in f`), `tracemalloc` (`lineno 5`),
/// syntax errors (no function), `loguru` (`> File`) and `stackprinter` (no indentation) print it.
pub fn quoted(text: &str) -> Option<RawFrame<'_>> {
    let bare = text.trim_start_matches([' ', '\t']);
    let bare = bare.strip_prefix("> ").unwrap_or(bare);
    let column = text.len().saturating_sub(bare.len());
    let after = bare.strip_prefix("File \"")?;
    // The last quote: a path may hold some.
    let (path, rest) = after.split_at_checked(memchr::memrchr(b'"', after.as_bytes())?)?;
    let rest = rest.strip_prefix('"')?;
    let (line, rest) = number(
        rest.strip_prefix(", line ")
            .or_else(|| rest.strip_prefix(", lineno "))?,
    )?;
    let function = rest
        .strip_prefix(", in ")
        .or_else(|| rest.strip_prefix(" in "))
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Some(RawFrame {
        path,
        line,
        function,
        column,
    })
}

/// `File ~/p/t.py:5, in f(x)`, `File ~/p/t.py:5 in f`, `Cell In[3], line 5, in f(x)`, as IPython prints it.
pub fn notebook(text: &str) -> Option<RawFrame<'_>> {
    let bare = text.trim_start();
    if !["File ", "Cell In", "Input In"]
        .iter()
        .any(|start| bare.starts_with(start))
    {
        return None;
    }
    let column = text.len().saturating_sub(bare.len());
    let text = bare.trim_end();
    let (place, function) = match text.split_once(", in ").or_else(|| text.split_once(" in ")) {
        Some((place, call)) => (
            place,
            call.split('(')
                .next()
                .map(str::trim)
                .filter(|name| !name.is_empty()),
        ),
        None => (text, None),
    };
    if place.starts_with("Cell In") || place.starts_with("Input In") {
        let line = place
            .split_once("line ")
            .and_then(|(_, line)| number(line))
            .and_then(|(line, _)| line);
        return place.contains('[').then_some(RawFrame {
            path: "Cell In",
            line,
            function,
            column,
        });
    }
    let (path, line) = place
        .strip_prefix("File ")
        .filter(|place| !place.starts_with('"'))?
        .rsplit_once(':')?;
    let (line, rest) = number(line)?;
    rest.is_empty().then_some(RawFrame {
        path,
        line,
        function,
        column,
    })
}

/// `~/p/t.py in f(x, token)`, as IPython 7 prints it; the line number follows in an [`arrow`].
pub fn notebook_without_line(text: &str) -> Option<RawFrame<'_>> {
    let (path, call) = text.trim_end().split_once(" in ")?;
    let function = call.split('(').next()?;
    let looks_like_a_file = path.starts_with(['/', '~', '.', '<']) || path.get(1..3) == Some(":\\");
    (looks_like_a_file && !function.is_empty() && !function.contains(' ')).then_some(RawFrame {
        path,
        line: None,
        function: Some(function),
        column: 0,
    })
}

/// `----> 5 code`: the line number of the frame above.
pub fn arrow(text: &str) -> Option<u64> {
    let (dashes, rest) = text.trim_start().split_once("> ")?;
    (dashes.len() >= 2 && dashes.bytes().all(|byte| byte == b'-'))
        .then(|| number(rest))
        .flatten()
        .and_then(|(line, _)| line)
}

/// `/p/t.py:5 in f`, as `rich` prints it; `joined` is the text of all rows over which it was folded.
pub fn boxed(joined: &str) -> Option<RawFrame<'_>> {
    let joined = joined.trim();
    // The last `:LINE in NAME`: a path may hold colons, and folding may have eaten the blanks around `in`.
    let mut ends = joined.rmatch_indices(':');
    ends.find_map(|(at, _)| {
        let (path, rest) = (joined.get(..at)?, joined.get(at.saturating_add(1)..)?);
        let (line, rest) = number(rest)?;
        let rest = rest.trim_start();
        let function = rest
            .strip_prefix("in")
            .map(str::trim_start)
            .filter(|name| !name.is_empty() && !name.contains(' '));
        let complete = rest.is_empty() || function.is_some();
        (complete && !path.is_empty()).then_some(RawFrame {
            path,
            line,
            function,
            column: 0,
        })
    })
}

/// `  [Previous line repeated 196 more times]`.
pub fn repeated(text: &str) -> Option<u64> {
    let (line, rest) = number(text.trim().strip_prefix("[Previous line repeated ")?)?;
    rest.starts_with(" more time").then_some(line).flatten()
}

/// A leading number and what follows it; the number is None where it is too long to be one.
fn number(text: &str) -> Option<(Option<u64>, &str)> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    (!digits.is_empty()).then(|| (digits.parse().ok().filter(|_| digits.len() <= 9), rest))
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
        for (text, expected) in [
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
            assert_eq!(read(quoted(text)), expected, "{text}");
        }
    }

    #[test]
    fn frames_of_notebooks() {
        for (text, expected) in [
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
                Some(("Cell In", None, Some("<cell line: 1>"))),
            ),
            ("File not found: x", None),
            ("ValueError: 5", None),
        ] {
            assert_eq!(read(notebook(text)), expected, "{text}");
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
        for (text, expected) in [
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
            assert_eq!(read(boxed(text)), expected, "{text}");
        }
        assert_eq!(
            repeated("  [Previous line repeated 196 more times]"),
            Some(196)
        );
        assert_eq!(repeated("[Previous line repeated x]"), None);
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(text in "\\PC{0,200}") {
            let _ = (quoted(&text), notebook(&text), notebook_without_line(&text), boxed(&text), repeated(&text), arrow(&text));
        }
    }
}
