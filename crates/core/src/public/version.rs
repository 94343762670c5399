//! Versions of the listed packages and of Python.
//!
//! A version is a formatter's kind of public text: short numbers, and each of the words of PEP 440 once. What follows `+` is a
//! local label that a company's build may have put its name into; only those of the public accelerator builds are
//! kept, and any other is cut off. Nothing is known of packages that are not listed.

use super::{Form, PublicStr, fits};
use crate::knowledge::lists;
use regex::Regex;
use std::sync::LazyLock;

/// Characters of a version; `2.9.0.dev20250812+cu129` has 23.
const VERSION_MAX: usize = 40;
/// Characters of a label; `rocm6.2.4` has 9.
const LABEL_MAX: usize = 16;

/// The packages whose version the start event may carry, as Axolotl's own telemetry spells them.
pub static PACKAGES: &[&str] = lists::VERSIONED_PACKAGES;

/// A release as PEP 440 writes them, and the older `2.0.0-rc1`: an epoch, up to four numbers, and what it is before,
/// after or on the way to, each once. A nightly build's number is a date. Longer numbers are a telephone's, and an
/// alphabet alone would let `1acmecorp` pass.
static RELEASE: Form = LazyLock::new(|| {
    let date = "20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])";
    Regex::new(&format!(
        r"(?i-u)^(?:[0-9]!)?[0-9]{{1,2}}(?:\.[0-9]{{1,3}}){{0,3}}(?:[.-]?(?:a|b|c|rc|alpha|beta|pre|preview)\.?[0-9]{{0,2}})?(?:[.-]?(?:post|r)\.?(?:[0-9]{{0,2}}|{date}))?(?:[.-]?dev\.?(?:[0-9]{{0,4}}|{date}))?$"
    ))
    .ok()
});

/// `cu128`, `cpu`, `rocm6.2.4`, `xpu`.
static PUBLIC_LABEL: Form =
    LazyLock::new(|| Regex::new(r"^(?:cpu|xpu|cu[0-9]{2,3}|rocm[0-9](?:\.[0-9]{1,2}){0,2})$").ok());

/// Two or three numbers: `3.11`, `3.11.7`.
static PYTHON: Form = LazyLock::new(|| Regex::new(r"^[23]\.[0-9]{1,2}(?:\.[0-9]{1,2})?$").ok());

/// The version of a listed package, without what its builder may have added; None for anything else.
pub fn format(package: &str, raw: &str) -> Option<PublicStr> {
    let (release, label) = raw.split_once('+').unwrap_or((raw, ""));
    if !PACKAGES.contains(&package) || release.len() > VERSION_MAX || !fits(&RELEASE, release) {
        return None;
    }
    let is_public = label.len() <= LABEL_MAX && fits(&PUBLIC_LABEL, label);
    let public = if is_public && raw.len() <= VERSION_MAX {
        raw
    } else {
        release
    };
    Some(PublicStr::vetted(public.to_owned()))
}

/// The version of Python.
pub fn python(raw: &str) -> Option<PublicStr> {
    fits(&PYTHON, raw).then(|| PublicStr::vetted(raw.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_version_loses_what_its_builder_added() {
        for (raw, public) in [
            ("2.8.0", Some("2.8.0")),
            ("2.8.0+cu128", Some("2.8.0+cu128")),
            ("2.9.0.dev20250812+cu129", Some("2.9.0.dev20250812+cu129")),
            ("2.7.1+rocm6.3", Some("2.7.1+rocm6.3")),
            ("2.7.1+cpu", Some("2.7.1+cpu")),
            ("2.7.1+xpu", Some("2.7.1+xpu")),
            ("0.13.0.dev0", Some("0.13.0.dev0")),
            ("1!2.0rc1.post2", Some("1!2.0rc1.post2")),
            ("2.0.0-rc1", Some("2.0.0-rc1")),
            ("0.0.27.post2", Some("0.0.27.post2")),
            ("3.0.0-b1", Some("3.0.0-b1")),
            ("2.8.0a0+5228986c39.nv25.06", Some("2.8.0a0")),
            ("4155.5512.34.20240101", None),
            ("2.0b12345678c87654321", None),
            ("2.0b12c34", None),
            ("2.9.0.dev15551234", None),
            ("2.8.0+acme.3", Some("2.8.0")),
            ("2.8.0+cu12x", Some("2.8.0")),
            ("2.8.0+rocm6..3", Some("2.8.0")),
            ("2.8.0+cu128+acme", Some("2.8.0")),
            ("2.8.0+", Some("2.8.0")),
            ("2.8.0+cpu\n", Some("2.8.0")),
            ("2.8.0-acmecorp", None),
            ("1acme", None),
            ("acme1", None),
            ("v2.8.0", None),
            ("2.8.0 ", None),
            ("", None),
            ("+cu128", None),
            ("2.8.0.15551234567", None),
            ("1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", None),
        ] {
            assert_eq!(
                format("torch", raw).as_ref().map(PublicStr::as_str),
                public,
                "{raw:?}"
            );
        }
        assert_eq!(format("acme-internal", "1.0"), None);
    }

    #[test]
    fn python_has_two_or_three_numbers() {
        for (raw, kept) in [
            ("3.11.7", true),
            ("3.12", true),
            ("3", false),
            ("3.11.7+acme", false),
            ("3.x", false),
            ("", false),
            ("3.11.", false),
            ("3.1.1.1", false),
        ] {
            assert_eq!(python(raw).is_some(), kept, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn a_version_never_grows_and_stays_in_its_alphabet(raw in "[0-9a-z.+! -]{0,50}|\\PC{0,20}") {
            for public in format("torch", &raw).into_iter().chain(python(&raw)) {
                prop_assert!(raw.starts_with(public.as_str()));
                prop_assert!((1..=40).contains(&public.as_str().len()));
                prop_assert!(public.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b".+!-".contains(&b)));
            }
        }
    }
}
