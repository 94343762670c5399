//! To be written: versions of the listed packages.

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
