"""Weight matching as in git-re-basin (arXiv 2209.04836, samuela/git-re-basin), on the pairs that bench/matching.ts has stored."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import harness
import numpy as np
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment

FOLDER = Path(tempfile.gettempdir()) / "orbifold-bench-matching"

harness.ROUNDS = 1


def permuted(values, axes, permutations, except_axis=None):
    for axis, unit in enumerate(axes):
        if unit is not None and axis != except_axis:
            values = np.take(values, permutations[unit], axis=axis)
    return values


def weight_matching(axes, a, b, seed=0):
    """Coordinate descent over the sets of units, from the identity."""
    rng = np.random.default_rng(seed)
    sites = defaultdict(list)
    for name, units in axes.items():
        for axis, unit in enumerate(units):
            if unit is not None:
                sites[unit].append((name, axis))
    permutations = {unit: np.arange(a[name].shape[axis]) for unit, [(name, axis), *_] in sites.items()}
    is_better = True
    while is_better:
        is_better = False
        for unit in rng.permutation(list(sites)):
            size = len(permutations[unit])
            gain = np.zeros((size, size), dtype=np.float32)
            for name, axis in sites[unit]:
                x, y = a[name], permuted(b[name], axes[name], permutations, axis)
                gain += np.moveaxis(x, axis, 0).reshape(size, -1) @ np.moveaxis(y, axis, 0).reshape(size, -1).T
            _, columns = linear_sum_assignment(gain, maximize=True)
            before = gain[np.arange(size), permutations[unit]].sum()
            after = gain[np.arange(size), columns].sum()
            is_better |= bool(after > before + 1e-12)
            permutations[unit] = columns
    return sum(float(np.vdot(a[name], permuted(b[name], units, permutations))) for name, units in axes.items())


def matching(name):
    axes = json.loads((FOLDER / f"{name}.json").read_text())
    a, b = (load_file(FOLDER / f"{name}-{which}.safetensors") for which in "ab")
    return lambda: weight_matching(axes, a, b)


names = sorted(path.stem for path in FOLDER.glob("*.json"))
harness.report("matching", {name: {"float32": lambda name=name: matching(name)} for name in names})
