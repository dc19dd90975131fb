import type { Value } from "../../src/graph/index.ts";
import { linear, mlp, type Scope } from "../../src/nets/index.ts";
import { type Architecture, adHoc } from "./architecture.ts";

const sizes = { input: 5, widths: [6, 4], outputs: 3 };

/** Dense layers, and what can stand between them. */
export const denseArchitectures: readonly Architecture[] = [
  { name: "mlp-relu", network: mlp(sizes) },
  { name: "mlp-tanh", network: mlp({ ...sizes, activation: "tanh" }) },
  { name: "mlp-gelu", network: mlp({ ...sizes, activation: "gelu" }) },
  adHoc("linear-bottleneck", [5], 3, linearBottleneck),
  adHoc("mlp-group-norm", [5], 3, groupNormMlp),
  adHoc("tied-autoencoder", [6], 6, tiedAutoencoder),
];

/** Nothing acts between `down` and `up`: only their product counts. */
function linearBottleneck(x: Value, scope: Scope): Value {
  const hidden = linear(scope.within("first"), x, { outputs: 6 }).relu();
  const narrow = linear(scope.within("down"), hidden, { outputs: 2 });
  const wide = linear(scope.within("up"), narrow, { outputs: 5 }).relu();
  return linear(scope.within("last"), wide, { outputs: 3 });
}

function groupNormMlp(x: Value, scope: Scope): Value {
  const hidden = linear(scope.within("fc1"), x, { outputs: 8 });
  const normal = groupNorm(scope.within("norm"), hidden, 2).relu();
  return linear(scope.within("fc2"), normal, { outputs: 3 });
}

/** Group norm of [batch, channels] (Wu and He 2018, arXiv 1803.08494), written out. */
function groupNorm(scope: Scope, x: Value, groups: number): Value {
  const [batch, channels] = x.shape as [number, number];
  const grouped = x.reshape([batch, groups, channels / groups]);
  const centred = grouped.sub(grouped.mean(2, { keepDims: true }));
  const variance = centred.square().mean(2, { keepDims: true });
  const normal = centred.div(variance.add(1e-5).sqrt()).reshape([batch, channels]);
  const weight = scope.weight("weight", [channels], { kind: "constant", value: 1 });
  return normal.mul(weight).add(scope.weight("bias", [channels], { kind: "constant", value: 0 }));
}

/** The decoder's weights are the encoder's, transposed. */
function tiedAutoencoder(x: Value, scope: Scope): Value {
  const zero = { kind: "constant", value: 0 } as const;
  const weight = scope.weight("weight", [4, 6], { kind: "glorot", distribution: "uniform" });
  const code = x
    .matmul(weight.transpose())
    .add(scope.weight("encoder.bias", [4], zero))
    .tanh();
  return code.matmul(weight).add(scope.weight("decoder.bias", [6], zero));
}
