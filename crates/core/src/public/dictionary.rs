//! The dictionary of public names: what a traceback may say in clear.
//!
//! A frame's file, its function and an exception's class leave the machine only if public releases of
//! well-known packages have them. `tools/build_dictionary.py` reads those releases and writes sorted hashes
//! into `dictionary/`; a name of the user's that hashes into the set is the user's own bytes, and is public.
//!
//! Hashes, because the names in clear are ten times as large. The function is FNV-1a with a finalizer: it
//! needs to spread names evenly and to be the same in two languages, not to resist an attacker, who could
//! only betray a name of his own. Files and classes have 64 bits: a private one passes with a chance of
//! 10^-14. Functions have 48 bits, and are looked up only in a file that is public already.
//!
//! Only `trace` asks; the answers are the only strings of run-time text in an error event.

use super::{PublicStr, models};
use crate::knowledge::lists::NAMELESS_CODE;
use std::collections::HashSet;
use std::sync::LazyLock;

static FILES: &[u8] = include_bytes!("../../../../dictionary/files.bin");
static FUNCTIONS: &[u8] = include_bytes!("../../../../dictionary/functions.bin");
static EXCEPTIONS: &[u8] = include_bytes!("../../../../dictionary/exceptions.bin");
static PACKAGES: &str = include_str!("../../../../dictionary/packages.txt");
static SOURCES: &str = include_str!("../../../../dictionary/SOURCES.txt");
static PACKAGE_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| PACKAGES.lines().collect());

include!(concat!(env!("OUT_DIR"), "/public_classes.rs"));

/// Bytes of a hash of a file or of a class.
const WIDE: usize = 8;
/// Bytes of a hash of a function.
const NARROW: usize = 6;
/// Longest file of the dictionary, and longest function and class with some room; what is longer is not even hashed.
const FILE_BYTES_MAX: usize = 240;
const NAME_BYTES_MAX: usize = 200;

/// A file of a public release, relative to site-packages or to the standard library.
pub fn file(relative_path: &str) -> Option<PublicStr> {
    Some(file_and_function(relative_path, None)?.0)
}

/// A file, and the function or class of it where that is public too.
pub fn file_and_function(
    relative_path: &str,
    name: Option<&str>,
) -> Option<(PublicStr, Option<PublicStr>)> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-/".contains(&byte);
    if relative_path.len() > FILE_BYTES_MAX || !relative_path.bytes().all(plain) {
        return None;
    }
    let hash = hashed(EMPTY, relative_path.as_bytes());
    if !contains::<WIDE>(FILES, finished(hash)) {
        return None;
    }
    let function = name.and_then(|name| function_of(hash, name));
    Some((PublicStr::vetted(relative_path.to_owned()), function))
}

/// A function or class of that file, or the interpreter's name for code without one.
///
/// A qualified name (`Trainer.train`) is looked up by its last part, which is what is answered.
pub fn function(relative_path: &str, name: &str) -> Option<PublicStr> {
    function_of(hashed(EMPTY, relative_path.as_bytes()), name)
}

/// The interpreter's name for code without one, if this is such a name.
pub fn anonymous(name: &str) -> Option<PublicStr> {
    let is_listed = NAMELESS_CODE
        .iter()
        .find(|is_listed| **is_listed == last_part(name))?;
    Some(PublicStr::constant(is_listed))
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn function_of(file: u64, name: &str) -> Option<PublicStr> {
    let last_name_part = last_part(name);
    if last_name_part.starts_with('<') {
        return anonymous(last_name_part);
    }
    if last_name_part.len() > NAME_BYTES_MAX || !is_identifier(last_name_part) {
        return None;
    }
    let key = finished(hashed(hashed(file, &[0]), last_name_part.as_bytes()));
    contains::<NARROW>(FUNCTIONS, key).then(|| PublicStr::vetted(last_name_part.to_owned()))
}

/// A class of exceptions, as a traceback prints it (`ValueError`, `torch.OutOfMemoryError`).
pub fn exception(name: &str) -> Option<PublicStr> {
    if name.len() > NAME_BYTES_MAX || !name.split('.').all(is_identifier) {
        return None;
    }
    let is_listed = PUBLIC_CLASSES.binary_search(&name).is_ok()
        || contains::<WIDE>(EXCEPTIONS, fingerprint(name.as_bytes()));
    is_listed.then(|| PublicStr::vetted(name.to_owned()))
}

/// A package by its top-level name.
pub fn package(name: &str) -> Option<PublicStr> {
    PACKAGE_NAMES
        .get(name)
        .map(|name| PublicStr::constant(name))
}

/// What the dictionary holds, and how old that is.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Contents {
    /// The day (`2026-11-22`) up to which releases were looked for.
    pub as_of: &'static str,
    /// Releases that were read, the standard libraries among them.
    pub releases: usize,
    /// Packages, by their top-level names.
    pub packages: usize,
    /// Files.
    pub files: usize,
    /// Functions and classes, each in its file.
    pub functions: usize,
    /// Names of exception classes.
    pub exceptions: usize,
}

/// A module by its dotted name, as far as it is public (`transformers.models.llama`); `<private>` stands for the rest.
pub fn module(name: &str) -> Option<PublicStr> {
    let mut parts = name.split('.');
    let mut path = package(parts.next()?)?.as_str().to_owned();
    let mut text = path.clone();
    for part in parts {
        path = format!("{path}/{part}");
        let is_listed =
            file(&format!("{path}.py")).or_else(|| file(&format!("{path}/__init__.py")));
        if is_listed.is_none() {
            text.push_str(".<private>");
            break;
        }
        text.push('.');
        text.push_str(part);
    }
    Some(PublicStr::vetted(text))
}

/// A kind of model, where transformers has a folder of that name.
pub fn model_type(name: &str) -> Option<PublicStr> {
    if !is_identifier(name) {
        return None;
    }
    file(&format!("transformers/models/{name}/__init__.py"))?;
    Some(PublicStr::vetted(name.to_owned()))
}

/// A class of a kind of models, where transformers has it.
pub fn model_class(model_type: &str, class: &str) -> Option<PublicStr> {
    let path = format!("transformers/models/{model_type}/modeling_{model_type}.py");
    file(&path)?;
    function(&path, class)
}

/// What the built-in dictionary holds.
pub fn contents() -> Contents {
    let (first, releases) = SOURCES.split_once('\n').unwrap_or_default();
    Contents {
        as_of: first.strip_prefix("as of ").unwrap_or_default(),
        releases: releases.lines().count(),
        packages: PACKAGE_NAMES.len(),
        files: FILES.len() / WIDE,
        functions: FUNCTIONS.len() / NARROW,
        exceptions: EXCEPTIONS.len() / WIDE,
    }
}

/// Whether a function is public as the name that its file has for it, for the same gate.
pub fn is_public_function(relative_path: &str, name: &str) -> bool {
    let frozen = relative_path.strip_prefix("<frozen ");
    match frozen.and_then(|rest| rest.strip_suffix('>')) {
        Some(module) => function(&format!("{}.py", module.replace('.', "/")), name).is_some(),
        None => function(relative_path, name).is_some(),
    }
}

/// Whether a whole name is one of the dictionary's, for the gate that looks for the user's words inside names.
pub fn is_public(name: &str) -> bool {
    file(name).is_some()
        || exception(name).is_some()
        || package(name).is_some()
        || models::is_listed(name)
}

/// Groups equal errors: the hash of texts that are public each.
pub fn fingerprint_of<'a>(texts: impl IntoIterator<Item = &'a PublicStr>) -> u64 {
    let mut key = Vec::new();
    for text in texts {
        key.extend_from_slice(text.as_str().as_bytes());
        key.push(0);
    }
    fingerprint(&key)
}

fn is_identifier(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
}

/// The same function as in `tools/build_dictionary.py`; a test compares them.
fn fingerprint(data: &[u8]) -> u64 {
    finished(hashed(EMPTY, data))
}

/// The hash of nothing.
const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of what was seen so far and of this: a function's key begins with its file's, which is hashed once for both.
fn hashed(before: u64, data: &[u8]) -> u64 {
    let mut hash = before;
    for byte in data {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

const fn finished(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Entries on each side of where a hash would stand if all were spread evenly; few stand farther away.
const NEAR_ENTRIES: usize = 1024;

/// Whether the first `WIDTH` bytes of the hash are among the sorted entries.
fn contains<const WIDTH: usize>(entries: &[u8], hash: u64) -> bool {
    let (entries, _) = entries.as_chunks::<WIDTH>();
    let hash_bytes = hash.to_be_bytes();
    let Some(key) = hash_bytes.first_chunk::<WIDTH>() else {
        return false;
    };
    // What stands around one place is on few pages, most of which nobody has read before.
    let even_place = (u128::from(hash) * entries.len() as u128) >> 64;
    let first = (even_place as usize).saturating_sub(NEAR_ENTRIES);
    let last = (even_place as usize + NEAR_ENTRIES).min(entries.len());
    let near_entries = entries.get(first..last).unwrap_or_default();
    if let [first, .., last] = near_entries
        && (first..=last).contains(&key)
    {
        return near_entries.binary_search(key).is_ok();
    }
    entries.binary_search(key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hash_is_the_one_of_the_script() {
        // python3 -c 'from build_dictionary import fingerprint; print(hex(fingerprint(b"torch/nn/functional.py")))'
        for (text, hash) in [
            ("", HASH_OF_NOTHING),
            ("torch/nn/functional.py", HASH_OF_A_FILE),
        ] {
            assert_eq!(fingerprint(text.as_bytes()), hash, "{text}");
        }
    }
    const HASH_OF_NOTHING: u64 = 0xefd0_1f60_ba99_2926;
    const HASH_OF_A_FILE: u64 = 0x54ac_fb2d_c509_e4e2;

    #[test]
    fn the_entries_are_sorted_and_whole() {
        fn check<const WIDTH: usize>(entries: &[u8]) {
            let (entries, rest) = entries.as_chunks::<WIDTH>();
            assert!(rest.is_empty() && entries.len() > 1000 && entries.is_sorted());
        }
        check::<WIDE>(FILES);
        check::<WIDE>(EXCEPTIONS);
        check::<NARROW>(FUNCTIONS);
        assert!(PACKAGES.lines().is_sorted());
        assert!(PACKAGES.lines().all(|name| package(name).is_some()));
        assert!(FILES.len() + FUNCTIONS.len() + EXCEPTIONS.len() + PACKAGES.len() < 2_600_000);
    }

    #[test]
    fn what_it_holds_is_said() {
        let contents = contents();
        assert_eq!(contents.as_of.len(), "2026-11-22".len(), "{contents:?}");
        assert!(
            contents
                .as_of
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-'),
            "{contents:?}"
        );
        assert!(
            contents.releases > 200 && contents.packages > 100 && contents.files > 16_000,
            "{contents:?}"
        );
        assert!(
            contents.functions > 240_000 && contents.exceptions > 1_900,
            "{contents:?}"
        );
    }

    #[test]
    fn public_names_are_known() {
        for (path, name) in [
            ("torch/nn/functional.py", "cross_entropy"),
            ("transformers/trainer.py", "training_step"),
            ("transformers/trainer.py", "Trainer._inner_training_loop"),
            ("axolotl/train.py", "train"),
            ("accelerate/accelerator.py", "backward"),
            ("datasets/arrow_dataset.py", "map"),
            ("multiprocessing/pool.py", "worker"),
            ("json/decoder.py", "raw_decode"),
            ("trl/trainer/sft_trainer.py", "<lambda>"),
        ] {
            assert_eq!(file(path).unwrap().as_str(), path);
            assert_eq!(
                function(path, name).unwrap().as_str(),
                name.rsplit('.').next().unwrap()
            );
        }
        for name in [
            "ValueError",
            "torch.OutOfMemoryError",
            "json.decoder.JSONDecodeError",
            "ExceptionGroup",
            "JSONDecodeError",
        ] {
            assert_eq!(exception(name).unwrap().as_str(), name);
        }
        assert_eq!(package("torch").unwrap().as_str(), "torch");
    }

    #[test]
    fn private_names_are_not() {
        for path in [
            "",
            "torch",
            "torch/secret/pricing.py",
            "/torch/nn/functional.py",
            "torch\\nn\\functional.py",
            "torch/../torch/nn/functional.py",
        ] {
            assert_eq!(file(path), None, "{path}");
        }
        for name in [
            "",
            "train_acme",
            "cross_entropy ",
            "<secret>",
            "Acme.<locals>.f",
            "1",
        ] {
            assert_eq!(function("torch/nn/functional.py", name), None, "{name}");
        }
        for name in [
            "",
            ".",
            "AcmeError",
            "torch.AcmeError",
            "__main__.AcmeError",
            "valueerror",
            "ValueError.",
        ] {
            assert_eq!(exception(name), None, "{name}");
        }
        assert_eq!(package("acme_llm"), None);
    }

    proptest! {
        #[test]
        fn what_is_answered_is_what_was_asked_and_nothing_random_passes(name in "[A-Za-z_]{4,20}(\\.[A-Za-z_]{4,20})?") {
            prop_assert_eq!(file(&format!("{name}/{name}.py")), None);
            prop_assert_eq!(exception(&format!("{name}Zq.{name}Zq")), None);
        }

        #[test]
        fn anything_can_be_asked(text in "\\PC{0,300}") {
            for answer in [file(&text), exception(&text), function("torch/nn/functional.py", &text), package(&text)].into_iter().flatten() {
                prop_assert!(text.ends_with(answer.as_str()));
            }
        }
    }
}
