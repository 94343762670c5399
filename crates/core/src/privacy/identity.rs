//! The words that only this user has.
//!
//! The launcher knows what a leak would look like: the user's and the host's name, the folders, the arguments, the
//! secrets in the environment, every text of the configuration that was withheld. None of them may be in an event.
//! Words that are public anyway are not looked for (see [`vocabulary`](super::vocabulary)), and neither are those
//! that could not be in an event for the alphabet alone.
//!
//! The words live in memory only; `Debug` does not show them.

use super::vocabulary;
use std::collections::BTreeMap;
use std::fmt;

/// Characters from which on a word of the user's identity is looked for; shorter ones are in everything.
const IDENTITY_WORD_MIN: usize = 5;
/// Characters of a word that are compared: of a long secret or prompt, its beginning is enough.
const IDENTITY_WORD_MAX: usize = 64;
/// Length from which on the value of any environment variable counts as one; the secrets' begin at the minimum.
const IDENTITY_VALUE_MIN: usize = 12;
/// Words of the user's identity that are looked for.
const IDENTITY_WORDS_MAX: usize = 8192;

/// What the launcher knows about its user, as it found it.
#[derive(Clone, Copy, Default)]
pub struct IdentityFacts<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The home directory.
    pub home: &'a str,
    /// The host's name.
    pub host: &'a str,
    /// The working directory.
    pub working_directory: &'a str,
    /// The command's arguments.
    pub arguments: &'a [String],
    /// The environment, as names and values.
    pub environment: &'a [(String, String)],
    /// The texts of the configuration that were withheld.
    pub withheld: &'a [String],
}

/// Where a word comes from; all that is ever said of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordSource {
    /// A variable of the environment.
    Environment,
    /// The user's name.
    User,
    /// The host's name.
    Host,
    /// The home directory.
    Home,
    /// The working directory.
    WorkingDirectory,
    /// An argument of the command.
    Argument,
    /// A text of the configuration.
    Configuration,
}

impl fmt::Display for WordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "your environment",
            Self::User => "your user name",
            Self::Host => "your host's name",
            Self::Home => "your home directory",
            Self::WorkingDirectory => "your working directory",
            Self::Argument => "the command's arguments",
            Self::Configuration => "your configuration",
        })
    }
}

/// The words to look for.
#[derive(Clone, Default)]
pub struct Identity {
    words: BTreeMap<String, WordSource>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("words", &self.words.len())
            .finish()
    }
}

impl Identity {
    /// Collects the words.
    pub fn new(facts: &IdentityFacts<'_>) -> Self {
        let mut identity = Self::default();
        for (name, value) in facts.environment {
            let least = if is_secret(name) {
                IDENTITY_WORD_MIN
            } else {
                IDENTITY_VALUE_MIN
            };
            if value.chars().count() >= least {
                identity.add(value, WordSource::Environment);
            }
        }
        identity.add(facts.user, WordSource::User);
        identity.add_parts(facts.host, ".", WordSource::Host);
        identity.add_parts(facts.home, "/\\", WordSource::Home);
        identity.add_parts(facts.working_directory, "/\\", WordSource::WorkingDirectory);
        for argument in facts.arguments {
            identity.add_parts(argument, "/\\=:,@", WordSource::Argument);
        }
        identity.withhold(facts.withheld);
        identity
    }

    /// Adds texts of a configuration that was read later.
    pub fn withhold(&mut self, texts: &[String]) {
        for text in texts {
            self.add_parts(text, "/\\", WordSource::Configuration);
        }
    }

    /// The words, in lower case.
    pub fn words(&self) -> impl Iterator<Item = (&str, WordSource)> {
        self.words
            .iter()
            .map(|(word, source)| (word.as_str(), *source))
    }

    fn add_parts(&mut self, text: &str, separators: &str, source: WordSource) {
        self.add(text, source);
        for part in text.split(|c: char| separators.contains(c)) {
            self.add(part, source);
            // `acme_takeover.py` is told by `acme_takeover`.
            if let Some((stem, _)) = part.rsplit_once('.') {
                self.add(stem, source);
            }
        }
    }

    fn add(&mut self, text: &str, source: WordSource) {
        let text = text.trim();
        // The gate refuses whatever is not ASCII, so only ASCII has to be looked for.
        if text.len() < IDENTITY_WORD_MIN
            || !text.is_ascii()
            || vocabulary::is_public(text)
            || self.words.len() >= IDENTITY_WORDS_MAX
        {
            return;
        }
        let mut word = text.to_ascii_lowercase();
        word.truncate(IDENTITY_WORD_MAX);
        self.words.entry(word).or_insert(source);
    }
}

/// Whether a variable of that name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASS", "CRED", "AUTH"]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn words(facts: &IdentityFacts<'_>) -> Vec<(String, WordSource)> {
        Identity::new(facts)
            .words()
            .map(|(word, source)| (word.to_owned(), source))
            .collect()
    }

    #[test]
    fn the_words_of_a_usual_setup_are_few() {
        let environment = [
            ("PATH", "/usr/local/bin:/usr/bin"),
            ("HF_TOKEN", "hf_zqx"),
            ("LANG", "C.UTF-8"),
            ("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
            ("SHORT", "zqx"),
            ("RUNPOD_GPU_NAME", "NVIDIA"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let arguments = owned(&[
            "axolotl",
            "train",
            "cfg.yml",
            "--learning-rate=1e-4",
            "outputs/zqx-run.yaml",
        ]);
        let found = words(&IdentityFacts {
            user: "ubuntu",
            home: "/home/ubuntu",
            host: "localhost.localdomain",
            working_directory: "/workspace/axolotl",
            arguments: &arguments,
            environment: &environment,
            withheld: &owned(&["./outputs/lora-out", "zqxproject", "zqx/zqxmodel"]),
        });
        let found: Vec<_> = found
            .iter()
            .map(|(word, source)| (word.as_str(), *source))
            .collect();
        assert_eq!(
            found,
            [
                ("expandable_segments:true", WordSource::Environment),
                ("hf_zqx", WordSource::Environment),
                ("outputs/zqx-run.yaml", WordSource::Argument),
                ("zqx-run", WordSource::Argument),
                ("zqx-run.yaml", WordSource::Argument),
                ("zqx/zqxmodel", WordSource::Configuration),
                ("zqxmodel", WordSource::Configuration),
                ("zqxproject", WordSource::Configuration),
            ]
        );
    }

    #[test]
    fn names_are_taken_apart() {
        let found = words(&IdentityFacts {
            user: "jdoe42",
            home: "/home/jdoe42",
            host: "gpu7.zqxcorp.example",
            working_directory: "/data/zqxcorp/salaries",
            ..IdentityFacts::default()
        });
        for word in ["jdoe42", "zqxcorp", "salaries", "/data/zqxcorp/salaries"] {
            assert!(
                found.iter().any(|(found, _)| found == word),
                "{word} in {found:?}"
            );
        }
        assert!(
            !found
                .iter()
                .any(|(word, _)| word == "home" || word == "data")
        );
    }

    #[test]
    fn a_long_text_is_known_by_its_beginning_and_nothing_is_shown() {
        let secret = "zqx1".repeat(100);
        let environment = [("API_KEY".to_owned(), secret)];
        let facts = IdentityFacts {
            environment: &environment,
            ..IdentityFacts::default()
        };
        assert_eq!(
            words(&facts),
            [("zqx1".repeat(16), WordSource::Environment)]
        );
        assert!(!format!("{:?}", Identity::new(&facts)).contains("zqx"));
    }
}
