//! The architecture, enforced: what may import what, where unsafe code may stand, and a few rules of style that
//! no compiler knows.
//!
//! The sources are read as text, comments aside. A rule that is broken is reported with its file and line.

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each module, from the ground up; an import only ever points down or sideways.
const FLOORS: [&[&str]; 5] = [
    &[
        "public",
        "event",
        "env",
        "limits",
        "wire",
        "status",
        "observation",
        "protocol",
    ],
    &[
        "consent", "rank", "lines", "progress", "trace", "config", "privacy", "hang", "verdict",
        "run", "digest",
    ],
    &["sys", "streams", "store", "delivery", "machine"],
    &["supervisor", "observer"],
    &["front", "cli", "plan", "notice", "query", "ui"],
];

const LINES_MAX: usize = 400;

/// One source file, with comments and string contents of no interest taken out line by line.
struct Source {
    path: PathBuf,
    /// The module's path below `src`, as its imports see it: `["query", "schema"]`.
    module: Vec<String>,
    lines: Vec<String>,
    /// How many of the lines stand before the tests.
    product: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources are found");
    files.into_iter().map(|path| read(&root, path)).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(root: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let below = path.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<String> = below
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module
        .last()
        .is_some_and(|name| name == "mod" || name == "lib" || name == "main")
    {
        module.pop();
    }
    let lines: Vec<String> = text.lines().map(without_comment).collect();
    let is_tests = below.ends_with("tests") || below.iter().any(|part| part == "tests");
    let product = if is_tests {
        0
    } else {
        lines
            .iter()
            .position(|l| l.trim() == "#[cfg(test)]")
            .unwrap_or(lines.len())
    };
    Source {
        path,
        module,
        lines,
        product,
    }
}

/// The line up to `//`, unless that stands in a string.
fn without_comment(line: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' if at == 0 || bytes[at - 1] != b'\'' => in_string = !in_string,
            b'/' if !in_string && bytes.get(at + 1) == Some(&b'/') => return line[..at].to_owned(),
            _ => {}
        }
    }
    line.to_owned()
}

/// Every `(file:line, importing top-level module, imported top-level module)`.
fn imports(source: &Source) -> Vec<(String, String, String)> {
    let Some(own) = source.module.first() else {
        return Vec::new();
    };
    let single = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let group = Regex::new(r"\bcrate::\{([^;]*)").unwrap();
    let above = format!(
        r"\b(?:super::){{{}}}([a-z_]+)(?:::|;|,)",
        source.module.len()
    );
    let above = Regex::new(&above).unwrap();
    let supers = Regex::new(r"(?:super::)+").unwrap();
    let mut found = Vec::new();
    for (number, line) in source.lines.iter().enumerate().take(source.product) {
        let at = format!("{}:{}", source.path.display(), number + 1);
        let mut add = |name: &str| found.push((at.clone(), own.clone(), name.to_owned()));
        for capture in single.captures_iter(line) {
            add(&capture[1]);
        }
        if supers
            .find(line)
            .is_some_and(|found| found.as_str().len() == "super::".len() * source.module.len())
        {
            for capture in above.captures_iter(line) {
                add(&capture[1]);
            }
        }
        // A group may go on for several lines.
        if group.is_match(line) {
            let rest = source.lines[number..].join(" ");
            for name in top_names(&group.captures(&rest).unwrap()[1]) {
                add(&name);
            }
        }
    }
    found
}

/// The names at the outer level of `a::{b, c}, d, e::f}`.
fn top_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut name) = (0_usize, Vec::new(), String::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            _ if depth == 0 => name.push(character),
            _ => {}
        }
    }
    names.push(name);
    names
        .iter()
        .map(|name| {
            name.trim()
                .split("::")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
        .filter(|n| !n.is_empty())
        .collect()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn every_module_has_a_floor() {
    let library =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared = Regex::new(r"(?m)^(?:pub )?mod ([a-z_]+)").unwrap();
    for capture in declared.captures_iter(&library) {
        assert!(
            floor(&capture[1]).is_some(),
            "`{}` stands on no floor",
            &capture[1]
        );
    }
}

#[test]
fn an_import_points_down() {
    let mut seen = 0;
    for (at, own, imported) in sources().iter().flat_map(imports) {
        let (Some(from), Some(to)) = (floor(&own), floor(&imported)) else {
            continue;
        };
        seen += 1;
        assert!(
            to <= from,
            "{at}: {own} (floor {from}) imports {imported} (floor {to})"
        );
        let of_system = own == "sys" && from == to && own != imported;
        assert!(
            !of_system,
            "{at}: sys imports {imported}; it is the bottom of its floor"
        );
        let processes = ["supervisor", "observer"];
        let siblings = own != imported
            && processes.contains(&own.as_str())
            && processes.contains(&imported.as_str());
        assert!(
            !siblings,
            "{at}: {own} imports {imported}; the two processes share nothing but the floors below"
        );
    }
    assert!(seen > 20, "imports are found");
}

/// Asserts that no product line of the chosen files matches.
fn refuse(pattern: &str, why: &str, is_meant: impl Fn(&Source) -> bool) {
    let pattern = Regex::new(pattern).unwrap();
    for source in sources().iter().filter(|source| is_meant(source)) {
        for (number, line) in source.lines.iter().enumerate().take(source.product) {
            assert!(
                !pattern.is_match(line),
                "{}:{}: {why}\n{line}",
                source.path.display(),
                number + 1
            );
        }
    }
}

fn is_below(source: &Source, module: &str) -> bool {
    source.module.first().is_some_and(|first| first == module)
}

#[test]
fn the_system_is_touched_in_one_place() {
    refuse(
        r"\bunsafe\b|\blibc::|\bnix::|\brustix::|\bextern\s+\x22C\x22",
        "unsafe, libc, nix and rustix belong to src/sys",
        |source| !is_below(source, "sys"),
    );
}

#[test]
fn no_private_text_can_become_an_event() {
    refuse(
        r"\bleak\(",
        "a leaked string would pass for a constant of the source",
        |_| true,
    );
    // A field of a struct, of a declared event, of a variant, of a tuple struct.
    let fields = r"^\s*(pub(\([a-z]+\))?\s+)?[a-z_]+:\s.*\bString\b.*,\s*$|=>\s*[a-z_]+\s*:\s.*\bString\b|^\s*[A-Z]\w*\(.*\bString\b.*\),\s*$|\bstruct\s+\w+.*\(.*\bString\b";
    for field in [
        "    pub name: String,",
        "\"a\" => a: Vec<String>, \"why\";",
        "    Text(String),",
        "pub struct A(String);",
    ] {
        assert!(Regex::new(fields).unwrap().is_match(field), "{field}");
    }
    refuse(fields, "an event's text is PublicStr", |source| {
        is_below(source, "event")
    });
}

#[test]
fn judgement_has_no_clock_and_no_hands() {
    let pattern = r"Instant::now|SystemTime::now|\bstd::(fs|net|process|thread)\b|\bstd::io\b|std::env::|File::|tokio::";
    refuse(pattern, "floors 0 and 1 are pure", |source| {
        source
            .module
            .first()
            .and_then(|module| floor(module))
            .is_some_and(|floor| floor <= 1)
    });
}

#[test]
fn nothing_can_panic_by_design() {
    let pattern = r"\.unwrap\(\)|\.expect\(|\bpanic!|\btodo!|\bunimplemented!|\bunreachable!|#\[allow|#!\[allow";
    refuse(
        pattern,
        "outside tests nothing may panic, and lints are expected with a reason, never allowed",
        |_| true,
    );
}

#[test]
fn no_module_is_too_long() {
    for source in sources() {
        let lines = source.lines.len();
        assert!(
            lines <= LINES_MAX,
            "{}: {lines} lines; {LINES_MAX} is the most",
            source.path.display()
        );
    }
}

#[test]
fn the_reader_of_sources_reads_them() {
    assert_eq!(without_comment("let a = \"//\"; // b"), "let a = \"//\"; ");
    assert_eq!(without_comment("/// doc"), "");
    assert_eq!(top_names("a::{b, c}, d, e::f}; x"), ["a", "d", "e"]);
    let source = |module: &[&str], line: &str| Source {
        path: "x.rs".into(),
        module: module.iter().map(|&part| part.to_owned()).collect(),
        lines: vec![line.to_owned()],
        product: 1,
    };
    for (module, line, expected) in [
        (&["run"][..], "use crate::sys::x;", &["sys"][..]),
        (
            &["run"],
            "use crate::{cli, plan::{a, b}};",
            &["cli", "plan"],
        ),
        (&["run"], "use super::observer::x;", &["observer"]),
        (&["trace", "frame"], "use super::super::cli;", &["cli"]),
        (&["trace", "frame"], "use super::line::x;", &[]),
    ] {
        let found: Vec<_> = imports(&source(module, line))
            .into_iter()
            .map(|(_, _, imported)| imported)
            .collect();
        assert_eq!(found, expected, "{line}");
    }
}
