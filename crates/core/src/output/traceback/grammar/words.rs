//! Which words of the grammar a line holds: one look at it that spares all others.
//!
//! Reading a line asks some fifty questions of it (is it a header, a link of a chain, a sign of a death?), and nearly
//! every line answers no to all. Each question has words without which the answer is no (`knowledge/lists.yaml`), so that
//! the words are looked for once, together, and a question is only put to a line that has one of its own.
//!
//! Nearly every line has none of them, and a whole piece of a quiet log needs not even be cut into lines. Both are told
//! by a second, shorter list: few enough pieces of words that a processor looks for all of them in 32 bytes at once.

use super::frames;
use crate::knowledge::lists::{LineQuestion, OTHER_PIECES, PIECES, QUESTIONS};
use crate::output::prefix::{self, is_progress_bar};
use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// What every header of a traceback says.
pub const HEADER: &str = "Traceback (most recent call last)";

/// The questions whose words a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineWords(u16);

impl LineWords {
    /// Progress bars, log lines and restarts: they do not matter to a source that is between reports.
    const QUIET: u16 = Self::of_question(LineQuestion::Bar)
        | Self::of_question(LineQuestion::Log)
        | Self::of_question(LineQuestion::Restart);

    const fn of_question(question: LineQuestion) -> u16 {
        1 << question as u16
    }

    /// The words of a line.
    pub fn of(line_text: &str) -> Self {
        // Most lines of a traceback are frames and the marks below their source. A frame answers nothing else, whatever
        // words its path is made of.
        let unindented = line_text.trim_start_matches(' ');
        if unindented.starts_with("File \"") && frames::quoted(unindented).is_some() {
            return Self(Self::of_question(LineQuestion::Frame));
        }
        if unindented.starts_with(['^', '~']) && unindented.trim_matches(['^', '~', ' ']).is_empty()
        {
            return Self::default();
        }
        let (Some(all), Some(searched_pieces)) = (ALL.as_ref(), LINE_PIECES.as_ref()) else {
            return Self(u16::MAX);
        };
        if memchr::memchr(b'%', line_text.as_bytes()).is_none()
            && searched_pieces.find(line_text).is_none()
        {
            return Self::default();
        }
        let mut captures = Self::default();
        for word in all.find_overlapping_iter(line_text) {
            let (_, question) = QUESTIONS[word.pattern().as_usize()];
            captures.0 |= Self::of_question(question);
        }
        captures
    }

    /// Whether a word of this question is among them.
    pub const fn may_answer(self, question: LineQuestion) -> bool {
        self.0 & Self::of_question(question) != 0
    }

    /// Whether the line matters to a source that is between reports.
    pub const fn stand_out(self) -> bool {
        self.0 & !Self::QUIET != 0
    }
}

/// Whether no line of these stands out, and none needs to be cleaned before that can be said.
pub fn are_absent(lines: &[u8]) -> bool {
    let Some(searcher) = STANDING_OUT.as_ref() else {
        return false;
    };
    for block in lines.chunks(CONTROL_BLOCK_BYTES) {
        let mut hides = false;
        for byte in block {
            hides |= can_hide(*byte);
        }
        if hides {
            return false;
        }
    }
    searcher.find(lines).is_none()
}

/// Bytes that are looked at together for control characters; a compiler makes a few instructions of them.
const CONTROL_BLOCK_BYTES: usize = 256;

/// Whether a word may hide behind this byte: what is no text is taken out of a line before it is read.
const fn can_hide(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\n' && byte != b'\r' && byte != b'\t') || byte == 0x7f
}

static ALL: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(QUESTIONS.iter().map(|(word, _)| word))
        .ok()
});

static STANDING_OUT: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(PIECES));

static LINE_PIECES: LazyLock<Option<Searcher>> =
    LazyLock::new(|| Searcher::new(PIECES.iter().chain(OTHER_PIECES)));

/// What follows a progress bar that was not ended by a new line.
pub fn behind_bar(text: &str, words: LineWords) -> &str {
    if !words.may_answer(LineQuestion::Bar) || !is_progress_bar(text) {
        return text;
    }
    if let Some(behind) = prefix::behind_bar(text)
        && !behind.is_empty()
    {
        return behind;
    }
    match text.find("  File \"") {
        Some(at) => &text[at..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::prefix;
    use crate::output::traceback::grammar::{fatal, headers};
    use proptest::prelude::*;

    #[test]
    fn the_words_of_lines() {
        let of = |question| LineWords(LineWords::of_question(question));
        for (line_text, words) in [
            (
                "Traceback (most recent call last):",
                LineWords(
                    LineWords::of_question(LineQuestion::Header)
                        | LineWords::of_question(LineQuestion::Error),
                ),
            ),
            ("  File \"/a.py\", line 3, in f", of(LineQuestion::Frame)),
            ("    return f(x)", LineWords(0)),
            ("ValueError: x", of(LineQuestion::Error)),
            (
                " 45%|####5  | 431/960 [00:10<00:09, 7.36it/s]",
                of(LineQuestion::Bar),
            ),
            ("2026-03-01 ERROR it broke", of(LineQuestion::Log)),
        ] {
            assert_eq!(LineWords::of(line_text), words, "{line_text}");
        }
        assert!(are_absent(
            b"loss: 3\n 45%|##| 3/9 [00:10<00:09, 7.36it/s]\r\tx\n"
        ));
        for noisy in [
            &b"x\nValueError: x\n"[..],
            b"Val\x1b[0mueError: x",
            b"Trace\0back",
            b"a\x07b",
        ] {
            assert!(!are_absent(noisy), "{noisy:?}");
        }
    }

    #[test]
    fn every_word_holds_a_piece_and_they_are_few() {
        assert!(PIECES.len() <= 32 && PIECES.iter().all(|piece| piece.len() >= 4));
        for (word, question) in QUESTIONS {
            let words = LineWords(LineWords::of_question(*question));
            let holds =
                |searched_pieces: &[&str]| searched_pieces.iter().any(|piece| word.contains(piece));
            let captures =
                holds(PIECES) || !words.stand_out() && (holds(OTHER_PIECES) || word.contains('%'));
            assert!(captures, "{word} would never be looked for");
        }
    }

    /// Every answer that is not no needs a word of its question, or the question would never be put.
    fn assert_asked(line_text: &str) {
        let words = LineWords::of(line_text);
        if crate::output::traceback::grammar::frames::quoted(line_text).is_some() {
            // A frame is a frame, and nothing that its path may also look like.
            return assert!(words.may_answer(LineQuestion::Frame), "{line_text}");
        }
        for (answered, question) in [
            (headers::header(line_text).is_some(), LineQuestion::Header),
            (
                headers::native(line_text).is_some() || fatal::split_fatal(line_text).is_some(),
                LineQuestion::Native,
            ),
            (headers::heading(line_text).is_some(), LineQuestion::Heading),
            (headers::link(line_text).is_some(), LineQuestion::Link),
            (
                headers::before_frame(line_text).is_some(),
                LineQuestion::Frame,
            ),
            (
                crate::knowledge::sign(line_text).is_some(),
                LineQuestion::Sign,
            ),
            (prefix::is_progress_bar(line_text), LineQuestion::Bar),
            (prefix::is_log_line(line_text), LineQuestion::Log),
            (crate::knowledge::restarts(line_text), LineQuestion::Restart),
        ] {
            assert!(
                !answered || words.may_answer(question),
                "{line_text}: {question:?} is not among {words:?}"
            );
        }
    }

    #[test]
    fn no_line_of_the_corpus_is_kept_from_its_question() {
        for folder in ["../../tests/corpus/cases", "../../tests/samples"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in std::fs::read_dir(folder).unwrap() {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
                String::from_utf8_lossy(&bytes)
                    .lines()
                    .for_each(assert_asked);
            }
        }
    }

    proptest! {
        #[test]
        fn no_line_is_kept_from_its_question(
            parts in prop::collection::vec(prop_oneof![prop::sample::select(QUESTIONS).prop_map(|(word, _)| word.to_owned()), "\\PC{0,8}"], 0..8)
        ) {
            assert_asked(&parts.concat());
        }

        /// A piece in which no word stands out has no line in which one does.
        #[test]
        fn a_quiet_piece_has_quiet_lines(text in "([a-zA-Z0-9 :\"(]|Error|Killed|oom|\n|\r|%\\|){0,60}") {
            if are_absent(text.as_bytes()) {
                prop_assert!(text.split(['\n', '\r']).all(|line_text| !LineWords::of(line_text).stand_out()));
            }
        }
    }
}
