"""Writes layouts.json.gz with torch 2.15.0, torchvision 0.29.2 and transformers 5.23.0: names and shapes of checkpoints.

    pip install torch==2.15.0 torchvision==0.29.2 transformers==5.23.0
    python generate_layouts.py
"""

import gzip
import json
import tempfile
from pathlib import Path

import torch
import torchvision
from safetensors import safe_open
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Model,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

TORCHVISION = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "alexnet", "mobilenet_v2", "densenet121"]
TORCHVISION += ["resnext50_32x4d", "wide_resnet50_2"]
TORCHVISION += [name for depth in (11, 13, 16, 19) for name in (f"vgg{depth}", f"vgg{depth}_bn")]
LLAMAS = {
    "llama-2-7b": {},
    "tinyllama-1.1b": {
        "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_key_value_heads": 4,
    },
    "llama-3.2-1b": {
        "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
        "num_key_value_heads": 8, "tie_word_embeddings": True,
    },
    "llama-tiny": {
        "vocab_size": 11, "hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 4,
    },
}


def in_memory(build):
    """What `torch.save(module.state_dict())` writes."""
    with torch.device("meta"):
        return {name: list(value.shape) for name, value in build().state_dict().items()}


def saved(module):
    """What `save_pretrained` writes, whose names are not always those of the modules; tied tensors stand once."""
    with tempfile.TemporaryDirectory() as folder:
        module.bfloat16().save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}


def main():
    layouts = {name: in_memory(getattr(torchvision.models, name)) for name in TORCHVISION}
    layouts["gpt2 in memory"] = in_memory(lambda: GPT2LMHeadModel(GPT2Config()))
    layouts["gpt2 without a head"] = in_memory(lambda: GPT2Model(GPT2Config()))
    layouts["gpt2 saved"] = saved(GPT2LMHeadModel(GPT2Config(n_layer=2, vocab_size=1000)))
    layouts["vit-base saved"] = saved(ViTForImageClassification(ViTConfig(num_labels=1000)))
    layouts["vit-base without a head"] = saved(ViTModel(ViTConfig()))
    for name, options in LLAMAS.items():
        layouts[name] = in_memory(lambda: LlamaForCausalLM(LlamaConfig(**options)))
    layouts["llama-tiny tied"] = saved(LlamaForCausalLM(LlamaConfig(**LLAMAS["llama-tiny"], tie_word_embeddings=True)))
    layouts["llama-tiny without a head"] = in_memory(lambda: LlamaModel(LlamaConfig(**LLAMAS["llama-tiny"])))
    text = json.dumps(layouts, separators=(",", ":"))
    Path(__file__).with_name("layouts.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


main()
