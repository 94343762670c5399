//! The known forms of prefixes, taken off a line's beginning.

use crate::limits::TRACE_PREFIX_BYTES_MAX;
use regex::Captures;

include!(concat!(env!("OUT_DIR"), "/prefixes.rs"));

/// Most prefixes that are taken off one line.
const NESTED_MAX: usize = 8;

/// The line without its prefixes and without blanks around it.
pub fn strip(line: &str) -> &str {
    split(line).1.trim_matches(' ')
}

/// The rank that the prefixes at a line's beginning name (the innermost knows best), and what follows them.
pub fn split(line: &str) -> (Option<u64>, &str) {
    let mut rank = None;
    let mut rest = line;
    for _ in 0..NESTED_MAX {
        let Some((inner_rank, behind)) = split_one(rest.trim_start_matches(' ')) else {
            break;
        };
        rank = inner_rank.or(rank);
        rest = behind;
    }
    (rank, rest)
}

fn split_one(text: &str) -> Option<(Option<u64>, &str)> {
    read_form(text, &captures!(ANY_FORM, text))
}

/// The rank in the form that a text begins with, and what follows it.
fn read_form<'text>(
    text: &'text str,
    captures: &Captures<'text>,
) -> Option<(Option<u64>, &'text str)> {
    // The groups of the other forms are not there.
    let mut groups = captures.iter().skip(1).flatten();
    let rank = groups.next()?.as_str().parse().ok();
    let form_length = groups.next()?.start();
    if form_length > TRACE_PREFIX_BYTES_MAX {
        return None;
    }
    Some((rank, &text[form_length..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn every_form_reads_its_examples_and_no_look_alike() {
        for (form, examples, look_alikes) in FORMS {
            let form = Regex::new(&format!("^(?:{form})")).unwrap();
            let read = |line: &'static str| read_form(line, &form.captures(line)?);
            for example in *examples {
                assert!(read(example).is_some(), "{example}");
            }
            for line in *look_alikes {
                assert!(read(line).is_none(), "{line}");
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
            assert_eq!(split(line).0, rank, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "\\PC{0,80}") {
            prop_assert!(line.contains(strip(&line)));
        }
    }
}
