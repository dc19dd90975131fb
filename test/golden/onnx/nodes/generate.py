"""Writes the cases of ONNX's own test suite for single operators, one per line, into cases.json.

Run with onnx installed: python test/golden/onnx/nodes/generate.py
Shapes, axes and other lists of whole numbers become initializers, as exporters store them.
"""

import base64
import json
import pathlib
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

FOLDER = pathlib.Path(__file__).parent
OPERATORS = """
    Elu Selu Celu Swish HardSwish Mish Softsign ThresholdedRelu Shrink PRelu LeakyRelu HardSigmoid Gelu Clip
    Floor Ceil Mod ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp ReduceProd CumSum ArgMax ArgMin
    Einsum GatherND Gather GatherElements Resize Upsample DepthToSpace SpaceToDepth Pad Slice Split Tile Trilu
    InstanceNormalization GroupNormalization LRN BatchNormalization Attention
""".split()
# Padding that is no number of its own, outputs without a use at inference, and float16, which is rounded at every step.
SKIPPED = ["float_edge_cases", "fp16", "bf16", "float16", "training", "qk_matmul", "select_last_index"]
# The size of the result is taken for a fraction there; PyTorch and ONNX Runtime count whole elements.
SKIPPED += ["resize_downsample_scales_linear_align_corners"]
MOST_ELEMENTS = 260


def is_stored(name, array):
    return (array.dtype.kind in "iu" and array.ndim <= 1) or name in ["scales", "roi", "min", "max", "value"]


def listed(array):
    # JSON has no infinities.
    numbers = [number if np.isfinite(number) else str(number) for number in array.astype(np.float64).ravel().tolist()]
    return {"shape": list(array.shape), "data": numbers}


def case_of(case):
    inputs, outputs = case.data_sets[0]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.graph.ClearField("doc_string")
    given = {}
    for info, array in zip(list(model.graph.input), inputs):
        if is_stored(info.name, array):
            model.graph.initializer.append(numpy_helper.from_array(array, info.name))
            model.graph.input.remove(info)
        else:
            given[info.name] = listed(array)
    expected = {info.name: listed(array) for info, array in zip(model.graph.output, outputs)}
    encoded = base64.b64encode(model.SerializeToString(deterministic=True)).decode()
    return {"model": encoded, "inputs": given, "outputs": expected}


def is_wanted(case):
    if not case.data_sets or any(word in case.name for word in SKIPPED):
        return False
    arrays = [array for side in case.data_sets[0] for array in side]
    is_plain = all(isinstance(array, np.ndarray) for array in arrays)
    is_single = [node.op_type in OPERATORS for node in case.model.graph.node] == [True]
    return is_plain and is_single and sum(array.size for array in arrays) <= MOST_ELEMENTS


def main():
    warnings.filterwarnings("ignore")
    cases = {case.name.removeprefix("test_"): case_of(case) for case in collect_testcases("") if is_wanted(case)}
    lines = (f"{json.dumps(name)}: {json.dumps(case)}" for name, case in sorted(cases.items()))
    (FOLDER / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
