//! All that we can ever say of an error, piece by piece: what the gate need not look for the user's words in.

use super::lists::{ERRORS, TRACEBACK_SENTENCES};
use super::{Meaning, messages, signs};
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;
use std::sync::LazyLock;

/// Pieces shorter than this stand in anybody's words.
const PIECE_BYTES_MIN: usize = 4;

static PIECES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let meanings = Meaning::ALL.iter().map(|meaning| meaning.as_str());
    let errors = ERRORS
        .iter()
        .flat_map(|(_, symbol, meaning)| [*symbol, *meaning]);
    let pieces = messages::pieces()
        .chain(signs::pieces())
        .chain(meanings)
        .chain(errors)
        .chain(TRACEBACK_SENTENCES.iter().copied());
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(pieces.filter(|piece| piece.len() >= PIECE_BYTES_MIN))
        .ok()
});

/// Whether these bytes of a text are a part of one of our sentences.
pub fn holds(text: &str, at: usize, length: usize) -> bool {
    let Some(pieces) = PIECES.as_ref() else {
        return false;
    };
    pieces
        .find_iter(text)
        .any(|piece| piece.start() <= at && piece.end() >= at + length)
}

/// Where in a text our sentences are.
pub fn spans(text: &str) -> Vec<Range<usize>> {
    let pieces = PIECES.as_ref().into_iter();
    pieces
        .flat_map(|pieces| pieces.find_iter(text))
        .map(|piece| piece.range())
        .collect()
}

/// The text without our sentences.
pub fn without(text: &str) -> String {
    match PIECES.as_ref() {
        Some(pieces) => {
            let mut rest = String::new();
            pieces.replace_all_with(text, &mut rest, |_, _, rest| {
                rest.push('\n');
                true
            });
            rest
        }
        None => text.to_owned(),
    }
}
