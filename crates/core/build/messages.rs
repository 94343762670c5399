//! Messages of exceptions: `knowledge/messages/*.yaml`, the words of their holes and what classes mean.

use crate::entry::{self, Grounds, literal};
use crate::pattern::{self, Forms};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;

#[derive(Deserialize, Serialize)]
struct Entry {
    /// How the message begins.
    message: Option<String>,
    /// The same as a regular expression, where holes do not say it; its groups fill the holes of `says` in order.
    regex: Option<String>,
    /// What is said of it; the pattern itself where nothing is.
    says: Option<String>,
    meaning: String,
    #[serde(flatten)]
    grounds: Grounds,
}

#[derive(Deserialize, Serialize)]
struct Words {
    hole: String,
    /// What such a word looks like; without it only the words themselves match.
    form: Option<String>,
    /// Whether a word that is not listed may be the user's.
    #[serde(default)]
    private: bool,
    words: Vec<String>,
}

#[derive(Deserialize, Serialize)]
struct Class {
    class: String,
    meaning: String,
    #[serde(flatten)]
    grounds: Grounds,
}

/// Holes whose values are read by code, and what they look like.
const READ: &[(&str, &str)] = &[
    ("int", "[0-9]{1,12}"),
    ("size", "[0-9.]{1,8} (?:[KMGT]i?B|bytes|B)"),
    ("errno", "[0-9]{1,3}"),
    ("signal", "[0-9]{1,2}"),
    ("module", r"[\w.]{1,200}"),
];

pub fn generate(knowledge: &Path) -> String {
    let words: Vec<Words> = entry::read_file(&knowledge.join("words.yaml"));
    let mut forms: Forms = READ
        .iter()
        .map(|(hole, form)| ((*hole).to_owned(), (*form).to_owned()))
        .collect();
    let mut rust = String::new();
    for list in &words {
        forms.insert(list.hole.clone(), form(list));
        let _ = writeln!(
            rust,
            "const {}: &[&str] = &{:?};",
            list.hole.to_uppercase(),
            list.words
        );
    }
    let lists: Vec<String> = words.iter().map(|list| list.hole.to_uppercase()).collect();
    let _ = writeln!(rust, "const LISTS: &[&[&str]] = &[{}];", lists.join(", "));
    let mut entries: Vec<(usize, String)> = Vec::new();
    for entry in entry::read::<Entry>(&knowledge.join("messages")) {
        entries.push(message(&entry, &forms, &words));
    }
    // Of two entries that match, the one with more letters is meant; it stands first.
    entries.sort_by_key(|(literal, _)| std::cmp::Reverse(*literal));
    rust.push_str("static MESSAGES: &[Entry] = &[\n");
    for (_, entry) in &entries {
        rust.push_str(entry);
    }
    rust.push_str("];\n");
    rust + &classes(knowledge)
}

/// An entry, and how many letters a message must have in common with it.
fn message(entry: &Entry, forms: &Forms, words: &[Words]) -> (usize, String) {
    let name = entry.message.as_ref().or(entry.regex.as_ref());
    let name = name.expect("an entry has `message` or `regex`");
    entry.grounds.check(name);
    let (regex, holes, says, shared) = match (&entry.message, &entry.says) {
        (Some(message), says) => {
            let read = pattern::read(message, forms);
            let says = says.clone().unwrap_or(read.says);
            (read.regex, Some(read.holes), says, read.literal)
        }
        (None, Some(says)) => (name.clone(), None, says.clone(), letters(says)),
        (None, None) => panic!("{name}: a regular expression needs `says`"),
    };
    let (pieces, said) = pieces(&says, words);
    if let Some(holes) = holes {
        assert_eq!(holes, said, "{name}: `says` has other holes");
    }
    let text = format!(
        "Entry {{ regex: {}, says: &[{}], means: Means::{}, #[cfg(test)] source: {:?}, #[cfg(test)] examples: &{:?}, #[cfg(test)] look_alikes: &{:?} }},\n",
        literal(&regex),
        pieces.join(", "),
        entry::means(&entry.meaning),
        entry.grounds.source,
        entry.grounds.examples,
        entry.grounds.look_alikes,
    );
    (shared, text)
}

/// Letters outside of the holes.
fn letters(says: &str) -> usize {
    says.split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).len())
        .sum()
}

/// The pieces of what is said, and the holes among them.
fn pieces(says: &str, words: &[Words]) -> (Vec<String>, Vec<String>) {
    let mut pieces = Vec::new();
    let mut holes = Vec::new();
    let mut rest = says;
    while let Some((before, behind)) = rest.split_once('{') {
        let (hole, behind) = behind.split_once('}').expect("a brace is closed");
        if !before.is_empty() {
            pieces.push(format!("Piece::Text({before:?})"));
        }
        let listed = words.iter().find(|list| list.hole == hole);
        pieces.push(match listed {
            Some(list) if hole != "signal_name" => {
                let unknown = if list.private { "<private>" } else { "?" };
                format!("Piece::Word({}, {unknown:?})", hole.to_uppercase())
            }
            _ => format!("Piece::{}", entry::variant(hole)),
        });
        holes.push(hole.to_owned());
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(format!("Piece::Text({rest:?})"));
    }
    (pieces, holes)
}

fn form(list: &Words) -> String {
    if let Some(form) = &list.form {
        return form.clone();
    }
    let mut words: Vec<String> = list
        .words
        .iter()
        .map(|word| pattern::escape(word))
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.join("|")
}

fn classes(knowledge: &Path) -> String {
    let mut classes: Vec<Class> = entry::read_file(&knowledge.join("classes.yaml"));
    classes.sort_by_key(|entry| std::cmp::Reverse(entry.class.len()));
    let mut rust = String::from("static CLASSES: &[Class] = &[\n");
    for entry in &classes {
        entry.grounds.check(&entry.class);
        let _ = writeln!(
            rust,
            "Class {{ name: {}, meaning: Meaning::{}, #[cfg(test)] examples: &{:?}, #[cfg(test)] look_alikes: &{:?} }},",
            literal(&entry.class),
            entry::variant(&entry.meaning),
            entry.grounds.examples,
            entry.grounds.look_alikes,
        );
    }
    rust + "];\n"
}
