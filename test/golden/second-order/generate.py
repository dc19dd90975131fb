"""Writes goldens.json with torch 2.15.0, numpy 2.4.6 and scipy 1.17.1, in float64.

    pip install torch==2.15.0 numpy==2.4.6 scipy==1.17.1
    python generate.py

losses: small perceptrons on 7 samples: the loss, its gradient, the Hessian by torch.func.hessian and the Gauss-Newton
matrix J' L J from the Jacobian of the outputs and the Hessian of the loss in the outputs. The vector of parameters is
sin(0.37 i^2 + 1), samples are sin(0.37 i^2 + 10), targets sin(0.37 i^2 + 11), labels i mod classes.
matrices: symmetric matrices with their eigenvalues by LAPACK (numpy.linalg.eigvalsh), and the solution of A'A + 1 = b.
flow: the gradient flow of the first loss by scipy's Radau at a relative tolerance of 1e-12.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.integrate import solve_ivp

torch.set_default_dtype(torch.float64)

ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "relu": torch.relu,
    "g": lambda x: torch.sigmoid(4 * x) + F.softplus(x),
}
SAMPLES, INPUTS = 7, 2


def drawn(seed, *shape):
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.sin(0.37 * i * i + seed).reshape(shape)


def case(activation, widths, outputs, bias, task):
    sizes = [INPUTS, *widths, outputs]
    shapes = [shape for d, m in zip(sizes, sizes[1:]) for shape in ([(m, d), (m,)] if bias else [(m, d)])]
    x = drawn(10, SAMPLES, INPUTS)
    labels = torch.arange(SAMPLES) % outputs

    def forward(theta):
        parts = list(theta.split([torch.Size(shape).numel() for shape in shapes]))
        hidden = x
        for layer in range(len(sizes) - 1):
            weight = parts.pop(0).reshape(sizes[layer + 1], sizes[layer])
            z = hidden @ weight.T + (parts.pop(0) if bias else 0)
            hidden = z if layer == len(sizes) - 2 else ACTIVATIONS[activation](z)
        return hidden

    def loss_of(f):
        return F.cross_entropy(f, labels) if task == "classification" else (f - drawn(11, SAMPLES, outputs)).square().mean()

    theta = drawn(1, sum(torch.Size(shape).numel() for shape in shapes))
    n = len(theta)
    f = forward(theta)
    J = torch.func.jacrev(forward)(theta).reshape(-1, n)
    L = torch.func.hessian(lambda flat: loss_of(flat.reshape(f.shape)))(f.reshape(-1))
    total = lambda t: loss_of(forward(t))
    return total, theta, {
        "activation": activation,
        "widths": widths,
        "outputs": outputs,
        "bias": bias,
        "task": task,
        "loss": total(theta).item(),
        "gradient": torch.func.grad(total)(theta).tolist(),
        "hessian": torch.func.hessian(total)(theta).reshape(-1).tolist(),
        "gaussNewton": (J.T @ L @ J).reshape(-1).tolist(),
    }


def matrix(name, a):
    n = len(a)
    b = np.sin(0.37 * np.arange(n) ** 2 + 3)
    return {
        "name": name,
        "matrix": a.reshape(-1).tolist(),
        "eigenvalues": np.linalg.eigvalsh(a).tolist(),
        "right": b.tolist(),
        "solution": np.linalg.solve(a.T @ a + np.eye(n), b).tolist(),
    }


def symmetric(n, seed):
    a = drawn(seed, n, n).numpy()
    return a + a.T


def flow(total, theta):
    times = [0.1, 1.0, 10.0, 100.0, 1000.0]
    gradient = torch.func.grad(total)
    hessian = torch.func.hessian(total)
    found = solve_ivp(
        lambda _, t: -gradient(torch.from_numpy(t)).numpy(),
        (0, times[-1]),
        theta.numpy(),
        method="Radau",
        t_eval=times,
        rtol=1e-12,
        atol=1e-13,
        jac=lambda _, t: -hessian(torch.from_numpy(t)).numpy(),
    )
    return {"times": times, "points": found.y.T.tolist()}


cases = [
    case("sigmoid", [3], 1, False, "regression"),
    *[case(name, [4], 2, True, "regression") for name in ACTIVATIONS],
    case("exp", [3], 1, True, "regression"),
    case("softplus", [4], 3, True, "classification"),
    case("tanh", [4], 3, False, "classification"),
    case("tanh", [3, 2], 2, True, "regression"),
    case("gelu", [3, 2], 3, True, "classification"),
    case("tanh", [], 3, True, "classification"),
]
spread = np.diag(10.0 ** np.arange(-8, 4)) + 1e-9 * symmetric(12, 5)
repeated = np.kron(np.eye(3), np.array([[2.0, 1.0], [1.0, 2.0]]))
goldens = {
    "losses": [golden for _, _, golden in cases],
    "matrices": [
        matrix("1 x 1", np.array([[-3.0]])),
        matrix("2 x 2", np.array([[1.0, 1e-8], [1e-8, 1.0]])),
        matrix("zero", np.zeros((3, 3))),
        matrix("diagonal", np.diag([3.0, -1.0, 2.0, -1.0])),
        matrix("repeated eigenvalues", repeated),
        matrix("eigenvalues over eleven orders", spread),
        matrix("rank one", np.outer(np.arange(5.0), np.arange(5.0))),
        matrix("dense of 40", symmetric(40, 4)),
    ],
    "flow": flow(*cases[0][:2]),
}
Path(__file__).with_name("goldens.json").write_text(json.dumps(goldens) + "\n")
