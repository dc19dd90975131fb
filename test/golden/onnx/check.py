"""Checks ONNX files with the reference checker, shape inference included: python test/golden/onnx/check.py FILE..."""

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


def main():
    failures = {path: failure(path) for path in map(pathlib.Path, sys.argv[1:])}
    for path, reason in failures.items():
        print(f"{path}: {reason or 'ok'}")
    sys.exit(any(failures.values()))


if __name__ == "__main__":
    main()
