"""Minima and Hessians in float64.

bfgs: 50 students 2-5-1 (sigmoid, no biases) on the toy of Simsek et al. 2021, each by SciPy's BFGS with PyTorch's gradient,
one after another and once: a run takes too long to repeat.
toy, last-layer: the dense Hessian of a student 2-45-1 on the toy, and of the last layer of 784-100-10 on 1,000 images,
in the faster of torch.func.hessian and reverse over reverse.
"""

import json
import time

import harness
import numpy as np
import scipy.optimize
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(harness.THREADS)

SEEDS = 50
axis = torch.arange(-5, 5.25, 0.25)
GRID = torch.cartesian_prod(axis, axis)
TEACHER = torch.tensor([(0.6, 0.5), (-0.5, 0.5), (-0.2, -0.6), (0.1, -0.6)])
TARGET = torch.sigmoid(GRID @ TEACHER.T).sum(dim=1)


def toy_loss(theta, width):
    w, a = theta[: 2 * width].view(width, 2), theta[2 * width :]
    return (torch.sigmoid(GRID @ w.T) @ a - TARGET).square().mean()


def value_and_gradient(theta):
    leaf = torch.from_numpy(theta).requires_grad_()
    loss = toy_loss(leaf, 5)
    loss.backward()
    return loss.item(), leaf.grad.numpy()


def glorot(width, seed):
    rng = np.random.default_rng(seed)
    first, second = (6 / (2 + width)) ** 0.5, (6 / (width + 1)) ** 0.5
    return np.concatenate([rng.uniform(-first, first, 2 * width), rng.uniform(-second, second, width)])


def bfgs():
    start = time.perf_counter()
    losses = [
        scipy.optimize.minimize(
            value_and_gradient, glorot(5, seed), jac=True, method="BFGS", options={"gtol": 1e-14, "maxiter": 5000}
        ).fun
        for seed in range(1, SEEDS + 1)
    ]
    milliseconds = (time.perf_counter() - start) * 1e3
    solved = sum(loss < 1e-10 for loss in losses)
    return {"median_ms": milliseconds, "min_ms": milliseconds, "calls": 1, "choice": f"{solved} of {SEEDS} below 1e-10"}


def hessians(loss, theta):
    ways = {
        "forward-over-reverse": torch.func.hessian(loss),
        "reverse-over-reverse": torch.func.jacrev(torch.func.jacrev(loss)),
    }
    return {name: lambda hessian=hessian: lambda: hessian(theta) for name, hessian in ways.items()}


def toy():
    return hessians(lambda theta: toy_loss(theta, 45), torch.from_numpy(glorot(45, 1)))


def last_layer():
    torch.manual_seed(1)
    hidden = F.softplus(torch.randn(1000, 784) @ torch.randn(784, 100) / 28)
    labels = torch.arange(1000) % 10

    def loss(theta):
        return F.cross_entropy(hidden @ theta[:1000].view(10, 100).T + theta[1000:], labels)

    return hessians(loss, torch.randn(1010) / 10)


variants = {"bfgs": bfgs, "toy": lambda: harness.fastest(toy()), "last-layer": lambda: harness.fastest(last_layer())}
results = {}
for name, run in variants.items():
    if harness.WANTED and name not in harness.WANTED:
        continue
    try:
        results[name] = run()
    except Exception as error:
        results[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
print(json.dumps({"peer": "toy_minima", "threads": harness.THREADS, "versions": harness._versions(), "results": results}))
