"""Writes well-known architectures exported by PyTorch, each as NAME-EXPORT.onnx, and their inputs and outputs as cases.json.

Run with torch, torchvision, transformers, onnx and onnxscript installed:
python test/golden/onnx/architectures/generate.py
The widths are tiny, the structures those of the libraries. The weights are random.
"""

import copy
import json
import logging
import pathlib
import warnings

import onnx
import torch
import transformers
from torch import nn
from torch.nn import functional
from torchvision import models
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.vgg import make_layers

FOLDER = pathlib.Path(__file__).parent


class NarrowResNet(ResNet):
    """ResNet with a thirty-second of its channels."""

    def __init__(self, block, layers, **options):
        super().__init__(block, layers, num_classes=3, **options)
        self.conv1, self.bn1 = nn.Conv2d(3, 2, 7, 2, 3, bias=False), nn.BatchNorm2d(2)
        self.fc = nn.Linear(16 * block.expansion, 3)

    def _make_layer(self, block, planes, *arguments, **options):
        if planes == 64:
            self.inplanes = 2
        return super()._make_layer(block, planes // 32, *arguments, **options)


class UNet(nn.Module):
    """One level down and up again, with a skip connection."""

    def __init__(self, up):
        super().__init__()
        self.down1, self.down2, self.up1 = self.block(1, 3), self.block(3, 4), self.block(6, 3)
        self.up = up
        self.out = nn.Conv2d(3, 2, 1)

    @staticmethod
    def block(inputs, outputs):
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x):
        high = self.down1(x)
        low = self.down2(functional.max_pool2d(high, 2))
        return self.out(self.up1(torch.cat([self.up(low), high], 1)))


class Cell(nn.Module):
    """A recurrent cell unrolled over three steps."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, nn.Linear(4, 2)

    def forward(self, x):
        zeros = x.new_zeros(x.shape[0], 4)
        state = (zeros, zeros) if isinstance(self.cell, nn.LSTMCell) else zeros
        for step in range(3):
            state = self.cell(x[:, step], state)
        return self.head(state[0] if isinstance(state, tuple) else state)


class Recurrent(nn.Module):
    """An operator of its own, between linear layers."""

    def __init__(self, kind):
        super().__init__()
        self.embed, self.recurrent, self.head = nn.Linear(3, 3), kind(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(self.recurrent(self.embed(x))[0]))


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder transposed."""

    def __init__(self):
        super().__init__()
        self.weight, self.hidden, self.visible = (nn.Parameter(torch.randn(*shape)) for shape in [(4, 6), (4,), (6,)])

    def forward(self, x):
        return functional.linear(torch.tanh(functional.linear(x, self.weight, self.hidden)), self.weight.T, self.visible)


class Activations(nn.Module):
    """A sum of activations, each with a layer of its own."""

    def __init__(self, activations):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in activations)
        self.activations = nn.ModuleList(activations)

    def forward(self, x):
        return torch.stack([f(layer(x)) for f, layer in zip(self.activations, self.layers)]).sum(0)


def activations():
    plain = [nn.ReLU(), nn.LeakyReLU(0.1), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.SiLU(), nn.Hardswish(), nn.ELU(0.7)]
    more = [nn.GELU("tanh"), nn.Hardsigmoid(), nn.PReLU(4), nn.PReLU(), nn.Softplus(), nn.Softplus(2.0), nn.SELU()]
    rest = [nn.Mish(), nn.ReLU6(), nn.Softsign(), nn.LogSigmoid(), nn.Hardshrink(), nn.Softshrink(), nn.GLU()]
    return Activations([*plain, *more, *rest[:-1], nn.Threshold(0.0, 0.0), nn.Tanhshrink()])


class Norms(nn.Module):
    """Every normalisation, one after the other."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(64, 3)
        self.group, self.instance, self.plain = nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.InstanceNorm2d(4)
        self.layer, self.last, self.response = nn.LayerNorm([4, 4, 4]), nn.LayerNorm(4), nn.LocalResponseNorm(3, alpha=0.5)
        for parameter in self.parameters():
            parameter.data.uniform_(-1, 1)

    def forward(self, x):
        x = self.group(self.conv(x))
        x = self.response(self.layer(self.plain(x) + self.instance(x)))
        return self.head((self.last(x) + functional.normalize(x, dim=1)).flatten(1))


class Arithmetic(nn.Module):
    """Contractions, sums, rearrangements and roundings."""

    def __init__(self):
        super().__init__()
        self.weight, self.embedding = nn.Parameter(torch.randn(4, 4)), nn.Embedding(4, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        y = torch.einsum("bij,jk->bik", x, self.weight) + torch.cumsum(x, 1)
        first, rest = y.split([2, 4], 1)
        y = torch.cat([rest, first.roll(1, 1)], 1) * torch.tril(torch.ones(6, 4))
        attention = torch.einsum("bij,bkj->bik", y, x).softmax(-1)
        y = torch.tanh(torch.where(y > 0, attention @ y, y.abs().sqrt()) + self.embedding(torch.arange(4)).sum(0))
        y = y.norm(dim=1) + y.logsumexp(1) + y.std(1) + y.prod(1) + y.amax(1) + y.abs().sum(1)
        y = y + torch.floor(y) + torch.ceil(y) + torch.clamp(y, min=0.1) + torch.log1p(y.abs()) + y.pow(3)
        return self.head(y)


class Pixels(nn.Module):
    """Blocks of pixels moved to channels and back, and every padding."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        modes = ["reflect", "circular", "replicate"]
        self.padded = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode) for mode in modes))

    def forward(self, x):
        return functional.pixel_unshuffle(self.padded(functional.pixel_shuffle(self.conv(x), 2)), 2)


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.trunk, self.left, self.right = nn.Linear(4, 5), nn.Linear(5, 2), nn.Linear(5, 1)

    def forward(self, x, gate):
        hidden = torch.relu(self.trunk(x)) * gate
        return self.left(hidden), self.right(hidden)


class Logits(nn.Module):
    """A language model as a function of tokens and mask."""

    def __init__(self, kind, config, **options):
        super().__init__()
        sizes = {"vocab_size": 7, "max_position_embeddings": 8, "hidden_size": 8, "num_hidden_layers": 2}
        self.model = kind(config(**sizes, num_attention_heads=2, **options))

    def forward(self, x, mask):
        return self.model(input_ids=x, attention_mask=mask).logits


def mobilenet2():
    network = models.MobileNetV2(3, inverted_residual_setting=[[1, 8, 1, 1], [2, 8, 2, 2]])
    # Its last layer has 1280 channels, however narrow the others are.
    network.features[0][0], network.features[0][1] = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32)
    network.features[-1] = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
    network.classifier[1] = nn.Linear(8, 3)
    return network


def mobilenet3():
    blocks = [InvertedResidualConfig(8, 3, 8, 8, True, "RE", 2, 1, 1.0), InvertedResidualConfig(8, 5, 16, 8, True, "HS", 1, 1, 1.0)]
    return models.MobileNetV3(blocks, 16, num_classes=3)


def vgg():
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 3)]
    return nn.Sequential(make_layers([3, "M", 4, "M"], batch_norm=True), *head)


def upsampled(mode):
    return nn.Sequential(nn.Upsample(scale_factor=2, mode=mode), nn.Conv2d(4, 3, 1))


def gpt2():
    return Logits(transformers.GPT2LMHeadModel, transformers.GPT2Config)


def llama():
    return Logits(transformers.LlamaForCausalLM, transformers.LlamaConfig, num_key_value_heads=1, intermediate_size=12)


def bert():
    return Logits(transformers.BertForSequenceClassification, transformers.BertConfig, intermediate_size=12, num_labels=3)


def images(channels, size):
    return lambda: (torch.randn(2, channels, size, size),)


def sequence(length, width):
    return lambda: (torch.randn(2, length, width),)


def tokens():
    # No query may see nothing at all: what comes of it differs between PyTorch and its own exports.
    return torch.randint(0, 7, (2, 5)), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


NETWORKS = {
    "resnet18": (lambda: NarrowResNet(BasicBlock, [2, 2, 2, 2]), images(3, 16)),
    "resnext": (lambda: NarrowResNet(Bottleneck, [1, 1, 1, 1], groups=2, width_per_group=64), images(3, 16)),
    "mobilenet2": (mobilenet2, images(3, 8)),
    "mobilenet3": (mobilenet3, images(3, 8)),
    "efficientnet": (lambda: models.EfficientNet([MBConvConfig(1, 3, 1, 8, 8, 1), MBConvConfig(2, 3, 2, 8, 8, 1)], 0.0, num_classes=3), images(3, 8)),
    "vgg": (vgg, images(3, 16)),
    "densenet": (lambda: models.DenseNet(4, (2, 2), 8, 2, num_classes=3), images(3, 16)),
    "shufflenet": (lambda: models.ShuffleNetV2([1, 1, 1], [4, 4, 8, 8, 8], 3), images(3, 16)),
    "convnext": (lambda: models.ConvNeXt([CNBlockConfig(4, 8, 1), CNBlockConfig(8, None, 1)], num_classes=3), images(3, 8)),
    "unet": (lambda: UNet(nn.ConvTranspose2d(4, 3, 2, stride=2)), images(1, 4)),
    "unet-nearest": (lambda: UNet(upsampled("nearest")), images(1, 4)),
    "unet-bilinear": (lambda: UNet(upsampled("bilinear")), images(1, 4)),
    "vit": (lambda: models.VisionTransformer(8, 4, 2, 2, 4, 8, num_classes=3), images(3, 8)),
    "swin": (lambda: models.SwinTransformer([2, 2], 4, [1, 1], [1, 2], [2, 2], num_classes=3), images(3, 8)),
    "encoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), 1, enable_nested_tensor=False), sequence(3, 4)),
    "gpt2": (gpt2, tokens),
    "llama": (llama, tokens),
    "bert": (bert, tokens),
    "lstm-cell": (lambda: Cell(nn.LSTMCell(3, 4)), sequence(3, 3)),
    "gru-cell": (lambda: Cell(nn.GRUCell(3, 4)), sequence(3, 3)),
    "lstm": (lambda: Recurrent(nn.LSTM), sequence(3, 3)),
    "gru": (lambda: Recurrent(nn.GRU), sequence(3, 3)),
    "tied": (Tied, lambda: (torch.randn(2, 6),)),
    "activations": (activations, lambda: (torch.randn(2, 4),)),
    "norms": (Norms, images(2, 6)),
    "arithmetic": (Arithmetic, sequence(6, 4)),
    "pixels": (Pixels, images(1, 4)),
    "two": (Two, lambda: (torch.randn(2, 4), torch.randn(2, 5))),
}
EXPORTS = {
    "resnet18": ["tracing-17", "dynamo-20"],
    "resnext": ["tracing-13-unfolded"],
    "mobilenet2": ["dynamo-18"],
    "mobilenet3": ["tracing-17-preserved"],
    "efficientnet": ["dynamo-23"],
    "vgg": ["tracing-11", "dynamo-18"],
    "densenet": ["dynamo-20"],
    "shufflenet": ["tracing-13"],
    "convnext": ["tracing-17", "dynamo-20"],
    "unet": ["tracing-11", "dynamo-18"],
    "unet-nearest": ["tracing-13-unfolded", "dynamo-18"],
    "unet-bilinear": ["tracing-20"],
    "vit": ["tracing-17", "dynamo-23"],
    "swin": ["tracing-17"],
    "encoder": ["tracing-20-fixed", "dynamo-20-fixed"],
    "gpt2": ["tracing-17", "dynamo-18"],
    "llama": ["tracing-20", "dynamo-23"],
    "bert": ["tracing-17", "dynamo-20"],
    "lstm-cell": ["tracing-17"],
    "gru-cell": ["dynamo-20"],
    "lstm": ["tracing-17", "dynamo-18"],
    "gru": ["tracing-11", "dynamo-20"],
    "tied": ["tracing-11", "tracing-17", "tracing-17-unfolded", "dynamo-20"],
    "activations": ["tracing-13", "tracing-20", "dynamo-18", "dynamo-23"],
    "norms": ["tracing-17", "dynamo-18", "dynamo-23"],
    "arithmetic": ["tracing-17", "dynamo-20"],
    "pixels": ["tracing-13", "dynamo-23"],
    "two": ["tracing-17", "dynamo-18-external"],
}


def drawn(network):
    """The network with statistics of its own in every batch norm, and nothing left at one number everywhere."""
    for parameter in network.parameters():
        if (parameter == parameter.flatten()[0]).all():
            parameter.data.uniform_(0.1, 0.9)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor in [module.weight.data, module.bias.data, module.running_mean, module.running_var]:
                tensor.uniform_(0.5, 1.5)
    return network.eval()


def export(network, inputs, name, kind):
    exporter, opset, *flags = kind.split("-")
    inputs_named = ["x", "mask" if inputs[0].dtype == torch.int64 else "gate"][: len(inputs)]
    outputs_named = ["left", "right"] if name == "two" else ["y"]
    names = {"input_names": inputs_named, "output_names": outputs_named, "opset_version": int(opset)}
    path = FOLDER / f"{name}-{kind}.onnx"
    if exporter == "dynamo":
        batch = None if "fixed" in flags else tuple({0: torch.export.Dim("batch")} for _ in inputs)
        options = {"external_data": "external" in flags, "verbose": False, "dynamic_shapes": batch}
        torch.onnx.export(network, inputs, path, dynamo=True, **options, **names)
    else:
        axes = {} if "fixed" in flags else {each: {0: "batch"} for each in [*inputs_named, *outputs_named]}
        mode = torch.onnx.TrainingMode.PRESERVE if "preserved" in flags else torch.onnx.TrainingMode.EVAL
        options = {"training": mode, "do_constant_folding": "unfolded" not in flags, "dynamic_axes": axes}
        torch.onnx.export(network, inputs, path, dynamo=False, **options, **names)
    strip(path, keeps_types=name in ["lstm", "gru"])
    return inputs_named, outputs_named


def strip(path, keeps_types):
    """Drops annotations: they name paths of the machine that exported."""
    model = onnx.load(path, load_external_data=False)
    if not keeps_types:
        del model.graph.value_info[:]
    for holder in [model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info]:
        holder.ClearField("doc_string")
        del holder.metadata_props[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


def coarse(tensor):
    return (tensor * 64).round() / 64 if tensor.is_floating_point() else tensor


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{value:.12g}") for value in tensor.flatten().tolist()]}


def main():
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    cases = {}
    for name, (make, draw) in NETWORKS.items():
        torch.manual_seed(0)
        network, inputs = drawn(make()), tuple(coarse(tensor) for tensor in draw())
        for kind in EXPORTS[name]:
            inputs_named, outputs_named = export(copy.deepcopy(network), inputs, name, kind)
        torch.set_default_dtype(torch.float64)
        with torch.no_grad():
            results = network.double()(*(tensor.double() if tensor.is_floating_point() else tensor for tensor in inputs))
        torch.set_default_dtype(torch.float32)
        outputs = results if isinstance(results, tuple) else (results,)
        cases[name] = {
            "inputs": {each: listed(tensor) for each, tensor in zip(inputs_named, inputs)},
            "outputs": {each: listed(tensor) for each, tensor in zip(outputs_named, outputs)},
        }
    lines = (f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
    (FOLDER / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
