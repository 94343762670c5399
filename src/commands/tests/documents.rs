//! What exists twice is the same: PRIVACY.md and the published list, the README's tables and the program, the
//! completions and the options. `BLESS=1 cargo test --lib documents` writes what is generated.

use crate::cli::{self, Group, OPTIONS, Value, exit_statuses, help};
use crate::commands::documents::files;
use crate::commands::documents::man;
use crate::commands::documents::schema::walk_fields;
use axolotl_run_core::consent::POLICY_VERSION;
use axolotl_run_core::env;
use axolotl_run_core::event::value::{Field, FieldKind};
use axolotl_run_core::event::{EventName, SCHEMA_VERSION, common_fields};
use axolotl_run_core::public::version::PACKAGES;
use regex::Regex;
use std::fmt::Write as _;
use std::process::Command;
use support::documents::{compare, path, read, with_section};

#[test]
fn privacy_md_is_the_published_list() {
    compare("PRIVACY.md", &privacy_document());
}

/// One test for the whole file, so that blessing it does not race with itself.
#[test]
fn the_readme_says_what_the_program_says() {
    let mut table_of_files = String::from("| file | holds |\n|---|---|\n");
    for (file, holds) in files() {
        let _ = writeln!(table_of_files, "| `{file}` | {holds} |");
    }
    let mut readme = read("README.md");
    for (section, content) in [
        ("files", table_of_files),
        ("options", format!("```text\n{}```\n", help())),
    ] {
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
        let script = read(name);
        let part = Regex::new(pattern)
            .unwrap()
            .captures(&script)
            .expect("the options of the script")[1]
            .to_owned();
        let option = if name.ends_with("fish") {
            r"-l ([a-z-]+)"
        } else {
            r"--([a-z][a-z-]*)"
        };
        let option = Regex::new(option).unwrap();
        let mut found: Vec<_> = option
            .captures_iter(&part)
            .map(|capture| capture[1].to_owned())
            .collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "{name}");
        for row in OPTIONS {
            if let Value::OneOf { words, .. } = row.value {
                assert!(
                    words.iter().all(|word| script.contains(word)),
                    "{name}: {}",
                    row.long
                );
            }
        }
    }
}

/// What a reader sees: the page as the two formatters that there are set it.
#[test]
fn the_manual_page_says_what_the_help_says() {
    let page = man::page();
    compare("packaging/axolotl-run.1", &page);
    let file = path("packaging/axolotl-run.1").to_str().unwrap().to_owned();
    for formatter in [
        &["mandoc", "-Tutf8", "-Owidth=400"][..],
        &["man", "--warnings", "--local-file"],
    ] {
        let Some(set) = output(formatter, &file) else {
            continue;
        };
        let set = set.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut position = 0;
        for expected in what_the_page_must_say() {
            let found = set[position..].find(&expected);
            position += found
                .unwrap_or_else(|| panic!("{formatter:?}: no {expected:?} in its place in\n{set}"));
        }
    }
    if let Some(complaints) = output(&["mandoc", "-Tlint", "-Wwarning"], &file) {
        // A date would have to be kept by hand, and would say nothing that the version does not say.
        let others: Vec<_> = complaints
            .lines()
            .filter(|line| !line.contains("missing date"))
            .collect();
        assert!(others.is_empty(), "{others:#?}");
    }
}

/// The parts of the page, in their order.
fn what_the_page_must_say() -> Vec<String> {
    let mut parts = vec![
        "NAME".to_owned(),
        format!("{} - {}", cli::NAME, cli::DESCRIPTION.replacen('A', "a", 1)),
    ];
    parts.extend(["SYNOPSIS", cli::OPERANDS, "DESCRIPTION"].map(str::to_owned));
    parts.extend(cli::ABOUT.map(str::to_owned));
    for group in Group::ALL {
        parts.push(group.heading().to_owned());
        let rows = OPTIONS.iter().filter(|row| row.group == group);
        parts.extend(rows.flat_map(|row| [cli::shown(row), row.does.replace('`', "")]));
    }
    parts.push("EXIT STATUS".to_owned());
    parts.extend(
        exit_statuses()
            .into_iter()
            .flat_map(|(status, means)| [status, means.to_owned()]),
    );
    parts.push("ENVIRONMENT".to_owned());
    parts.extend(
        env::ALL
            .iter()
            .flat_map(|variable| [variable.name.to_owned(), variable.does.replace('`', "")]),
    );
    parts.push("FILES".to_owned());
    parts.extend(
        files()
            .into_iter()
            .flat_map(|(file, holds)| [file, holds.to_owned()]),
    );
    parts
}

/// What a program prints about a file, on both output; None where the machine has no such program.
fn output(words: &[&str], file: &str) -> Option<String> {
    if !support::has(words[0]) {
        return None;
    }
    let mut command = Command::new(words[0]);
    // Wide enough that nothing is broken or hyphenated; no escapes for a terminal.
    command
        .args(&words[1..])
        .arg(file)
        .env("MANWIDTH", "400")
        .env("MAN_KEEP_FORMATTING", "")
        .env("LC_ALL", "C.UTF-8");
    let answer_output = command.output().unwrap();
    let text = [answer_output.stdout, answer_output.stderr].concat();
    // Bold is a letter that is struck twice, italics one that is struck over a line.
    Some(
        Regex::new(".\u{8}")
            .unwrap()
            .replace_all(&String::from_utf8(text).unwrap(), "")
            .into_owned(),
    )
}

/// PRIVACY.md, whole.
pub(crate) fn privacy_document() -> String {
    let mut text =
        include_str!("../documents/privacy.md").replace("{policy}", &POLICY_VERSION.to_string());
    text = text.replace("{schema}", &SCHEMA_VERSION.to_string());
    let _ = write!(text, "\n### In every event\n\n");
    table(&mut text, &common_fields());
    for event in EventName::ALL {
        let _ = write!(
            text,
            "\n### `{}`\n\nSent {}.\n\n",
            event.as_str(),
            event.means()
        );
        table(&mut text, &event.fields());
    }
    let packages: Vec<_> = PACKAGES
        .iter()
        .map(|package| format!("`{package}`"))
        .collect();
    let _ = writeln!(text, "\n`<package>` is one of {}.", packages.join(", "));
    text
}

fn table(text: &mut String, fields: &[Field]) {
    let _ = writeln!(text, "| field | type | what it is for |\n|---|---|---|");
    let mut owners: Vec<String> = Vec::new();
    walk_fields(fields, 0, &mut |field, depth| {
        owners.truncate(depth);
        let owner = owners
            .last()
            .map_or(String::new(), |owner| format!("{owner}."));
        let name = format!("{owner}{}", field.name);
        let _ = writeln!(
            text,
            "| `{name}` | {} | {} |",
            field.kind.name(),
            field.why.replace('|', "\\|")
        );
        owners.push(match &field.kind {
            FieldKind::List(_) => format!("{name}[]"),
            _ => name,
        });
    });
}
