//! Masks secrets in what a run's owner keeps for themselves.
//!
//! The owner's side of a record holds the command line, tracebacks and output as they were; it is never sent. But people
//! show such files to one another, so secrets that can be recognised are replaced all the same: by their well-known
//! shapes ([`patterns`]), by the names they are assigned to, and by the values that the environment has under such names.
//! What has no known form is not found; nothing that leaves the machine rests on this.

use super::identity;
use super::patterns;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands in a secret's place.
const MASK: &str = "***";
/// Characters from which on a value of the environment is masked; shorter ones are ordinary words.
const VALUE_MIN: usize = 8;
/// Values of the environment that are looked for; a machine has a handful.
const VALUES_MAX: usize = 256;
/// Characters from which on a word behind an option such as `--hub-token` is one.
const WORD_MIN: usize = 6;

/// The shapes that are secrets as a whole; the others tell places and people, which the owner wants to see.
const SHAPES: [&str; 9] = [
    "hugging face token",
    "api key",
    "github token",
    "gitlab token",
    "aws key",
    "google key",
    "slack token",
    "vendor token",
    "json web token",
];

/// Secrets that stand behind their names: the first group stays.
const NAMED: [&str; 3] = [
    r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/-]{8,}=*",
    r#"(?i)((?:password|passwd|secret|credential|api[_-]?key|[_-]key|auth|token)["']?\s*[=:]\s*["']?)[^\s"'<,;&]{6,}"#,
    r"(://[^/\s:@]+:)[^/\s@]+@",
];

/// A private key is many lines. Its beginning may be missing: the output is cut somewhere.
const PRIVATE_KEY: &str =
    r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)";
const PRIVATE_KEY_END: &str = r"(?s)\A.*-----END [A-Z ]*PRIVATE KEY-----";

static EXPRESSIONS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let mut expressions = Vec::new();
    let shapes = SHAPES.iter().filter_map(|name| patterns::expression(name));
    let keys = [PRIVATE_KEY, PRIVATE_KEY_END];
    for expression in keys.into_iter().chain(shapes) {
        expressions.extend(Regex::new(expression).map(|found| (found, MASK)));
    }
    for expression in NAMED {
        let behind_name = if expression.ends_with('@') {
            "${1}***@"
        } else {
            "${1}***"
        };
        expressions.extend(Regex::new(expression).map(|found| (found, behind_name)));
    }
    expressions
});

/// Knows the secrets of this environment.
#[derive(Default)]
pub struct SecretMask {
    /// The longest first: one may be the beginning of another.
    values: Vec<String>,
}

impl SecretMask {
    /// Looks for secrets among the variables of the environment.
    pub fn of_environment(environment: &[(String, String)]) -> Self {
        let mut values = Vec::new();
        for (name, value) in environment {
            let is_place = value.starts_with('/') || value.starts_with('~');
            if identity::is_secret(name)
                && value.chars().count() >= VALUE_MIN
                && !is_place
                && values.len() < VALUES_MAX
            {
                values.push(value.clone());
            }
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// The text with its secrets replaced.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = Cow::Borrowed(text);
        for value in &self.values {
            if masked.contains(value.as_str()) {
                masked = Cow::Owned(masked.replace(value.as_str(), MASK));
            }
        }
        for (expression, replacement) in EXPRESSIONS.iter() {
            if let Cow::Owned(changed) = expression.replace_all(&masked, *replacement) {
                masked = Cow::Owned(changed);
            }
        }
        masked.into_owned()
    }

    /// The words of a command line with their secrets replaced; a word behind `--hub-token` is one whatever it is.
    pub fn mask_words(&self, words: &[String]) -> Vec<String> {
        let mut masked = Vec::new();
        let mut is_secret = false;
        for word in words {
            let hides =
                is_secret && word.chars().count() >= WORD_MIN && !word.starts_with(['-', '<']);
            masked.push(if hides {
                MASK.to_owned()
            } else {
                self.mask(word)
            });
            is_secret = names_secret(word);
        }
        masked
    }
}

/// Whether the word is an option whose value is a secret.
fn names_secret(word: &str) -> bool {
    let Some(name) = word.strip_prefix('-') else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    let last_part = name.rsplit(['-', '_', '.']).next().unwrap_or_default();
    matches!(
        last_part,
        "token" | "key" | "secret" | "password" | "passwd" | "apikey"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str) -> String {
        SecretMask::default().mask(text)
    }

    #[test]
    fn every_expression_is_one() {
        assert_eq!(EXPRESSIONS.len(), SHAPES.len() + NAMED.len() + 2);
    }

    #[test]
    fn secrets_of_known_forms_are_masked() {
        for (text, expected) in [
            ("login hf_aBcDeFgHiJkLmNoPqRsT ok", "login *** ok"),
            ("key sk-proj-abcdefghij0123456789", "key ***"),
            ("AKIAIOSFODNN7EXAMPLE", "***"),
            (
                "Authorization: Bearer abcdef123456",
                "Authorization: Bearer ***",
            ),
            ("WANDB_API_KEY=0123456789abcdef", "WANDB_API_KEY=***"),
            (
                "{'password': 'hunter22', 'n': 1}",
                "{'password': '***', 'n': 1}",
            ),
            (
                "git clone https://me:s3cr3t@host/x",
                "git clone https://me:***@host/x",
            ),
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
                "a\n***\nb",
            ),
            ("MIIE\n-----END PRIVATE KEY-----\nb", "***\nb"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\nAAAA", "***"),
        ] {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "  File \"/home/jane/acme/train.py\", line 3, in load_salaries",
            "ValueError: row 17 of /data/private.jsonl has no 'text' column",
            "{'loss': '2.605', 'num_input_tokens_seen': 123456, 'epoch': '0.1'}",
            "eos_token: <|endoftext|>",
            "commit 0123456789abcdef0123456789abcdef01234567",
            "Tokenizing Prompts (num_proc=2): 100%",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn the_environments_own_secrets_are_known_whatever_they_look_like() {
        let environment = [
            ("SERVICE_TOKEN", "zqxzqxzqx"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1"),
            ("TOKENIZERS_PARALLELISM", "false"),
            ("LANG", "C.UTF-8-long"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secret_mask = SecretMask::of_environment(&environment);
        assert_eq!(
            secret_mask.mask("zqxzqxzqx /tmp/ssh-x/agent.1 false C.UTF-8-long"),
            "*** /tmp/ssh-x/agent.1 false C.UTF-8-long"
        );
    }

    #[test]
    fn a_word_behind_an_option_that_names_a_secret_is_masked() {
        for (typed, expected) in [
            (
                "train --hub_token abcdefgh --lr 1e-4",
                "train --hub_token *** --lr 1e-4",
            ),
            ("train --wandb-key=abcdefgh", "train --wandb-key=***"),
            ("train --pad_token <pad> x", "train --pad_token <pad> x"),
            ("train --api-key --fast", "train --api-key --fast"),
        ] {
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(SecretMask::default().mask_words(&words).join(" "), expected);
        }
    }
}
