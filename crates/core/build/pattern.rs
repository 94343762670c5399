//! The readable form of a pattern, and the regular expression that is made of it.
//!
//! A pattern is the text itself. In braces stand holes: `{int}` and its like are told, `{skip}` and `{number}` are
//! passed over, and `{a|b}` is one text or the other. `^` at the beginning and `$` at the end bind it to the line's.

use std::collections::BTreeMap;

/// What a hole of a kind matches.
pub type Forms = BTreeMap<String, String>;

/// A pattern that was read.
#[derive(Default)]
pub struct Pattern {
    /// The regular expression.
    pub regex: String,
    /// Kinds of the holes that are told, in order.
    pub holes: Vec<String>,
    /// What is said where the entry does not say something else: the pattern with its holes.
    pub says: String,
    /// Letters that a text must have in common with the pattern: of two that match, the one with more is meant.
    pub letters: usize,
}

/// A part of a text with holes in braces.
pub enum Part<'text> {
    Text(&'text str),
    Hole(&'text str),
}

/// The parts of a text; stops the build where a brace is never closed.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (hole, behind) = behind
            .split_once('}')
            .unwrap_or_else(|| panic!("`{text}`: a brace is never closed"));
        parts.push(Part::Text(before));
        parts.push(Part::Hole(hole));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| !matches!(part, Part::Text("")));
    parts
}

/// The regular expression of a text, with what its holes match.
pub fn regex(text: &str, mut form_of: impl FnMut(&str) -> String) -> String {
    let mut regex = String::new();
    for part in parts(text) {
        regex += &match part {
            Part::Text(text) => escape(text),
            Part::Hole(hole) => form_of(hole),
        };
    }
    regex
}

/// Reads a pattern; stops the build where it cannot be read.
pub fn read(text: &str, forms: &Forms) -> Pattern {
    let mut pattern = Pattern::default();
    let behind_start = text.strip_prefix('^');
    if behind_start.is_some() {
        pattern.regex += "^";
    }
    let text = behind_start.unwrap_or(text);
    let before_end = text.strip_suffix('$');
    for part in parts(before_end.unwrap_or(text)) {
        match part {
            Part::Text(text) => pattern.push_text(text),
            Part::Hole(hole) => pattern.push_hole(hole, forms),
        }
    }
    if before_end.is_some() {
        pattern.regex += "$";
    }
    pattern
}

impl Pattern {
    fn push_text(&mut self, text: &str) {
        self.regex += &escape(text);
        self.says += text;
        self.letters += text.len();
    }

    fn push_hole(&mut self, hole: &str, forms: &Forms) {
        match hole {
            // A line has an end, so that nothing has to be counted here.
            "skip" => {
                self.regex += ".*?";
                self.says += "…";
            }
            "number" => {
                self.regex += "[0-9]+";
                self.says += "…";
            }
            "blank" => self.regex += "[ \\t]*",
            choices if hole.contains('|') => {
                let choices: Vec<&str> = choices.split('|').collect();
                let escaped: Vec<String> = choices.iter().map(|choice| escape(choice)).collect();
                self.regex += &format!("(?:{})", escaped.join("|"));
                self.says += choices[0];
                let lengths = choices.iter().map(|choice| choice.len());
                self.letters += lengths.min().unwrap_or(0);
            }
            _ => {
                let Some(form) = forms.get(hole) else {
                    panic!("no hole is called `{hole}`");
                };
                self.regex += &format!("({form})");
                self.says += &format!("{{{hole}}}");
                self.holes.push(hole.to_owned());
            }
        }
    }
}

/// The text as a regular expression that matches it alone.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if "\\.+*?()|[]{}^$#&-~".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
