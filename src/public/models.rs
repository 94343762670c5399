//! Models of public organisations: the one kind of text that is neither a constant nor a dictionary's.
//!
//! `whitelist.yaml` at the top of the source names the organisations. A model's id is made of an organisation of
//! that list, in our spelling, and a name of the Hub's own alphabet; anything that could be a path as well (a
//! second slash, `..`, a leading dot) is none. Whether the id is also a path of this machine is for the caller to
//! find out, who alone may look: see [`ModelId::as_paths`].

use super::PublicStr;
use serde::Deserialize;
use std::sync::LazyLock;

/// Characters of an organisation's or model's name; the Hub's own limit.
const NAME_MAX: usize = 96;

const WHITELIST: &str = include_str!("../../whitelist.yaml");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whitelist {
    organizations: Vec<String>,
}

static ORGANIZATIONS: LazyLock<Vec<String>> = LazyLock::new(|| load(WHITELIST).unwrap_or_default());

fn load(yaml: &str) -> Result<Vec<String>, serde_yaml::Error> {
    serde_yaml::from_str::<Whitelist>(yaml).map(|whitelist| whitelist.organizations)
}

/// The whitelisted organisations.
pub fn organizations() -> impl Iterator<Item = &'static str> {
    ORGANIZATIONS.iter().map(String::as_str)
}

/// A text that has the form of a public model's id, and no other reading than that or a relative path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId<'a> {
    text: &'a str,
    typed_organization: &'a str,
    organization: &'static str,
    name: &'a str,
}

impl<'a> ModelId<'a> {
    /// Reads `organisation/name`; None where that is not exactly what the text is, or nobody public is named.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (typed_organization, name) = text.split_once('/')?;
        if !is_name(typed_organization) || !is_name(name) {
            return None;
        }
        let organization = organizations().find(|known| known.eq_ignore_ascii_case(typed_organization))?;
        Some(Self { text, typed_organization, organization, name })
    }

    /// The paths that would make it a local directory: the id itself, and the organisation's name alone, since who
    /// keeps models under `google/` may name one that is not there (yet, or from here).
    #[must_use]
    pub fn as_paths(&self) -> [&'a str; 2] {
        [self.text, self.typed_organization]
    }

    /// The id in the organisation's own spelling. To be asked for only where none of [`Self::as_paths`] exists.
    #[must_use]
    pub fn public(&self) -> PublicStr {
        PublicStr::vetted(format!("{}/{}", self.organization, self.name))
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_whitelist_can_be_read_and_every_entry_could_be_emitted() {
        let listed = load(WHITELIST).unwrap();
        assert!(listed.len() > 30);
        for organization in &listed {
            assert!(is_name(organization), "{organization}");
        }
        let mut folded: Vec<_> = listed.iter().map(|name| name.to_ascii_lowercase()).collect();
        folded.sort_unstable();
        folded.dedup();
        assert_eq!(folded.len(), listed.len(), "an organisation is listed twice");
    }

    #[test]
    fn a_malformed_whitelist_is_an_error_and_not_an_empty_list() {
        for yaml in ["", "organisations: [a]", "organizations: {a: b}", "- google", "organizations: [google"] {
            assert!(load(yaml).is_err(), "{yaml}");
        }
    }

    #[test]
    fn only_an_organisation_and_a_name_are_a_model() {
        let long = format!("google/{}", "a".repeat(97));
        for (text, public) in [
            ("mistralai/Mistral-7B-v0.3", Some("mistralai/Mistral-7B-v0.3")),
            ("QWEN/Qwen2.5-0.5B", Some("Qwen/Qwen2.5-0.5B")),
            ("Meta-Llama/Llama-3.2-1B", Some("meta-llama/Llama-3.2-1B")),
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
            assert_eq!(ModelId::parse(text).map(|id| id.public()).as_ref().map(PublicStr::as_str), public, "{text}");
        }
    }

    #[test]
    fn the_paths_are_as_typed() {
        assert_eq!(ModelId::parse("GOOGLE/gemma").unwrap().as_paths(), ["GOOGLE/gemma", "GOOGLE"]);
    }

    proptest! {
        #[test]
        fn what_is_public_begins_with_a_listed_organisation(text in "(google|Qwen|acme|\\PC{0,6})[/.\\\\]{0,2}\\PC{0,12}") {
            if let Some(id) = ModelId::parse(&text) {
                let public = id.public();
                let (organization, name) = public.as_str().split_once('/').unwrap();
                prop_assert!(organizations().any(|known| known == organization));
                prop_assert!(!name.contains('/') && !name.contains("..") && name.is_ascii());
                prop_assert!(text.eq_ignore_ascii_case(public.as_str()));
            }
        }
    }
}
