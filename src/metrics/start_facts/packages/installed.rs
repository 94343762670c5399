//! From directories of packages to versions: names of directories are all that is read.
//!
//! `name-version.dist-info` is written by every installer since 2012, conda and editable installs included;
//! Debian and old ones write `name-version-py3.11.egg-info`. The first directory in Python's order that has a
//! package decides; two versions of it in that one directory are the leftovers of a failed installation, and
//! nobody can tell from outside which one is imported.

use crate::metrics::files;
use axolotl_run_core::limits;
use axolotl_run_core::public::PublicStr;
use axolotl_run_core::public::version::{self, PACKAGES};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The versions of the listed packages that these directories have.
pub fn versions(directories: &[PathBuf]) -> BTreeMap<PublicStr, PublicStr> {
    // What is ambiguous is found, and unknown.
    let mut found: BTreeMap<&'static str, Option<String>> = BTreeMap::new();
    for directory in directories {
        let mut found_here = BTreeMap::new();
        for record in files::entry_names(directory, limits::PACKAGE_ENTRIES_MAX) {
            let record = record.to_string_lossy();
            let Some((package, version)) = package_and_version(&record) else {
                continue;
            };
            let version = Some(version.to_owned());
            let known_version = found_here.entry(package).or_insert_with(|| version.clone());
            if *known_version != version {
                *known_version = None;
            }
        }
        for (package, version) in found_here {
            found.entry(package).or_insert(version);
        }
    }
    let mut public_versions = BTreeMap::new();
    for (package, version) in found {
        let public_version = version.and_then(|version| version::format(package, &version));
        if let Some(public_version) = public_version {
            public_versions.insert(PublicStr::constant(package), public_version);
        }
    }
    public_versions
}

/// The listed package that a record is about, and its version.
fn package_and_version(record: &str) -> Option<(&'static str, &str)> {
    let record = record
        .strip_suffix(".dist-info")
        .or_else(|| record.strip_suffix(".egg-info"))?;
    // Installers write no hyphen into the name itself.
    let (name, version) = record.split_once('-')?;
    let (version, _) = version.split_once("-py").unwrap_or((version, ""));
    if version.contains('-') || !version.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    // Names are compared part by part, without regard to case (PEP 503): `Flash_Attn` is `flash-attn`.
    let separators = ['-', '_', '.'];
    let name = name.to_ascii_lowercase();
    for package in PACKAGES {
        let parts = name.split(separators).filter(|part| !part.is_empty());
        if package.split(separators).eq(parts) {
            return Some((package, version));
        }
    }
    None
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
            ("Lm_Eval-0.4.11.dist-info", Some(("lm_eval", "0.4.11"))),
            (
                "axolotl-0.13.0.dev0.dist-info",
                Some(("axolotl", "0.13.0.dev0")),
            ),
            ("ray-2.9.0-py3.11.egg-info", Some(("ray", "2.9.0"))),
            ("ray-2.9.0.egg-info", Some(("ray", "2.9.0"))),
            ("ray.egg-info", None),
            ("torch", None),
            ("torch-2.8.0", None),
            ("Flash__Attn-2.7.4.dist-info", Some(("flash-attn", "2.7.4"))),
            ("-2.8.0.dist-info", None),
            ("torch_extra-2.8.0.dist-info", None),
            ("torch-acme.dist-info", None),
        ] {
            assert_eq!(package_and_version(entry), expected, "{entry}");
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
            BTreeMap::from(
                [("torch", "2.8.0"), ("peft", "0.20.0")].map(|(package, version)| {
                    (
                        PublicStr::constant(package),
                        version::format(package, version).unwrap(),
                    )
                })
            )
        );
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(entry in ".{0,40}(-[0-9.]{0,9})?(.dist-info|.egg-info)?") {
            let _ = package_and_version(&entry);
        }
    }
}
