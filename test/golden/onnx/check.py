"""Checks ONNX files with the reference checker, shape inference included, and prints a summary as JSON.

To check what the library encodes today:
    node test/golden/onnx/write-encoded.ts /tmp/encoded
    python test/golden/onnx/check.py /tmp/encoded/*.onnx > test/golden/onnx/encoded.json
"""

import hashlib
import json
import pathlib
import sys

import onnx


def failure(path):
    """What is wrong with the file at `path`, or None."""
    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:
        return str(error).strip().splitlines()[0]
    return None


def summary(path):
    reason = failure(path)
    model = onnx.load(path, load_external_data=False)
    return {
        "name": path.stem,
        "opset": {each.domain: each.version for each in model.opset_import},
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "ok": reason is None,
        **({"reason": reason} if reason else {}),
    }


def main():
    summaries = [summary(path) for path in map(pathlib.Path, sys.argv[1:])]
    print("[\n" + ",\n".join(map(json.dumps, summaries)) + "\n]")
    sys.exit(not all(each["ok"] for each in summaries))


if __name__ == "__main__":
    main()
