import { lineChart } from "../../figures/index.ts";
import { initializeParameters, mlp } from "../../nets/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { evaluate } from "../../train/index.ts";
import { adamFrom } from "../adam.ts";
import { judged, notRun } from "../claims.ts";
import type { Evidence, Findings, Lab, Study } from "../paper.ts";

type Run = { readonly width: number; readonly seed: number; readonly steps: number };

const widths = [10, 20, 50, 100, 250, 1000] as const;
const seeds = 10;
const steps = 500;
const learningRate = 1e-3;

const statement = {
  id: "mnist-width",
  claim:
    "784-n-10 with softplus on MNIST, 500 steps of full-batch Adam, 10 seeds: the training loss falls with n; mean over the seeds",
  published: "falls",
};

/** MNIST by networks of one hidden layer. */
export const mnist: Study<Run, { readonly loss: number }> = {
  name: "mnist",
  tasks: ({ quick }) =>
    quick ? [] : widths.flatMap((width) => Array.from({ length: seeds }, (_, i) => ({ width, seed: i + 1, steps }))),
  run: trained,
  conclude,
};

async function trained({ width, seed, steps }: Run, lab: Lab) {
  const dataset = await lab.dataset("mnist");
  const network = mlp({
    input: dataset.sampleShape,
    widths: [width],
    outputs: dataset.classes,
    activation: "softplus",
  });
  const start = initializeParameters(network, rngKey(seed), "float32");
  const ends = await adamFrom(network, [start], { dataset, lab, steps, learningRate, dtype: "float32" });
  const [evaluation] = await evaluate(network, ends, dataset, { engine: lab.engine, split: "train" });
  return { loss: evaluation?.loss as number };
}

function conclude({ outcomes, quick, missing }: Evidence<Run, { readonly loss: number }>): Findings {
  if (quick) return { claims: [notRun(statement, "hours of training: in the full run only")], figures: [] };
  if (missing !== null) return { claims: [notRun(statement, missing)], figures: [] };
  const means = widths.map((width) => {
    const losses = outcomes.filter(({ task }) => task.width === width).map(({ result }) => result.loss);
    return { width, losses, mean: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
  });
  const title = "Training loss on MNIST against width";
  return {
    claims: [
      judged(
        { ...statement, method: `learning rate ${learningRate}, which the setting does not name` },
        means.map(({ width, mean }) => `${width}: ${mean.toPrecision(3)}`).join(", "),
        means.every(({ mean }, i) => i === 0 || mean < (means[i - 1]?.mean as number)),
      ),
    ],
    figures: [
      {
        id: "mnist-losses",
        title,
        caption: "784-n-10, softplus, 500 steps of full-batch Adam; mean of 10 seeds.",
        svg: lineChart({
          title,
          x: "log10 of the width",
          y: "cross-entropy in nats",
          series: [{ name: "mean", points: means.map(({ width, mean }) => [Math.log10(width), mean] as const) }],
        }),
        data: {
          columns: ["width", "mean", ...Array.from({ length: seeds }, (_, i) => `seed ${i + 1}`)],
          rows: means.map(({ width, mean, losses }) => [width, mean, ...losses]),
        },
      },
    ],
  };
}
