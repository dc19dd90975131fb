"""Writes networks of PyTorch as NAME.pt, what they compute as NAME.safetensors, and graphs as NAME-EXPORTER.onnx.

Run with torch 2.15, torchvision 0.29, transformers 5.23, onnx, onnxscript and safetensors installed:
    python test/golden/round-trip/generate.py
"""

import importlib.util
import pathlib
import tempfile
import warnings

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet
from transformers import GPT2Config, GPT2LMHeadModel

FOLDER = pathlib.Path(__file__).parent
EXPORTS = FOLDER.parent / "onnx" / "torch" / "generate.py"
WIDTH = 4

spec = importlib.util.spec_from_file_location("exports", EXPORTS)
exports = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exports)


class Resnet18(ResNet):
    """torchvision's ResNet-18 with a sixteenth of its filters."""

    def __init__(self):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=10)
        self.conv1, self.bn1 = nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False), nn.BatchNorm2d(WIDTH)
        self.fc = nn.Linear(8 * WIDTH, 10)

    def _make_layer(self, block, planes, blocks, **options):
        self.inplanes = WIDTH if planes == 64 else self.inplanes
        return super()._make_layer(block, planes * WIDTH // 64, blocks, **options)


class Gpt2(GPT2LMHeadModel):
    """GPT-2 of Hugging Face, which gives its logits alone."""

    def __init__(self):
        super().__init__(GPT2Config(vocab_size=31, n_positions=12, n_embd=8, n_layer=2, n_head=2, use_cache=False))

    def forward(self, ids):
        return super().forward(ids).logits


NETWORKS = {
    "resnet18": (Resnet18, lambda: torch.randn(2, 3, 64, 64)),
    "gpt2": (Gpt2, lambda: torch.randint(0, 31, (3, 9))),
    "block": (exports.Block, lambda: torch.randn(2, 5, 8)),
}


def randomise(network, draw):
    """No gain, bias or statistic keeps the value that it starts with; gains have both signs."""
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if tensor.dim() == 1:
                signs = torch.sign(torch.randn_like(tensor)) if "weight" in name else 1
                tensor.copy_(signs * (1 + 0.3 * torch.randn_like(tensor)) if "weight" in name else 0.3 * torch.randn_like(tensor))
            elif tensor.std() < 0.1:
                tensor.normal_(0, 0.2)
        network.train()
        for _ in range(10):
            network(draw())
    return network.eval()


def main():
    warnings.filterwarnings("ignore")
    for name, (make, draw) in NETWORKS.items():
        torch.manual_seed(1)
        network, x = randomise(make(), draw), draw()[:1]
        x = x.half() if x.is_floating_point() else x
        torch.save(network.state_dict(), FOLDER / f"{name}.pt")
        with torch.no_grad():
            y = network.double()(x.double() if x.is_floating_point() else x)
        save_file({"x": x, "y": y}, FOLDER / f"{name}.safetensors")
    for exporter, opset in [("tracing", 17), ("dynamo", 20)]:
        # Of other weights than block.pt has: those of the graph are not to be used.
        make, draw = NETWORKS["block"]
        with tempfile.TemporaryDirectory() as folder:
            model = exports.export(randomise(make(), draw), draw(), exporter, opset, pathlib.Path(folder) / "model.onnx")
        (FOLDER / f"block-{exporter}.onnx").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
