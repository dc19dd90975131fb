"""The ten largest eigenvalues of the Hessian of 784-512-512-10 (relu) on 10,000 digits of MNIST, after an epoch of SGD.

power: power iteration with deflation, as PyHessian has it (Yao 2020, arXiv 1912.07145), but until |Hv - lambda v| is at
most 1e-2 of lambda, and for no more than its 100 steps per eigenvalue.
arpack: scipy's eigsh (Lanczos with implicit restarts) on the same products, to the same tolerance; how many
residuals are within it is measured, as ours are.

Data: the IDX files of MNIST in $ORBIFOLD_DATA/mnist or $ORBIFOLD_DATA. Once: a run takes too long to repeat.
"""

import gzip
import json
import os
import time
from pathlib import Path

import harness
import numpy as np
import scipy.sparse.linalg
import torch
import torch.nn.functional as F

torch.set_num_threads(harness.THREADS)
SAMPLES, COUNT, TOLERANCE, BATCH, MOST = 10_000, 10, 1e-2, 2000, 100


def idx(name, offset):
    root = Path(os.environ["ORBIFOLD_DATA"])
    for folder in (root, root / "mnist"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.exists():
                raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                return np.frombuffer(raw, np.uint8, offset=offset)
    raise FileNotFoundError(f"{name} in $ORBIFOLD_DATA")


def problem():
    torch.manual_seed(0)
    x = torch.from_numpy(idx("train-images-idx3-ubyte", 16).reshape(-1, 784)[:SAMPLES].astype(np.float32) / 255)
    x = (x - 0.1307) / 0.3081
    y = torch.from_numpy(idx("train-labels-idx1-ubyte", 8)[:SAMPLES].astype(np.int64))
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for rows in torch.randperm(SAMPLES)[: SAMPLES - SAMPLES % 128].split(128):
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return model, x, y


class Products:
    def __init__(self):
        self.model, self.x, self.y = problem()
        self.parameters = list(self.model.parameters())
        self.size = sum(p.numel() for p in self.parameters)
        self.count = 0

    def __call__(self, v):
        self.count += 1
        total = torch.zeros(self.size)
        for x, y in zip(self.x.split(BATCH), self.y.split(BATCH)):
            loss = F.cross_entropy(self.model(x), y) * (len(x) / SAMPLES)
            gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, self.parameters, create_graph=True)])
            total += torch.cat([h.flatten() for h in torch.autograd.grad(gradient @ v, self.parameters)])
        return total


def power(products):
    values, vectors, within = [], [], 0
    for _ in range(COUNT):
        v = torch.randn(products.size)
        for _ in range(MOST):
            for found in vectors:
                v -= (found @ v) * found
            v /= v.norm()
            image = products(v)
            value = (v @ image).item()
            if (image - value * v).norm() <= TOLERANCE * value:
                within += 1
                break
            v = image
        values.append(value)
        vectors.append(v / v.norm())
    return values, within


def arpack(products):
    operator = scipy.sparse.linalg.LinearOperator(
        (products.size,) * 2, lambda v: products(torch.from_numpy(v.astype(np.float32).ravel())).numpy(), dtype=np.float32
    )
    values, vectors = scipy.sparse.linalg.eigsh(operator, COUNT, which="LA", tol=TOLERANCE)
    residuals = [np.linalg.norm(operator @ v - value * v) for value, v in zip(values, vectors.T)]
    return values[::-1].tolist(), sum(r <= TOLERANCE * value for r, value in zip(residuals, values))


def timed(find):
    products = Products()
    products(torch.randn(products.size))
    products.count = 0
    start = time.perf_counter()
    values, within = find(products)
    milliseconds = (time.perf_counter() - start) * 1e3
    choice = f"{products.count} products, largest {values[0]:.4g}, tenth {values[-1]:.4g}, {within} within 1 %"
    return {"median_ms": milliseconds, "min_ms": milliseconds, "calls": 1, "choice": choice}


results = {}
for name, find in {"power": power, "arpack": arpack}.items():
    if harness.WANTED and name not in harness.WANTED:
        continue
    try:
        results[name] = timed(find)
    except Exception as error:
        results[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
print(json.dumps({"peer": "hessian", "threads": harness.THREADS, "versions": harness._versions(), "results": results}))
