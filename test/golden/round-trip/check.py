"""Loads weights that the library wrote back into PyTorch, and prints as JSON how far the outputs are from the original's.

To check what the library writes today, with what generate.py needs installed:
    node test/golden/round-trip/write.ts /tmp/written
    python test/golden/round-trip/check.py /tmp/written/*.safetensors > test/golden/round-trip/results.json
"""

import hashlib
import json
import pathlib
import sys

import torch
from generate import FOLDER, NETWORKS
from safetensors.torch import load_file

# A few roundings of float32 in every layer.
LARGEST = 2e-6


def result(path):
    name = path.stem.split("-")[0]
    network = NETWORKS[name][0]()
    network.load_state_dict(load_file(path), strict=True)
    case = load_file(FOLDER / f"{name}.safetensors")
    x, y = case["x"], case["y"]
    with torch.no_grad():
        found = network.eval().double()(x.double() if x.is_floating_point() else x)
    return {
        "name": path.stem,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "maxRelative": ((found - y).abs().max() / y.abs().max()).item(),
    }


def main():
    results = [result(path) for path in map(pathlib.Path, sys.argv[1:])]
    print("[\n" + ",\n".join(map(json.dumps, results)) + "\n]")
    sys.exit(not all(each["maxRelative"] < LARGEST for each in results))


if __name__ == "__main__":
    main()
