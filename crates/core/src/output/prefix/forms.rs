//! The known forms of prefixes, taken off a line's beginning.

use crate::limits::TRACE_PREFIX_BYTES_MAX;
use regex::Regex;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/prefixes.rs"));

static ANY_FORM: LazyLock<Option<Regex>> = LazyLock::new(|| begins_with(FORM));

/// Most prefixes that are taken off one line.
const NESTED_MAX: usize = 8;

/// A text that begins with a form.
pub fn begins_with(form: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{form})")).ok()
}

/// The line without its prefixes and without blanks around it.
pub fn strip(line: &str) -> &str {
    Leading::of(line).rest.trim_matches(' ')
}

/// The prefixes at a line's beginning.
pub struct Leading<'a> {
    /// What follows them.
    pub rest: &'a str,
    /// The rank that one of them names; the innermost knows best.
    pub rank: Option<u64>,
}

impl<'a> Leading<'a> {
    pub fn of(line: &'a str) -> Self {
        let mut leading = Self {
            rest: line,
            rank: None,
        };
        for _ in 0..NESTED_MAX {
            let text = leading.rest.trim_start_matches(' ');
            let Some((rest, rank)) = ANY_FORM.as_ref().and_then(|form| read(form, text)) else {
                break;
            };
            leading.rest = rest;
            leading.rank = rank.or(leading.rank);
        }
        leading
    }
}

/// What follows a form at the beginning of a text, and the rank in it.
fn read<'a>(form: &Regex, text: &'a str) -> Option<(&'a str, Option<u64>)> {
    let found = form.captures(text)?;
    // The groups of the other forms are not there.
    let mut groups = found.iter().skip(1).flatten();
    let (rank, behind) = (groups.next()?, groups.next()?);
    if behind.start() > TRACE_PREFIX_BYTES_MAX {
        return None;
    }
    Some((&text[behind.start()..], rank.as_str().parse().ok()))
}

/// How each line of docker's own file begins.
const LOGGED: &str = "{\"log\":\"";

/// A line of docker's json-file.
#[derive(Deserialize)]
struct DockerLine {
    log: String,
    #[serde(rename = "stream")]
    _stream: IgnoredAny,
}

/// The line that docker's json-file has wrapped: `{"log":"…\n","stream":"stderr","time":"…"}`. It may hold `\r`.
pub fn logged_line(line: &str) -> Option<String> {
    if !line.starts_with(LOGGED) {
        return None;
    }
    let logged: DockerLine = serde_json::from_str(line).ok()?;
    let visible = logged.log.trim_end_matches('\n');
    Some(visible.replace(
        |control: char| control.is_control() && control != '\r' && control != '\t',
        "",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_reads_its_examples_and_no_look_alike() {
        for (form, examples, look_alikes) in FORMS {
            let form = begins_with(form).unwrap();
            for example in *examples {
                assert!(read(&form, example).is_some(), "{example}");
            }
            for line in *look_alikes {
                assert!(read(&form, line).is_none(), "{line}");
            }
        }
    }

    #[test]
    fn known_prefixes_go_however_they_nest_and_nothing_else_does() {
        for (line, rest) in [
            ("  5%|x| 3/60 [", "5%|x| 3/60 ["),
            ("[default0]:  5%|", "5%|"),
            ("[rank0]: {'loss': 1.0}", "{'loss': 1.0}"),
            ("[trainer_12]:x", "x"),
            ("[1,0]<stderr>:  5%|", "5%|"),
            ("[prterun-host-77@1,3]<stdout>: x", "x"),
            ("0: x", "x"),
            (" 0: x", "x"),
            ("007:", ""),
            ("3: [default1]:[rank1]: x", "x"),
            ("(RayTrainWorker pid=123) x", "x"),
            ("(RayTrainWorker pid=123, ip=10.0.0.7)  x", "x"),
            ("(pid=9) x", "x"),
            ("^C^C x", "x"),
            ("[1,0]<stderr>:", ""),
            ("Map: 5%|", "Map: 5%|"),
            ("[INFO]: x", "[INFO]: x"),
            (
                "[2026-11-22 14:45:47] [ERROR] x",
                "[2026-11-22 14:45:47] [ERROR] x",
            ),
            ("(note) x", "(note) x"),
            ("12:30: x", "12:30: x"),
            ("", ""),
            ("2024-11-07T16:22:40.764922932Z 0: x", "x"),
            ("2024-11-07T16:22:40.764922932Z", ""),
            ("trainer-1  |", ""),
            ("vega17: {'loss': 1.8}", "{'loss': 1.8}"),
        ] {
            assert_eq!(strip(line), rest, "{line:?}");
        }
        for (line, rank) in [
            ("0: [rank1]: x", Some(1)),
            ("[1,3]<stderr>:x", Some(3)),
            ("(train pid=7) x", None),
            ("x", None),
        ] {
            assert_eq!(Leading::of(line).rank, rank, "{line}");
        }
    }

    #[test]
    fn a_line_of_dockers_own_file() {
        let line = r#"{"log":"\r  0%| | 0/3 [x]Traceback\u001b[0m \"a\"\n","stream":"stderr","time":"2024"}"#;
        assert_eq!(
            logged_line(line).as_deref(),
            Some("\r  0%| | 0/3 [x]Traceback[0m \"a\"")
        );
        for line in [r#"{"log":"x"}"#, r#"{"log":"x"#, r#"{"loss":1}"#] {
            assert_eq!(logged_line(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "\\PC{0,80}") {
            prop_assert!(line.contains(strip(&line)));
            let _ = logged_line(&format!("{LOGGED}{line}"));
        }
    }
}
