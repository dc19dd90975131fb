"""The largest total gains of the matrices of assignment-matrices.ts, by scipy: writes assignment.json beside it.

usage: python generate_assignment.py        (node on the path)
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import linear_sum_assignment

here = Path(__file__).parent
with tempfile.TemporaryDirectory() as folder:
    subprocess.run(["node", str(here / "assignment-matrices.ts"), folder], check=True)
    values = []
    for path in sorted(Path(folder).iterdir()):
        kind, rows, columns = path.stem.rsplit("-", 2)
        gain = np.fromfile(path, np.float32).reshape(int(rows), int(columns)).astype(np.float64)
        chosen = linear_sum_assignment(gain, maximize=True)
        values.append({"kind": kind, "rows": int(rows), "columns": int(columns), "objective": gain[chosen].sum()})
about = f"scipy {scipy.__version__} linear_sum_assignment"
(here / "assignment.json").write_text(json.dumps({"about": about, "values": values}, indent=1) + "\n")
