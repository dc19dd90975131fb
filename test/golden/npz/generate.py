"""Writes the golden files with NumPy 2.4 and ml_dtypes 0.6, and directory.json with Python's zipfile.

    python generate.py

Beside each NAME.npz or NAME.npy, NAME.safetensors holds the same arrays, written by safetensors 0.8.
"""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
SPECIAL = ["nan", "inf", "-inf", -0.0]


def floats(dtype, *values):
    return np.array([float(value) for value in values], dtype=dtype)


def integers(dtype):
    limits = np.iinfo(dtype)
    return np.array([limits.min, 0, 1, limits.max], dtype=dtype)


def dtypes():
    whole = {name: integers(name) for name in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]}
    return whole | {
        "f2": floats("f2", 0.1, 6e-8, 65504, *SPECIAL),
        "f4": floats("f4", 0.1, 1e-45, 3.4028235e38, *SPECIAL),
        "f8": floats("f8", 1 / 3, 5e-324, 1.7976931348623157e308, *SPECIAL),
        "bool": np.array([True, False, True]),
    }


def shapes():
    return {
        "scalar": np.array(1.5, dtype="f4"),
        "one": np.array([7], dtype="u1"),
        "row": np.arange(3, dtype="f4"),
        "matrix": np.arange(12, dtype="f4").reshape(3, 4) / 7,
        "wide": np.arange(24, dtype="i8").reshape(2, 1, 3, 4),
        "empty": np.zeros((0,), dtype="f4"),
        "empty.matrix": np.zeros((3, 0, 2), dtype="i8"),
        "": np.array([1], dtype="i2"),
        "a/b c": np.array([2], dtype="i2"),
        "層.重み": np.array([3], dtype="i2"),
        "__proto__": np.array([4], dtype="i2"),
    }


def layouts():
    f4 = np.arange(24, dtype="f4").reshape(2, 3, 4) / 3
    return {
        "fortran": np.asfortranarray(f4),
        "fortran.big": np.asfortranarray(f4.astype(">f8")),
        "big.f2": f4.astype(">f2"),
        "big.i4": np.arange(-3, 3, dtype=">i4"),
        "big.u8": np.array([1, 2**64 - 1], dtype=">u8"),
        "fortran.u1": np.asfortranarray(np.arange(6, dtype="u1").reshape(2, 3)),
        "fortran.i8": np.asfortranarray(np.arange(6, dtype="i8").reshape(3, 2)),
        "fortran.empty": np.asfortranarray(np.zeros((3, 0, 2), dtype="f4")),
        "scalar": np.array(2.5),
    }


def native(array):
    """Row-major in the byte order of this machine, as torch wants it."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view("i2")).view(torch.bfloat16)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C").reshape(array.shape))


def expect(name, arrays):
    save_file({key: native(array) for key, array in arrays.items()}, HERE / f"{name}.safetensors")


def save_npz(name, arrays, save):
    with open(HERE / f"{name}.npz", "wb") as file:
        save(file, **arrays)
    expect(name, arrays)


def save_npy(name, array, version=(1, 0)):
    with open(HERE / f"{name}.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)
    expect(name, {"arr_0": array})


def save_python2(name):
    """As NumPy 1 on Python 2 wrote it: long integers, no room to grow, aligned to 16."""
    array = np.arange(6, dtype="f4").reshape(2, 3)
    header = b'{"descr": "<f4", \'fortran_order\': False, \'shape\': (2L, 3L)}'
    header += b" " * (-(10 + len(header) + 1) % 16) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + array.tobytes()
    assert (np.load(io.BytesIO(data)) == array).all()
    (HERE / f"{name}.npy").write_bytes(data)
    expect(name, {"arr_0": array})


class Nowhere:
    """A file of which only the end is kept, so that archives beyond 4 GiB need no room."""

    def __init__(self):
        self.at = 0
        self.kept = {}

    def write(self, data):
        if len(data) < 2**20:
            self.kept[self.at] = bytes(data)
        self.at += len(data)
        return len(data)

    def tell(self):
        return self.at

    def seek(self, at, whence=0):
        self.at = at

    def flush(self):
        pass


def save_directory():
    """The directory of an archive of zeros beyond 4 GiB."""
    lengths = {"a.npy": 2**31 + 5, "b.npy": 3, "c.npy": 2**32 + 1, "d.npy": 2**31 - 1}
    file = Nowhere()
    with zipfile.ZipFile(file, "w") as archive:
        for name, length in lengths.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                for _ in range(length >> 24):
                    entry.write(bytes(2**24))
                entry.write(bytes(length & (2**24 - 1)))
    entries = [
        {"name": info.filename, "length": info.file_size, "crc": info.CRC, "headerOffset": info.header_offset}
        for info in archive.infolist()
    ]
    directory = b"".join(data for at, data in sorted(file.kept.items()) if at >= archive.start_dir)
    headers = {info.header_offset: file.kept[info.header_offset].hex() for info in archive.infolist()}
    described = {"entries": entries, "offset": archive.start_dir, "headers": headers, "directory": directory.hex()}
    (HERE / "directory.json").write_text(json.dumps(described, indent=1) + "\n")


save_npz("dtypes", dtypes(), np.savez)
save_npz("shapes", shapes(), np.savez)
save_npz("layouts", layouts(), np.savez)
save_npz("compressed", layouts() | {"long": np.tile(np.arange(16, dtype="f4"), 64)}, np.savez_compressed)
save_npz("nothing", {}, np.savez)
save_npy("version-1", np.arange(6, dtype="f4").reshape(2, 3))
save_npy("version-2", np.arange(6, dtype=">i2").reshape(2, 3), (2, 0))
save_npy("version-3", np.asfortranarray(np.arange(6, dtype="f8").reshape(2, 3)), (3, 0))
save_npy("bfloat16", floats(ml_dtypes.bfloat16, 0.1, 1e-40, *SPECIAL).reshape(2, 3))
save_python2("python-2")
save_directory()

np.savez(
    HERE / "unsupported.npz",
    object=np.array([{"a": 1}, None]),
    structured=np.zeros(2, dtype=[("x", "<f4"), ("y", [("z", "<i8", (2,))])]),
    complex=np.zeros((2, 3), dtype="c8"),
    text=np.array(["ab", "c"]),
    float8=np.zeros(3, dtype=ml_dtypes.float8_e4m3fn),
    plain=np.array([0.5], dtype="f4"),
)
assert zlib.crc32(b"123456789") == 0xCBF43926
