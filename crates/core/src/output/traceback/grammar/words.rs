//! Which words of the grammar a line holds: one look at it that spares all others.
//!
//! Reading a line asks some fifty questions of it (is it a header, a link of a chain, a sign of a death?), and nearly
//! every line answers no to all. Each question has words without which the answer is no, so that the words are looked
//! for once, together, and a question is only put to a line that has one of its own.
//!
//! Nearly every line has none of them, and a whole piece of a quiet log needs not even be cut into lines. Both are told
//! by a second, shorter list: few enough pieces of words that a processor looks for all of them in 32 bytes at once.

use super::frames;
use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// What every header of a traceback says.
pub const HEADER: &str = "Traceback (most recent call last)";

/// The questions whose words a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words(u16);

impl Words {
    /// Of a traceback's header.
    pub const HEADER: Self = Self(1);
    /// Of the beginning of a native death.
    pub const NATIVE: Self = Self(2);
    /// Of a heading.
    pub const HEADING: Self = Self(4);
    /// Of a link between two exceptions.
    pub const LINK: Self = Self(8);
    /// Of a sign of a death.
    pub const SIGN: Self = Self(16);
    /// Of a launcher's table.
    pub const TABLE: Self = Self(32);
    /// Of anything else that a traceback may begin or end with.
    pub const ERROR: Self = Self(64);
    /// Of a progress bar.
    pub const BAR: Self = Self(128);
    /// Of a log line that reports an exception.
    pub const LOG: Self = Self(256);
    /// Of a frame.
    pub const FRAME: Self = Self(512);

    /// The words of a line.
    pub fn of(line: &str) -> Self {
        // Most lines of a traceback are frames and the marks below their source. A frame answers nothing else, whatever
        // words its path is made of.
        let bare = line.trim_start_matches(' ');
        if bare.starts_with("File \"") && frames::quoted(bare).is_some() {
            return Self::FRAME;
        }
        if bare.starts_with(['^', '~'])
            && bare.bytes().all(|byte| matches!(byte, b'^' | b'~' | b' '))
        {
            return Self::default();
        }
        let (Some(all), Some(pieces)) = (ALL.as_ref(), LINE_PIECES.as_ref()) else {
            return Self(u16::MAX);
        };
        if memchr::memchr(b'%', line.as_bytes()).is_none() && pieces.find(line).is_none() {
            return Self::default();
        }
        let mut found = Self(0);
        for word in all.find_overlapping_iter(line) {
            found.0 |= WORDS
                .get(word.pattern().as_usize())
                .map_or(0, |(_, words)| words.0);
        }
        found
    }

    /// Whether one of these is among them.
    pub const fn have(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether the line matters to a source that is between reports. Progress bars and log lines do not.
    pub const fn stand_out(self) -> bool {
        self.0 & !(Self::BAR.0 | Self::LOG.0) != 0
    }
}

/// Whether no line of these stands out, and none needs to be cleaned before that can be said.
pub fn are_absent(lines: &[u8]) -> bool {
    let hides = |block: &[u8]| {
        block
            .iter()
            .fold(false, |found, byte| found | can_hide(*byte))
    };
    let Some(searcher) = STANDING_OUT.as_ref() else {
        return false;
    };
    !lines.chunks(CONTROL_BLOCK_BYTES).any(hides) && searcher.find(lines).is_none()
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
        .build(WORDS.iter().map(|(word, _)| word))
        .ok()
});

static STANDING_OUT: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(PIECES));

static LINE_PIECES: LazyLock<Option<Searcher>> =
    LazyLock::new(|| Searcher::new(PIECES.iter().chain(OTHER_PIECES)));

/// Each word, and the questions that need it.
#[rustfmt::skip]
const WORDS: &[(&str, Words)] = &[
    ("Traceback", Words(Words::HEADER.0 | Words::ERROR.0)),
    ("Fatal Python error: ", Words::NATIVE), ("Windows fatal exception: ", Words::NATIVE),
    ("terminate called", Words::NATIVE), ("Timeout (", Words::NATIVE),
    ("Exception in ", Words::HEADING), ("Exception ignored ", Words::HEADING), ("--- Logging error", Words::HEADING),
    ("exception was never retrieved", Words::HEADING), ("Unhandled exception ", Words::HEADING),
    ("in exception handler", Words::HEADING), ("Error in sys.excepthook:", Words::HEADING),
    ("Process ", Words::HEADING),
    ("above exception", Words::LINK), ("Original exception was:", Words::LINK),
    ("illed", Words::SIGN), ("egmentation fault", Words::SIGN), ("Abort", Words::SIGN), ("abort", Words::SIGN),
    ("MPI_ABORT", Words::SIGN), ("us error", Words::SIGN), ("Illegal instruction", Words::SIGN),
    ("Floating point exception", Words::SIGN), ("erminat", Words::SIGN), ("kill", Words::SIGN),
    ("ut of memory", Words::SIGN), ("(): ", Words::SIGN),
    ("corrupt", Words::SIGN), ("Evicted", Words::SIGN), ("eadline", Words::SIGN), ("Xid (", Words::SIGN),
    (" died", Words::SIGN), ("Process pid ", Words::SIGN), ("Assertion", Words::SIGN), ("panic", Words::SIGN),
    ("fatal error: ", Words::SIGN), ("NCCL", Words::SIGN),
    ("entire process ", Words::SIGN), (" shared memory", Words::SIGN), ("Connection refused", Words::SIGN),
    ("CANCELLED", Words::SIGN), ("Sending process ", Words::SIGN), ("space left on", Words::SIGN),
    ("srun: error: ", Words::SIGN), ("process rank ", Words::SIGN), (" code ", Words::SIGN), ("signal", Words::SIGN),
    ("TERM_", Words::SIGN), ("PBS: job killed", Words::SIGN), ("on resource: memory", Words::SIGN),
    (" memory limit", Words::SIGN), ("to memory pressure", Words::SIGN), ("nterruption", Words::SIGN),
    ("to process ", Words::SIGN), ("shutdown process ", Words::SIGN),
    ("Root Cause", Words::TABLE), ("srun: error: ", Words::TABLE), ("process rank ", Words::TABLE),
    ("Process name: [[", Words::TABLE), ("Exit code:", Words::TABLE),
    ("File \"", Words::FRAME), ("Error", Words::ERROR), ("error", Words::ERROR), ("xception", Words::ERROR),
    ("Interrupt", Words::ERROR), ("Exit", Words::ERROR),
    ("%|", Words::BAR), ("it/s", Words::BAR), ("s/it", Words::BAR),
    ("ERROR", Words::LOG), ("WARN", Words::LOG), ("CRITICAL", Words::LOG), ("FATAL", Words::LOG),
    ("EXCEPTION", Words::LOG),
];

/// Each word that stands out holds one of these. Four bytes at least, and at most 32 of them: with shorter ones or more
/// the search needs twice the time. None is a piece of what trainings log with each step (`max_allocated`).
const PIECES: &[&str] = &[
    "Traceback",
    "rror",
    "xception",
    "erminat",
    "imeout (",
    "rocess ",
    "illed",
    " fault",
    "bort",
    "ABORT",
    "Illegal",
    "kill",
    " memory",
    "(): ",
    "corrupt",
    "Evicted",
    "eadline",
    "Xid (",
    " died",
    "ssertion",
    "panic",
    "NCCL",
    "refused",
    "CANCELLED",
    "space left",
    "Root Cause",
    "Exit",
    "File \"",
    "nterrupt",
    " code ",
    "signal",
    "TERM_",
];

/// Each other word holds one of these, or `%`.
const OTHER_PIECES: &[&str] = &[
    "it/s",
    "s/it",
    "ERROR",
    "WARN",
    "CRITICAL",
    "FATAL",
    "EXCEPTION",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::prefix;
    use crate::output::traceback::grammar::{fatal, headers};
    use proptest::prelude::*;

    #[test]
    fn the_words_of_lines() {
        for (line, words) in [
            (
                "Traceback (most recent call last):",
                Words(Words::HEADER.0 | Words::ERROR.0),
            ),
            ("  File \"/a.py\", line 3, in f", Words::FRAME),
            ("    return f(x)", Words(0)),
            ("ValueError: x", Words::ERROR),
            (" 45%|####5  | 431/960 [00:10<00:09, 7.36it/s]", Words::BAR),
            ("2026-03-01 ERROR it broke", Words::LOG),
        ] {
            assert_eq!(Words::of(line), words, "{line}");
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
        for (word, words) in WORDS {
            let holds = |pieces: &[&str]| pieces.iter().any(|piece| word.contains(piece));
            let found =
                holds(PIECES) || !words.stand_out() && (holds(OTHER_PIECES) || word.contains('%'));
            assert!(found, "{word} would never be looked for");
        }
    }

    /// Every answer that is not no needs a word of its question, or the question would never be put.
    fn assert_asked(line: &str) {
        let words = Words::of(line);
        if crate::output::traceback::grammar::frames::quoted(line).is_some() {
            // A frame is a frame, and nothing that its path may also look like.
            return assert!(words.have(Words::FRAME), "{line}");
        }
        for (answered, question) in [
            (headers::header(line).is_some(), Words::HEADER),
            (
                headers::native(line).is_some() || fatal::split_fatal(line).is_some(),
                Words::NATIVE,
            ),
            (headers::heading(line).is_some(), Words::HEADING),
            (headers::link(line).is_some(), Words::LINK),
            (headers::before_frame(line).is_some(), Words::FRAME),
            (crate::knowledge::sign(line).is_some(), Words::SIGN),
            (prefix::is_progress_bar(line), Words::BAR),
            (prefix::is_log_line(line), Words::LOG),
        ] {
            assert!(
                !answered || words.have(question),
                "{line}: {question:?} is not among {words:?}"
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
            parts in prop::collection::vec(prop_oneof![prop::sample::select(WORDS).prop_map(|(word, _)| word.to_owned()), "\\PC{0,8}"], 0..8)
        ) {
            assert_asked(&parts.concat());
        }

        /// A piece in which no word stands out has no line in which one does.
        #[test]
        fn a_quiet_piece_has_quiet_lines(text in "([a-zA-Z0-9 :\"(]|Error|Killed|oom|\n|\r|%\\|){0,60}") {
            if are_absent(text.as_bytes()) {
                prop_assert!(text.split(['\n', '\r']).all(|line| !Words::of(line).stand_out()));
            }
        }
    }
}
