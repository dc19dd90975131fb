"""Writes goldens.json with torch 2.15.0, in float64.

    pip install torch==2.15.0
    python generate.py

Convolutional networks on 9 samples of 1 x 6 x 6, classes i mod 3: a convolution 3 x 3 of 2 filters without padding, batch
norm with running statistics, an activation, max or no pooling, and a dense layer. Per network the mean cross-entropy, its
gradient, and of its Hessian (torch.func.hessian) the product with sin(0.37 i^2 + 2), the trace and the eigenvalues (LAPACK).

The parameters are sin(0.37 i^2 + 1) / 2 in the order of `names`; samples are sin(0.37 i^2 + 10), running means
sin(0.37 i^2 + 20) and variances 1 + sin(0.37 i^2 + 21) / 2.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
SAMPLES, SIDE, FILTERS, CLASSES = 9, 6, 2, 3


def drawn(seed, *shape):
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.sin(0.37 * i * i + seed).reshape(shape)


def case(activation, pool):
    side = (SIDE - 2) // 2 if pool else SIDE - 2
    shapes = {
        "conv.weight": (FILTERS, 1, 3, 3),
        "conv.bias": (FILTERS,),
        "norm.weight": (FILTERS,),
        "norm.bias": (FILTERS,),
        "fc.weight": (CLASSES, FILTERS * side * side),
        "fc.bias": (CLASSES,),
    }
    x = drawn(10, SAMPLES, 1, SIDE, SIDE)
    labels = torch.arange(SAMPLES) % CLASSES
    mean, variance = drawn(20, FILTERS), 1 + drawn(21, FILTERS) / 2

    def loss(theta):
        parts = dict(zip(shapes, theta.split([torch.Size(shape).numel() for shape in shapes.values()])))
        p = {name: part.reshape(shapes[name]) for name, part in parts.items()}
        h = F.conv2d(x, p["conv.weight"], p["conv.bias"])
        h = {"tanh": torch.tanh, "relu": torch.relu}[activation](
            F.batch_norm(h, mean, variance, p["norm.weight"], p["norm.bias"], training=False, eps=1e-5)
        )
        h = F.max_pool2d(h, 2) if pool else h
        return F.cross_entropy(h.flatten(1) @ p["fc.weight"].T + p["fc.bias"], labels)

    n = sum(torch.Size(shape).numel() for shape in shapes.values())
    theta = drawn(1, n) / 2
    hessian = torch.func.hessian(loss)(theta)
    return {
        "activation": activation,
        "pool": pool,
        "names": list(shapes),
        "loss": loss(theta).item(),
        "gradient": torch.func.grad(loss)(theta).tolist(),
        "product": (hessian @ drawn(2, n)).tolist(),
        "eigenvalues": torch.linalg.eigvalsh(hessian).tolist(),
        "trace": hessian.trace().item(),
    }


goldens = [case("tanh", False), case("tanh", True), case("relu", True)]
Path(__file__).with_name("goldens.json").write_text(json.dumps(goldens) + "\n")
