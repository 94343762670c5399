//! Takes terminal escapes and control characters out of one line.
//!
//! A sequence never reaches beyond its line: an unfinished one (the line was cut, or somebody printed half of
//! one) ends with it. What a terminal would not show is dropped; nothing is interpreted but cursor up.

use regex::bytes::Regex;
use std::sync::LazyLock;

/// What a terminal would not show: sequences like `ESC [ 3 1 m`, strings like `ESC ] 8 ; ; address ESC \`, short sequences
/// like `ESC ( B`, and control characters.
static HIDDEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        r"\x1b\[[\x20-\x3f]*[\x40-\x7e]?",
        r"\x1b[\]PX^_](?:.*?(?:\x07|\x1b\\)|.*)",
        r"\x1b[\x20-\x2f]*[\x30-\x7e]",
        r"[\x00-\x08\x0a-\x1f\x7f]",
    ];
    Regex::new(&format!("(?s-u){}", forms.join("|"))).ok()
});

/// Whether a line with this byte needs cleaning.
pub const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Appends what is visible of a line to `visible`; returns whether the cursor was moved up.
pub fn strip(raw: &[u8], visible: &mut Vec<u8>) -> bool {
    let mut cursor_up = false;
    let mut from = 0;
    for hidden in HIDDEN.iter().flat_map(|hidden| hidden.find_iter(raw)) {
        visible.extend_from_slice(&raw[from..hidden.start()]);
        cursor_up |= matches!(hidden.as_bytes(), [0x1b, b'[', .., b'A']);
        from = hidden.end();
    }
    visible.extend_from_slice(&raw[from..]);
    cursor_up
}
