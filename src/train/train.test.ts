import { afterAll, describe, expect, it } from "vitest";
import { goldenDataset } from "../../test/golden/train/goldens.ts";
import { type Dataset, digitsDataset, takeSamples, teacherStudent } from "../data/index.ts";
import { referenceEngine } from "../engine/index.ts";
import { mlp } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { rngKey, type Tensor, tensorBytes, toNumbers } from "../tensor/index.ts";
import {
  DivergenceError,
  initialState,
  memberParameters,
  type Optimizer,
  type Progress,
  type TrainingState,
  type TrainOptions,
  train,
} from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

/** A network alone and as a member of a batched product may add up in another order. */
const ensembleTolerance = 1e-12;

const digits = await digitsDataset();
const dataset: Dataset = { ...digits, train: takeSamples(digits.train, 50) };
const network = mlp({ input: [1, 8, 8], widths: [6], outputs: 10, activation: "tanh" });
const momentum: Optimizer = { kind: "sgd", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-3 };
const adam: Optimizer = { kind: "adam", learningRate: 0.01 };

type Settings = Partial<TrainOptions> & { readonly data?: Dataset };

/** Four epochs of six batches of eight samples; two samples are left out of every epoch. */
const recipe = {
  engine,
  keys: [rngKey(1)],
  optimizer: momentum,
  schedule: { kind: "cosine", warmupSteps: 3 },
  epochs: 4,
  batchSize: 8,
} as const;

function begin({ data = dataset, ...settings }: Settings = {}): ReturnType<typeof train> {
  return train(network, data, { ...recipe, stepsPerRun: 1, ...settings });
}

/** Runs to the end, and shows every step to `onStep`. */
async function finish(
  steps: ReturnType<typeof train>,
  onStep: (progress: Progress) => void = () => {},
): Promise<TrainingState> {
  for (let next = await steps.next(); ; next = await steps.next()) {
    if (next.done) return next.value;
    onStep(next.value);
  }
}

async function snapshots(settings?: Settings): Promise<TrainingState[]> {
  const taken: TrainingState[] = [];
  const final = await finish(begin(settings), (progress) => taken.push(progress.snapshot()));
  expect(taken.at(-1)).toEqual(final);
  return taken;
}

/** Everything in a state, in a form that tells all bits apart. */
function bytesOf({ tensors, ...rest }: TrainingState) {
  return { ...rest, tensors: Object.entries(tensors).map(([name, value]) => [name, value.shape, tensorBytes(value)]) };
}

function largestDifference(a: Readonly<Record<string, Tensor>>, b: Readonly<Record<string, Tensor>>): number {
  const differences = Object.entries(a).flatMap(([name, value]) => {
    const other = toNumbers(b[name] as Tensor);
    return Array.from(toNumbers(value), (x, i) => Math.abs(x - (other[i] as number)));
  });
  return differences.reduce((most, each) => Math.max(most, each), 0);
}

describe("the same keys and options", () => {
  it("give the same bytes", async () => {
    const [first, second] = [await finish(begin()), await finish(begin())];
    expect(bytesOf(second)).toEqual(bytesOf(first));
  });

  it("give the same bytes on one thread and on four", async () => {
    const final = [];
    for (const threads of [1, 4]) {
      await using other = await nativeEngine({ threads });
      final.push(bytesOf(await finish(begin({ engine: other, keys: [1, 2, 3].map(rngKey) }))));
    }
    expect(final[1]).toEqual(final[0]);
  });

  it("agree with the reference engine in float64", async () => {
    const settings = { dtype: "float64", optimizer: adam } as const;
    const [ours, expected] = [
      await finish(begin(settings)),
      await finish(begin({ ...settings, engine: referenceEngine() })),
    ];
    expect(largestDifference(ours.tensors, expected.tensors)).toBeLessThan(1e-11);
  });

  it("with another key give something else", async () => {
    const [first, second] = [await finish(begin()), await finish(begin({ keys: [rngKey(2)] }))];
    expect(largestDifference(first.tensors, second.tensors)).toBeGreaterThan(0.01);
  });
});

describe("a run resumed from a snapshot", () => {
  it.each([
    ["momentum", { optimizer: momentum }],
    ["adam", { optimizer: adam }],
    ["plain gradient descent", { optimizer: { kind: "sgd", learningRate: 0.1 } }],
    ["three networks", { keys: [4, 5, 6].map(rngKey) }],
    ["three networks by adamw in float64", { keys: [4, 5, 6].map(rngKey), optimizer: adam, dtype: "float64" }],
  ] as readonly (readonly [string, Settings])[])("ends in the same bytes at any step: %s", async (_, settings) => {
    const run = { ...settings, epochs: 2 };
    const taken = await snapshots(run);
    const final = bytesOf(taken.at(-1) as TrainingState);
    for (const state of taken) expect(bytesOf(await finish(begin({ ...run, resumeFrom: state })))).toEqual(final);
    const { keys = [rngKey(1)], optimizer = momentum, dtype = "float32" } = settings;
    const start = initialState(network, optimizer, keys, dtype);
    expect(bytesOf(await finish(begin({ ...run, resumeFrom: start })))).toEqual(final);
  });

  it("also when each step is a run of its own", async () => {
    const final = await finish(begin());
    let state: TrainingState | null = null;
    for (let i = 0; i < 24; i++) {
      const steps = begin(state ? { resumeFrom: state } : {});
      const { value } = await steps.next();
      state = (value as Progress).snapshot();
      await steps.return(undefined as never);
    }
    expect(bytesOf(state as TrainingState)).toEqual(bytesOf(final));
  });

  it("leaves the snapshot as it was", async () => {
    const [state] = (await snapshots()) as [TrainingState];
    const before = structuredClone(bytesOf(state));
    await finish(begin({ resumeFrom: state }));
    expect(bytesOf(state)).toEqual(before);
  });

  it("stops at once where the first run stopped early", async () => {
    const stopAt = { loss: 1.5 };
    const final = await finish(begin({ epochs: 50, stopAt }));
    const again = await finish(begin({ epochs: 50, stopAt, resumeFrom: final }));
    expect(bytesOf(again)).toEqual(bytesOf(final));
  });

  it("is refused in one line where the state is of another run", async () => {
    const state = initialState(network, momentum, [rngKey(1)], "float32");
    const refusal = (settings: Settings, from = state) => finish(begin({ ...settings, resumeFrom: from }));
    const advice = "resume with the network, optimiser and number of members of the first run";
    const { "layers.0.weight": _, ...fewer } = state.tensors;
    for (const [attempt, message] of [
      [refusal({ keys: [rngKey(1), rngKey(2)] }), "expected 2 members, got 1"],
      [refusal({ optimizer: adam }), 'expected the tensors of this run, got "velocity/layers.0.weight" too'],
      [refusal({}, { ...state, tensors: fewer }), 'expected a tensor "layers.0.weight", got none'],
      [refusal({ dtype: "float64" }), 'expected "layers.0.weight" as float64 [6, 64], got float32 [6, 64]'],
      [refusal({}, { ...state, lossSums: [0, 0] }), "expected losses of 1 members"],
    ] as const) {
      await expect(attempt).rejects.toMatchObject({ name: "InputError", message: `resume: ${message}; ${advice}` });
    }
  });
});

describe("steps that the engine runs at a time", () => {
  it.each([
    ["one network", {}],
    ["two networks by adam in float64", { keys: [1, 2].map(rngKey), optimizer: adam, dtype: "float64" }],
    ["a run that stops early", { epochs: 50, stopAt: { loss: 1.5 } }],
  ] as readonly (readonly [string, Settings])[])(
    "do not show in the result, whatever their number: %s",
    async (_, settings) => {
      const expected = bytesOf(await finish(begin({ ...settings, stepsPerRun: 1 })));
      expect(bytesOf(await finish(train(network, dataset, { ...recipe, ...settings })))).toEqual(expected);
      for (const stepsPerRun of [2, 5, 6, 7, 1000]) {
        expect(bytesOf(await finish(begin({ ...settings, stepsPerRun })))).toEqual(expected);
      }
    },
  );

  it("may have a snapshot between them from which another number goes on", async () => {
    const final = await finish(begin());
    const taken: TrainingState[] = [];
    await finish(begin({ stepsPerRun: 5 }), (progress) => taken.push(progress.snapshot()));
    expect(taken.map(({ step }) => step)).toEqual([5, 10, 15, 20, 24]);
    for (const state of taken) {
      expect(bytesOf(await finish(begin({ stepsPerRun: 4, resumeFrom: state })))).toEqual(bytesOf(final));
    }
  });
});

describe("an ensemble", () => {
  const keys = [7, 8, 9].map(rngKey);

  it.each([momentum, adam])("trains its networks as if each were alone, by %j", async (optimizer) => {
    const settings = { optimizer, dtype: "float64" } as const;
    const together = await finish(begin({ ...settings, keys }));
    for (const [i, parameters] of memberParameters(network, together).entries()) {
      const alone = await finish(begin({ ...settings, keys: [keys[i] as (typeof keys)[0]] }));
      const [single] = memberParameters(network, alone) as [typeof parameters];
      expect(largestDifference(parameters, single)).toBeLessThan(ensembleTolerance);
      for (const [epoch, record] of alone.history.entries()) {
        expect(together.history[epoch]?.loss[i]).toBeCloseTo(record.loss[0] as number, 11);
        expect(together.history[epoch]?.error?.[i]).toBeCloseTo(record.error?.[0] as number, 14);
      }
    }
  });

  it("gives a network the same bytes whatever the keys of the others are", async () => {
    const [a, b, c] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
    const [first, second] = [await finish(begin({ keys: [a, b] })), await finish(begin({ keys: [c, b] }))];
    const ofSecond = (state: TrainingState) => memberParameters(network, state)[1];
    expect(ofSecond(second)).toEqual(ofSecond(first));
    expect(memberParameters(network, second)[0]).not.toEqual(memberParameters(network, first)[0]);
  });
});

describe("a batch", () => {
  it("is everything where it would be larger than the data", async () => {
    const [larger, whole] = [await snapshots({ batchSize: 1000 }), await snapshots({ batchSize: 50 })];
    expect(larger.length).toBe(4);
    expect(larger.map(bytesOf)).toEqual(whole.map(bytesOf));
  });

  it("may hold one sample", async () => {
    const { step, history } = await finish(begin({ batchSize: 1, epochs: 1 }));
    expect(step).toBe(50);
    expect((history[0]?.error?.[0] as number) * 50).toBeCloseTo(Math.round((history[0]?.error?.[0] as number) * 50), 5);
  });
});

describe("an ensemble that is computed block by block", () => {
  it("trains its networks as if each were alone", async () => {
    const tiny = mlp({ input: [2], widths: [3], outputs: 1, activation: "tanh" });
    const options = { engine, optimizer: adam, epochs: 3, batchSize: 1681, dtype: "float64" } as const;
    const keys = Array.from({ length: 120 }, (_, i) => rngKey(i));
    const members = memberParameters(tiny, await finish(train(tiny, teacherStudent(), { ...options, keys })));
    for (const i of [0, 53, 119]) {
      const alone = await finish(train(tiny, teacherStudent(), { ...options, keys: [rngKey(i)] }));
      for (const [name, value] of Object.entries(memberParameters(tiny, alone)[0] ?? {})) {
        const together = toNumbers(members[i]?.[name] as Tensor);
        const difference = toNumbers(value).map((x, k) => Math.abs(x - (together[k] as number)));
        expect(Math.max(...difference)).toBeLessThan(ensembleTolerance);
      }
    }
  });
});

describe("progress", () => {
  it("counts steps, and reports the mean of the batches at the end of an epoch", async () => {
    const seen: Progress[] = [];
    const { history } = await finish(begin({ dtype: "float64" }), (progress) => seen.push(progress));
    expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(seen.every(({ steps }) => steps === 24)).toBe(true);
    const ends = seen.filter(({ epoch }) => epoch !== null);
    expect(ends.map(({ step }) => step)).toEqual([6, 12, 18, 24]);
    expect(ends.map(({ epoch }) => epoch)).toEqual(history);
    for (const { epoch, step, learningRate } of ends) {
      const losses = seen.slice(step - 6, step).map((each) => each.losses[0] as number);
      expect(epoch?.epoch).toBe(step / 6);
      expect(epoch?.learningRate).toBe(learningRate);
      expect(epoch?.loss[0]).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 6, 12);
    }
  });

  it("hands out snapshots that do not change afterwards", async () => {
    const taken: { state: TrainingState; bytes: object }[] = [];
    await finish(begin(), (progress) => {
      const state = progress.snapshot();
      taken.push({ state, bytes: structuredClone(bytesOf(state)) });
    });
    for (const { state, bytes } of taken) expect(bytesOf(state)).toEqual(bytes);
  });

  it("refuses a snapshot of a step that is past", async () => {
    const steps = begin();
    const first = (await steps.next()).value as Progress;
    await steps.next();
    const message = "expected a snapshot of step 2, the last one, got a request for step 1";
    expect(() => first.snapshot()).toThrow(message);
    await steps.return(undefined as never);
  });
});

describe("stopAt", () => {
  it("ends the run after the first epoch that reaches it", async () => {
    const { history, step } = await finish(begin({ epochs: 200, stopAt: { error: 0.02 } }));
    expect(history.length).toBeLessThan(200);
    expect(step).toBe(6 * history.length);
    expect(history.map(({ error }) => (error?.[0] as number) <= 0.02)).toEqual(
      history.map((_, i) => i === history.length - 1),
    );
  });

  it("waits for every member, and for both conditions", async () => {
    const stopAt = { error: 0.1, loss: 1 };
    const { history } = await finish(begin({ epochs: 200, stopAt, keys: [1, 2, 3].map(rngKey) }));
    const isReached = history.map(
      ({ error, loss }) => (error ?? []).every((each) => each <= 0.1) && loss.every((each) => each <= 1),
    );
    expect(isReached).toEqual(history.map((_, i) => i === history.length - 1));
  });

  it("refuses an error for a regression, which has none", async () => {
    const regression = mlp({ input: 2, widths: [4], outputs: 1 });
    const options = { engine, keys: [rngKey(0)], optimizer: adam, epochs: 2, batchSize: 100 };
    const steps = train(regression, teacherStudent(), { ...options, stopAt: { error: 0.1 } });
    await expect(steps.next()).rejects.toMatchObject({ code: "bad-option", where: "stopAt" });
  });
});

describe("a run that diverges", () => {
  const wild: Optimizer = { kind: "sgd", learningRate: 1e30 };
  /** With batches of half the data a state lies in the middle of an epoch and another one at its end. */
  const settings = (batchSize: number) => ({ optimizer: wild, batchSize, schedule: { kind: "constant" } }) as const;

  async function divergence(steps: ReturnType<typeof train>): Promise<DivergenceError> {
    const error = await finish(steps).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergenceError);
    return error as DivergenceError;
  }

  it("says where, and with which learning rate", async () => {
    const { message, code } = await divergence(begin(settings(8)));
    expect(code).toBe("diverged");
    expect(message).toMatch(
      /^train: expected a finite loss, got (NaN|Infinity) for network 1 at step \d+ with learning rate 1e\+30; lower .*$/,
    );
  });

  it.each([8, 25, 50])("hands out the last good state as it was, with batches of %i", async (batchSize) => {
    const { lastGood } = await divergence(begin(settings(batchSize)));
    const values = Object.values(memberParameters(network, lastGood)[0] ?? {}).flatMap((each) => [...toNumbers(each)]);
    expect(values.every(Number.isFinite)).toBe(true);
    const undisturbed = [initialState(network, wild, [rngKey(1)], "float32")];
    const note = (progress: Progress) => undisturbed.push(progress.snapshot());
    await finish(begin(settings(batchSize)), note).catch(() => {});
    expect(bytesOf(lastGood)).toEqual(bytesOf(undisturbed[lastGood.step] as TrainingState));
  });

  it("names the network of an ensemble", async () => {
    const keys = [rngKey(1), rngKey(2)];
    const state = initialState(network, wild, keys, "float32");
    const weights = state.tensors["layers.1.weight"] as Tensor<"float32">;
    weights.data[weights.data.length - 1] = Number.NaN;
    const error = await divergence(begin({ ...settings(8), keys, resumeFrom: state }));
    expect(error.message).toContain("got NaN for network 2 at step 1");
    expect(error.lastGood.step).toBe(0);
  });

  it("is noticed when only the last step goes wrong", async () => {
    const huge: Optimizer = { kind: "sgd", learningRate: Number.MAX_VALUE };
    const error = await divergence(begin({ ...settings(50), optimizer: huge, epochs: 1 }));
    expect(error.message).toMatch(/expected a finite weight, got (NaN|-?Infinity) for network 1 at step 1 with/);
    expect(error.lastGood.step).toBe(0);
    expect(error.lastGood.history).toEqual([]);
  });
});

describe("an abort signal", () => {
  it("stops before the next step", async () => {
    const controller = new AbortController();
    const steps = begin({ signal: controller.signal });
    await steps.next();
    controller.abort();
    await expect(steps.next()).rejects.toMatchObject({ name: "AbortError" });
  });

  it("stops before the first step if it was raised already", async () => {
    await expect(begin({ signal: AbortSignal.abort() }).next()).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("what does not fit is refused in one line", () => {
  const { inputs, targets } = dataset.train;
  const fewer = takeSamples(dataset.train, 40);
  const regression = goldenDataset("regression");
  it.each([
    [{ epochs: 0 }, "epochs: expected a whole number of at least 1, got 0"],
    [{ epochs: 1.5 }, "epochs: expected a whole number of at least 1, got 1.5"],
    [{ stepsPerRun: 0 }, "steps per run: expected a whole number of at least 1, got 0"],
    [{ batchSize: 0 }, "batch size: expected a whole number of at least 1, got 0"],
    [{ keys: [] }, "number of networks: expected a whole number of at least 1, got 0"],
    [{ schedule: { kind: "cosine", warmupSteps: -1 } }, "schedule: expected a whole number of warm-up steps, got -1"],
    [
      { schedule: { kind: "step", milestones: [0.5, 2] } },
      "schedule: expected milestones between 0 and 1, as fractions of the run, got 0.5, 2",
    ],
    [{ data: { ...dataset, train: { inputs, targets: fewer.targets } } }, "train: expected labels [50], got [40]"],
    [
      { data: { ...dataset, train: { inputs: { ...inputs, shape: [50, 8, 8] }, targets } } },
      "train: expected inputs [N, 1, 8, 8], got [50, 8, 8]",
    ],
    [
      { data: regression },
      "mlp: expected samples of 1 x 8 x 8, got golden with 3; use the data set that the network is for, or build a network for this one",
    ],
    [
      { data: { ...dataset, classes: 9 } },
      "mlp: expected a data set of 10 outputs, got digits with 9; use the data set that the network is for, or build a network for this one",
    ],
  ] as readonly (readonly [Settings, string])[])("%#: %j", async (settings, message) => {
    await expect(begin(settings).next()).rejects.toMatchObject({ name: "InputError", message });
  });
});
