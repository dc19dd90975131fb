"""Writes goldens.json with torch 2.15.0, in float64.

    pip install torch==2.15.0
    python generate.py

A perceptron 3-4-2 with tanh is trained by 20 full-batch steps on 8 samples, once per update rule and schedule. The file
holds the samples and the first weights too, so that the other side needs no formula for them.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, MultiStepLR, SequentialLR

STEPS = 20


def drawn(seed, *shape):
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.sin(0.37 * i * i + seed).reshape(shape)


def network():
    layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for seed, parameter in enumerate(layers.parameters()):
            parameter.copy_(drawn(seed, *parameter.shape))
    return layers


INPUTS = drawn(10, 8, 3)
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
TARGETS = drawn(11, 8, 2)
LAYERS = {"0": "layers.0", "2": "layers.1"}


def named(module):
    """The parameters under our names."""
    names = [(name.split("."), value) for name, value in module.named_parameters()]
    return {f"{LAYERS[layer]}.{kind}": value.flatten().tolist() for (layer, kind), value in names}


def torch_optimizer(parameters, kind, learningRate, momentum=0, nesterov=False, weightDecay=0, betas=(0.9, 0.999), epsilon=1e-8):
    if kind == "sgd":
        return torch.optim.SGD(parameters, learningRate, momentum=momentum, nesterov=nesterov, weight_decay=weightDecay)
    rule = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
    return rule(parameters, learningRate, betas=tuple(betas), eps=epsilon, weight_decay=weightDecay)


def torch_schedule(optimizer, kind, warmupSteps=0, milestones=(0.5, 0.75), factor=0.1):
    rest = STEPS - warmupSteps
    main = {
        "constant": lambda: ConstantLR(optimizer, factor=1),
        "cosine": lambda: CosineAnnealingLR(optimizer, T_max=rest),
        "step": lambda: MultiStepLR(optimizer, [round(part * rest) for part in milestones], gamma=factor),
    }[kind]()
    if warmupSteps == 0:
        return main
    warmup = LinearLR(optimizer, start_factor=1 / warmupSteps, end_factor=1, total_iters=warmupSteps - 1)
    return SequentialLR(optimizer, [warmup, main], milestones=[warmupSteps])


def case(name, optimizer, schedule={"kind": "constant"}, task="classification"):
    module = network()
    rule = torch_optimizer(module.parameters(), **optimizer)
    rates = torch_schedule(rule, **schedule)
    losses, learning_rates = [], []
    for _ in range(STEPS):
        learning_rates.append(rule.param_groups[0]["lr"])
        rule.zero_grad()
        output = module(INPUTS)
        loss = F.cross_entropy(output, LABELS) if task == "classification" else F.mse_loss(output, TARGETS)
        loss.backward()
        rule.step()
        rates.step()
        losses.append(loss.item())
    return {
        "name": name,
        "task": task,
        "optimizer": optimizer,
        "schedule": schedule,
        "learningRates": learning_rates,
        "losses": losses,
        "parameters": named(module),
    }


SGD = {"kind": "sgd", "learningRate": 0.3}
MOMENTUM = {**SGD, "momentum": 0.9}
ADAM = {"kind": "adam", "learningRate": 0.05}
ADAMW = {"kind": "adamw", "learningRate": 0.05}

cases = [
    case("sgd", SGD),
    case("sgd with decay", {**SGD, "weightDecay": 0.1}),
    case("momentum", MOMENTUM),
    case("momentum with decay", {**MOMENTUM, "weightDecay": 0.1}),
    case("nesterov", {**MOMENTUM, "nesterov": True}),
    case("nesterov with decay", {**MOMENTUM, "nesterov": True, "weightDecay": 0.1}),
    case("adam", ADAM),
    case("adam with decay", {**ADAM, "weightDecay": 0.1}),
    case("adam with other moments", {**ADAM, "betas": [0.5, 0.9], "epsilon": 0.01}),
    case("adamw", {**ADAMW, "weightDecay": 0.1}),
    case("adamw without decay", ADAMW),
    case("cosine", MOMENTUM, {"kind": "cosine"}),
    case("cosine after warm-up", SGD, {"kind": "cosine", "warmupSteps": 5}),
    case("steps", MOMENTUM, {"kind": "step"}),
    case("steps after warm-up", ADAM, {"kind": "step", "warmupSteps": 4, "milestones": [0.25, 0.5], "factor": 0.5}),
    case("constant after warm-up", {**ADAMW, "weightDecay": 0.1}, {"kind": "constant", "warmupSteps": 6}),
    case("regression by momentum", {**MOMENTUM, "learningRate": 0.05}, task="regression"),
    case("regression by adam", ADAM, {"kind": "cosine"}, task="regression"),
]

goldens = {
    "steps": STEPS,
    "inputs": INPUTS.flatten().tolist(),
    "labels": LABELS.tolist(),
    "targets": TARGETS.flatten().tolist(),
    "initial": named(network()),
    "cases": cases,
}
Path(__file__).with_name("goldens.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
