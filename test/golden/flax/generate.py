"""Writes the golden files with the reference library: flax 0.12.8, jax 0.10.2, numpy 2.4.

    python generate.py

Each NAME.msgpack is described by an entry of expected.json, from which a test can rebuild it.
"""

import json
from pathlib import Path
from unittest import mock

import flax.linen as nn
import flax.serialization
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

HERE = Path(__file__).parent
SPECIAL = ["nan", "inf", "-inf", -0.0]


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(3, (2, 2))(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(2, param_dtype=jnp.bfloat16)(x.reshape(len(x), -1))


def variables():
    return Net().init(jax.random.key(0), jnp.ones((1, 3, 4, 1)))


def floats(dtype):
    values = [0.1, 1e-40, 65504, *SPECIAL]
    return np.array([float(value) for value in values]).astype(dtype)


def integers(dtype):
    limits = np.iinfo(dtype)
    return np.array([limits.min, 1, limits.max], dtype=dtype)


def dtypes():
    tree = {name: floats(name) for name in ["float64", "float32", "float16"]}
    tree["bfloat16"] = jnp.asarray(floats("float32")).astype(jnp.bfloat16)
    tree |= {name: integers(name) for name in ["int64", "uint64", "int32", "uint32", "int16", "uint16", "int8", "uint8"]}
    return {**tree, "bool": np.array([[True, False], [False, True]])}


def shapes():
    return {
        "zero_axes": np.array(1.5, dtype=np.float32),
        "numpy_scalar": np.float16(2.5),
        "empty": np.zeros((0,), dtype=np.float32),
        "empty_matrix": np.zeros((3, 0, 2), dtype=np.int64),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "five": np.arange(48, dtype=np.int16).reshape(1, 2, 3, 4, 2),
        "long": np.arange(8_200, dtype=np.float64) % 10,
        "list": [np.arange(2, dtype=np.int8), {"deep": np.arange(3, dtype=np.int8)}],
        "__proto__": {"constructor": np.arange(4, dtype=np.int8)},
        "層.重み" * 12: np.arange(5, dtype=np.int8),
        **{f"layer{i}": np.arange(i, dtype=np.int8) for i in range(17)},
    }


def leaves():
    text = "a text of more than thirty-two bytes"
    tree = {"step": 1000, "big": 2**63, "least": -(2**63), "small": -3, "rate": 0.1, "done": True, "not": False}
    return {**tree, "none": None, "text": text, "complex": 1.5 - 2j, "w": np.arange(2, dtype=np.float32)}


def foreign():
    return {
        "float8": np.array([0.5, 1], dtype=ml_dtypes.float8_e4m3fn),
        "complex64": np.array([1 + 2j], dtype=np.complex64),
        "w": np.arange(2, dtype=np.float32),
    }


def chunked():
    return {
        "matrix": np.arange(35, dtype=np.float32).reshape(5, 7),
        "half": jnp.arange(30, dtype=jnp.bfloat16).reshape(2, 3, 5),
        "whole": np.arange(4, dtype=np.float64),
        "inner": {"vector": np.arange(17, dtype=np.int32)},
    }


def flatten(tree, prefix=()):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        if isinstance(value, (dict, list)):
            yield from flatten(value, (*prefix, str(key)))
        else:
            yield ".".join((*prefix, str(key))), value


def describe(array):
    array = np.asarray(array)
    if array.dtype.kind in "fV" or array.dtype == ml_dtypes.bfloat16:
        values = [x if np.isfinite(x) and (x or not np.signbit(x)) else str(x) for x in array.astype(np.float64).ravel().tolist()]
    else:
        values = [x if abs(x) < 2**53 else str(x) for x in array.ravel().tolist()]
    return {"dtype": array.dtype.name, "shape": array.shape, "values": values}


def main():
    expected = {}
    for make in (variables, dtypes, shapes, leaves, foreign, chunked):
        name, tree = make.__name__, make()
        with mock.patch.object(flax.serialization, "MAX_CHUNK_SIZE", 40 if make is chunked else 2**30):
            data = flax.serialization.msgpack_serialize(flax.serialization.to_state_dict(tree) if make is variables else tree)
        (HERE / f"{name}.msgpack").write_bytes(data)
        found = dict(flatten(tree))
        arrays = {key: value for key, value in found.items() if isinstance(value, (np.ndarray, np.generic, jax.Array))}
        expected[name] = [
            [key, {"dtype": str(value.dtype), "shape": value.shape} if make is foreign and key != "w" else describe(value)]
            for key, value in arrays.items()
        ]
    (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
