#!/usr/bin/env python3
"""Writes crates/core/src/public/config-choices.json: what config-keys.json does not say about Axolotl's configuration.

    python3 tools/config_choices.py SITE_PACKAGES EXAMPLES > crates/core/src/public/config-choices.json

Axolotl's schema types many keys as a bare `str` although only a few public words make sense there. This script
collects those words from the public sources themselves: SITE_PACKAGES is a folder with axolotl, transformers and
peft installed, EXAMPLES the `examples` folder of an Axolotl source release. What is written by hand below is
named with its source. Nothing of theirs is imported, only read (with PyYAML).

The file's shape:
  groups   more groups and keys, in the form of config-keys.json: keys of Axolotl's plugins, spellings that
           Axolotl renames, and the members of free-form maps
  lists    named closed lists of public words
  choices  "Group.key" -> names of the lists whose members are public for that key
  maps     "Group.key" -> group of the members of a key that the schema calls a free-form map
"""
import ast
import json
import re
import sys
from pathlib import Path

import yaml

BOOL, INT, FLOAT, TEXT, MAP = ({"types": [name]} for name in ("bool", "int", "float", "str", "map"))


def items(shape):
    return {"items": shape}


def enum_values(source, name):
    """The string members of a class, in a file."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return [s.value.value for s in node.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant)]
    raise SystemExit(f"{source} has no class {name}")


def functions(source):
    return [n.name for n in ast.parse(source.read_text()).body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


def prompt_strategies(axolotl):
    """The values of datasets[].type: modules, and functions of modules, below axolotl/prompt_strategies."""
    root, found = axolotl / "prompt_strategies", set()
    for source in root.rglob("*.py"):
        module = source.relative_to(root).with_suffix("").parts
        if module[-1] in ("__init__", "base", "jinja_template_analyzer"):
            continue
        for start in range(len(module)):
            name = ".".join(module[start:])
            found.add(name)
            found.update(f"{name}.{function}" for function in functions(source))
        found.add(f"{module[-1]}.default")
    # axolotl/utils/data/wrappers.py (DATASET_HANDLERS) with the styles of axolotl/prompters.py (PromptStyle).
    bases = ["alpaca", "explainchoice", "concisechoice", "summarizetldr", "jeopardy", "oasst", "gpteacher", "reflection"]
    styles = enum_values(axolotl / "prompters.py", "PromptStyle")
    found.update(bases)
    found.update(f"{base}:{style}" for base in bases for style in styles)
    # Names of earlier releases and of the documentation (docs/dataset-formats).
    found.update(["sharegpt", "sharegpt.load_role", "sharegpt.load_guanaco", "sharegpt.load_ultrachat", "sharegpt_simple.load_role",
                  "sharegpt:chat", "sharegpt_simple", "gpteacher", "pretrain", "completion", "user_defined.default",
                  "chat_template.argilla", "chat_template.default", "chatml.argilla", "llama3.argilla", "orpo.chat_template",
                  "alpaca.load_no_prompt", "raw", "input_output", "reflection", "pygmalion", "metharme", "passthrough.default"])
    return found


def classes(transformers, pattern):
    found = set()
    for source in (transformers / "models").rglob("*.py"):
        found.update(re.findall(rf"^class (\w+(?:{pattern}))\b", source.read_text(errors="replace"), re.M))
    return found


def plugin_classes(axolotl):
    found = set()
    for source in (axolotl / "integrations").rglob("*.py"):
        package = source.relative_to(axolotl.parent).with_suffix("").parts
        for name in re.findall(r"^class (\w+)\(BasePlugin\)", source.read_text(), re.M):
            # The documented spelling is the package's; the module's own works too.
            found.add(".".join([*package[:3], name]))
            found.add(".".join([*(p for p in package if p != "__init__"), name]))
    return found


def plugin_keys(axolotl):
    """Keys that Axolotl's own plugins add to the top level, and the groups below them, from their args.py."""
    top, groups = {}, {}
    for source in sorted((axolotl / "integrations").glob("*/args.py")):
        models = {n.name: n for n in ast.parse(source.read_text()).body if isinstance(n, ast.ClassDef)}
        for name, node in models.items():
            if "Mixin" in name or not any(getattr(b, "id", "") == "BaseModel" for b in node.bases):
                continue
            keys = {s.target.id: shape(ast.unparse(s.annotation), models) for s in node.body if isinstance(s, ast.AnnAssign)}
            nested = any(re.search(rf"\b{name}\b", ast.unparse(s.annotation)) for other in models.values() for s in other.body
                         if isinstance(s, ast.AnnAssign))
            if nested:
                groups[name] = keys
            else:
                top.update(keys)
    return top, groups


def shape(annotation, models):
    found, values = [], []
    for literal in re.findall(r"Literal\[([^\]]*)\]", annotation):
        values += [v.strip("'\" ") for v in literal.split(",")]
    plain = re.sub(r"Literal\[[^\]]*\]", "", annotation)
    inner = re.search(r"\b[Ll]ist\[(\w+)", plain)
    if inner:
        return items({"types": [inner[1]]}) if inner[1] in ("str", "int", "float", "bool") else items(MAP)
    for word, kind in (("dict", "map"), ("bool", "bool"), ("int", "int"), ("float", "float"), ("str", "str")):
        if re.search(rf"\b{word}\b", plain):
            found.append(kind)
    result = {}
    if found:
        result["types"] = found
    if values:
        result["values"] = sorted(values)
    below = [m for m in models if re.search(rf"\b{m}\b", plain) and any(isinstance(s, ast.AnnAssign) for s in models[m].body)]
    if below:
        return {"groups": below}
    enums = [m for m in models if re.search(rf"\b{m}\b", plain)]
    for enum in enums:
        result.setdefault("values", []).extend(
            s.value.value for s in models[enum].body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant))
    return result or TEXT


def example_values(examples, keys):
    """Texts that Axolotl's own examples have for some keys, at any depth; public by being published there."""
    found = {key: set() for key in keys}

    def walk(node):
        for key, value in node.items() if isinstance(node, dict) else ():
            for text in value if isinstance(value, list) else [value]:
                if key in found and isinstance(text, str):
                    found[key].add(text)
                walk(text)
        for element in node if isinstance(node, list) else ():
            walk(element)

    for source in sorted(examples.rglob("*.y*ml")):
        walk(yaml.safe_load(source.read_text()))
    return found


def main():
    site, examples = Path(sys.argv[1]), Path(sys.argv[2])
    axolotl, transformers = site / "axolotl", site / "transformers"
    trainer_utils = transformers / "trainer_utils.py"
    seen = example_values(examples, ["lora_target_modules", "lora_target_parameters", "unfrozen_parameters", "split", "pad_token", "eos_token",
                                     "bos_token", "unk_token", "transformer_layer_cls_to_wrap", "fsdp_transformer_layer_cls_to_wrap"])
    top, groups = plugin_keys(axolotl)

    lists = {
        # transformers, and names of earlier releases of it and of Axolotl.
        "optimizers": [*enum_values(transformers / "training_args.py", "OptimizerNames"),
                       *enum_values(axolotl / "utils/schemas/enums.py", "CustomSupportedOptimizers"),
                       "adamw_hf", "adamw_apex_fused", "lion_pytorch", "optimi_adamw", "ao_adamw_8bit", "shampoo", "sophia"],
        "schedulers": [*enum_values(trainer_utils, "SchedulerType"), "one_cycle", "rex", "log_sweep"],
        # axolotl/utils/schemas/peft.py; peft's own methods.
        "adapters": ["lora", "qlora", "llama-adapter", "mora", "full", "none",
                     *(p.name for p in (site / "peft/tuners").iterdir() if p.is_dir() and not p.name.startswith("_"))],
        "prompt_strategies": prompt_strategies(axolotl),
        "save_strategies": [*enum_values(trainer_utils, "SaveStrategy")],
        "hub_strategies": enum_values(trainer_utils, "HubStrategy"),
        # axolotl/utils/schemas/enums.py: CANONICAL_ATTN_IMPLS, aliases, and the hub kernels named there.
        "attention": ["eager", "sdpa", "flash_attention_2", "flash_attention_3", "flash_attention_4", "flash_attention_torch",
                      "flex_attention", "xformers", "sage", "fp8", "flash", "flex", "sdp", "kernels-community/flash-attn2",
                      "kernels-community/flash-attn3", "kernels-community/vllm-flash-attn3", "kernels-community/sage-attention"],
        "experts": ["eager", "batched_mm", "grouped_mm", "deepgemm", "sonicmoe", "scattermoe", "deep_ep", "deep_ep_grouped_mm",
                    "deep_ep_scattermoe", "deep_ep_sonicmoe"],
        "large_head_attention": ["auto", "sdpa", "triton_flash"],
        "expert_backends": ["scattermoe", "sonicmoe", "eager", "builtin"],
        "grouped_backends": ["auto", "marlin", "cutlass", "deepgemm", "dequant"],
        "nonexpert": ["none", "bf16", "fp8", "fp8_blockwise", "nf4", "nvfp4", "float8tensor"],
        # trl: GRPOConfig.loss_type and DPOConfig.loss_type.
        "grpo_losses": ["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"],
        "dpo_losses": ["sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
                       "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm", "kto_pair"],
        "fsdp_options": enum_values(trainer_utils, "FSDPOption"),
        "dtypes": [prefix + name for prefix in ("", "torch.") for name in
                   ("float32", "float16", "bfloat16", "float64", "half", "float", "uint8", "int8", "int4", "float8_e4m3fn")]
                  + ["auto", "fp16", "bf16", "fp32", "fp8", "float8", "nf4", "fp4", "mxfp4", "nvfp4"],
        "devices": ["cuda", "cpu", "mps", "npu", "xpu", "hpu", "auto", "meta", "cuda:0", "balanced", "balanced_low_0", "sequential"],
        "compile_backends": ["inductor", "eager", "aot_eager", "cudagraphs", "onnxrt", "openxla", "tvm", "ipex", "nvfuser", "ofi", "fx2trt"],
        "compile_modes": ["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"],
        "start_methods": ["fork", "spawn", "forkserver"],
        # peft.LoraConfig.init_lora_weights.
        "lora_init": ["default", "gaussian", "eva", "olora", "pissa", "corda", "loftq", "orthogonal", "pissa_niter_4", "pissa_niter_16"],
        "galore_projections": ["std", "reverse_std", "right", "left", "full"],
        # Modules of public model implementations.
        "modules": sorted({
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "gate_up_proj", "qkv_proj", "q_a_proj", "q_b_proj",
            "kv_a_proj_with_mqa", "kv_b_proj", "out_proj", "in_proj", "x_proj", "dt_proj", "in_proj_qkv", "in_proj_z", "in_proj_b",
            "in_proj_a", "in_proj_ba", "in_proj_qkvz", "fc1", "fc2", "fc_in", "fc_out", "c_attn", "c_proj", "c_fc", "query_key_value",
            "dense", "dense_h_to_4h", "dense_4h_to_h", "query", "key", "value", "Wqkv", "w1", "w2", "w3", "wqkv", "wo", "wte", "wpe",
            "lm_head", "embed_tokens", "embed_in", "embed_out", "score", "norm", "input_layernorm", "post_attention_layernorm",
            "mlp_up", "mlp_down", "mlp", "self_attn", "attn", "layer", "all-linear", "experts", "router", "gate", "shared_expert",
            "shared_expert_gate", "conv1d", "vision_tower", "multi_modal_projector", "language_model", "visual", "classifier",
            "model.layers", "transformer.h", "word_embeddings", "embed_positions", "linear", "proj", "up", "down", "mixer", "wi", "wq", "wk", "wv",
        }),
        "module_patterns": seen["lora_target_modules"] | seen["lora_target_parameters"] | seen["unfrozen_parameters"],
        "token_texts": sorted({t for key in ("pad_token", "eos_token", "bos_token", "unk_token") for t in seen[key] if re.match(r"<|\[", t)
                               and "custom" not in t}
                              | {"<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<pad>", "[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                 "[MASK]", "<|endoftext|>", "<|end|>", "<|eot_id|>", "<|end_of_text|>", "<|begin_of_text|>", "<eos>", "<bos>",
                                 "<end_of_turn>", "<start_of_turn>", "<turn|>", "<|turn>", "<|eot|>", "<|start_header_id|>", "<|end_header_id|>",
                                 "<|user|>", "<|assistant|>", "<|system|>", "<|return|>", "<|call|>", "<think>", "</think>", "[INST]", "[/INST]",
                                 "<|finetune_right_pad_id|>", "<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>"}),
        "plugins": plugin_classes(axolotl),
        "model_types": classes(transformers, "ForCausalLM|ForConditionalGeneration|ForSequenceClassification|ForTokenClassification")
                       | {"AutoModelForCausalLM", "AutoModelForVision2Seq", "AutoModelForImageTextToText", "AutoModelForSequenceClassification",
                          "AutoModelForTokenClassification", "AutoModel", "MambaLMHeadModel", "AutoModelForSeq2SeqLM"},
        "tokenizer_types": classes(transformers, "Tokenizer|TokenizerFast") | {"AutoTokenizer", "PreTrainedTokenizerFast", "LlamaTokenizerFast"},
        "processor_types": classes(transformers, "Processor|ImageProcessorFast|ImageProcessor") | {"AutoProcessor"},
        "config_types": classes(transformers, "TextConfig"),
        "layers": classes(transformers, "DecoderLayer|Block|EncoderLayer|VisionLayer")
                  | seen["transformer_layer_cls_to_wrap"] | seen["fsdp_transformer_layer_cls_to_wrap"],
        "file_kinds": ["json", "csv", "parquet", "arrow", "text", "jsonl"],
        # The columns that Axolotl's documentation and the common public data sets use.
        "columns": ["text", "content", "messages", "conversations", "conversation", "instruction", "input", "output", "response", "prompt",
                    "completion", "chosen", "rejected", "question", "answer", "system", "role", "from", "value", "label", "labels",
                    "input_ids", "tools", "thinking", "reasoning_content", "train", "training", "segments", "weight", "image", "images",
                    "query", "history", "reasoning"],
        "splits": ["train", "test", "validation", "valid", "val", "dev", "eval", "all", "train_sft", "test_sft", "train_prefs", "test_prefs",
                   "train_gen", "test_gen",
                   *(f"train[:{percent}%]" for percent in (1, 2, 5, 10, 20, 25, 50, 80, 90, 95, 99)), *seen["split"]],
        "roles": ["system", "user", "assistant", "human", "gpt", "tool", "function", "model", "ipython", "chatgpt", "bot", "developer"],
        "tracker_modes": ["online", "offline", "disabled", "cloud", "local", "create", "get", "get_or_create"],
        "tracker_logging": ["checkpoint", "end", "gradients", "all", "parameters", "false", "true"],
        "metrics": ["sacrebleu", "comet", "ter", "chrf", "perplexity", "loss", "eval_loss", "train_loss", "accuracy", "eval_accuracy"],
        "vllm_modules": ["trl.scripts.vllm_serve", "axolotl.scripts.vllm_serve_lora", "axolotl.scripts.vllm_serve"],
        "reasoning_parsers": ["deepseek_r1", "qwen3", "granite", "mistral"],
        "checkpointed": ["attention", "matmul", "sdpa", "flash_attention", "mlp", "moe", "full_attention", "sliding_attention", "linear_attention"],
        "ropes": ["linear", "dynamic", "yarn", "longrope", "llama3", "su", "default", "ntk"],
        "quantizations": ["nf4", "fp4", "int8", "int4", "bitsandbytes"],
        "reasoning_efforts": ["none", "minimal", "low", "medium", "high", "xhigh"],
        "sharding": ["FULL_SHARD", "SHARD_GRAD_OP", "NO_SHARD", "HYBRID_SHARD", "HYBRID_SHARD_ZERO2", "_HYBRID_SHARD_ZERO2"],
        "prefetch": ["BACKWARD_PRE", "BACKWARD_POST", "NO_PREFETCH"],
    }

    keys = json.loads((Path(__file__).parent.parent / "crates/core/src/public/config-keys.json").read_text())
    main_group = keys["top"]
    # axolotl/utils/config and utils/schemas/model.py rename these; older examples and guides still have the rest.
    top |= {"model_type": TEXT, "model_config": MAP, "model_kwargs": MAP, "model_revision": TEXT, "adam_eps": FLOAT, "eta_min": FLOAT,
            "torch_dtype": TEXT, "debug": BOOL, "gptq_groupsize": INT, "gptq_model_v1": BOOL, "gptq_disable_exllama": BOOL,
            "base_model_ignore_patterns": TEXT, "unsloth_lora_mlp": BOOL, "unsloth_lora_qkv": BOOL, "unsloth_lora_o": BOOL,
            "unsloth_rms_norm": BOOL, "unsloth_rope": BOOL, "unsloth_cross_entropy_loss": BOOL,
            "sample_packing_seq_len_multiplier": INT, "flash_attn_fuse_qkv": BOOL, 
            "relora_steps": INT, "relora_warmup_steps": INT, "relora_anneal_steps": INT, "max_seq_length": INT,
            "processor_config": TEXT,
            "kd_zscore_base_temp": FLOAT, "kd_top_k_before_softmax": BOOL, "bnb_4bit_use_double_quant": BOOL}
    # accelerate's own names: Axolotl strips the prefix.
    fsdp = dict(keys["groups"]["FSDPConfig"])
    fsdp |= {"limit_all_gathers": BOOL, "sharding_strategy": {**TEXT, "values": lists["sharding"] + ["1", "2", "3", "4"]},
             "backward_prefetch": {**TEXT, "values": lists["prefetch"]}, "forward_prefetch": BOOL, "cpu_offload": BOOL,
             "backward_prefetch_policy": {**TEXT, "values": lists["prefetch"]}, "xla": BOOL, "offload_params": BOOL,
             "wrap_policy": TEXT, "mixed_precision": {**TEXT, "values": lists["dtypes"]}}
    fsdp |= {f"fsdp_{key}": value for key, value in fsdp.items() if not key.startswith("fsdp_")}
    groups |= {
        main_group: top,
        "FSDPConfig": fsdp,
        "GradientCheckpointingKwargs": {"use_reentrant": BOOL, "preserve_rng_state": BOOL, "determinism_check": {**TEXT, "values": ["default", "none"]}},
        "BnbConfigKwargs": {"bnb_4bit_use_double_quant": BOOL, "bnb_4bit_quant_type": {**TEXT, "values": ["nf4", "fp4"]},
                            "bnb_4bit_compute_dtype": {**TEXT, "values": lists["dtypes"]}, "bnb_4bit_quant_storage": {**TEXT, "values": lists["dtypes"]},
                            "llm_int8_threshold": FLOAT, "llm_int8_has_fp16_weight": BOOL, "llm_int8_enable_fp32_cpu_offload": BOOL},
        # transformers/optimization.py: arguments of the schedules.
        "LrSchedulerKwargs": {"num_cycles": FLOAT, "min_lr": FLOAT, "min_lr_rate": FLOAT, "lr_end": FLOAT, "power": FLOAT, "timescale": INT,
                              "num_stable_steps": INT, "num_decay_steps": INT, "num_warmup_steps": INT, "min_lr_ratio": FLOAT, "warmup_lr_rate": FLOAT,
                              "decay_type": {**TEXT, "values": ["linear", "cosine", "1-sqrt"]}, "warmup_type": {**TEXT, "values": ["linear", "cosine", "1-sqrt"]},
                              "factor": FLOAT, "patience": INT, "cooldown": INT},
        "OptimArgs": {"bf16_stochastic_round": BOOL, "rank": INT, "update_proj_gap": INT, "scale": FLOAT, "lr": FLOAT, "eps": FLOAT,
                      "weight_decay": FLOAT, "momentum": FLOAT, "beta1": FLOAT, "beta2": FLOAT, "fused": BOOL, "amsgrad": BOOL, "foreach": BOOL,
                      "betas": {"items": FLOAT}, "use_fused_adamw": BOOL, "enable_stochastic_rounding": BOOL, "max_lr": FLOAT, "min_lr": FLOAT},
        "AcceleratorConfig": {"split_batches": BOOL, "dispatch_batches": BOOL, "even_batches": BOOL, "use_seedable_sampler": BOOL,
                              "non_blocking": BOOL, "gradient_accumulation_kwargs": {"groups": ["GradientAccumulationKwargs"]}, "use_configured_state": BOOL},
        "GradientAccumulationKwargs": {"num_steps": INT, "adjust_scheduler": BOOL, "sync_with_dataloader": BOOL, "sync_each_batch": BOOL},
        "CompileKwargs": {"dynamic": BOOL, "fullgraph": BOOL, "mode": {**TEXT, "values": lists["compile_modes"]},
                          "backend": {**TEXT, "values": lists["compile_backends"]}, "coordinate_descent_tuning": BOOL,
                          "coordinate_descent_check_all_directions": BOOL, "shape_padding": BOOL, "epilogue_fusion": BOOL, "max_autotune_gemm": BOOL,
                          "fx_graph_cache": BOOL, "assume_aligned_inputs": BOOL, "comprehensive_padding": BOOL, "decompose_mem_bound_mm": BOOL,
                          "triton.cudagraphs": BOOL},
        "ChatTemplateKwargs": {"enable_thinking": BOOL, "thinking": BOOL, "add_generation_prompt": BOOL, "preserve_thinking": BOOL,
                               "reasoning_effort": {**TEXT, "values": lists["reasoning_efforts"]}},
        "ModelQuantizationKwargs": {"dequantize": BOOL, "weight_block_size": items(INT)},
        "GenerationKwargs": {"max_new_tokens": INT, "do_sample": BOOL, "temperature": FLOAT, "top_p": FLOAT, "top_k": INT, "min_p": FLOAT,
                             "repetition_penalty": FLOAT, "num_beams": INT},
        "MessagePropertyMappings": {name: {**TEXT, "values": lists["columns"]} for name in ("role", "content", "tool_calls", "training", "train", "weight", "reasoning_content")},
        "Roles": {name: {**TEXT, "values": lists["roles"], "items": {**TEXT, "values": lists["roles"]}} for name in ("system", "user", "assistant", "tool", "input", "output")},
        # transformers/modeling_rope_utils.py
        "RopeScaling": {"type": {**TEXT, "values": lists["ropes"]}, "rope_type": {**TEXT, "values": lists["ropes"]}, "factor": FLOAT,
                        "original_max_position_embeddings": INT, "attention_factor": FLOAT, "beta_fast": FLOAT, "beta_slow": FLOAT,
                        "low_freq_factor": FLOAT, "high_freq_factor": FLOAT, "mscale": FLOAT, "mscale_all_dim": FLOAT, "rope_theta": FLOAT,
                        "short_factor": items(FLOAT), "long_factor": items(FLOAT)},
        "ModelConfig": {"rope_scaling": {"groups": ["RopeScaling"]}, "rope_theta": FLOAT, "max_position_embeddings": INT, "num_hidden_layers": INT,
                        "hidden_size": INT, "intermediate_size": INT, "num_attention_heads": INT, "num_key_value_heads": INT, "vocab_size": INT,
                        "use_cache": BOOL, "output_router_logits": BOOL, "router_aux_loss_coef": FLOAT, "num_experts_per_tok": INT, "num_local_experts": INT,
                        "attention_dropout": FLOAT, "hidden_dropout": FLOAT, "tie_word_embeddings": BOOL, "sliding_window": INT, "pretraining_tp": INT,
                        "torch_dtype": {**TEXT, "values": lists["dtypes"]}, "attention_bias": BOOL, "rms_norm_eps": FLOAT, "initializer_range": FLOAT,
                        "layer_types": items({**TEXT, "values": lists["checkpointed"]}), "quantization_config": {"groups": ["BnbConfigKwargs"]}},
        "TokensMap": {name: {**TEXT, "values": lists["token_texts"]} for name in ("bos_token", "eos_token", "unk_token", "pad_token")},
        "ProcessorKwargs": {"min_pixels": INT, "max_pixels": INT, "do_resize": BOOL, "do_rescale": BOOL, "use_fast": BOOL, "image_seq_length": INT},
        "ResourcesPerWorker": {"CPU": FLOAT, "GPU": FLOAT},
        "CometExperimentConfig": {"log_code": BOOL, "log_graph": BOOL, "parse_args": BOOL, "log_git_metadata": BOOL, "log_git_patch": BOOL},
        "VllmConfig": {"max_num_seqs": INT, "max_num_batched_tokens": INT, "enable_lora": BOOL, "max_lora_rank": INT, "trust_remote_code": BOOL},
    }

    def at(*names):
        return {f"{main_group}.{name}" for name in names}

    columns = [f"{group}.{key}" for group in keys["groups"] for key in keys["groups"][group]
               if re.match(r"field|message_field|text_column|logprobs_field|template_thinking_key", key)]
    data_sets = ["SFTDataset", "DPODataset", "KTODataset", "StepwiseSupervisedDataset", "PretrainingDataset"]
    choices = {
        "optimizers": at("optimizer"), "schedulers": at("lr_scheduler"), "adapters": at("adapter"),
        "prompt_strategies": {f"{d}.type" for d in data_sets if "type" in keys["groups"][d]}, "file_kinds": {"SFTDataset.ds_type"}, "columns": columns,
        "splits": {f"{d}.split" for d in data_sets} | at("bench_split"), "roles": {"SFTDataset.roles_to_train", "RoleBoundarySpec.role"},
        "save_strategies": at("save_strategy", "eval_strategy", "evaluation_strategy"), "hub_strategies": at("hub_strategy"),
        "attention": at("attn_implementation"), "experts": at("experts_implementation"), "large_head_attention": at("large_head_attention"),
        "expert_backends": at("expert_backend"), "grouped_backends": at("moe_grouped_backend"),
        "nonexpert": at("nonexpert_quantization", "dsv4_fp8_nonexpert_mode", "dsv4_fp4_grouped_mode"),
        "grpo_losses": {"TRLConfig.loss_type"}, "dpo_losses": at("dpo_loss_type"), "fsdp_options": at("fsdp"),
        "dtypes": {"VllmConfig.dtype", f"{main_group}.torch_dtype", "FSDPConfig.mixed_precision_policy", "FSDPConfig.fsdp_mixed_precision_policy",
                   "QATConfig.activation_dtype", "QATConfig.weight_dtype", "PTQConfig.activation_dtype", "PTQConfig.weight_dtype"},
        "devices": at("device", "device_map") | {"VllmConfig.device"}, "compile_backends": at("torch_compile_backend"),
        "start_methods": at("sample_packing_mp_start_method"), "lora_init": at("peft_init_lora_weights"),
        "galore_projections": at("qgalore_proj_type"),
        "modules": at("lora_target_modules", "lora_modules_to_save", "optim_target_modules", "unfrozen_parameters", "lora_target_parameters",
                      "lisa_layers_attribute", "peft_layers_pattern", "fp32_norm_classes") | {"LrGroup.modules"},
        "module_patterns": at("lora_target_modules", "lora_target_parameters", "unfrozen_parameters"), "token_texts": at("eot_tokens", "tokens") | {f"SpecialTokensConfig.{k}" for k in keys["groups"]["SpecialTokensConfig"]},
        "plugins": at("plugins"), "model_types": at("type_of_model", "model_type"), "tokenizer_types": at("tokenizer_type"),
        "processor_types": at("processor_type"), "config_types": at("cls_model_config"),
        "layers": {"FSDPConfig.transformer_layer_cls_to_wrap", "FSDPConfig.fsdp_transformer_layer_cls_to_wrap"},
        "tracker_modes": at("wandb_mode", "comet_mode", "swanlab_mode"), "tracker_logging": at("wandb_log_model", "wandb_watch"),
        "metrics": at("eval_causal_lm_metrics", "metric_for_best_model"), "vllm_modules": {"VllmConfig.serve_module"},
        "reasoning_parsers": {"VllmConfig.reasoning_parser"},
        "checkpointed": {"SelectiveCheckpointingConfig.recompute_layer_types", "SelectiveCheckpointingConfig.save"},
        "ropes": set(), "quantizations": set(), "reasoning_efforts": set(), "sharding": set(), "prefetch": set(), "compile_modes": set(),
    }
    maps = {
        "gradient_checkpointing_kwargs": "GradientCheckpointingKwargs", "bnb_config_kwargs": "BnbConfigKwargs",
        "lr_scheduler_kwargs": "LrSchedulerKwargs", "optim_args": "OptimArgs", "accelerator_config": "AcceleratorConfig",
        "flex_attn_compile_kwargs": "CompileKwargs", "torch_compile_options": "CompileKwargs", "chat_template_kwargs": "ChatTemplateKwargs",
        "model_quantization_config_kwargs": "ModelQuantizationKwargs", "overrides_of_model_config": "ModelConfig", "model_config": "ModelConfig",
        "rope_scaling": "RopeScaling", "tokens": "TokensMap", "processor_kwargs": "ProcessorKwargs", "resources_per_worker": "ResourcesPerWorker",
        "comet_experiment_config": "CometExperimentConfig",
    }
    maps = {f"{main_group}.{key}": group for key, group in maps.items()}
    maps |= {"TRLConfig.chat_template_kwargs": "ChatTemplateKwargs", "TRLConfig.generation_kwargs": "GenerationKwargs",
             "SFTDataset.message_property_mappings": "MessagePropertyMappings", "SFTDataset.roles": "Roles"}

    of_key = {}
    for name, owners in choices.items():
        for owner in owners:
            of_key.setdefault(owner, []).append(name)
    used = {name for names in of_key.values() for name in names}
    write("groups", {g: dict(sorted(k.items())) for g, k in sorted(groups.items())}, "{\n")
    write("lists", {n: sorted(set(v)) for n, v in sorted(lists.items()) if n in used}, ",\n")
    write("choices", {k: sorted(v) for k, v in sorted(of_key.items())}, ",\n")
    write("maps", dict(sorted(maps.items())), ",\n")
    print("\n}")


def write(section, members, before):
    """One member a line: small enough to read, and a change shows as one."""
    lines = (f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in members.items())
    print(before + f" {json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n }", end="")


main()
