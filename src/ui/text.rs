//! Text as it is printed: made harmless, broken into lines, cut.

/// The text without what a terminal would obey or hide: a recorded file may have been changed.
pub fn harmless(text: &str) -> String {
    with_escapes(text, |character, harmless| {
        harmless.push_str(&format!("\\u{:04x}", u32::from(character)));
    })
}

/// A JSON document in which what [`harmless`] replaces is written as JSON escapes: to a program it says the same. Such
/// characters are in its strings only.
pub fn harmless_json(document: &str) -> String {
    with_escapes(document, |character, harmless| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            harmless.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

/// The text with an escape for each hidden character that ends no line.
fn with_escapes(text: &str, escape: impl Fn(char, &mut String)) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) && character != '\n' {
            escape(character, &mut harmless);
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// Whether a character is one that a terminal obeys, or that nobody sees: controls, those that change the direction of a
/// text, separators of lines, and all that have no width.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text in lines of a width, broken between words; a word that is longer is a line of its own, whole: what one
/// wants to copy (a path, an address) must not be cut.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let words = paragraph.trim_start_matches(' ');
        let begin = paragraph.len() - words.len();
        let mut line = " ".repeat(begin.min(width));
        let mut used_width = 0_usize;
        for word in words.split(' ') {
            if used_width > 0 && used_width.saturating_add(word.chars().count() + 1) > width {
                lines.push(std::mem::take(&mut line));
                used_width = 0;
            }
            if used_width > 0 {
                line.push(' ');
            }
            line.push_str(word);
            used_width = line.chars().count();
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// The text, cut where it is longer than a width.
pub fn cut(text: &str, width: usize, is_unicode: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let end = if is_unicode { "…" } else { ".." };
    text.chars()
        .take(width.saturating_sub(end.chars().count()))
        .chain(end.chars())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_terminal_is_told_nothing_by_what_is_printed() {
        assert_eq!(
            harmless("a\nb\u{1b}[2J\u{9b}c\r\u{202e}d\u{7f}ä"),
            "a\nb\\u001b[2J\\u009bc\\u000d\\u202ed\\u007fä"
        );
        assert_eq!(
            harmless("\u{2028}\u{feff}\u{e0041}\u{2066}\u{61c}…日本 é"),
            "\\u2028\\ufeff\\ue0041\\u2066\\u061c…日本 é"
        );
    }

    #[test]
    fn a_document_says_the_same_without_hidden_characters() {
        let text = "a\u{9b}[2J\u{202e}\u{200b}\u{2028}\u{feff}\u{e0041}\u{7f}\u{1b}ä…";
        let document = serde_json::json!({ text: [text] });
        let harmless = harmless_json(&format!("{document}\n"));
        let shown = harmless.trim_end_matches('\n');
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(shown).unwrap(),
            document
        );
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_too_long(text in "[a-z ]{0,80}", width in 1_usize..30) {
            let lines = wrapped(&text, width);
            prop_assert_eq!(lines.join(" ").split_whitespace().collect::<String>(), text.split_whitespace().collect::<String>());
            for line in lines {
                prop_assert!(line.chars().count() <= width || !line.trim().contains(' '), "{}", line);
            }
        }

        #[test]
        fn what_is_cut_fits(text in ".{0,40}", width in 2_usize..30, is_unicode: bool) {
            prop_assert!(cut(&text, width, is_unicode).chars().count() <= width);
        }
    }
}
