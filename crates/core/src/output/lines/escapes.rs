//! Takes terminal escapes and control characters out of one line.
//!
//! A sequence never reaches beyond its line: an unfinished one (the line was cut, or somebody printed half of
//! one) ends with it. What a terminal would not show is dropped; nothing is interpreted but cursor up.

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// Buffers that are used for each line anew, so that a line that needs cleaning costs no allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    text: String,
    /// The line without its NULs: a hole in a file may lie in the middle of an escape.
    dense: Vec<u8>,
}

impl Scratch {
    /// Bytes held, for the tests of the bound.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.text.capacity() + self.dense.capacity()
    }

    /// Hands out the line's visible text, and whether it moved the cursor up.
    pub(super) fn clean(&mut self, raw: &[u8], each: impl FnOnce(&str, bool)) {
        // Folded and not searched, so that many bytes are looked at in one instruction.
        let plain = !raw
            .iter()
            .fold(false, |found, byte| found | is_control(*byte));
        if plain && let Ok(text) = std::str::from_utf8(raw) {
            return each(text, false);
        }
        self.bytes.clear();
        let cursor_up = if raw.contains(&0) {
            self.dense.clear();
            self.dense.extend(raw.iter().filter(|byte| **byte != 0));
            strip(&self.dense, &mut self.bytes)
        } else {
            strip(raw, &mut self.bytes)
        };
        if let Ok(text) = std::str::from_utf8(&self.bytes) {
            return each(text, cursor_up);
        }
        self.text.clear();
        for chunk in self.bytes.utf8_chunks() {
            self.text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        each(&self.text, cursor_up);
    }
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Appends what is visible of a line to `visible`; returns whether the cursor was moved up.
fn strip(raw: &[u8], visible: &mut Vec<u8>) -> bool {
    let mut cursor_up = false;
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        rest = match (*first, after) {
            (ESCAPE, [b'[', sequence @ ..]) => {
                let (last, rest) = control_sequence(sequence);
                cursor_up |= last == Some(b'A');
                rest
            }
            (ESCAPE, [b']' | b'P' | b'X' | b'^' | b'_', string @ ..]) => after_string(string),
            (ESCAPE, _) => after_short(after),
            (byte, _) => {
                if !is_control(byte) {
                    visible.push(byte);
                }
                after
            }
        };
    }
    cursor_up
}

/// `ESC [` parameters, intermediates, one final byte, which is returned if it is there.
fn control_sequence(sequence: &[u8]) -> (Option<u8>, &[u8]) {
    let length = sequence
        .iter()
        .take_while(|byte| (0x20..0x40).contains(*byte))
        .count();
    match sequence.get(length..) {
        Some([last @ 0x40..0x7f, rest @ ..]) => (Some(*last), rest),
        rest => (None, rest.unwrap_or_default()),
    }
}

/// What follows a string such as `ESC ] 8 ; ; address`: it ends at BEL or at `ESC \`.
fn after_string(string: &[u8]) -> &[u8] {
    let mut rest = string;
    while let [first, after @ ..] = rest {
        match (*first, after) {
            (BELL, _) => return after,
            (ESCAPE, [b'\\', after @ ..]) => return after,
            _ => rest = after,
        }
    }
    rest
}

/// What follows a sequence like `ESC 7` or `ESC ( B`; of anything else only the `ESC` is dropped.
fn after_short(after: &[u8]) -> &[u8] {
    let length = after
        .iter()
        .take_while(|byte| (0x20..0x30).contains(*byte))
        .count();
    match after.get(length..) {
        Some([0x30..0x7f, rest @ ..]) => rest,
        _ => after,
    }
}
