"""Writes architectures.json with torch 2.15.0, in float64: what some of test/architectures compute, by PyTorch's modules.

    pip install torch==2.15.0 torchvision==0.29.2 transformers==5.23.0
    python generate_architectures.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

from generate import drawn, numbers


class Parameters:
    """The tensors of one network, drawn when first asked for."""

    def __init__(self):
        self.shapes = {}

    def __call__(self, name, *shape):
        self.shapes[name] = list(shape)
        return drawn(name, list(shape))


def linear(p, name, x, outputs):
    return F.linear(x, p(f"{name}.weight", outputs, x.shape[1]), p(f"{name}.bias", outputs))


def convolution(p, name, x, filters, kernel=3, padding=1):
    weight = p(f"{name}.weight", filters, x.shape[1], kernel, kernel)
    return F.conv2d(x, weight, p(f"{name}.bias", filters), padding=padding)


def normalized(p, name, x, filters, kernel, stride=1, groups=1):
    weight = p(f"{name}.conv.weight", filters, x.shape[1] // groups, kernel, kernel)
    y = F.conv2d(x, weight, stride=stride, padding=kernel // 2, groups=groups)
    scale, bias = p(f"{name}.bn.weight", filters), p(f"{name}.bn.bias", filters)
    return F.batch_norm(y, p(f"{name}.bn.running_mean", filters), p(f"{name}.bn.running_var", filters), scale, bias)


def head(p, x):
    return linear(p, "fc", x.mean((2, 3)), 3)


def recurrent(module, gates):
    def forward(p, x):
        cell = module(4, 5, batch_first=True).double()
        names = {"weight_ih": (gates * 5, 4), "bias_ih": (gates * 5,), "weight_hh": (gates * 5, 5), "bias_hh": (gates * 5,)}
        cell.load_state_dict({f"{name}_l0": p(f"cell.{name}", *shape) for name, shape in names.items()})
        return linear(p, "fc", cell(x)[0][:, -1], 3)

    return forward


def group_norm_mlp(p, x):
    hidden = linear(p, "fc1", x, 8)
    return linear(p, "fc2", F.relu(F.group_norm(hidden, 2, p("norm.weight", 8), p("norm.bias", 8))), 3)


def unet(enlarge):
    def forward(p, x):
        large = F.relu(convolution(p, "down", x, 4))
        small = F.relu(convolution(p, "bottom", F.max_pool2d(large, 2), 5))
        joined = torch.cat([large, enlarge(p, small)], 1)
        return convolution(p, "last", F.relu(convolution(p, "up", joined, 4)), 2, kernel=1, padding=0)

    return forward


def transposed(p, x):
    return F.conv_transpose2d(x, p("enlarge.weight", 5, 3, 2, 2), p("enlarge.bias", 3), stride=2)


def nearest(p, x):
    return convolution(p, "enlarge", F.interpolate(x, scale_factor=2, mode="nearest"), 3)


def inverted(p, name, x, filters, stride):
    wide = 2 * x.shape[1]
    x = F.relu6(normalized(p, f"{name}.expand", x, wide, 1))
    x = F.relu6(normalized(p, f"{name}.depthwise", x, wide, 3, stride, wide))
    return normalized(p, f"{name}.project", x, filters, 1)


def mobilenet(p, x):
    stem = F.relu6(normalized(p, "stem", x, 4, 3))
    first = inverted(p, "block1", stem, 4, 1) + stem
    second = inverted(p, "block2", first, 6, 2)
    return head(p, F.relu6(normalized(p, "last", second, 8, 1)))


def resnext(p, x):
    x = F.relu(normalized(p, "stem", x, 6, 3))
    narrow = F.relu(normalized(p, "reduce", x, 8, 1))
    grouped = F.relu(normalized(p, "grouped", narrow, 8, 3, groups=4))
    return head(p, F.relu(normalized(p, "expand", grouped, 6, 1) + x))


def option_a(p, x):
    x = F.relu(normalized(p, "stem", x, 4, 3))
    y = F.relu(normalized(p, "block1.1", x, 4, 3))
    x = F.relu(normalized(p, "block1.2", y, 4, 3) + x)
    y = F.relu(normalized(p, "block2.1", x, 8, 3, 2))
    x = F.relu(normalized(p, "block2.2", y, 8, 3) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)))
    return head(p, x)


CASES = {
    "lstm-stacked": (recurrent(torch.nn.LSTM, 4), [2, 3, 4]),
    "gru-stacked": (recurrent(torch.nn.GRU, 3), [2, 3, 4]),
    "mlp-group-norm": (group_norm_mlp, [2, 5]),
    "unet-transposed": (unet(transposed), [1, 2, 6, 6]),
    "unet-nearest": (unet(nearest), [1, 2, 6, 6]),
    "mobilenet-v2": (mobilenet, [1, 3, 8, 8]),
    "resnext": (resnext, [1, 3, 6, 6]),
    "resnet-option-a": (option_a, [1, 3, 8, 8]),
}


@torch.no_grad()
def case(name):
    forward, shape = CASES[name]
    parameters = Parameters()
    output = forward(parameters, drawn("input", shape))
    return {"name": name, "input": shape, "state": parameters.shapes, "output": numbers(output)}


def main():
    text = json.dumps([case(name) for name in CASES], separators=(",", ":"))
    Path(__file__).with_name("architectures.json").write_text(text + "\n")


main()
