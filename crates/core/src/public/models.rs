//! Models of public organisations: the one kind of text that is neither a constant nor a dictionary's.
//!
//! `whitelist.yaml` at the top of the source names the organisations, the families of models, and the fixed words of
//! their names; `dictionary/models.txt` has the ids that public sources name. A model's id is made of an organisation of
//! that list, in our spelling, and a name of the Hub's own alphabet; anything that could be a path as well (a second
//! slash, `..`, a leading dot) is none. Whether the id is also a path of this machine is for the caller to find out, who
//! alone may look: see [`ModelId::as_paths`].
//!
//! That look is not enough. A directory `google/acme-ckpt` may exist only where the training runs: in a container, or
//! behind a `cd` in a script. So a name is kept only if the id is a public one, or if nothing in the name is anybody's:
//! a family, fixed words, and the numbers of public ids, each once. Of any other `<model>` is told.

use super::{Form, PublicStr, fits};
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

/// An organisation's or model's name, by the Hub's own alphabet and limit.
static NAME: Form = LazyLock::new(|| Regex::new("^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$").ok());

/// Parts of a name that are not a public id: `NVIDIA-Nemotron-3-Nano-30B-A3B-BF16` has seven.
const PARTS_MAX: usize = 8;
/// Those of them that are numbers; a version, two sizes and a date.
const NUMBERS_MAX: usize = 4;

/// What is told in the place of a name that is not known.
const UNKNOWN: &str = "<model>";

const WHITELIST: &str = include_str!("../../../../whitelist.yaml");
/// Ids that public packages and their documents name, one a line, sorted (`tools/model_ids.py`).
const IDS: &str = include_str!("../../../../dictionary/models.txt");

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whitelist {
    organizations: Vec<String>,
    families: BTreeSet<String>,
    words: BTreeSet<String>,
}

static PUBLIC: LazyLock<Whitelist> = LazyLock::new(|| load(WHITELIST).unwrap_or_default());
static PUBLIC_IDS: LazyLock<HashSet<&str>> = LazyLock::new(|| IDS.lines().collect());
/// The numbers in public ids: `8b`, `3.1`, `a3b`, `2507`.
static PUBLIC_NUMBERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let names = IDS.lines().filter_map(|id| Some(id.split_once('/')?.1));
    let parts = names.flat_map(parts).filter(|part| fits(&NUMBER, part));
    parts.map(str::to_ascii_lowercase).collect()
});

/// A version, a size or a date: a letter at the most before it, and two behind it.
static NUMBER: Form = LazyLock::new(|| {
    Regex::new(r"^[A-Za-z]?[0-9]{1,4}(?:\.[0-9]{1,2}|x[0-9]{1,2})?[A-Za-z]{0,2}$").ok()
});

fn load(yaml: &str) -> Result<Whitelist, serde_yaml::Error> {
    serde_yaml::from_str(yaml)
}

/// Whether it is the id of a public model, exactly.
pub fn is_listed(id: &str) -> bool {
    PUBLIC_IDS.contains(id)
}

/// Whether it is what [`ModelId::public`] can say.
pub fn is_told(text: &str) -> bool {
    match text.split_once('/') {
        Some((organization, UNKNOWN)) => organizations().any(|known| known == organization),
        _ => ModelId::parse(text).is_some_and(|id| id.public().as_str() == text),
    }
}

/// The whitelisted organisations.
pub fn organizations() -> impl Iterator<Item = &'static str> {
    PUBLIC.organizations.iter().map(String::as_str)
}

/// The families of public models and the words of their names, in lower case.
pub fn words() -> impl Iterator<Item = &'static str> {
    PUBLIC
        .families
        .iter()
        .chain(&PUBLIC.words)
        .map(String::as_str)
}

/// A text that has the form of a public model's id, and no other reading than that or a relative path.
pub struct ModelId<'a> {
    text: &'a str,
    typed_organization: &'a str,
    organization: &'static str,
    name: &'a str,
}

impl<'a> ModelId<'a> {
    /// Reads `organisation/name`; None where that is not exactly what the text is, or nobody public is named.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (typed_organization, name) = text.split_once('/')?;
        if !is_name(typed_organization) || !is_name(name) {
            return None;
        }
        let organization =
            organizations().find(|known| known.eq_ignore_ascii_case(typed_organization))?;
        Some(Self {
            text,
            typed_organization,
            organization,
            name,
        })
    }

    /// The paths that would make it a local directory: the id itself, and the organisation's name alone, since who
    /// keeps models under `google/` may name one that is not there (yet, or from here).
    pub fn as_paths(&self) -> [&'a str; 2] {
        [self.text, self.typed_organization]
    }

    /// Whether the id is a public one, or its name is made of nothing but what public names are made of.
    pub fn is_known(&self) -> bool {
        is_listed(&format!("{}/{}", self.organization, self.name)) || has_public_form(self.name)
    }

    /// The id, in the organisation's own spelling; without its name where that is not known. To be asked for only
    /// where none of [`Self::as_paths`] exists.
    pub fn public(&self) -> PublicStr {
        let name = if self.is_known() { self.name } else { UNKNOWN };
        PublicStr::vetted(format!("{}/{name}", self.organization))
    }
}

/// The parts of a name.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '_'])
}

/// What a part of a name is.
#[derive(PartialEq)]
enum NamePart {
    Family,
    Word,
    Number,
}

fn has_public_form(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut seen = BTreeSet::new();
    let mut has_family = false;
    let mut numbers = 0;
    for (position, part) in parts(&name).enumerate() {
        let Some(kind) = kind_of_part(part) else {
            return false;
        };
        has_family |= kind == NamePart::Family && position < 2;
        numbers += usize::from(kind == NamePart::Number);
        if !seen.insert(part) || position >= PARTS_MAX || numbers > NUMBERS_MAX {
            return false;
        }
    }
    has_family
}

/// None for what no public name has.
fn kind_of_part(part: &str) -> Option<NamePart> {
    let is_number = |text: &str| PUBLIC_NUMBERS.contains(text);
    let digits_at = part.find(|c: char| c.is_ascii_digit());
    let (letters, number) = part.split_at(digits_at.unwrap_or(part.len()));
    if PUBLIC.words.contains(part) {
        Some(NamePart::Word)
    } else if PUBLIC.families.contains(letters) && (number.is_empty() || is_number(number)) {
        Some(NamePart::Family)
    } else if is_number(part) {
        Some(NamePart::Number)
    } else {
        None
    }
}

fn is_name(text: &str) -> bool {
    fits(&NAME, text) && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_whitelist_can_be_read_and_every_entry_could_be_emitted() {
        let whitelist = load(WHITELIST).unwrap();
        let listed = whitelist.organizations;
        assert!(listed.len() > 30 && whitelist.families.len() > 90 && whitelist.words.len() > 50);
        for word in whitelist.families.iter().chain(&whitelist.words) {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            assert!(word.len() > 1 && word.bytes().all(plain), "{word}");
        }
        for organization in &listed {
            assert!(is_name(organization), "{organization}");
        }
        let mut folded: Vec<_> = listed
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        folded.sort_unstable();
        folded.dedup();
        assert_eq!(
            folded.len(),
            listed.len(),
            "an organisation is listed twice"
        );
    }

    #[test]
    fn a_malformed_whitelist_is_an_error_and_not_an_empty_list() {
        for yaml in [
            "",
            "organisations: [a]",
            "organizations: [a]",
            "{organizations: {a: b}, families: [], words: []}",
            "{organizations: [a], words: []}",
            "- google",
            "organizations: [google",
        ] {
            assert!(load(yaml).is_err(), "{yaml}");
        }
    }

    #[test]
    fn only_an_organisation_and_a_name_are_a_model() {
        let long = format!("google/{}", "a".repeat(97));
        for (text, public) in [
            (
                "mistralai/Mistral-7B-v0.3",
                Some("mistralai/Mistral-7B-v0.3"),
            ),
            ("QWEN/Qwen2.5-0.5B", Some("Qwen/Qwen2.5-0.5B")),
            ("Meta-Llama/Llama-3.2-1B", Some("meta-llama/Llama-3.2-1B")),
            (
                "HuggingFaceTB/SmolLM2-135M",
                Some("HuggingFaceTB/SmolLM2-135M"),
            ),
            ("allenai/OLMoE-1B-7B-0924", Some("allenai/OLMoE-1B-7B-0924")),
            (
                "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
                Some("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
            ),
            ("openai/gpt-oss-20b", Some("openai/gpt-oss-20b")),
            (
                "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
                Some("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"),
            ),
            ("google/acme-ckpt", Some("google/<model>")),
            ("google/gemma-acme", Some("google/<model>")),
            ("google/gemmaAcme", Some("google/<model>")),
            ("google/gemma-15551234567", Some("google/<model>")),
            ("acme/secret-13b", None),
            ("gpt2", None),
            ("google/", None),
            ("/google/gemma", None),
            ("./google/gemma", None),
            ("google/../home/jdoe", None),
            ("google/a..b", None),
            ("google/.hidden", None),
            ("google/-x", None),
            ("microsoft/jdoe/private", None),
            ("google/gemma ", None),
            (" google/gemma", None),
            ("google/gem\u{e9}", None),
            ("google/gemma\n", None),
            ("google//gemma", None),
            ("google\\gemma", None),
            ("https://huggingface.co/google/gemma", None),
            ("", None),
            (&long, None),
        ] {
            assert_eq!(
                ModelId::parse(text)
                    .map(|id| id.public())
                    .as_ref()
                    .map(PublicStr::as_str),
                public,
                "{text}"
            );
        }
    }

    #[test]
    fn the_paths_are_as_typed() {
        assert_eq!(
            ModelId::parse("GOOGLE/gemma").unwrap().as_paths(),
            ["GOOGLE/gemma", "GOOGLE"]
        );
    }

    #[test]
    fn names_of_folders_are_no_models() {
        for name in [
            "medical-privacy-merge-v2",
            "a-c-m-e-c-o-r-p-2026",
            "p-a-s-s-4155-5512-34",
            "h-u-n-t-e-r-2",
            "claude-medical-router-privacy-test",
            "medical",
            "server",
            "data-2024",
            "8b",
            "llama",
            "instruct-base-llama-8b",
            "llama-acme-8b",
            "llama8899-8b",
            "llama-8b-8b",
            "llama-3-8b-70b-4b-2b-1b",
            "llama-3-8b-instruct-chat-base-it-pt-hf-awq",
            "llama-415-555",
            "llama--8b",
            "llama-8b-",
            "Llama-3.1-8B-m-y",
        ] {
            for organization in ["nvidia", "google", "openai", "microsoft"] {
                let text = format!("{organization}/{name}");
                let public = ModelId::parse(&text).map(|id| id.public());
                let told = public.as_ref().map_or("", PublicStr::as_str);
                let expected = if name == "llama" {
                    text.clone()
                } else {
                    format!("{organization}/<model>")
                };
                assert_eq!(told, expected);
            }
        }
    }

    #[test]
    fn the_listed_ids_are_ids_in_order() {
        let listed: Vec<&str> = IDS.lines().collect();
        assert!(listed.len() > 2000 && listed.is_sorted());
        for id in listed {
            let public = ModelId::parse(id).map(|id| id.public());
            assert_eq!(public.as_ref().map(PublicStr::as_str), Some(id));
        }
    }

    proptest! {
        #[test]
        fn what_is_public_begins_with_a_listed_organisation(text in "(google|Qwen|acme|\\PC{0,6})[/.\\\\]{0,2}\\PC{0,12}") {
            if let Some(id) = ModelId::parse(&text) {
                let public = id.public();
                let (organization, name) = public.as_str().split_once('/').unwrap();
                prop_assert!(organizations().any(|known| known == organization));
                prop_assert!(!name.contains('/') && !name.contains("..") && name.is_ascii());
                prop_assert!(name == "<model>" || text.eq_ignore_ascii_case(public.as_str()));
            }
        }
    }
}
