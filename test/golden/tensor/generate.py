"""Writes what NumPy, ml_dtypes, SciPy and JAX make of element types and of Threefry: python test/golden/tensor/generate.py

Run with numpy 2.4, ml_dtypes 0.6, jax 0.10 and scipy 1.17 installed.
"""

import hashlib
import json
import pathlib

import jax.extend.random
import ml_dtypes
import numpy as np
from scipy.special import ndtri

FOLDER = pathlib.Path(__file__).parent
HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def write(name, content):
    lines = ",\n".join(json.dumps(entry) for entry in content)
    (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def hexadecimal(bits):
    return [format(int(word), "x") for word in bits]


def decoded(dtype):
    """SHA-256 of the float32 values of all 65536 bit patterns, with one pattern for every NaN."""
    values = np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float32)
    values[np.isnan(values)] = np.nan
    return hashlib.sha256(values.tobytes()).hexdigest()


def rounded():
    """float32 numbers, so that ml_dtypes, which rounds to float32 first, rounds once."""
    random = np.random.default_rng(0)
    special = [0.0, -0.0, np.inf, -np.inf, 65504, 65519.996, 65520, -65520, 65536, 2**-24, 2**-25, 2**-26, 1.5 * 2**-25]
    special += [3.3895314e38, 3.3961775e38, -3.4028235e38, 1e-40, 1e-45, 1.00390625, 1.01171875, 1.00048828125]
    spread = random.standard_normal(60) * 2.0 ** random.integers(-140, 120, 60)
    near = random.standard_normal(60) * 2.0 ** random.integers(-26, 17, 60)
    values = np.concatenate([special, spread, near]).astype(np.float32)
    halves = [values.astype(dtype).view(np.uint16) for dtype in HALVES.values()]
    return [hexadecimal(bits) for bits in zip(values.view(np.uint32), *halves)]


def threefry():
    """Keys, counters and what becomes of them."""
    words = np.random.default_rng(1).integers(0, 2**32, (24, 4), dtype=np.uint32)
    words[:4] = [[0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    rows = [(row[:2], row[2:], jax.extend.random.threefry_2x32(row[:2], row[2:])) for row in words]
    return [[hexadecimal(pair) for pair in row] for row in rows]


write("rounded", rounded())
write("decoded", [[name, decoded(dtype)] for name, dtype in HALVES.items()])
write("threefry", threefry())

write(
    "normal-quantiles",
    [
        [float(p), float(ndtri(p))]
        for p in [2.0**-54, 1e-300, 1e-12, 1e-7, 0.0249, 0.074, 0.0751, 0.5, 0.92499, 0.926, 0.999, 1 - 1e-9, 1 - 2.0**-53]
        + list(np.linspace(0.003, 0.997, 41))
    ],
)
