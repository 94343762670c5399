//! What the documents link to, and the files that they name, exist.

use regex::Regex;
use support::documents::{path, read};

#[test]
fn what_the_documents_link_to_exists() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").unwrap();
    let folders = "crates|src|tests|tools|examples|packaging|docs|benches|knowledge";
    let file = Regex::new(&format!(r"`((?:{folders})/[\w./-]+)[` ]")).unwrap();
    let mut documents: Vec<String> = Vec::new();
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "PRIVACY.md",
    ] {
        documents.push(name.to_owned());
    }
    for entry in std::fs::read_dir(path("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            documents.push(format!("docs/{name}"));
        }
    }
    let mut missing = Vec::new();
    for name in documents {
        let document = read(&name);
        let folder = path(&name).parent().unwrap().to_owned();
        for target in link.captures_iter(&document) {
            if !folder.join(&target[1]).exists() {
                missing.push(format!("{name}: {}", &target[1]));
            }
        }
        for target in file.captures_iter(&document) {
            if !path(&target[1]).exists() {
                missing.push(format!("{name}: {}", &target[1]));
            }
        }
    }
    assert!(missing.is_empty(), "these do not exist: {missing:#?}");
}
