"""Orthogonal Procrustes problems solved by numpy's singular value decomposition: writes procrustes.json beside it.

usage: python generate_procrustes.py
"""

import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(0)
values = []
for n, rank, condition in [(1, 1, 1), (2, 2, 10), (5, 5, 1e3), (12, 12, 1e6), (12, 7, 10), (6, 1, 1)]:
    left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    sizes = np.concatenate([np.geomspace(1, 1 / condition, rank), np.zeros(n - rank)])
    cross = left @ np.diag(sizes) @ right
    u, s, vt = np.linalg.svd(cross)
    best = (u @ vt).ravel().tolist() if rank == n else None
    values.append({"n": n, "cross": cross.ravel().tolist(), "best": best, "value": s.sum()})
about = f"numpy {np.__version__} linalg.svd"
(Path(__file__).parent / "procrustes.json").write_text(json.dumps({"about": about, "values": values}, indent=1) + "\n")
