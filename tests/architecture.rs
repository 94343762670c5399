//! ARCHITECTURE.md's map of the modules is the sources': each file with the first sentence that it says of itself.
//!
//! A map that is kept by hand is wrong within a month. So it is made from `src/lib.rs`, which says what stands on which
//! floor, and from the head of each file; `BLESS=1 cargo test --test architecture` writes it.

mod support;

use regex::Regex;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- generated: modules -->\n";
const END: &str = "<!-- end: modules -->";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The floors of `src/lib.rs`, from the top down: name, and the modules that stand on it.
fn floors() -> Vec<(String, Vec<String>)> {
    let row = Regex::new(r"(?m)^//! \| (\d [a-z]+) \| (.*?) \|").unwrap();
    let module = Regex::new(r"\[`(?:mod@)?([a-z_]+)`\]").unwrap();
    let library = fs::read_to_string(path("src/lib.rs")).unwrap();
    let mut floors: Vec<_> = row
        .captures_iter(&library)
        .map(|row| {
            (
                row[1].to_owned(),
                module
                    .captures_iter(&row[2])
                    .map(|found| found[1].to_owned())
                    .collect(),
            )
        })
        .collect();
    floors.reverse();
    floors
}

/// Every source file but tests and the root, as its path below `src`.
fn files(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            if !entry.ends_with("tests") {
                files(&entry, found);
            }
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let stem = entry.file_stem().unwrap().to_str().unwrap();
            if stem != "lib" && stem != "tests" && !stem.ends_with("_tests") {
                found.push(
                    entry
                        .strip_prefix(path("src"))
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    found.sort();
}

/// The first sentence of a file's head, without links.
fn sentence(source: &str) -> String {
    let head: Vec<_> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .collect();
    let paragraph = head
        .split(|line| line.is_empty())
        .next()
        .unwrap_or_default()
        .join(" ");
    let first = paragraph
        .split_inclusive(". ")
        .next()
        .unwrap_or_default()
        .trim_end();
    let link = Regex::new(r"\[(`[^`]+`)\](\([^)]*\))?").unwrap();
    link.replace_all(first, "$1").replace('|', "\\|")
}

/// The top-level module that a file belongs to.
fn top(file: &str) -> &str {
    file.split('/')
        .next()
        .unwrap_or(file)
        .trim_end_matches(".rs")
}

#[test]
fn the_map_is_the_sources() {
    let mut sources = Vec::new();
    files(&path("src"), &mut sources);
    let (mut map, mut mapped) = (String::new(), 0);
    for (floor, modules) in floors() {
        let _ = writeln!(
            map,
            "\n### Floor {floor}\n\n| module | in one sentence |\n|---|---|"
        );
        let is_here = |file: &&String| {
            modules.iter().any(|module| module == top(file))
                || (top(file) == "main" && floor.starts_with('4'))
        };
        for file in sources.iter().filter(is_here) {
            let says = sentence(&fs::read_to_string(path("src").join(file)).unwrap());
            assert!(!says.is_empty(), "src/{file} does not say what it is");
            let _ = writeln!(map, "| `{file}` | {says} |");
            mapped += 1;
        }
    }
    assert_eq!(
        mapped,
        sources.len(),
        "every file stands on one floor of the table in src/lib.rs"
    );
    let document = fs::read_to_string(path("ARCHITECTURE.md")).unwrap();
    let (before, rest) = document
        .split_once(BEGIN)
        .expect("the marker of the beginning");
    let (_, after) = rest.split_once(END).expect("the marker of the end");
    let expected = format!("{before}{BEGIN}{map}\n{END}{after}");
    if expected != document && std::env::var_os("BLESS").is_some() {
        fs::write(path("ARCHITECTURE.md"), expected).unwrap();
    } else {
        let difference = support::difference("ARCHITECTURE.md", &expected, &document);
        assert!(
            expected == document,
            "ARCHITECTURE.md is out of date; BLESS=1 writes it\n{difference}"
        );
    }
}

#[test]
fn a_sentence_is_cut_at_its_end() {
    for (source, expected) in [
        ("//! Decides. Pure: no clock.\n//!\n//! More.", "Decides."),
        (
            "//! One [`Run`](crate::run) or\n//! [`Start`] a|b.\n",
            "One `Run` or `Start` a\\|b.",
        ),
        ("use x;", ""),
    ] {
        assert_eq!(sentence(source), expected, "{source}");
    }
}

#[test]
fn what_the_documents_link_to_exists() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").unwrap();
    let file =
        Regex::new(r"`((?:src|tests|tools|examples|packaging|docs|benches)/[\w./-]+)[` ]").unwrap();
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "PRIVACY.md",
        "docs/events.md",
        "docs/first-run.md",
    ] {
        let document = fs::read_to_string(path(name)).unwrap();
        let folder = path(name).parent().unwrap().to_owned();
        for target in link.captures_iter(&document) {
            assert!(
                folder.join(&target[1]).exists(),
                "{name}: {} does not exist",
                &target[1]
            );
        }
        for target in file.captures_iter(&document) {
            assert!(
                path(&target[1]).exists(),
                "{name}: {} does not exist",
                &target[1]
            );
        }
    }
}
