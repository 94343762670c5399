//! The shapes of secrets and of places, whoever's they are.
//!
//! A deny-list is no protection, and here it is none: it stands behind the types, for the day on which they have a
//! hole. Each shape has texts that it must find and texts that it must let pass, because a shape that finds too much
//! drops events that are fine.

use regex::RegexSet;
use std::sync::LazyLock;

/// A shape that no event may have.
pub struct SecretShape {
    /// What it is, for the count of refused events.
    pub name: &'static str,
    expression: &'static str,
    #[cfg(test)]
    found: &'static [&'static str],
    #[cfg(test)]
    passed: &'static [&'static str],
}

/// Declares the shapes: a name, an expression, what it finds and what it lets pass.
macro_rules! patterns {
    ($($name:literal, $expression:literal, [$($found:literal),+], [$($passed:literal),+];)+) => {
        const PATTERNS: &[SecretShape] = &[$(SecretShape {
            name: $name,
            expression: $expression,
            #[cfg(test)]
            found: &[$($found),+],
            #[cfg(test)]
            passed: &[$($passed),+],
        },)+];
    };
}

patterns! {
    "hugging face token", r"\bhf_[A-Za-z0-9]{16,}", ["hf_aBcDeFgHiJkLmNoPqRsT", "token hf_0123456789abcdefghij."], ["hf_mlflow_log_artifacts", "hf_use_auth_token"];
    "api key", r"\bsk-[A-Za-z0-9_-]{16,}", ["sk-proj-abcdefghij0123456789", "sk-ant-api03-abcdefghijk"], ["sk-learn", "task-abcdefghijklmnopqrstu"];
    "github token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})", ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "github_pat_11ABCDEFG0abcdefghijkl"], ["ghp_short", "github_pattern"];
    "gitlab token", r"\bglpat-[A-Za-z0-9_-]{16,}", ["glpat-abcdefghij0123456789"], ["glpat-x"];
    "aws key", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}", ["AKIAIOSFODNN7EXAMPLE"], ["AKIA", "ASIATIC"];
    "google key", r"\bAIza[0-9A-Za-z_-]{20,}", ["AIzaSyA1234567890abcdefghijklmnopqrstuv"], ["AIzawa"];
    "slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{8,}", ["xoxb-123456789012-abcdef"], ["xoxb-"];
    "vendor token", r"\b(?:nvapi-|r8_|pypi-AgEI|dckr_pat_|npm_|dop_v1_|[rs]k_live_|wandb_v1_|lsv2_|gsk_|xai-|pplx-)[A-Za-z0-9_-]{14,}", ["nvapi-abcdefghij0123456789", "gsk_abcdefghij0123456789"], ["npm_install", "r8_short"];
    "json web token", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"], ["eyJ", "keyJar.something_long"];
    "private key", r"-----BEGIN|\bssh-(?:rsa|dss|ed25519) AAAA", ["-----BEGIN RSA PRIVATE KEY-----", "ssh-ed25519 AAAAC3Nz"], ["----- begin", "ssh-rsa"];
    "bearer", r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{8,}", ["Authorization: Bearer abcdef123456"], ["bearer of news"];
    "assignment", r"(?i)(?:password|passwd|secret|api_?key|token)\s*[=:]\s*[^\s<]{6,}", ["password=hunter22", "API_KEY: abcdef123"], ["token: <str>", "tokens per second"];
    "long hexadecimal", r"\b[0-9a-fA-F]{32,}\b", ["0123456789abcdef0123456789abcdef01234567"], ["0123456789abcdef", "deadbeef"];
    "uuid", r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", ["GPU-6ba7b810-9dad-11d1-80b4-00c04fd430c8"], ["2026-03-01", "A100-SXM4-80GB"];
    "e-mail address", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}", ["jane.doe@example.com"], ["org/name@v2", "@property"];
    "ipv4 address", r"\b\d{1,3}(?:\.\d{1,3}){3}\b", ["10.0.3.17", "http://192.168.0.1:29500"], ["3.11.7", "2.8.0.dev20250812"];
    "ipv6 address", r"(?i)\b(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\b|::ffff:|\bfe80:", ["fe80::1ff:fe23", "2001:db8:0:0:1:2:3:4"], ["12:34:56", "std::terminate"];
    "hardware address", r"(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", ["02:42:ac:11:00:02"], ["01:02:03"];
    "absolute path", r"(?:^|[^A-Za-z0-9._/<>-])/(?:home|Users|root|mnt|data|media|scratch|tmp|var|opt|srv|etc|usr|workspace|work|nfs|lustre|gpfs|content|kaggle|s3|private|Volumes|storage|fsx|shared|projects?)\b", ["/home/jdoe", "File \"/mnt/x/y.py\"", "see /data"], ["torch/data/x.py", "axolotl/utils/data.py", "tokens/total"];
    "home path", r"(?:^|[\s\x22'=(])~[A-Za-z0-9_-]*/", ["~/project/t.py", "in ~jdoe/x"], ["a~/b", "~"];
    "windows path", r"\b[A-Za-z]:\\|\\\\[A-Za-z0-9]", [r"C:\Users\Jane", r"\\FILESRV01\share"], ["C: drive", "a:b"];
    "storage address", r"(?i)\b(?:s3a?|gs|gcs|hf|file|abfss?|wasbs?|oci|hdfs|ssh|s?ftp|dbfs|r2)://", ["s3://bucket/key", "file:///home"], ["https://pytorch.org/docs", "s3:"];
    "credentials in an address", r"://[^/\s:@]+:[^/\s@]+@", ["https://user:pass@host/x"], ["https://pytorch.org/docs/stable/notes/cuda.html"];
}

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(PATTERNS.iter().map(|pattern| pattern.expression)).ok());

/// The first shape that a text has. The set that does not compile finds everything; a test sees to it that it does.
pub fn find(text: &str) -> Option<&'static str> {
    let Some(set) = SET.as_ref() else {
        return Some("no patterns");
    };
    let at = set.matches(text).iter().next()?;
    PATTERNS.get(at).map(|pattern| pattern.name)
}

/// The expression of the shape of this name.
pub fn expression(name: &str) -> Option<&'static str> {
    let mut shapes = PATTERNS.iter();
    Some(shapes.find(|pattern| pattern.name == name)?.expression)
}

/// The name of the shape that versions and the constant `0.0.0.0` have as well.
pub const IPV4: &str = "ipv4 address";

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn each_shape_finds_what_it_is_for_and_no_more() {
        assert!(
            SET.is_some()
                && PATTERNS.len() >= 20
                && PATTERNS.iter().any(|pattern| pattern.name == IPV4)
        );
        for pattern in PATTERNS {
            let expression = Regex::new(pattern.expression).unwrap();
            for text in pattern.found {
                assert!(
                    expression.is_match(text),
                    "{} must find {text}",
                    pattern.name
                );
                assert!(find(text).is_some(), "{text}");
            }
            for text in pattern.passed {
                assert!(
                    !expression.is_match(text),
                    "{} must let {text} pass",
                    pattern.name
                );
            }
        }
    }

    #[test]
    fn public_texts_pass() {
        let public = [
            "Traceback (most recent call last):\n  File \"torch/nn/modules/module.py\", line 1751, in _wrapped_call_impl",
            "CUDA out of memory. Tried to allocate 20.00 GiB. See https://pytorch.org/docs/stable/notes/cuda.html#environment-variables",
            "NVIDIA A100-SXM4-80GB",
            "2.9.0.dev20250812+cu129",
            "linux-x86_64",
            "meta-llama/Llama-3.2-1B",
            "0123456789abcdef",
            "std::bad_alloc",
        ];
        for text in public
            .into_iter()
            .chain(crate::public::config_keys::vocabulary())
        {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
