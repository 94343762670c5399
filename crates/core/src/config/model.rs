//! What may be told of a model's own configuration (`config.json`), which a training has in the cache of the Hub.
//!
//! It is asked for only where the model is one of a whitelisted organisation, so the file is public; but whoever holds the
//! cache can write into it. So no text of it is told: only small numbers, and words that a public list has.

use crate::event::ModelFacts;
use crate::knowledge::lists::{MODEL_ACTIVATIONS, MODEL_DTYPES, QUANTIZATION_METHODS};
use crate::public::{PublicStr, dictionary};
use serde_json::Value;

/// Larger than any size of a model.
const SIZE_MAX: u64 = 1_000_000_000;
/// Classes that are told.
const ARCHITECTURES_MAX: usize = 4;

/// The facts of a `config.json`; None where it is none.
pub fn model_facts(json: &str) -> Option<ModelFacts> {
    let written: Value = serde_json::from_str(json).ok()?;
    let members = written.as_object()?;
    // A model of text and pictures keeps what is of interest in a part of its own.
    let text_part = members.get("text_config");
    let find = |name: &str| members.get(name).or_else(|| text_part?.get(name));
    let size = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| find(name)?.as_u64());
        found.find(|size| *size <= SIZE_MAX)
    };
    let word = |names: &[&str], list: &[&'static str]| {
        let mut found = names.iter().filter_map(|name| find(name)?.as_str());
        let written = found.next()?;
        let known = list.iter().find(|known| **known == written)?;
        Some(PublicStr::constant(known))
    };
    let quantization = members.get("quantization_config");
    let method = quantization.and_then(|quantization| quantization.get("quant_method")?.as_str());
    let known_method = QUANTIZATION_METHODS
        .iter()
        .find(|known| method == Some(**known));
    let model_type = members.get("model_type").and_then(Value::as_str);
    Some(ModelFacts {
        model_type: model_type.and_then(dictionary::model_type),
        architectures: model_type.and_then(|model_type| {
            let classes = members.get("architectures")?.as_array()?;
            let classes = classes.iter().take(ARCHITECTURES_MAX);
            let known =
                classes.filter_map(|class| dictionary::model_class(model_type, class.as_str()?));
            Some(known.collect::<Vec<_>>()).filter(|known| !known.is_empty())
        }),
        dtype: word(&["dtype", "torch_dtype"], MODEL_DTYPES),
        hidden_act: word(&["hidden_act", "hidden_activation"], MODEL_ACTIVATIONS),
        quant_method: known_method.map(|known| PublicStr::constant(known)),
        hidden_size: size(&["hidden_size", "n_embd"]),
        intermediate_size: size(&["intermediate_size"]),
        num_hidden_layers: size(&["num_hidden_layers", "n_layer"]),
        num_attention_heads: size(&["num_attention_heads", "n_head"]),
        num_key_value_heads: size(&["num_key_value_heads"]),
        head_dim: size(&["head_dim"]),
        vocab_size: size(&["vocab_size"]),
        max_position_embeddings: size(&["max_position_embeddings", "n_positions"]),
        num_experts: size(&["num_experts", "num_local_experts", "n_routed_experts"]),
        num_experts_per_token: size(&["num_experts_per_tok"]),
        sliding_window: size(&["sliding_window"]),
        tie_word_embeddings: find("tie_word_embeddings").and_then(Value::as_bool),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::value::Sendable as _;
    use serde_json::json;

    #[test]
    fn numbers_and_public_words_are_told_and_nothing_else() {
        let written = json!({
            "model_type": "llama", "architectures": ["LlamaForCausalLM", "JdoeForSecrets"], "torch_dtype": "bfloat16",
            "hidden_act": "silu", "hidden_size": 2048, "num_hidden_layers": 16, "vocab_size": 128256, "rope_theta": 5e5,
            "intermediate_size": 4915551234567_u64, "_name_or_path": "/home/jdoe/model", "tie_word_embeddings": true,
            "quantization_config": {"quant_method": "bitsandbytes", "note": "jdoe"}, "jdoe": 3,
        });
        let told = model_facts(&written.to_string()).unwrap().json();
        assert_eq!(
            told,
            json!({
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16", "hidden_act": "silu",
                "quant_method": "bitsandbytes", "hidden_size": 2048, "num_hidden_layers": 16, "vocab_size": 128256,
                "tie_word_embeddings": true,
            })
        );
        let odd = json!({"model_type": "jdoe", "architectures": "x", "torch_dtype": "jdoe16", "hidden_size": "1"});
        assert_eq!(model_facts(&odd.to_string()).unwrap().json(), json!({}));
        for none in ["", "[]", "3", "{"] {
            assert_eq!(model_facts(none), None, "{none}");
        }
    }
}
