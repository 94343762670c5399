//! Text as it is printed: made harmless, broken into lines, cut.

/// The text without what a terminal would obey or hide: a recorded file may have been changed.
pub fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        let is_bidirectional = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() && character != '\n') || is_bidirectional {
            harmless.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            harmless.push(character);
        }
    }
    harmless
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
