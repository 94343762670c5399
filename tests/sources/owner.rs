//! What is kept for a run's owner alone is never read by anything that sends.
//!
//! The owner's side of a record holds the user's own words. Its files are opened by one module, `owner_record`, and by
//! nothing else; and that module is imported by what writes it while a run lasts, and by what prints for its owner.

use std::collections::BTreeSet;
use support::documents::path;
use support::sources::{Name, Package, shown};

/// Who may import the module, and why.
const READERS: [(&str, &str); 8] = [
    ("commands::documents", "says that the files exist"),
    ("commands::recorded::runs", "lists runs by their labels"),
    ("commands::report::data", "reads what the report shows"),
    (
        "commands::report::data::job",
        "names the job's machines for their owner",
    ),
    ("commands::report::html", "shows it with `--with-output`"),
    ("commands::report::terminal", "shows it"),
    ("lib", "declares it"),
    ("observer::work::kept", "writes it"),
];

/// The names of its files, which no other module spells.
const FILES: [&str; 2] = ["owner.json", "output.log"];

fn is_within(module: &Name) -> bool {
    module.first().is_some_and(|top| top == "owner_record")
}

#[test]
fn nothing_that_sends_reads_what_is_the_owners() {
    let imports = Package::read(&path("src")).imports();
    let mut found = BTreeSet::new();
    for (module, imported) in &imports {
        if !is_within(module) && imported.iter().any(is_within) {
            found.insert(shown(module));
        }
    }
    for importer in &found {
        let is_known = READERS.iter().any(|(reader, _)| reader == importer);
        assert!(is_known, "`{importer}` must not read what is the owner's");
    }
    assert!(
        found.contains("observer::work::kept") && found.len() > 3,
        "{found:?}"
    );
    // Nor by a detour: whoever sends imports none of the readers either.
    for (module, imported) in &imports {
        let top = module.first().map_or("", String::as_str);
        let sends = matches!(top, "delivery" | "store" | "protocol" | "metrics")
            || [
                "observer::reporter",
                "observer::maintenance",
                "commands::recorded::send",
            ]
            .contains(&shown(module).as_str());
        for other in imported {
            let reads =
                is_within(other) || READERS.iter().any(|(reader, _)| *reader == shown(other));
            assert!(
                !sends || !reads,
                "{} imports {}",
                shown(module),
                shown(other)
            );
        }
    }
}

#[test]
fn nothing_else_knows_the_names_of_the_files() {
    for folder in ["src", "crates/core/src", "crates/sys/src"] {
        for (name, module) in &Package::read(&path(folder)).modules {
            let is_owners = folder == "src" && is_within(name);
            for file in FILES {
                let spelled = module.text.contains(&format!("\"{file}\""));
                assert!(is_owners || !spelled, "{} spells `{file}`", shown(name));
            }
        }
    }
}
