"""Writes the golden files with the reference library: safetensors 0.8.0, numpy and torch.

    python generate.py

Each NAME.safetensors is described by an entry of expected.json, from which a test can rebuild it.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save

HERE = Path(__file__).parent
SPECIAL = ["nan", "inf", "-inf", -0.0]


def floats(dtype, *values):
    return torch.tensor([float(value) for value in values], dtype=dtype)


def integers(dtype):
    limits = torch.iinfo(dtype)
    return torch.tensor([limits.min, 0, 1, limits.max], dtype=dtype)


def whole_range():
    return {
        "f64": floats(torch.float64, 1 / 3, 5e-324, 1.7976931348623157e308, *SPECIAL).reshape(7, 1),
        "f32": floats(torch.float32, 0.1, 1e-45, 3.4028235e38, *SPECIAL),
        "f16": floats(torch.float16, 0.1, 6e-8, 65504, *SPECIAL),
        "bf16": floats(torch.bfloat16, 0.1, 1e-40, 3.3895314e38, *SPECIAL),
        "i64": integers(torch.int64),
        "u64": torch.from_numpy(np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)),
        "i32": integers(torch.int32).reshape(2, 2),
        "u32": integers(torch.uint32),
        "i16": integers(torch.int16),
        "u16": integers(torch.uint16),
        "i8": integers(torch.int8),
        "u8": integers(torch.uint8),
        "bool": torch.tensor([True, False, True]),
    }


def shapes():
    return {
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0),
        "empty.matrix": torch.zeros(3, 0, 2, dtype=torch.int64),
        "fc1.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4) / 7,
        "fc1.bias": torch.arange(3, dtype=torch.float32),
        "odd": torch.tensor([7], dtype=torch.uint8),
    }


def names():
    keys = ["\ue000", "\U0001f4a5", "z", "é", "e\u0301", "", "A", "a b", "__proto__", "constructor", "10", "9"]
    keys += ['quote"back\\slash/', "\b\f\n\r\t\x01\x1f\x7f", "\u2028", "層.重み"]
    return {key: torch.tensor([index], dtype=torch.int16) for index, key in enumerate(keys)}


def float8():
    return {"quantised": torch.tensor([1, 2, 3, 4]).to(torch.float8_e4m3fn), "plain": torch.tensor([0.5])}


def sorted_save(tensors, metadata):
    """The reference writes metadata in the order of a randomly seeded hash map; keep the sorted one."""
    wanted = None if metadata is None else json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    while True:
        data = save(tensors, metadata)
        if wanted is None or wanted.encode() in data:
            return data


def printable(value):
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, float) and value == 0 and np.signbit(value):
        return "-0"
    return str(value) if isinstance(value, int) and abs(value) >= 2**53 else value


def describe(tensor):
    flat = tensor.reshape(-1)
    values = flat.double() if tensor.dtype.is_floating_point else flat
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "values": [printable(value) for value in values.tolist()],
    }


GOLDENS = {
    "dtypes": (whole_range(), None),
    "shapes": (shapes(), {"format": "pt"}),
    "names": (names(), {"": "empty key", "a": "é\n\"", "b": "\U0001f4a5"}),
    "float8": (float8(), None),
    "nothing": ({}, None),
    "empty-metadata": ({"x": torch.tensor([1.0, 2.0])}, {}),
}

expected = {}
for name, (tensors, metadata) in GOLDENS.items():
    data = sorted_save(tensors, metadata)
    assert load(data).keys() == tensors.keys()
    (HERE / f"{name}.safetensors").write_bytes(data)
    described = [[key, describe(tensor)] for key, tensor in tensors.items()]
    expected[name] = {"metadata": metadata, "tensors": described}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
