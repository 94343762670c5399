//! What exists twice is the same: PRIVACY.md and the published list, the README's tables and the program, the
//! completions and the options. `BLESS=1 cargo test --test documents` writes what is generated.

mod support;

use axolotl_run::cli::{OPTIONS, Value, exit_statuses, help};
use axolotl_run::{env, query};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares a file with what it should be, or writes it.
fn compare(name: &str, expected: &str) {
    let actual = fs::read_to_string(path(name)).unwrap_or_default();
    if actual == expected {
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(path(name), expected).unwrap();
        return;
    }
    panic!("{name} is out of date; BLESS=1 writes it\n{}", support::difference(name, expected, &actual));
}

/// The document with the part between a section's two markers replaced.
fn with_section(document: &str, section: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- generated: {section} -->\n"), format!("<!-- end: {section} -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("the marker {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the marker {end}"));
    format!("{before}{begin}{content}{end}{after}")
}

#[test]
fn privacy_md_is_the_published_list() {
    compare("PRIVACY.md", &query::schema::privacy_document());
}

/// One test for the whole file, so that blessing it does not race with itself.
#[test]
fn the_readme_says_what_the_program_says() {
    let mut environment = String::from("| variable | what it does |\n|---|---|\n");
    for variable in env::ALL {
        let _ = writeln!(environment, "| `{}` | {} |", variable.name, variable.does);
    }
    let mut statuses = String::from("| status | meaning |\n|---|---|\n");
    for (status, means) in exit_statuses() {
        let _ = writeln!(statuses, "| {status} | {means} |");
    }
    let mut readme = fs::read_to_string(path("README.md")).unwrap();
    for (section, content) in
        [("environment", environment), ("exit status", statuses), ("options", format!("```text\n{}```\n", help()))]
    {
        readme = with_section(&readme, section, &content);
    }
    compare("README.md", &readme);
}

#[test]
fn the_completions_have_the_programs_options_and_no_others() {
    let mut expected: Vec<_> = OPTIONS.iter().map(|row| row.long).collect();
    expected.sort_unstable();
    for (name, pattern) in [
        ("completions/axolotl-run.bash", r"(?s)options='(.*?)'"),
        ("completions/_axolotl-run", r"(?s)(_arguments.*?)&& return"),
        ("completions/axolotl-run.fish", r"(?s)(complete -c .*)"),
    ] {
        let script = fs::read_to_string(path(name)).unwrap();
        let part =
            regex::Regex::new(pattern).unwrap().captures(&script).expect("the options of the script")[1].to_owned();
        let option = if name.ends_with("fish") { r"-l ([a-z-]+)" } else { r"--([a-z][a-z-]*)" };
        let option = regex::Regex::new(option).unwrap();
        let mut found: Vec<_> = option.captures_iter(&part).map(|capture| capture[1].to_owned()).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "{name}");
        for row in OPTIONS {
            if let Value::OneOf(words) = row.value {
                assert!(words.iter().all(|word| script.contains(word)), "{name}: {}", row.long);
            }
        }
    }
}

#[test]
fn help_on_the_terminal_is_the_help_of_the_documents() {
    support::Launch::new().run(&["--help"]).expect_code(0).expect_stdout(&help());
    support::Launch::new().run(&["-h"]).expect_code(0).expect_stdout(&help());
}
