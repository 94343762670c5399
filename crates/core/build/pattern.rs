//! The readable form of a pattern, and the regular expression that is made of it.
//!
//! A pattern is the text itself. In braces stand holes: `{int}` and its like are told, `{skip}` and `{number}` are
//! passed over, and `{a|b}` is one text or the other. `^` at the beginning and `$` at the end bind it to the line's.

use std::collections::BTreeMap;

/// What a hole of a kind matches.
pub type Forms = BTreeMap<String, String>;

/// A pattern that was read.
#[derive(Debug, Default)]
pub struct Pattern {
    /// The regular expression.
    pub regex: String,
    /// Kinds of the holes that are told, in order.
    pub holes: Vec<String>,
    /// What is said where the entry does not say something else: the pattern with its holes.
    pub says: String,
    /// Letters that a text must have in common with the pattern: of two that match, the one with more is meant.
    pub literal: usize,
}

/// A part of a text with holes in braces.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    Text(&'a str),
    Hole(&'a str),
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

/// Reads a pattern; stops the build where it cannot be read.
pub fn read(pattern: &str, forms: &Forms) -> Pattern {
    let mut read = Pattern::default();
    let mut text = pattern;
    if let Some(behind) = text.strip_prefix('^') {
        read.regex.push('^');
        text = behind;
    }
    for part in parts(text.strip_suffix('$').unwrap_or(text)) {
        match part {
            Part::Text(text) => read.text(text),
            Part::Hole(hole) => read.hole(hole, pattern, forms),
        }
    }
    if text.ends_with('$') {
        read.regex.push('$');
    }
    read
}

impl Pattern {
    fn text(&mut self, text: &str) {
        self.regex.push_str(&escape(text));
        self.says.push_str(text);
        self.literal += text.len();
    }

    fn hole(&mut self, hole: &str, pattern: &str, forms: &Forms) {
        if hole.contains('|') {
            let choices: Vec<&str> = hole.split('|').collect();
            let escaped: Vec<String> = choices.iter().map(|choice| escape(choice)).collect();
            self.regex.push_str(&format!("(?:{})", escaped.join("|")));
            self.says.push_str(choices[0]);
            self.literal += choices.iter().map(|choice| choice.len()).min().unwrap_or(0);
            return;
        }
        match hole {
            // A line has an end, so that nothing has to be counted here.
            "skip" => {
                self.regex.push_str(".*?");
                self.says.push('…');
            }
            "number" => {
                self.regex.push_str("[0-9]+");
                self.says.push('…');
            }
            "blank" => self.regex.push_str("[ \\t]*"),
            _ => {
                let form = forms
                    .get(hole)
                    .unwrap_or_else(|| panic!("`{pattern}`: no hole is called `{hole}`"));
                self.regex.push_str(&format!("({form})"));
                self.holes.push(hole.to_owned());
                self.says.push_str(&format!("{{{hole}}}"));
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
