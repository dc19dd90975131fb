"""Writes the golden files with PyTorch 2.15.

    python generate.py

Beside each NAME.pt, NAME.safetensors holds the tensors that are to be read from it, written by safetensors 0.8.
"""

import json
import os
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
SPECIAL = ["nan", "inf", "-inf", -0.0]


def expect(name, tensors):
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, HERE / f"{name}.safetensors")


def save(name, value, tensors, **options):
    torch.save(value, HERE / f"{name}.pt", **options)
    expect(name, tensors)


def both(name, value, tensors):
    save(name, value, tensors)
    save(f"legacy-{name}", value, tensors, _use_new_zipfile_serialization=False)


def floats(dtype, *values):
    return torch.tensor([float(value) for value in values], dtype=dtype)


def integers(dtype):
    limits = torch.iinfo(dtype)
    return torch.tensor([limits.min, 0, 1, limits.max], dtype=dtype)


def old_dtypes():
    """Those that have a class of storages."""
    return {
        "f64": floats(torch.float64, 1 / 3, 5e-324, *SPECIAL).reshape(3, 2),
        "f32": floats(torch.float32, 0.1, 1e-45, *SPECIAL),
        "f16": floats(torch.float16, 0.1, 6e-8, *SPECIAL),
        "bf16": floats(torch.bfloat16, 0.1, 1e-40, *SPECIAL),
        "i64": integers(torch.int64).reshape(2, 2),
        "i32": integers(torch.int32),
        "i16": integers(torch.int16),
        "i8": integers(torch.int8),
        "u8": integers(torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(3, 0, 2),
    }


def new_dtypes():
    return {
        "u16": torch.from_numpy(np.array([0, 1, 2**16 - 1], dtype="u2")),
        "u32": torch.from_numpy(np.array([0, 1, 2**32 - 1], dtype="u4")),
        "u64": torch.from_numpy(np.array([0, 1, 2**64 - 1], dtype="u8")),
        "u64.part": torch.from_numpy(np.arange(6, dtype="u8"))[2:4],
    }


def views():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    deep = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)
    tied = torch.tensor([1.0, 2.0])
    return {
        "base": base,
        "transposed": base.t(),
        "rows": base[1:3],
        "columns": base[:, 1:5:2],
        "element": base[2, 3],
        "expanded": base[1, :1].expand(3, 5),
        "diagonal": base.diagonal(),
        "windows": base.flatten().unfold(0, 4, 2),
        "permuted": deep.permute(2, 0, 1),
        "half": base.half().t(),
        "bytes": base.to(torch.uint8).t(),
        "single": base.unsqueeze(1).transpose(0, 1),
        "empty": base[:, 3:3],
        "tied.a": tied,
        "tied.b": tied,
        "tied.same": tied[:],
        "tied.part": tied[:1],
    }


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("kept", torch.tensor([1.0, 2.0]))
        self.register_buffer("temporary", torch.tensor([3.0]), persistent=False)
        self.register_buffer("absent", None)
        self.register_parameter("nothing", None)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.scale.note = "attributes make a parameter with state"
        self.scale.requires_grad = False


def network():
    torch.manual_seed(0)
    first = nn.Linear(2, 3)
    net = nn.Sequential(first, Block(), nn.Sequential(nn.ReLU(), nn.Linear(3, 2, bias=False)), first)
    net.net = nn.Linear(1, 1)
    return net


def checkpoint(net):
    optimizer = torch.optim.Adam(net.parameters())
    sum((parameter**2).sum() for parameter in net.parameters()).backward()
    optimizer.step()
    return {
        "epoch": 3,
        "best": np.float64(0.5),
        "history": [{"loss": 1.5, "at": np.arange(3)}] * 2,
        "arch": "mlp",
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "shape": torch.Size([2, 3]),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "counts": defaultdict(list, a=[1]),
    }


def rewrite(source, target, change, root="renamed", compression=zipfile.ZIP_STORED):
    """The same archive under another root, with other contents, and with the sizes of zip64 in its local headers."""
    with zipfile.ZipFile(HERE / source) as old:
        contents = {info.filename.partition("/")[2]: old.read(info) for info in old.infolist()}
    with zipfile.ZipFile(HERE / target, "w", compression) as new:
        for name, data in contents.items():
            with new.open(f"{root}/{name}", "w", force_zip64=True) as entry:
                entry.write(change(name, data))


def big_endian(name, data):
    if name == "byteorder":
        return b"big"
    return np.frombuffer(data, "f4").byteswap().tobytes() if name.startswith("data/") else data


class Run:
    """What pickle would call on loading: leaves a file behind."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def malicious():
    marker = "/tmp/orbifold-pickle-was-run"
    tensor = torch.tensor([1.0, 2.0])
    return {
        "before": tensor,
        "command": Run(os.system, f"touch {marker}"),
        "code": Run(eval, f"open({marker!r}, 'w')"),
        "hidden": Run(exec, f"open({marker!r}, 'w')", {"weight": tensor}),
        "nested": {"deep": [Run(os.mkdir, marker), tensor + 1]},
        "after": tensor + 2,
    }


net = network()
state = net.state_dict()
whole = checkpoint(net)
both("state-dict", state, state)
both("module", net, state)
both("old-dtypes", old_dtypes(), old_dtypes())
both("checkpoint", whole, whole["state_dict"])
both("views", views(), views())
save("new-dtypes", new_dtypes(), new_dtypes())
save("wrapped", {"model": net, "epoch": 1}, state)
save("several", {"first": {"w": torch.ones(2)}, "second": [torch.zeros(1), {7: torch.ones(1)}]},
     {"first.w": torch.ones(2), "second.0": torch.zeros(1), "second.1.7": torch.ones(1)})
save("two-states", {"model": {"w": torch.ones(2)}, "net": {"w": torch.zeros(2)}, "epoch": 1},
     {"model.w": torch.ones(2), "net.w": torch.zeros(2)})
save("tensor", torch.tensor([1.0, 2.0]), {"tensor": torch.tensor([1.0, 2.0])})

small = {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3).t(), "b": torch.tensor([0.5])}
mixed = {"best": np.float64(0.5), "shape": torch.Size([2]), "names": {"a", "b"}, "model": OrderedDict(small)}
for protocol in [3, 4, 5]:
    save(f"protocol-{protocol}", mixed, small, pickle_protocol=protocol)
save("small", small, small)
save("legacy-small", small, small, _use_new_zipfile_serialization=False)
rewrite("small.pt", "big-endian.pt", big_endian)
rewrite("small.pt", "rezipped.pt", lambda name, data: data, compression=zipfile.ZIP_DEFLATED)
expect("big-endian", torch.load(HERE / "big-endian.pt"))

torch.save(malicious(), HERE / "malicious.pt")
expect("malicious", {"before": torch.tensor([1.0, 2.0]), "nested.deep.1": torch.tensor([2.0, 3.0]),
                     "after": torch.tensor([3.0, 4.0])})

ones = torch.ones(2)
torch.save({
    "complex": torch.zeros(2, 3, dtype=torch.complex64),
    "float8": torch.zeros(4, dtype=torch.float8_e4m3fn),
    "quantised": torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8),
    "negated": torch.ones(2, dtype=torch.complex64).conj().imag,
    "sparse": torch.eye(2).to_sparse(),
    "plain": ones,
}, HERE / "unsupported.pt")
torch.jit.save(torch.jit.script(nn.Linear(1, 1)), HERE / "torchscript.pt")


def python2(name, data):
    """Byte strings for names."""
    for key in [b"a", b"b"] if name == "data.pkl" else []:
        assert data.count(b"X\x01\0\0\0" + key) == 1
        data = data.replace(b"X\x01\0\0\0" + key, b"U\x01" + key)
    return data


# As Python 2 wrote a state dict: OrderedDict called with a list of pairs.
torch.save(Run(OrderedDict, [[key, value] for key, value in small.items()]), HERE / "python-2.pt")
rewrite("python-2.pt", "python-2.pt", python2)
expect("python-2", torch.load(HERE / "python-2.pt", weights_only=False))
assert torch.load(HERE / "python-2.pt", weights_only=False).keys() == small.keys()

shared = ["shared"]
cycle = []
cycle.append(cycle)
values = [
    None, True, False, 0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**53 - 1, 2**63, -(2**70), 2**200,
    0.1, -2.5, 1e300, float("inf"), "", "text", "\u00e9\n\\ \u5c64 \U0001f4a5", "x" * 300, b"", b"\x00\xff", b"y" * 300,
    bytearray(b"ab"), (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], list(range(5)), {}, {"a": 1}, {1: "b", "c": []},
    {1}, frozenset({2}), shared, shared, OrderedDict(a=1), complex(1, 2), range(3), cycle,
]
pickles = {protocol: pickle.dumps(values, protocol).hex() for protocol in range(6)}
(HERE / "pickles.json").write_text(json.dumps(pickles, indent=1) + "\n")
