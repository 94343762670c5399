//! The setup event: what became of the configuration and of the model before the first step.

use super::start::ConfigValue;
use super::value::{Number, fields};

fields! {
    /// Sent at most once, at the first step, or at the end of a run that took none.
    pub struct Setup<T> {
        "setup_seconds" => setup_seconds: Number, "seconds from the spawn to the first step; absent where none was taken";
        "num_parameters" => num_parameters: u64, "parameters of the model, as PEFT prints them";
        "trainable_parameters" => trainable_parameters: u64, "those that are trained, as PEFT prints them";
        "model" => model: ModelFacts<T>, "numbers and public words of the model's own configuration, where the model is one of a whitelisted organisation";
        "config" => config: ConfigValue<T>, "the configuration after overrides, validation and defaults, as Axolotl prints it, vetted like the one of the start event";
        "config_unknown_keys" => config_unknown_keys: u64, "how many of its keys are not on the public list";
    }
}

fields! {
    /// What a model's own configuration says, as the Hub publishes it.
    pub struct ModelFacts<T> {
        "model_type" => model_type: T, "its kind, where transformers has a folder of that name";
        "architectures" => architectures: Vec<T>, "its classes, where transformers has them";
        "dtype" => dtype: T, "type of its numbers";
        "hidden_act" => hidden_act: T, "activation function";
        "quant_method" => quant_method: T, "how its weights are quantised";
        "hidden_size" => hidden_size: u64, "width";
        "intermediate_size" => intermediate_size: u64, "width of its inner layers";
        "num_hidden_layers" => num_hidden_layers: u64, "depth";
        "num_attention_heads" => num_attention_heads: u64, "attention heads";
        "num_key_value_heads" => num_key_value_heads: u64, "heads of keys and values";
        "head_dim" => head_dim: u64, "width of a head";
        "vocab_size" => vocab_size: u64, "size of its vocabulary";
        "max_position_embeddings" => max_position_embeddings: u64, "longest sequence";
        "num_experts" => num_experts: u64, "experts of a layer";
        "num_experts_per_tok" => num_experts_per_token: u64, "experts that one token uses";
        "sliding_window" => sliding_window: u64, "window of its attention";
        "tie_word_embeddings" => tie_word_embeddings: bool, "whether input and output embeddings are the same";
    }
}
