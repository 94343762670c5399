//! The sources of a package as a graph: its modules (files), and which of them imports which.
//!
//! The text is read, not compiled: comments and tests are cut off, then every path that begins with `crate`, `super`,
//! `self` or the name of a child is followed. A name that a module only re-exports is followed to the module that
//! defines it, so a parent that declares and re-exports its children imports none of them by that.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static USE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:pub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);"));
static PATH: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u:\w+(?:::\w+)+)"));
static TESTS_DECLARED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod \w+;"));
static TESTS_INLINE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"#\[cfg\((?:all\()?test[^\]]*\]\s*mod \w+ \{"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern that is one")
}

/// A module's names below the package's root; the root itself has none.
pub type Name = Vec<String>;

/// The re-exports that are followed for one path; more than any source has behind one another.
const REEXPORTS_MAX: usize = 6;

/// One source file.
pub struct Module {
    pub file: PathBuf,
    /// How many lines it has, tests and comments among them.
    pub lines: usize,
    /// Its text without comments and tests.
    pub text: String,
    /// Every path that it names.
    paths: Vec<String>,
    /// What its `use` declarations bring in, by its last part, and the whole path.
    brought_in: BTreeMap<String, String>,
}

/// The modules of one package, test modules aside.
pub struct Package {
    pub modules: BTreeMap<Name, Module>,
}

/// Which module imports which others.
pub type Imports = BTreeMap<Name, BTreeSet<Name>>;

impl Package {
    /// Reads the package whose root is in this folder.
    pub fn read(folder: &Path) -> Self {
        let mut files = Vec::new();
        collect(folder, &mut files);
        let mut modules = BTreeMap::new();
        for file in files {
            let below = file.strip_prefix(folder).expect("a file of the folder");
            let name = name_of(below);
            if let Some(name) = name {
                modules.insert(name, read_module(file.clone()));
            }
        }
        assert!(modules.len() > 5, "{folder:?} has the sources");
        let mut package = Self { modules };
        package.find_paths();
        package
    }

    fn find_paths(&mut self) {
        let names: Vec<Name> = self.modules.keys().cloned().collect();
        for (name, module) in &mut self.modules {
            let mut children = BTreeSet::new();
            for other in &names {
                if let Some((last, parent)) = other.split_last()
                    && parent == name
                {
                    children.insert(last.as_str());
                }
            }
            module.find_paths(&children);
        }
    }

    /// Which module imports which others; an import of the root is none.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (name, module) in &self.modules {
            let mut of_module = BTreeSet::new();
            for path in &module.paths {
                let target = self.resolve(name, path, 0);
                if let Some(target) = target
                    && !target.is_empty()
                    && target != *name
                {
                    of_module.insert(target);
                }
            }
            imports.insert(name.clone(), of_module);
        }
        imports
    }

    /// The module that a path of this module leads to; `None` where that is no module of the package.
    fn resolve(&self, from: &Name, path: &str, depth: usize) -> Option<Name> {
        let absolute = self.absolute(from, path)?;
        let mut length = absolute.len();
        while !self.modules.contains_key(&absolute[..length]) {
            length -= 1;
        }
        let target = absolute[..length].to_vec();
        let rest = &absolute[length..];
        if let Some(item) = rest.first()
            && depth < REEXPORTS_MAX
            && target != *from
            && let Some(reexported) = self.modules[&target].brought_in.get(item)
            && let Some(definition) = self.resolve(&target, reexported, depth + 1)
        {
            return Some(definition);
        }
        Some(target)
    }

    /// The path from the package's root on.
    fn absolute(&self, from: &Name, path: &str) -> Option<Name> {
        let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
        match parts[0].as_str() {
            "crate" => Some(parts[1..].to_vec()),
            "self" => Some([from, &parts[1..]].concat()),
            "super" => {
                let supers = parts.iter().take_while(|part| *part == "super").count();
                let parent = &from[..from.len().checked_sub(supers)?];
                Some([parent, &parts[supers..]].concat())
            }
            child => {
                let path = [from.as_slice(), &[child.to_owned()]].concat();
                let is_module = self.modules.contains_key(&path);
                is_module.then(|| [from.as_slice(), &parts].concat())
            }
        }
    }
}

impl Module {
    fn find_paths(&mut self, children: &BTreeSet<&str>) {
        for found in USE.captures_iter(&self.text) {
            for path in paths_of(&found[1]) {
                let item = path.rsplit("::").next().unwrap_or_default().to_owned();
                self.brought_in.insert(item, path.clone());
                self.paths.push(path);
            }
        }
        let body = USE.replace_all(&self.text, "");
        for found in PATH.find_iter(&body) {
            let before = body[..found.start()].chars().next_back();
            let first = found.as_str().split("::").next().unwrap_or_default();
            let is_ours = ["crate", "super", "self"].contains(&first) || children.contains(first);
            if is_ours && !matches!(before, Some(':' | '.')) {
                self.paths.push(found.as_str().to_owned());
            }
        }
    }
}

/// The circles of a graph, each with its members in order: the strongly connected parts of more than one module.
pub fn circles(imports: &Imports) -> Vec<Vec<Name>> {
    let mut reachable: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
    for start in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(module) = open.pop() {
            for next in imports.get(module).into_iter().flatten() {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        reachable.insert(start, seen);
    }
    let mut circles = Vec::new();
    let mut placed = BTreeSet::new();
    for module in imports.keys() {
        if placed.contains(module) || !reachable[module].contains(module) {
            continue;
        }
        let mut members = Vec::new();
        for other in &reachable[module] {
            if reachable[other].contains(module) {
                members.push((*other).clone());
                placed.insert(*other);
            }
        }
        circles.push(members);
    }
    circles
}

/// `a::b` as people write it.
pub fn shown(name: &Name) -> String {
    name.join("::")
}

/// Every source file of a folder, tests aside.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The module of a file; `None` for tests and the process entry.
fn name_of(below: &Path) -> Option<Name> {
    let mut name = Name::new();
    for part in &below.with_extension("") {
        name.push(part.to_str().expect("a file name that is text").to_owned());
    }
    match name.last().map(String::as_str) {
        Some("tests" | "main") => return None,
        Some("mod" | "lib") => drop(name.pop()),
        _ => {}
    }
    Some(name)
}

fn read_module(file: PathBuf) -> Module {
    let whole = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let mut text = String::new();
    for line in whole.lines() {
        text.push_str(without_comment(line));
        text.push('\n');
    }
    let mut text = TESTS_DECLARED.replace_all(&text, "").into_owned();
    if let Some(found) = TESTS_INLINE.find(&text) {
        let begin = found.start();
        text.truncate(begin);
    }
    Module {
        file,
        lines: whole.lines().count(),
        text,
        paths: Vec::new(),
        brought_in: BTreeMap::new(),
    }
}

/// The line up to `//`, unless that stands in a string.
pub fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    let mut escaped = false;
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' if at == 0 || bytes[at - 1] != b'\'' => in_string = !in_string,
            b'/' if !in_string && bytes.get(at + 1) == Some(&b'/') => return &line[..at],
            _ => {}
        }
    }
    line
}

/// The single paths of a `use` declaration: `a::{b, c::{self, d}}` is `a::b`, `a::c`, `a::c::d`.
pub fn paths_of(declaration: &str) -> Vec<String> {
    let declaration = declaration.trim();
    let Some((prefix, group)) = declaration.split_once('{') else {
        let path = declaration.split_whitespace().next().unwrap_or_default();
        return vec![path.to_owned()];
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let mut paths = Vec::new();
    for member in members(group) {
        if member == "self" {
            paths.push(prefix.trim_end_matches(':').to_owned());
        } else {
            paths.extend(paths_of(&format!("{prefix}{member}")));
        }
    }
    paths
}

/// The members of a group at its outer level.
fn members(group: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let mut depth = 0_usize;
    let mut begin = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                members.push(group[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    members.push(group[begin..].trim());
    members.retain(|member| !member.is_empty());
    members
}
