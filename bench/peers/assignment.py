"""The assignment with the largest total gain, by scipy: matrices of the kinds and sizes of bench/assignment.ts."""

import harness
import numpy as np
import scipy.optimize

WEIGHTS, SHARED = 256, 16

harness.ROUNDS = 3
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape, dtype=np.float32)


def trained(n, directions):
    norms = np.exp(0.5 * normal(n, 1))
    return norms * (normal(n, SHARED) @ directions + normal(n, WEIGHTS))


def gains(kind, n):
    if kind == "uniform":
        return rng.random((n, n), dtype=np.float32)
    if kind == "gram":
        return normal(n, WEIGHTS) @ normal(WEIGHTS, n)
    if kind == "planted":
        a = normal(n, WEIGHTS)
        return a @ (a[rng.permutation(n)] + normal(n, WEIGHTS)).T
    directions = normal(SHARED, WEIGHTS) * np.float32(SHARED**-0.5)
    return trained(n, directions) @ trained(n, directions).T


def solver(kind, n):
    """In float64, to which scipy would convert first."""
    gain = gains(kind, n).astype(np.float64)
    return lambda: scipy.optimize.linear_sum_assignment(gain, maximize=True)


harness.report(
    "assignment",
    {
        f"{kind}-{n}": {"float64": lambda kind=kind, n=n: solver(kind, n)}
        for kind in ("uniform", "gram", "planted", "trained")
        for n in (1024, 2048, 4096)
    },
)
