"""Writes a model with a tensor in every form of storage (before.onnx), the same with other values in some of them
(after.onnx, serialised anew), the values (values.json), and both again with external data.

Run with onnx and ml_dtypes installed: python test/golden/onnx/patch/generate.py
"""

import copy
import json
import pathlib

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
TYPES = {
    "float32": (np.float32, TensorProto.FLOAT),
    "float64": (np.float64, TensorProto.DOUBLE),
    "float16": (np.float16, TensorProto.FLOAT16),
    "bfloat16": (ml_dtypes.bfloat16, TensorProto.BFLOAT16),
    "int64": (np.int64, TensorProto.INT64),
    "int8": (np.int8, TensorProto.INT8),
}
SHAPE = [5, 40]


def stored(name, array, data_type, form):
    """A tensor as raw bytes or as the typed list of its element type."""
    tensor = numpy_helper.from_array(array, name)
    tensor.data_type = data_type
    if form == "list":
        tensor.ClearField("raw_data")
        if data_type in [TensorProto.FLOAT16, TensorProto.BFLOAT16]:
            tensor.int32_data.extend(array.view(np.uint16).ravel().tolist())
        else:
            field = {TensorProto.FLOAT: "float_data", TensorProto.DOUBLE: "double_data", TensorProto.INT64: "int64_data"}
            getattr(tensor, field.get(data_type, "int32_data")).extend(array.ravel().tolist())
    tensor.doc_string = f"as {form}"
    tensor.metadata_props.add(key="form", value=form)
    return tensor


def model(tensors):
    nodes = [helper.make_node("Identity", [tensor.name], [f"{tensor.name}_out"], name=tensor.name) for tensor in tensors]
    outputs = [helper.make_tensor_value_info(f"{tensor.name}_out", tensor.data_type, SHAPE) for tensor in tensors]
    graph = helper.make_graph(nodes, "g", [], outputs, tensors, doc_string="a graph")
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10, producer_name="orbifold")
    helper.set_model_props(result, {"author": "nobody"})
    onnx.checker.check_model(result, full_check=True)
    return result


def draw(generator, kind):
    """Values that are exact in float32; half of them zero, whose half-precision bits take one byte."""
    values = generator.normal(size=SHAPE).astype(np.float32) * 10
    values = np.where(generator.random(SHAPE) < 0.5, 0, values)
    return np.trunc(values) if kind.startswith("int") else values.astype(np.float32)


def inside():
    generator = np.random.default_rng(0)
    before, after, values = [], [], {}
    for kind, (dtype, data_type) in TYPES.items():
        for form in ["raw", "list"]:
            for fate in ["changed", "kept"]:
                name = f"{kind}-{form}-{fate}"
                array = draw(generator, kind).astype(dtype)
                before.append(stored(name, array, data_type, form))
                if fate == "changed":
                    fresh = draw(generator, kind)
                    values[name] = fresh.ravel().tolist()
                    array = fresh.astype(dtype)
                after.append(stored(name, array, data_type, form))
    (FOLDER / "before.onnx").write_bytes(model(before).SerializeToString(deterministic=True))
    (FOLDER / "after.onnx").write_bytes(model(after).SerializeToString(deterministic=True))
    (FOLDER / "values.json").write_text(json.dumps({"shape": SHAPE, "values": values}) + "\n")


def outside():
    generator = np.random.default_rng(1)
    tensors = [numpy_helper.from_array(draw(generator, "float16").astype(np.float16), name) for name in "abc"]
    before = model(tensors)
    places = {"a": ("old.bin", 0), "b": ("old.bin", 512), "c": ("more.bin", 16)}
    fresh = draw(generator, "float16")
    after = copy.deepcopy(before)
    after.graph.initializer[1].raw_data = fresh.astype(np.float16).tobytes()
    renamed = {"old.bin": "after.onnx.data", "more.bin": "after.onnx.data.1"}
    for proto, prefix, names in [(before, "before", {}), (after, "after", renamed)]:
        for tensor in proto.graph.initializer:
            location, offset = places[tensor.name]
            location = names.get(location, location)
            write_at(FOLDER / location, offset, tensor.raw_data)
            entries = {"location": location, "offset": str(offset), "length": str(len(tensor.raw_data))}
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)
        (FOLDER / f"{prefix}-external.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    (FOLDER / "external-values.json").write_text(json.dumps({"shape": SHAPE, "values": {"b": fresh.ravel().tolist()}}) + "\n")


def write_at(path, offset, data):
    old = path.read_bytes() if path.exists() else b""
    path.write_bytes(old.ljust(offset, b"\xff")[:offset] + data + old[offset + len(data) :])


if __name__ == "__main__":
    inside()
    outside()
