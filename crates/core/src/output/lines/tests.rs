use super::*;
use LineEnd::{Newline, Return, Unfinished};
use proptest::prelude::*;

type Owned = (String, LineEnd, bool);

fn cut(pieces: &[&[u8]]) -> (Vec<Owned>, u64) {
    let mut cutter = LineCutter::default();
    let mut lines = Vec::new();
    let mut take_line =
        |line: Line<'_>| lines.push((line.text.to_owned(), line.end, line.cursor_up));
    for piece in pieces {
        cutter.push(piece, &mut take_line);
    }
    cutter.finish(&mut take_line);
    let bounds = [cutter.partial_line.capacity(), cutter.scratch.capacity()];
    assert!(
        bounds.iter().all(|bytes| *bytes <= 8 * LINE_BYTES_MAX),
        "{bounds:?}"
    );
    (lines, cutter.long_lines)
}

#[test]
fn a_line_ends_at_newline_return_and_both() {
    let expected = [
        ("a", Newline),
        ("b", Newline),
        ("c", Return),
        ("", Return),
        ("", Newline),
        ("d", Unfinished),
    ];
    let (lines, _) = cut(&[b"a\nb\r\nc\r\r\r\nd"]);
    assert_eq!(
        lines,
        expected.map(|(text, end)| (text.to_owned(), end, false))
    );
    let (lines, _) = cut(&[b"a\r"]);
    assert_eq!(
        lines,
        [("a".to_owned(), Return, false)],
        "a return at the very end still ends its line"
    );
}

#[test]
fn what_a_terminal_would_not_show_is_gone() {
    for (raw_line, text, cursor_up) in [
        ("plain \t text", "plain \t text", false),
        ("\u{1b}[31mred\u{1b}[0m", "red", false),
        (
            "0/13 [00:00<?, ?it/s]\u{1b}[A",
            "0/13 [00:00<?, ?it/s]",
            true,
        ),
        ("\u{1b}[2Aup", "up", true),
        ("\u{1b}[?25lhidden", "hidden", false),
        (
            "\u{1b}]8;;https://host/path\u{1b}\\link\u{1b}]8;;\u{1b}\\",
            "link",
            false,
        ),
        ("\u{1b}]0;title\u{7}text", "text", false),
        ("\u{1b}]8;;never ended", "", false),
        ("\u{1b}(B\u{1b}7\u{1b}=x", "x", false),
        ("\u{1b}", "", false),
        ("\u{1b}[", "", false),
        ("\u{1b}[12", "", false),
        ("\u{1b}\u{1b}[Ax", "x", true),
        ("\u{1b}[3\u{e9}", "\u{e9}", false),
        ("be\u{8}ll\u{7}\u{7f}", "bell", false),
        (
            "one\u{2028}two\u{85}three",
            "one\u{2028}two\u{85}three",
            false,
        ),
    ] {
        assert_eq!(
            cut(&[raw_line.as_bytes()]).0,
            [(text.to_owned(), Unfinished, cursor_up)],
            "{raw_line:?}"
        );
    }
    assert_eq!(
        cut(&[b"a\xff\xfeb\xe2\x96"]).0,
        [("a\u{fffd}\u{fffd}b\u{fffd}".to_owned(), Unfinished, false)]
    );
}

#[test]
fn a_long_line_keeps_its_beginning_and_is_counted() {
    let mut bytes = vec![b'x'; LINE_BYTES_MAX];
    bytes.push(b'\n');
    assert_eq!(cut(&[&bytes]).1, 0, "the bound itself is not too long");
    bytes.insert(0, b'y');
    bytes.extend_from_slice(b"next\n");
    let (lines, long_lines) = cut(&[&bytes]);
    assert_eq!(long_lines, 1);
    assert_eq!(
        lines.iter().map(|line| line.0.len()).collect::<Vec<_>>(),
        [LINE_BYTES_MAX, 4]
    );
}

#[test]
fn a_hole_of_zeros_is_no_line_and_has_no_length() {
    let mut bytes = b"before\n".to_vec();
    bytes.resize(1 << 20, 0);
    bytes.extend_from_slice(b"after\n");
    let (lines, long_lines) = cut(&[&bytes]);
    assert_eq!(
        (lines[1].0.as_str(), lines.len(), long_lines),
        ("after", 2, 0)
    );
}

#[test]
fn a_gap_drops_both_broken_lines() {
    let mut cutter = LineCutter::default();
    let mut lines = Vec::new();
    let mut take_line = |line: Line<'_>| lines.push(line.text.to_owned());
    cutter.push(b"whole\nhal", &mut take_line);
    cutter.gap();
    cutter.push(b"ther half\nwhole again\nrest", &mut take_line);
    cutter.gap();
    cutter.finish(&mut take_line);
    cutter.push(b"more\n", &mut take_line);
    assert_eq!(lines, ["whole", "whole again", "more"]);
}

#[test]
fn a_peek_shows_and_keeps() {
    let mut cutter = LineCutter::default();
    let mut seen = Vec::new();
    cutter.push(b"a\rbar", |_| {});
    for _ in 0..2 {
        cutter.peek(|line| seen.push((line.text.to_owned(), line.end)));
    }
    cutter.push(b"\r", |_| {});
    cutter.peek(|line| seen.push((line.text.to_owned(), line.end)));
    assert_eq!(
        seen,
        [
            ("bar".to_owned(), Unfinished),
            ("bar".to_owned(), Unfinished),
            ("bar".to_owned(), Return)
        ]
    );
    let mut lines = Vec::new();
    cutter.finish(|line| lines.push(line.text.to_owned()));
    assert_eq!(lines, ["bar"]);
}

/// Bytes in which ends, escapes, zeros and broken characters are frequent.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\x1b[A".to_vec()),
        Just(b"\x1b]8;;x\x1b\\".to_vec()),
        Just(vec![0; 40]),
        Just(vec![b'x'; LINE_BYTES_MAX / 2 + 7]),
        Just("\u{2588}\u{258e}".as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn where_the_stream_is_cut_changes_nothing(bytes in stream(), cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        let mut places: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces: Vec<_> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(cut(&pieces), cut(&[&bytes]));
    }

    #[test]
    fn one_byte_at_a_time_changes_nothing_and_no_control_is_left(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let pieces: Vec<_> = bytes.chunks(1).collect();
        let whole = cut(&[&bytes]);
        prop_assert_eq!(&cut(&pieces), &whole);
        for (text, ..) in whole.0 {
            prop_assert!(text.bytes().all(|byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f)), "{:?}", text);
        }
    }
}
