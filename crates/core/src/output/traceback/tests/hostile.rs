//! Streams that lie, break and never end (rows 9, 15, 46, 47).

use super::{
    FAILED, FRAMES, LineCutter, Stream, TraceReader, assert_one, prefixed, read, traceback,
};
use crate::event::value::Sendable as _;
use crate::limits::{TRACE_REPORTS_FIRST, TRACE_REPORTS_LAST, TRACE_TEXT_BYTES_MAX};
use proptest::prelude::*;

#[test]
fn bytes_that_are_no_text() {
    let own = traceback("ValueError: acme\u{2028}  File \"jane\", line 3, in acme\u{85}jane");
    let mut bytes = vec![b'x'; 300_000];
    bytes.extend_from_slice(b"\n\xff\xfe\x00");
    bytes.extend_from_slice(own.as_bytes());
    bytes.extend_from_slice(b"\xed\xb3\xbf\n");
    assert_one(bytes, "ValueError");
}

#[test]
fn a_lost_beginning_leaves_the_rest() {
    let own = traceback("ValueError: acme");
    assert_one(own.split_once('\n').unwrap().1, "ValueError");
    assert_one(
        format!("me.py\", line 3, in f\n{FRAMES}ValueError: acme\n"),
        "ValueError",
    );
}

#[test]
fn what_stands_before_and_behind_a_hole_is_never_one_report() {
    let before = traceback("ValueError: acme");
    let behind = "acme/s3cr3t\n  File \"/usr/lib/python3.11/json/decoder.py\", line 337, in decode\n    x\nKeyError: 'acme'\n";
    for cut in 0..before.len() {
        let mut cutter = LineCutter::default();
        let mut reader = TraceReader::default();
        cutter.push(&before.as_bytes()[..cut], |line| {
            reader.line(Stream::Stderr, &line)
        });
        cutter.gap();
        reader.gap(Stream::Stderr);
        cutter.push(behind.as_bytes(), |line| reader.line(Stream::Stderr, &line));
        let judgement = reader.finish(FAILED);
        let error = judgement.error.unwrap();
        assert_eq!(error.exception_type.unwrap().as_str(), "KeyError", "{cut}");
        assert_eq!(error.frames.unwrap().len(), 1, "{cut}");
    }
}

#[test]
fn lies_in_the_place_of_public_names() {
    for text in [
        "Traceback (most recent call last):\n  File \"/usr/lib/python3/dist-packages/torch/acme/s3cr3t.py\", line 9, in load_acme\n    x\ntorch.AcmeError: CUDA out of memory. Tried to allocate jane acme\n",
        "Traceback (most recent call last):\n  File \"/a/site-packages/torch/nn/functional.py\", line 5551234567, in load_acme\nValueError: CUDA error: ACME_STATUS\n",
        "Traceback (most recent call last):\n  File \"/a/site-packages/torch/nn/functional.py/../../jane\", line 5, in relu\nValueError: [Errno 5551234567] acme\n",
        "terminate called after throwing an instance of 'c10::Error' acme 'jane'\n",
        "Fatal Python error: Segmentation faultacme\n\nCurrent thread acme (most recent call first):\n  File \"jane\", line 4 in acme\n",
    ] {
        let judgement = read(text, FAILED);
        assert!(!format!("{judgement:?}").contains("555"), "{text}");
    }
}

#[test]
fn endless_streams_stay_bounded() {
    let many: String = (0..200)
        .map(|rank| prefixed(&format!("[rank{rank}]: "), &traceback("ValueError: acme")))
        .collect();
    let judgement = read(many, FAILED);
    assert!(
        judgement.reports.len()
            <= TRACE_REPORTS_FIRST + TRACE_REPORTS_LAST + crate::limits::TRACE_STREAMS_MAX
    );
    let link = "\nThe above exception was the direct cause of the following exception:\n\n";
    let deep = format!(
        "Traceback (most recent call last):\n{}ValueError: acme\n{link}",
        FRAMES.repeat(300)
    )
    .repeat(50)
        + &traceback("KeyError: 'acme'");
    let error = read(deep, FAILED).error.unwrap();
    assert_eq!(error.exception_type.unwrap().as_str(), "KeyError");
    assert!(error.stack_trace.unwrap().as_str().len() < TRACE_TEXT_BYTES_MAX + 100);
}

/// Pieces of the grammar and of the user's text, in any order.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Traceback (most recent call last):",
        "  + Exception Group Traceback (most recent call last):",
        "Original Traceback (most recent call last):\\n",
        "  File \"/home/jane/acme.py\", line 3, in acme",
        "  File \"/a/site-packages/torch/nn/functional.py\", line 5551234, in acme",
        "ValueError: acme",
        "s3cr3t: jane",
        "AcmeError",
        "[rank0]: ",
        "[rank1]: ",
        "    | ",
        "  | ",
        "+-+---------------- 1 ----------------",
        "    +------------------------------------",
        "╭─── Traceback (most recent call last) ───╮",
        "│ /home/jane/acme.py:3 in acme │",
        "╰────╯",
        "╭── Sub-exception #1 ──╮",
        "\"\"\"",
        "The above exception was the direct cause of the following exception:",
        "Fatal Python error: acme",
        "Current thread 0x1 (most recent call first):",
        "  [Previous line repeated 5551234567 more times]",
        "terminate called after throwing an instance of 'acme'",
        "  what():  jane",
        "Root Cause (first observed failure):",
        "  rank      : 5551234567 (local_rank: 1)",
        "  exitcode  : -9 (pid: 7)",
        "\r 4%|## | 1/2 [1it/s]",
        "\\n",
        "\n",
        "\n",
        "\n",
        "\r",
        " ",
        "\u{1b}[31m",
        "\0",
        "2026-03-01 11:22:33 ERROR acme ",
        "{\"jane\": \"",
        "RayTaskError(Acme): ",
        "Killed",
        "x.sh: line 3: 5 Killed jane",
        "CUDA out of memory. Tried to allocate 5551234 GiB",
        "File ~/acme.py:3, in acme(jane)",
        "----> 5 acme",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_comes_nothing_private_is_told(pieces in prop::collection::vec(piece(), 0..60), code in 0_u8..=255) {
        // `read` itself refuses the user's words; the numbers of the pieces are too long to be told.
        let judgement = read(pieces.concat(), Some(crate::status::End::Exited(code)));
        let numbers = format!("{} {}", judgement.reports.json(), judgement.error.json_or_null());
        prop_assert!(!numbers.contains("5551234"), "{numbers}");
    }

    #[test]
    fn damage_never_tells_more(cut in 0_usize..2000, flip in 0_usize..2000, byte in any::<u8>()) {
        let whole = format!("{}{}", traceback("ValueError: acme"), prefixed("[rank1]: ", &traceback("AcmeError: s3cr3t")));
        let mut bytes = whole.into_bytes();
        let length = bytes.len();
        bytes[flip % length] = byte;
        bytes.truncate(cut);
        read(bytes, FAILED);
    }
}

/// The event on the wire, for the tests.
trait JsonOrNull {
    fn json_or_null(&self) -> serde_json::Value;
}

impl<T: crate::event::value::Sendable> JsonOrNull for Option<T> {
    fn json_or_null(&self) -> serde_json::Value {
        self.as_ref()
            .map_or(serde_json::Value::Null, crate::event::value::Sendable::json)
    }
}
