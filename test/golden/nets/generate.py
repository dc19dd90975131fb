"""Writes goldens.json with torch 2.15.0, torchvision 0.29.2 and transformers 5.23.0, in float64.

    pip install torch==2.15.0 torchvision==0.29.2 transformers==5.23.0
    python generate.py

Both sides compute all tensors from a formula of their names (`drawn`), so the file holds only names, shapes and results.
"""

import json
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models.resnet import BasicBlock
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, ViTConfig, ViTForImageClassification
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding

PERIOD = 4093


def drawn(name, shape):
    """Element i is a sine of (i mod 4093)^2 and the length of the name, scaled to keep activations near one."""
    count = torch.Size(shape).numel()
    i = torch.arange(count, dtype=torch.float64) % PERIOD
    wave = torch.sin(0.37 * i * i + len(name)).reshape(shape)
    if name == "input":
        return wave
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return 1 + 0.5 * wave
    if len(shape) == 1:
        return 0.1 * wave
    return 2 * wave / (count / shape[0]) ** 0.5


def tokens(shape, vocabulary):
    i = torch.arange(torch.Size(shape).numel())
    return ((7 * i + 3) % vocabulary).reshape(shape)


def fill(module, without=("num_batches_tracked",)):
    """Gives the module its drawn state, and returns the shapes of the state by name."""
    module.double()
    state = {name: value for name, value in module.state_dict().items() if not name.endswith(without)}
    drawings = {name: drawn(name, list(value.shape)) for name, value in state.items()}
    module.load_state_dict(drawings, strict=False)
    return {name: list(value.shape) for name, value in state.items()}


def numbers(value):
    return value.detach().flatten().tolist()


@torch.no_grad()
def case(description, module, shape):
    state = fill(module)
    output = module.eval()(drawn("input", shape))
    return {"description": description, "input": shape, "state": state, "output": numbers(output)}


class Activated(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Mlp(nn.Module):
    def __init__(self, sizes, activation, bias=True):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=bias) for a, b in zip(sizes, sizes[1:]))
        self.activation = activation

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


ACTIVATIONS = {
    "relu": F.relu,
    "leaky-relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "silu": F.silu,
    "erf": torch.erf,
    "sin": torch.sin,
    "exp": torch.exp,
    "identity": lambda x: x,
    "sign": lambda x: torch.where(x < 0, -1.0, 1.0).double(),
    "g": lambda x: torch.sigmoid(4 * x) + F.softplus(x),
}


def mlps():
    for name, activation in ACTIVATIONS.items():
        options = {"net": "mlp", "input": [2, 3], "widths": [7, 5], "outputs": 3, "activation": name}
        yield case(options, Mlp([6, 7, 5, 3], activation), [4, 2, 3])
    plain = {"net": "mlp", "input": [6], "widths": [], "outputs": 3, "bias": False}
    yield case(plain, Mlp([6, 3], None, bias=False), [2, 6])


class Lenet(nn.Module):
    def __init__(self, channels, features, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(features, 500)
        self.fc2 = nn.Linear(500, outputs)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def lenets():
    yield case({"net": "lenet"}, Lenet(1, 800, 10), [1, 1, 28, 28])
    yield case({"net": "lenet", "input": [3, 32, 32], "outputs": 4}, Lenet(3, 1250, 4), [1, 3, 32, 32])


def cifar_vgg(build):
    net = build(num_classes=10)
    net.avgpool = nn.Identity()
    net.classifier[0] = nn.Linear(512, 512)
    net.classifier[3] = nn.Linear(512, 512)
    net.classifier[6] = nn.Linear(512, 10)
    return net


def cifar_resnet18():
    net = torchvision.models.resnet18(num_classes=10)
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    return net


class Resnet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.stage(16, 16, 1)
        self.layer2 = self.stage(16, 32, 2)
        self.layer3 = self.stage(32, 64, 2)
        self.fc = nn.Linear(64, 10)

    def stage(self, inputs, outputs, stride):
        projection = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        first = BasicBlock(inputs, outputs, stride, projection if stride > 1 else None)
        return nn.Sequential(first, BasicBlock(outputs, outputs), BasicBlock(outputs, outputs))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def image_nets():
    small, large = {"input": [3, 32, 32], "outputs": 10}, {"input": [3, 64, 64], "outputs": 10}
    models = torchvision.models
    yield case({"net": "vgg16", **small}, cifar_vgg(models.vgg16), [1, 3, 32, 32])
    yield case({"net": "vgg16-bn", **small}, cifar_vgg(models.vgg16_bn), [1, 3, 32, 32])
    yield case({"net": "resnet18", **small}, cifar_resnet18(), [1, 3, 32, 32])
    yield case({"net": "resnet20"}, Resnet20(), [1, 3, 32, 32])
    yield case({"net": "resnet50", **large}, models.resnet50(num_classes=10), [1, 3, 64, 64])


@torch.no_grad()
def vit():
    options = {"input": [3, 8, 12], "patch": 4, "width": 16, "depth": 2, "heads": 2, "mlpWidth": 24, "outputs": 5}
    config = ViTConfig(
        image_size=[8, 12], patch_size=4, num_channels=3, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24, num_labels=5,
    )
    # The names are those of checkpoint files; the modules of transformers 5 have others.
    with tempfile.TemporaryDirectory() as folder:
        ViTForImageClassification(config).double().save_pretrained(folder)
        file = f"{folder}/model.safetensors"
        state = {name: list(value.shape) for name, value in load_file(file).items()}
        save_file({name: drawn(name, shape) for name, shape in state.items()}, file, {"format": "pt"})
        module = ViTForImageClassification.from_pretrained(folder, dtype=torch.float64).eval()
    shape = [2, 3, 8, 12]
    output = module(drawn("input", shape)).logits
    return {"description": {"net": "vit", **options}, "input": shape, "state": state, "output": numbers(output)}


@torch.no_grad()
def gpt2():
    options = {"vocabulary": 11, "context": 7, "width": 16, "depth": 2, "heads": 4}
    config = GPT2Config(vocab_size=11, n_positions=7, n_embd=16, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    module = GPT2LMHeadModel(config).double().eval()
    state = fill(module.transformer)
    shape = [2, 5]
    output = module(tokens(shape, 11)).logits
    return {"description": {"net": "gpt2", **options}, "input": shape, "state": state, "output": numbers(output)}


def rms_norm_in_float64(self, x):
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def rotary_in_float64(self, x, position_ids):
    size = self.config.head_dim
    frequencies = self.config.rope_parameters["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = (position_ids[..., None] * frequencies).repeat(1, 1, 2)
    return angles.cos(), angles.sin()


# transformers computes these two in float32 whatever the type of the weights.
LlamaRMSNorm.forward = rms_norm_in_float64
LlamaRotaryEmbedding.forward = rotary_in_float64


@torch.no_grad()
def llama(heads, kv_heads, head_size, tied):
    options = {"vocabulary": 11, "context": 9, "width": 12, "depth": 2, "heads": heads, "kvHeads": kv_heads}
    options |= {"headSize": head_size, "hidden": 10, "ropeTheta": 100, "epsilon": 1e-3, "tied": tied}
    config = LlamaConfig(
        vocab_size=11, max_position_embeddings=9, hidden_size=12, num_hidden_layers=2, num_attention_heads=heads,
        num_key_value_heads=kv_heads, head_dim=head_size, intermediate_size=10, rms_norm_eps=1e-3,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, tie_word_embeddings=tied,
    )
    module = LlamaForCausalLM(config).eval()
    state = fill(module, without=("lm_head.weight",) if tied else ("num_batches_tracked",))
    shape = [2, 7]
    output = module(tokens(shape, 11)).logits
    return {"description": {"net": "llama", **options}, "input": shape, "state": state, "output": numbers(output)}


def llamas():
    yield llama(heads=4, kv_heads=2, head_size=4, tied=False)
    yield llama(heads=4, kv_heads=1, head_size=6, tied=True)
    yield llama(heads=3, kv_heads=3, head_size=4, tied=False)
    yield llama(heads=2, kv_heads=2, head_size=6, tied=True)


class Normalized(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)
        self.bn2 = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.bn2(self.fc(F.relu(self.bn1(self.conv(x))).mean((2, 3))))


def training_step():
    """One forward and backward pass with the statistics of the batch."""
    module = Normalized()
    shapes = fill(module)
    shape = [6, 2, 5, 5]
    output = module.train()(drawn("input", shape))
    F.cross_entropy(output, torch.arange(6) % 3).backward()
    statistics = {name: numbers(value) for name, value in module.state_dict().items() if "running" in name}
    gradients = {name: numbers(value.grad) for name, value in module.named_parameters()}
    return {"input": shape, "state": shapes, "output": numbers(output), "updates": statistics, "gradients": gradients}


def main():
    cases = [*mlps(), *lenets(), *image_nets(), vit(), gpt2(), *llamas()]
    goldens = {"cases": cases, "training": training_step()}
    text = json.dumps(goldens, indent=None, separators=(",", ":"))
    Path(__file__).with_name("goldens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
