//! Lines that docker's json-file driver has wrapped: `{"log":"…\n","stream":"stderr","time":"…"}`.

use serde_json::Value;

/// How each line of docker's own file begins.
const LOGGED: &str = "{\"log\":\"";

/// The text that such a line wraps. It may hold `\r`.
pub fn logged_text(line: &str) -> Option<String> {
    if !line.starts_with(LOGGED) {
        return None;
    }
    let entry: Value = serde_json::from_str(line).ok()?;
    entry.get("stream")?;
    let logged = entry.get("log")?.as_str()?;
    let is_hidden =
        |character: char| character.is_control() && character != '\r' && character != '\t';
    Some(logged.trim_end_matches('\n').replace(is_hidden, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_dockers_own_file() {
        let line = r#"{"log":"\r  0%| | 0/3 [x]Traceback\u001b[0m \"a\"\n","stream":"stderr","time":"2024"}"#;
        assert_eq!(
            logged_text(line).as_deref(),
            Some("\r  0%| | 0/3 [x]Traceback[0m \"a\"")
        );
        for line in [r#"{"log":"x"}"#, r#"{"log":"x"#, r#"{"loss":1}"#] {
            assert_eq!(logged_text(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "\\PC{0,80}") {
            let _ = logged_text(&format!("{LOGGED}{line}"));
        }
    }
}
