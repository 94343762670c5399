//! Takes apart a traceback that stands in one line, its line ends written as `\n`.
//!
//! JSON logs, `repr` of a message and shells do so, each with as many backslashes as it is quoted deep. No
//! parser of theirs is needed: how this line writes the end of the header's line is how it writes all.

use super::words::HEADER;

/// Most lines that are taken out of one.
const PARTS_MAX: usize = 2000;

/// The lines of a traceback that stands in one line; None where it does not.
pub fn lines(line: &str) -> Option<Vec<String>> {
    let (_, after) = line.split_once(HEADER)?;
    let slashes = after
        .strip_prefix(':')?
        .bytes()
        .take_while(|byte| *byte == b'\\')
        .count();
    let deep =
        (1..=8).contains(&slashes) && after.get(slashes.saturating_add(1)..)?.starts_with('n');
    if !deep {
        return None;
    }
    let end = format!("{}n", "\\".repeat(slashes));
    // Each level of quoting doubles the backslashes and adds one before a quote.
    let quote = format!(
        "{}\"",
        "\\".repeat(slashes.saturating_mul(2).saturating_sub(1))
    );
    // A longer row of backslashes is a backslash of the text, then whatever follows.
    Some(
        line.split(&end)
            .take(PARTS_MAX)
            .map(|part| part.replace(&quote, "\"").replace("\\'", "'"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_line_becomes_many() {
        for (line, expected) in [
            (
                r#"{"e": "Traceback (most recent call last):\n  File \"/a.py\", line 3, in f\nE: x"}"#,
                r#"  File "/a.py", line 3, in f"#,
            ),
            (
                r#"KeyError: 'Original Traceback (most recent call last):\n  File "/a.py", line 3, in f\n'"#,
                r#"  File "/a.py", line 3, in f"#,
            ),
            (
                r#"{"e": "\"Traceback (most recent call last):\\n  File \\\"/a.py\\\", line 3, in f\\nE"}"#,
                r#"  File "/a.py", line 3, in f"#,
            ),
        ] {
            assert_eq!(lines(line).unwrap()[1], expected, "{line}");
        }
        assert_eq!(
            (lines("Traceback (most recent call last):"), lines("x\\ny")),
            (None, None)
        );
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(before in "\\PC{0,40}", after in "[\\\\n\"a ]{0,40}") {
            let _ = lines(&format!("{before}{HEADER}:{after}"));
        }
    }
}
