"""The rate of a 1024^3 matrix product in PyTorch: the reference for every GFLOP/s in the report."""

import harness
import torch

torch.set_num_threads(harness.THREADS)
SIZE = 1024


def product(dtype):
    a, b = torch.randn(SIZE, SIZE, dtype=dtype), torch.randn(SIZE, SIZE, dtype=dtype)
    out = torch.empty(SIZE, SIZE, dtype=dtype)
    return lambda: torch.mm(a, b, out=out)


harness.report(
    "matmul_rate",
    {"float32": {"mm": lambda: product(torch.float32)}, "float64": {"mm": lambda: product(torch.float64)}},
    gflop=2 * SIZE**3 / 1e9,
)
