import { crossEntropy, grad, input, type Value } from "../../../src/graph/index.ts";
import { gpt2, initializeParameters, lenet, mlp, type Network, resnet20, vit } from "../../../src/nets/index.ts";
import { encodeModel, graphToModel } from "../../../src/onnx/index.ts";
import { isFloat, rngKey, type Tensor } from "../../../src/tensor/index.ts";
import { caseInputs, type OperatorCase, operatorCases } from "../../operator-cases.ts";

const networks: Readonly<Record<string, Network>> = {
  mlp: mlp({ input: 6, widths: [5, 4], outputs: 3 }),
  lenet: lenet({ input: [1, 16, 16] }),
  resnet20: resnet20(),
  vit: vit({ input: [3, 8, 8], width: 8, depth: 1, heads: 2 }),
  gpt2: gpt2({ vocabulary: 11, context: 6, width: 8, depth: 1, heads: 2 }),
};

/** The models, by name, that the official checker must accept: operators and networks, with gradients. */
export const encodedModels: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
  ...Object.fromEntries(operatorCases.map((each) => [fileName(each.name), () => encode(caseOutputs(each))])),
  ...Object.fromEntries(
    Object.entries(networks).map(([name, network]) => [`net-${name}`, () => encode(trainingOutputs(network))]),
  ),
  "net-mlp-with-weights": () => {
    const network = networks["mlp"] as Network;
    const x = input("x", "float32", [2, ...network.inputShape]);
    const { output } = network.apply(x, parameterInputs(network));
    return encode({ output }, initializeParameters(network, rngKey(1)));
  },
};

function fileName(caseName: string): string {
  return caseName.replace(/[^a-z0-9]+/g, "-");
}

function encode(outputs: Readonly<Record<string, Value>>, initializers: Readonly<Record<string, Tensor>> = {}) {
  return encodeModel(graphToModel(outputs, { initializers }));
}

function caseOutputs(each: OperatorCase): Record<string, Value> {
  const inputs = caseInputs(each, "float32");
  const value = each.build(...inputs);
  if (each.flat) return { value };
  const variables = inputs.filter((x) => isFloat(x.dtype));
  return { value, ...gradients(value.square().sum(), variables) };
}

function parameterInputs(network: Network): Record<string, Value> {
  return Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, "float32", shape)]));
}

function trainingOutputs(network: Network): Record<string, Value> {
  const parameters = parameterInputs(network);
  const x = input("x", network.inputKind === "tokens" ? "int64" : "float32", [2, ...network.inputShape]);
  const { output, updates } = network.apply(x, parameters, { training: true });
  const loss = crossEntropy(output, input("labels", "int64", output.shape.slice(0, -1)));
  const trained = network.parameters.filter(({ trainable }) => trainable).map(({ name }) => parameters[name] as Value);
  const updated = Object.entries(updates).map(([name, value]) => [`${name} next`, value]);
  return { loss, ...gradients(loss, trained), ...Object.fromEntries(updated) };
}

function gradients(loss: Value, variables: readonly Value[]): Record<string, Value> {
  return Object.fromEntries(grad(loss, variables).map((g, i) => [`gradient${i}`, g]));
}
