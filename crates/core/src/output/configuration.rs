//! Finds the configuration that Axolotl prints when it has read, validated and completed it: a line that ends in
//! `config:`, and behind it a JSON document of many lines.
//!
//! The document is the user's text. It is bounded, kept until it is taken, and only told after the same vetting as the
//! configuration file.

use crate::knowledge::lists::CONFIGURATION_HEADERS;

/// Bytes of the document; Axolotl's largest example makes 20 KiB.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Reads lines until it has a whole document.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationReader {
    state: ReaderState,
}

#[derive(Clone, Debug, Default)]
enum ReaderState {
    #[default]
    Waits,
    /// The header came.
    Announced,
    Reads(Document),
    Found(String),
    /// It was taken; later ones are not looked for.
    Done,
}

/// A document as far as it was read.
#[derive(Clone, Debug, Default)]
struct Document {
    text: String,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl ConfigurationReader {
    /// Takes a line without what stands before all lines of its stream.
    pub fn line(&mut self, line: &str) {
        let is_header = |line: &str| {
            let mut headers = CONFIGURATION_HEADERS.iter();
            headers.any(|header| line.ends_with(header))
        };
        match &mut self.state {
            ReaderState::Waits | ReaderState::Announced if is_header(line.trim_end()) => {
                self.state = ReaderState::Announced;
            }
            ReaderState::Announced => {
                self.state = ReaderState::Waits;
                if line.trim() == "{" {
                    let mut document = Document::default();
                    document.push(line);
                    self.state = ReaderState::Reads(document);
                }
            }
            ReaderState::Reads(document) => {
                document.push(line);
                if document.depth == 0 {
                    self.state = ReaderState::Found(std::mem::take(&mut document.text));
                } else if document.text.len() > DOCUMENT_BYTES_MAX {
                    self.state = ReaderState::Done;
                }
            }
            ReaderState::Waits | ReaderState::Found(_) | ReaderState::Done => {}
        }
    }

    /// The document, once.
    pub fn take(&mut self) -> Option<String> {
        if !matches!(self.state, ReaderState::Found(_)) {
            return None;
        }
        match std::mem::replace(&mut self.state, ReaderState::Done) {
            ReaderState::Found(text) => Some(text),
            _ => None,
        }
    }
}

impl Document {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        for byte in line.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let mut reader = ConfigurationReader::default();
        for line in text.lines() {
            reader.line(line);
        }
        reader.take()
    }

    #[test]
    fn the_document_behind_the_header_is_found_whole() {
        let header = "[2026-11-22 13:10:01,247] [INFO] [axolotl.cli.config:346] [PID:7] config:";
        let document = "{\n  \"a\": {\n    \"b}\": \"\\\"{\"\n  },\n  \"c\": [\n    1\n  ]\n}\n";
        for (text, expected) in [
            (format!("{header}\n{document}more\n"), Some(document)),
            (format!("x\n{header}\n{header}\n{document}"), Some(document)),
            (format!("{header}\nx\n{document}"), None),
            (document.to_owned(), None),
            (format!("{header}\n{{\n  \"a\": 1\n"), None),
            (
                format!("{header}\n{{\n{}", "  \"a\": 1,\n".repeat(40_000)),
                None,
            ),
        ] {
            assert_eq!(found(&text).as_deref(), expected);
        }
    }

    #[test]
    fn it_is_given_once() {
        let mut reader = ConfigurationReader::default();
        for line in ["config:", "{", "}", "config:", "{", "}"] {
            reader.line(line);
        }
        assert_eq!(reader.take().as_deref(), Some("{\n}\n"));
        assert_eq!(reader.take(), None);
    }
}
