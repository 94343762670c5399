//! Models of public organisations: the one kind of text that is neither a constant nor a dictionary's.
//!
//! `whitelist.yaml` at the top of the source names the organisations, and the words that models are named with. A
//! model's id is made of an organisation of that list, in our spelling, and a name of the Hub's own alphabet;
//! anything that could be a path as well (a second slash, `..`, a leading dot) is none. Whether the id is also a path
//! of this machine is for the caller to find out, who alone may look: see [`ModelId::as_paths`].
//!
//! That look is not enough. A directory `google/acme-ckpt` may exist only where the training runs: in a container, or
//! behind a `cd` in a script. So a name is kept only if it is made of the listed words and of short numbers, and is
//! replaced by `<model>` otherwise.

use super::{Form, PublicStr, fits};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// An organisation's or model's name, by the Hub's own alphabet and limit.
static NAME: Form = LazyLock::new(|| Regex::new("^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$").ok());

/// Digits in a row: `2507` is a date, `1212` a number of parameters; longer ones are nobody's version.
const DIGITS_MAX: usize = 4;

const WHITELIST: &str = include_str!("../../../../whitelist.yaml");

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whitelist {
    organizations: Vec<String>,
    words: BTreeSet<String>,
}

static PUBLIC: LazyLock<Whitelist> = LazyLock::new(|| load(WHITELIST).unwrap_or_default());

fn load(yaml: &str) -> Result<Whitelist, serde_yaml::Error> {
    let mut whitelist: Whitelist = serde_yaml::from_str(yaml)?;
    // Organisations like to put their own name into a model's.
    for word in whitelist
        .organizations
        .iter()
        .flat_map(|name| letters(name))
    {
        whitelist.words.insert(word.to_ascii_lowercase());
    }
    Ok(whitelist)
}

/// The whitelisted organisations.
pub fn organizations() -> impl Iterator<Item = &'static str> {
    PUBLIC.organizations.iter().map(String::as_str)
}

/// The words that public models are named with, in lower case.
pub fn words() -> impl Iterator<Item = &'static str> {
    PUBLIC.words.iter().map(String::as_str)
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

    /// Whether the name is made of public words and short numbers.
    pub fn is_known(&self) -> bool {
        letters(self.name).all(is_known_run)
            && self
                .name
                .split(|c: char| !c.is_ascii_digit())
                .all(|digits| digits.len() <= DIGITS_MAX)
    }

    /// The id, in the organisation's own spelling; without its name where that is not known. To be asked for only
    /// where none of [`Self::as_paths`] exists.
    pub fn public(&self) -> PublicStr {
        let name = if self.is_known() {
            self.name
        } else {
            "<model>"
        };
        PublicStr::vetted(format!("{}/{name}", self.organization))
    }
}

/// The runs of letters in a name.
fn letters(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_ascii_alphabetic())
        .filter(|run| !run.is_empty())
}

/// Whether a run of letters is a public word, or several in a row, each with a capital (`TinyLlama`, `OLMoE`).
fn is_known_run(run: &str) -> bool {
    if is_word(run) {
        return true;
    }
    let mut rest = run;
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(part_length(rest));
        if !is_word(part) {
            return false;
        }
        rest = behind;
    }
    true
}

fn is_word(text: &str) -> bool {
    PUBLIC.words.contains(&text.to_ascii_lowercase())
}

/// The length of the first part of a run: a capital with the small letters behind it, or several capitals up to the
/// one that begins the next part. At least 1 for a run that is not empty.
fn part_length(run: &str) -> usize {
    let bytes = run.as_bytes();
    let small = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
    let capitals = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    if capitals > 1 {
        return capitals - usize::from(small(capitals));
    }
    let mut end = 1;
    while small(end) {
        end += 1;
    }
    end
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
        assert!(listed.len() > 30 && whitelist.words.len() > 300);
        for word in &whitelist.words {
            assert!(
                word.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{word}"
            );
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
            "{organizations: {a: b}, words: []}",
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
    fn a_run_of_letters_splits_at_its_capitals() {
        for (run, parts) in [
            ("TinyLlama", vec!["Tiny", "Llama"]),
            ("LMHead", vec!["LM", "Head"]),
            ("aB", vec!["a", "B"]),
            ("GPT", vec!["GPT"]),
            ("x", vec!["x"]),
        ] {
            let mut rest = run;
            let mut found = Vec::new();
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(part_length(rest));
                found.push(part);
                rest = behind;
            }
            assert_eq!(found, parts);
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
