//! From directories of packages to versions: names of directories are all that is read.
//!
//! `name-version.dist-info` is written by every installer since 2012, conda and editable installs included;
//! Debian and old ones write `name-version-py3.11.egg-info`. The first directory in Python's order that has a
//! package decides; two versions of it in that one directory are the leftovers of a failed installation, and
//! nobody can tell from outside which one is imported.

use crate::metrics::files;
use axolotl_run_core::limits;
use axolotl_run_core::public::version::PACKAGES;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Versions of the listed packages, as they were found.
pub fn versions(sites: &[PathBuf]) -> BTreeMap<&'static str, String> {
    let mut wanted = BTreeMap::new();
    for package in PACKAGES {
        wanted.insert(normal(package), *package);
    }
    // What is ambiguous is found, and unknown.
    let mut found: BTreeMap<&'static str, Option<String>> = BTreeMap::new();
    for site in sites.iter().take(limits::PACKAGE_DIRECTORIES_MAX) {
        let mut here: BTreeMap<&'static str, Option<String>> = BTreeMap::new();
        for entry in files::names(site, limits::PACKAGE_ENTRIES_MAX).unwrap_or_default() {
            let Some((name, version)) = entry.to_str().and_then(name_and_version) else {
                continue;
            };
            let Some(package) = wanted.get(&name) else {
                continue;
            };
            let version = Some(version.to_owned());
            let known = here.entry(package).or_insert_with(|| version.clone());
            if *known != version {
                *known = None;
            }
        }
        for (package, version) in here {
            found.entry(package).or_insert(version);
        }
    }
    let known = |(package, version): (_, Option<String>)| Some((package, version?));
    found.into_iter().filter_map(known).collect()
}

/// The normal form of a package's name, and its version, from the name of its record.
fn name_and_version(entry: &str) -> Option<(String, &str)> {
    let record = entry
        .strip_suffix(".dist-info")
        .or_else(|| entry.strip_suffix(".egg-info"))?;
    // Installers write no hyphen into the name itself.
    let (name, rest) = record.split_once('-')?;
    let (version, _) = rest.split_once("-py").unwrap_or((rest, ""));
    if version.contains('-') || !version.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    Some((normal(name), version))
}

/// The form in which names of packages are compared (PEP 503): `Flash_Attn` is `flash-attn`.
fn normal(name: &str) -> String {
    let mut normal = String::new();
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('-');
        }
        normal.push_str(&part.to_ascii_lowercase());
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_of_all_sorts_are_read() {
        for (entry, expected) in [
            (
                "torch-2.8.0+cu128.dist-info",
                Some(("torch", "2.8.0+cu128")),
            ),
            (
                "flash_attn-2.7.4.post1.dist-info",
                Some(("flash-attn", "2.7.4.post1")),
            ),
            ("Lm_Eval-0.4.11.dist-info", Some(("lm-eval", "0.4.11"))),
            (
                "axolotl-0.13.0.dev0.dist-info",
                Some(("axolotl", "0.13.0.dev0")),
            ),
            ("ray-2.9.0-py3.11.egg-info", Some(("ray", "2.9.0"))),
            ("ray-2.9.0.egg-info", Some(("ray", "2.9.0"))),
            ("ray.egg-info", None),
            ("torch", None),
            ("torch-2.8.0", None),
            ("-2.8.0.dist-info", Some(("", "2.8.0"))),
            ("torch-acme.dist-info", None),
        ] {
            let expected = expected.map(|(name, version): (&str, &str)| (name.to_owned(), version));
            assert_eq!(name_and_version(entry), expected, "{entry}");
        }
    }

    #[test]
    fn the_first_directory_decides_and_a_contradiction_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        let site = |name: &str, entries: &[&str]| {
            for entry in entries {
                std::fs::create_dir_all(root.path().join(name).join(entry)).unwrap();
            }
            root.path().join(name)
        };
        let first = site(
            "a",
            &[
                "torch-2.8.0.dist-info",
                "trl-0.1.dist-info",
                "trl-0.2.dist-info",
                "~orch-1.0.dist-info",
            ],
        );
        let second = site(
            "b",
            &[
                "torch-1.0.dist-info",
                "trl-0.3.dist-info",
                "peft-0.20.0.dist-info",
                "secret-1.0.dist-info",
            ],
        );
        let found = versions(&[first, second, root.path().join("none")]);
        assert_eq!(
            found,
            BTreeMap::from([("torch", "2.8.0".to_owned()), ("peft", "0.20.0".to_owned())])
        );
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(entry in ".{0,40}(-[0-9.]{0,9})?(.dist-info|.egg-info)?") {
            let _ = name_and_version(&entry);
        }
    }
}
