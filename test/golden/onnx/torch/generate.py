"""Writes networks exported by PyTorch, each as NAME.onnx, and their inputs and outputs as cases.json.

Run with torch, onnx and onnxscript installed: python test/golden/onnx/torch/generate.py
"""

import json
import math
import pathlib
import tempfile
import warnings

import onnx
import torch
from torch import nn
from torch.nn import functional

FOLDER = pathlib.Path(__file__).parent


class Residual(nn.Module):
    """Convolutions with batch norm around a shortcut, then global pooling."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.norm2 = nn.BatchNorm2d(4)
        self.shortcut = nn.Conv2d(2, 4, 1, stride=2)
        self.head = nn.Linear(4, 3)
        for norm in [self.norm1, self.norm2]:
            for tensor in [norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var]:
                tensor.uniform_(0.5, 1.5)

    def forward(self, x):
        h = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        h = functional.relu(h + self.shortcut(x))
        return self.head(functional.adaptive_avg_pool2d(h, 1).flatten(1))


class Lenet(nn.Module):
    """Every kind of pool, padding and a reshape that names the batch size."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 5, padding="same")
        self.conv2 = nn.Conv2d(3, 4, 3)
        self.up = nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1)
        self.head = nn.Linear(18, 3)

    def forward(self, x):
        h = functional.max_pool2d(torch.tanh(self.conv1(x)), 3, 2, ceil_mode=True)
        h = functional.avg_pool2d(functional.silu(self.conv2(h)), 2, ceil_mode=True, count_include_pad=False)
        h = functional.max_pool2d(functional.leaky_relu(self.up(h), 0.1), 2, stride=1)
        h = functional.pad(h, (0, 0, 1, 0)).clamp(-1, 2)[:, :, -4:-1]
        return functional.log_softmax(self.head(h.reshape(x.size(0), -1)), dim=1)


class Block(nn.Module):
    """A transformer block with attention spelled out."""

    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.head = nn.Linear(width, 3)

    def attend(self, q, k, v):
        return (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).softmax(-1) @ v

    def forward(self, x):
        batch, tokens, width = x.shape
        split = (z.view(batch, tokens, self.heads, -1).transpose(1, 2) for z in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out(self.attend(*split).transpose(1, 2).reshape(batch, tokens, width))
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


class FusedBlock(Block):
    """The same block with PyTorch's own causal attention."""

    def attend(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


class Language(nn.Module):
    """Embeddings of tokens and places, a stored causal mask, tied output weights."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(7, 8), nn.Embedding(5, 8)
        self.register_buffer("mask", torch.tril(torch.ones(5, 5)))

    def forward(self, ids):
        length = ids.shape[1]
        x = self.tokens(ids) + self.places(torch.arange(length))
        scores = (x @ x.transpose(1, 2) * 8**-0.5).masked_fill(self.mask[:length, :length] == 0, float("-inf"))
        x = scores.softmax(-1) @ x
        return (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)) @ self.tokens.weight.T


def mlp():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 4, bias=False), nn.GELU(), nn.Linear(4, 3))


NETWORKS = {
    "mlp": (mlp, lambda: torch.randn(3, 6)),
    "residual": (Residual, lambda: torch.randn(2, 2, 6, 6)),
    "lenet": (Lenet, lambda: torch.randn(2, 1, 11, 11)),
    "block": (Block, lambda: torch.randn(2, 5, 8)),
    "fused-block": (FusedBlock, lambda: torch.randn(2, 5, 8)),
    "language": (Language, lambda: torch.randint(0, 7, (2, 5))),
}
EXPORTS = [
    *((name, "tracing", opset) for name in ["mlp", "residual", "lenet", "block", "language"] for opset in [11, 13, 17, 20]),
    *((name, "dynamo", opset) for name in ["mlp", "residual", "lenet", "block", "language"] for opset in [18, 20]),
    *((name, "fixed", 17) for name in ["lenet", "block", "language"]),
    *(("fused-block", "tracing", opset) for opset in [17, 20]),
    *(("fused-block", "dynamo", opset) for opset in [20, 23]),
]


def export(network, x, exporter, opset, path):
    names = {"input_names": ["x"], "output_names": ["y"], "opset_version": opset}
    if exporter == "dynamo":
        batch = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
        torch.onnx.export(network, (x,), path, dynamo=True, external_data=False, verbose=False, **batch, **names)
    else:
        batch = {"dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}} if exporter == "tracing" else {}
        # Otherwise batch norm would be folded into the convolutions.
        mode = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(network, (x,), path, dynamo=False, training=mode, **batch, **names)
    model = onnx.load(path)
    # Annotations name paths of the machine that exported, and no reader needs them.
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    return model


def listed(tensor):
    return {"shape": list(tensor.shape), "data": tensor.flatten().tolist()}


def main():
    warnings.filterwarnings("ignore")
    cases = {}
    for name, exporter, opset in EXPORTS:
        torch.manual_seed(0)
        make, draw = NETWORKS[name]
        network, x = make().eval(), draw()
        with tempfile.TemporaryDirectory() as folder:
            model = export(network, x, exporter, opset, pathlib.Path(folder) / "model.onnx")
        (FOLDER / f"{name}-{exporter}-{opset}.onnx").write_bytes(model.SerializeToString(deterministic=True))
        with torch.no_grad():
            y = network.double()(x.double() if x.is_floating_point() else x)
        cases[name] = {"x": listed(x), "y": listed(y)}
    lines = (f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    (FOLDER / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
