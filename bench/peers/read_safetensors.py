"""Reading 100 tensors of 4 MiB from a safetensors file in the page cache, as NumPy arrays."""

import tempfile
from pathlib import Path

import harness
import numpy as np
from safetensors.numpy import load_file, save_file

TENSORS, SHAPE = 100, (1024, 1024)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "net.safetensors"
    save_file({f"layers.{i}.weight": np.zeros(SHAPE, dtype=np.float32) for i in range(TENSORS)}, path)
    harness.report("read_safetensors", {"load_file": {"numpy": lambda: lambda: load_file(path)}})
