//! Versions of the listed packages and of Python.
//!
//! A version is numbers and a few public words (`dev0`, `rc1`, `cu128`); a local label of the user's own
//! making is cut off.

use super::PublicStr;

/// The packages whose version the start event may carry, as Axolotl's own telemetry spells them.
pub const PACKAGES: &[&str] = &[
    "torch",
    "transformers",
    "trl",
    "datasets",
    "peft",
    "bitsandbytes",
    "accelerate",
    "optimum",
    "deepspeed",
    "ray",
    "axolotl",
    "triton",
    "mamba-ssm",
    "flash-attn",
    "xformers",
    "autoawq",
    "tokenizers",
    "sentencepiece",
    "torchao",
    "lm_eval",
];

/// The version of a listed package, if it has the form of one.
#[must_use]
pub fn format(_package: &str, raw: &str) -> Option<PublicStr> {
    python(raw.split('+').next()?)
}

/// The version of Python, if it has the form of one.
#[must_use]
pub fn python(raw: &str) -> Option<PublicStr> {
    let fits = raw.starts_with(|character: char| character.is_ascii_digit())
        && raw.len() <= 40
        && raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || b"abrcdevpost".contains(&byte));
    fits.then(|| PublicStr::vetted(raw.to_owned()))
}
