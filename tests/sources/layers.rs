//! What the packages leave to be kept: no import upwards and no circle within a package, no module that is more than
//! one thought, no folder that nobody can take in at a glance.
//!
//! That core is pure and that unsafe code is in sys only, the compiler and clippy say (`crates/*/src/lib.rs`,
//! `crates/core/clippy.toml`).

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::documents::{path, read};
use support::sources::{Name, Package, circles, paths_of, shown, without_comment};

const PACKAGES: [(&str, &str); 3] = [
    ("core", "crates/core/src"),
    ("sys", "crates/sys/src"),
    ("program", "src"),
];

/// Circles that are still there, by their package and their first module. The list may only become shorter.
const KNOWN_CIRCLES: &[&str] = &[];

/// Folders that have more entries than [`ENTRIES_MAX`]. The list may only become shorter.
const KNOWN_FOLDERS: &[&str] = &["crates/core/src", "crates/sys/src", "src/observer"];

/// A module is one thought; whatever is longer is two.
const LINES_MAX: usize = 600;
/// Entries of a folder of sources that can be taken in at a glance.
const ENTRIES_MAX: usize = 12;

#[test]
fn no_circle_of_imports() {
    let mut found = BTreeSet::new();
    let mut shows = String::new();
    for (package, folder) in PACKAGES {
        let imports = Package::read(&path(folder)).imports();
        for members in circles(&imports) {
            let name = format!("{package} {}", shown(&members[0]));
            shows.push_str(&format!("{name}\n"));
            for member in &members {
                let of_circle = imports[member].iter().filter(|name| members.contains(name));
                let others: Vec<_> = of_circle.map(shown).collect();
                shows.push_str(&format!("    {} -> {}\n", shown(member), others.join(", ")));
            }
            found.insert(name);
        }
    }
    let known: BTreeSet<String> = KNOWN_CIRCLES
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty(), "new circles: {new:?}\n{shows}");
    assert!(
        gone.is_empty(),
        "take these from the list, they are gone: {gone:?}"
    );
}

/// The rows of the table in src/lib.rs, from the ground up.
fn layers() -> Vec<Vec<String>> {
    let row = Regex::new(r"(?m)^//! \| (\[`.*?) \|").unwrap();
    let module = Regex::new(r"\[`(?:mod@)?([a-z_]+)`\]").unwrap();
    let library = read("src/lib.rs");
    let mut layers = Vec::new();
    for row in row.captures_iter(&library) {
        let modules = module.captures_iter(&row[1]);
        layers.push(modules.map(|found| found[1].to_owned()).collect());
    }
    layers
}

#[test]
fn an_import_points_down() {
    let layers = layers();
    let layer = |module: &Name| {
        let top = &module[0];
        let found = layers.iter().position(|modules| modules.contains(top));
        found.unwrap_or_else(|| panic!("the table in src/lib.rs does not have `{top}`"))
    };
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (module, imported) in Package::read(&path("src")).imports() {
        if module.is_empty() {
            continue;
        }
        for other in imported {
            seen += 1;
            let tops = [module[0].as_str(), other[0].as_str()];
            let processes = [["supervisor", "observer"], ["observer", "supervisor"]];
            if layer(&module) < layer(&other) || processes.contains(&tops) {
                wrong.push(format!("{} -> {}", shown(&module), shown(&other)));
            }
        }
    }
    assert!(seen > 20, "imports are found");
    assert!(wrong.is_empty(), "these imports point up: {wrong:#?}");
}

#[test]
fn a_module_is_one_thought() {
    for (_, folder) in PACKAGES {
        for module in Package::read(&path(folder)).modules.values() {
            let lines = module.lines;
            assert!(lines <= LINES_MAX, "{:?} has {lines} lines", module.file);
        }
    }
}

/// The modules of a folder: files and folders but tests, a file and the folder of its children counted once.
fn entries(folder: &Path) -> BTreeSet<String> {
    let mut entries = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let stem = entry.unwrap().path().with_extension("");
        let name = stem.file_name().unwrap().to_str().unwrap().to_owned();
        if name != "tests" {
            entries.insert(name);
        }
    }
    entries
}

#[test]
fn a_folder_is_taken_in_at_a_glance() {
    let root = path("");
    let mut open = vec![path("src"), path("crates/core/src"), path("crates/sys/src")];
    let mut long = BTreeSet::new();
    while let Some(folder) = open.pop() {
        let entries = entries(&folder);
        if entries.len() > ENTRIES_MAX {
            long.insert(
                folder
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        for entry in entries {
            if folder.join(&entry).is_dir() {
                open.push(folder.join(entry));
            }
        }
    }
    let known: BTreeSet<String> = KNOWN_FOLDERS
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(long, known, "folders of more than {ENTRIES_MAX} entries");
}

#[test]
fn a_constant_is_a_constant_of_the_source() {
    let leak = Regex::new(r"\bleak\(").unwrap();
    for (_, folder) in PACKAGES {
        for module in Package::read(&path(folder)).modules.values() {
            for line in module.text.lines() {
                let at = format!("{:?}: {line}", module.file);
                assert!(
                    !leak.is_match(line),
                    "a leaked string would pass for public: {at}"
                );
            }
        }
    }
}

#[test]
fn the_reader_of_sources_reads_them() {
    assert_eq!(without_comment("let a = \"//\"; // b"), "let a = \"//\"; ");
    assert_eq!(without_comment("/// doc"), "");
    for (declaration, expected) in [
        ("crate::cli", &["crate::cli"][..]),
        ("super::a::B as C", &["super::a::B"]),
        ("a::{b, c}", &["a::b", "a::c"]),
        (
            "a::{\n    b,\n    c::{self, d},\n}",
            &["a::b", "a::c", "a::c::d"],
        ),
    ] {
        assert_eq!(paths_of(declaration), expected, "{declaration}");
    }
    let name = |text: &str| -> Name { text.split("::").map(str::to_owned).collect() };
    let graph = |edges: &[(&str, &[&str])]| {
        let edges = edges.iter();
        edges
            .map(|(from, to)| (name(from), to.iter().map(|to| name(to)).collect()))
            .collect()
    };
    let tree = graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
    assert!(circles(&tree).is_empty());
    let two = graph(&[
        ("a", &["b"]),
        ("b", &["a"]),
        ("c", &["d", "a"]),
        ("d", &["c"]),
    ]);
    let expected = [vec![name("a"), name("b")], vec![name("c"), name("d")]];
    assert_eq!(circles(&two), expected);
}
