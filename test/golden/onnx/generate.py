"""Writes the golden ONNX files of this folder, and beside each what protobuf's own JSON mapping says is in it.

Run with torch, onnx and onnxscript installed: python test/golden/onnx/generate.py
Every file is byte for byte what Google's serialiser writes. Those from PyTorch change with its version.
"""

import json
import pathlib
import tempfile

import numpy as np
import onnx
import torch
from google.protobuf import json_format
from onnx import AttributeProto, TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def floats(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(graph, *more_opsets, **fields):
    opsets = [helper.make_opsetid("", 21), *more_opsets]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="orbifold goldens", **fields)


def identity_graph(*initializers, **fields):
    node = helper.make_node("Identity", ["x"], ["y"])
    return helper.make_graph([node], "g", [floats("x", 2)], [floats("y", 2)], list(initializers), **fields)


def small_tensor(name="t"):
    return numpy_helper.from_array(np.array([[1.5, -2.0]], np.float32), name)


def sparse_tensor(name):
    values = numpy_helper.from_array(np.array([3.0, 4.0], np.float32), name)
    indices = numpy_helper.from_array(np.array([1, 5], np.int64), name + "_indices")
    return helper.make_sparse_tensor(values, indices, [6])


def attributes():
    tensor_type = helper.make_tensor_type_proto(TensorProto.FLOAT, ["batch", None, 3])
    sequence_type = helper.make_sequence_type_proto(tensor_type)
    map_type = helper.make_map_type_proto(TensorProto.STRING, tensor_type)
    values = {
        "float": -0.0,
        "float_tenth": 0.1,
        "float_infinite": float("-inf"),
        "int_zero": 0,
        "int_negative": -1,
        "int_safe": 2**53 - 1,
        "int_unsafe": 2**53 + 1,
        "int_min": INT64_MIN,
        "int_max": INT64_MAX,
        "string": "grüße, 世界 \U0001f30d",
        "string_bom": "\ufeffbom",
        "string_long": "long " * 1200,
        "string_binary": b"\x00\xff\xfe\x80",
        "tensor": small_tensor(),
        "graph": identity_graph(),
        "floats": [0.1, float("inf"), 1e-40],
        "ints": [0, 1, -1, 127, 128, 2**31, INT64_MIN, INT64_MAX],
        "strings": ["", "a", b"\xff"],
        "tensors": [small_tensor("a"), small_tensor("b")],
        "graphs": [identity_graph(), identity_graph()],
        "sparse": sparse_tensor("s"),
        "sparses": [sparse_tensor("s"), sparse_tensor("t")],
        "type": tensor_type,
        "types": [tensor_type, sequence_type, map_type, helper.make_optional_type_proto(tensor_type)],
    }
    node = helper.make_node("Everything", ["x", "", "x"], ["y"], name="n", domain="test", doc_string="doc", **values)
    node.attribute.append(helper.make_attribute("empty", [], attr_type=AttributeProto.INTS, doc_string="no integers"))
    graph = helper.make_graph([node], "g", [floats("x", 2)], [floats("y", 2)])
    return model(graph, helper.make_opsetid("test", 1))


def dtypes():
    fractions = np.array([[0.0, -1.5, 65504.0], [1e-7, np.inf, -np.inf]])
    tensors = []
    for name, array in {
        "float32": fractions.astype(np.float32),
        "float64": fractions,
        "float16": fractions.astype(np.float16),
        "int8": np.array([-128, 0, 127], np.int8),
        "uint8": np.array([0, 255], np.uint8),
        "int16": np.array([-32768, 32767], np.int16),
        "uint16": np.array([0, 65535], np.uint16),
        "int32": np.array([-(2**31), -1, 2**31 - 1], np.int32),
        "uint32": np.array([0, 2**32 - 1], np.uint32),
        "int64": np.array([INT64_MIN, -1, 0, INT64_MAX], np.int64),
        "uint64": np.array([0, 2**64 - 1], np.uint64),
        "bool": np.array([True, False, True]),
        "scalar": np.array(7.0, np.float32),
        "empty": np.zeros((0, 3), np.float32),
    }.items():
        data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensors.append(numpy_helper.from_array(array, name + "_raw"))
        tensors.append(helper.make_tensor(name + "_list", data_type, array.shape, array.ravel()))
    tensors.append(helper.make_tensor("bfloat16_raw", TensorProto.BFLOAT16, [3], b"\x80\x3f\x40\xc0\x80\x7f", raw=True))
    tensors.append(helper.make_tensor("bfloat16_list", TensorProto.BFLOAT16, [3], [1.0, -3.0, float("inf")]))
    return model(identity_graph(*tensors))


def foreign_dtypes():
    tensors = [
        helper.make_tensor("string", TensorProto.STRING, [3], [b"a", b"", b"\xff"]),
        helper.make_tensor("complex64", TensorProto.COMPLEX64, [1], [1 + 2j]),
        helper.make_tensor("float8", TensorProto.FLOAT8E4M3FN, [2], [1.0, -2.0]),
        helper.make_tensor("int4", TensorProto.INT4, [3], [1, -2, 3]),
    ]
    return model(identity_graph(*tensors))


def functions():
    slope = AttributeProto(name="alpha", ref_attr_name="slope", type=AttributeProto.FLOAT)
    leaky = helper.make_node("LeakyRelu", ["a"], ["b"])
    leaky.attribute.append(slope)
    function = helper.make_function(
        "test",
        "LeakyTwice",
        ["a"],
        ["c"],
        [leaky, helper.make_node("Add", ["b", "b"], ["c"])],
        [helper.make_opsetid("", 21)],
        attributes=["required"],
        attribute_protos=[helper.make_attribute("slope", 0.25)],
        doc_string="twice a leaky ReLU",
        overload="v1",
        value_info=[floats("b", 2)],
    )
    node = helper.make_node("LeakyTwice", ["x"], ["y"], domain="test", overload="v1", required=1)
    graph = helper.make_graph([node], "g", [floats("x", 2)], [floats("y", 2)])
    return model(graph, helper.make_opsetid("test", 1), functions=[function])


def subgraph():
    def branch(name, op_type):
        return helper.make_graph([helper.make_node(op_type, ["x"], [name])], name, [], [floats(name, "batch", 2)])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("yes", "Relu"), else_branch=branch("no", "Neg"))
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    inputs = [condition, floats("x", "batch", 2)]
    return model(helper.make_graph([node], "g", inputs, [floats("y", "batch", 2)]))


def sparse_initializer():
    # Of a domain of its own: no standard operator takes a sparse tensor.
    node = helper.make_node("AddSparse", ["x", "w"], ["y"], domain="test")
    sparse = [sparse_tensor("w")]
    graph = helper.make_graph([node], "g", [floats("x", 6)], [floats("y", 6)], sparse_initializer=sparse)
    return model(graph, helper.make_opsetid("test", 1))


def annotated():
    """Everything this library does not interpret: annotations, devices, training, types other than tensors."""
    node = helper.make_node("SequenceAt", ["s", "i"], ["y"])
    node.metadata_props.add(key="origin", value="node")
    device = node.device_configurations.add(configuration_id="two", pipeline_stage=1)
    device.sharding_spec.add(tensor_name="y", device=[0, 1])
    element = helper.make_tensor_type_proto(TensorProto.FLOAT, ["n", None, 2, 0])
    sequence = helper.make_value_info("s", helper.make_sequence_type_proto(element), "a sequence")
    sequence.type.denotation = "SEQUENCE"
    output = helper.make_value_info("y", element)
    output.type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    output.metadata_props.add(key="origin", value="output")
    rankless = helper.make_tensor_value_info("rankless", TensorProto.FLOAT, None)
    index = numpy_helper.from_array(np.array(0, np.int64), "i")
    index.metadata_props.add(key="origin", value="initializer")
    graph = helper.make_graph([node], "g", [sequence], [output], [index], "doc", [rankless])
    graph.metadata_props.add(key="origin", value="graph")
    graph.quantization_annotation.add(tensor_name="y").quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="i")
    result = model(graph, producer_version="1", domain="org.orbifold", model_version=2**60 + 1, doc_string="doc")
    helper.set_model_props(result, {"origin": "model", "empty": ""})
    result.training_info.add().algorithm.name = "sgd"
    result.configuration.add(name="two", num_devices=2, device=["a", "b"])
    return result


def external_data():
    data = b"padding." + np.arange(1, 5, dtype=np.float32).tobytes()
    (FOLDER / "weights").mkdir(exist_ok=True)
    (FOLDER / "weights" / "w.bin").write_bytes(data)
    tensor = TensorProto(name="w", dims=[2, 2], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": "weights/w.bin", "offset": "8", "length": "16"}.items():
        tensor.external_data.add(key=key, value=value)
    return model(identity_graph(tensor))


def from_torch(**options):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1),
        torch.nn.BatchNorm2d(3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(48, 5),
    ).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "torch.onnx"
        torch.onnx.export(network, (torch.zeros(2, 1, 8, 8),), path, input_names=["x"], output_names=["y"], **options)
        return onnx.load(path)


def without_traces(exported):
    """Drops the stack traces, which name the paths of the machine that exported."""
    for node in exported.graph.node:
        kept = [entry for entry in node.metadata_props if "stack_trace" not in entry.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    return exported


def write(name, proto):
    (FOLDER / f"{name}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    content = json_format.MessageToDict(proto, use_integers_for_enums=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False) + "\n")


def main():
    for make in [attributes, dtypes, foreign_dtypes, functions, subgraph, sparse_initializer, annotated, external_data]:
        write(make.__name__.replace("_", "-"), make())
    batch = torch.export.Dim("batch")
    write("torch-dynamo", without_traces(from_torch(dynamo=True, dynamic_shapes=({0: batch},), external_data=False)))
    write("torch-tracing", from_torch(dynamo=False, dynamic_axes={"x": {0: "batch"}}))


if __name__ == "__main__":
    main()
