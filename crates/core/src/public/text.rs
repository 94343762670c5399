//! Composition: a longer public text out of public pieces and bounded numbers.
//!
//! This is how the rebuilt stack trace and a catalogue message with its holes filled come about. Pieces are
//! constants, other public strings and numbers; there is no way to push a `&str` of the user's.

use super::PublicStr;
use std::fmt::Write as _;

/// Builds one [`PublicStr`] out of pieces that are public each.
#[derive(Clone, Default)]
pub struct PublicText(String);

impl PublicText {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a constant of our source.
    pub fn constant(&mut self, piece: &'static str) -> &mut Self {
        self.0.push_str(piece);
        self
    }

    /// Appends a public string.
    pub fn public(&mut self, piece: &PublicStr) -> &mut Self {
        self.0.push_str(piece.as_str());
        self
    }

    /// Appends a whole number.
    pub fn integer(&mut self, number: u64) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{number}");
        self
    }

    /// Appends a number with so many decimals, two at the most, as sizes are printed (`2.00`, `310`).
    pub fn decimal(&mut self, number: f64, decimals: usize) -> &mut Self {
        let _ = write!(self.0, "{number:.*}", decimals.min(2));
        self
    }

    /// Appends 64 bits as 16 hexadecimal digits (fingerprints over public fields).
    pub fn hex(&mut self, number: u64) -> &mut Self {
        let _ = write!(self.0, "{number:016x}");
        self
    }

    /// The finished text.
    pub fn finish(self) -> PublicStr {
        PublicStr::vetted(self.0)
    }
}
