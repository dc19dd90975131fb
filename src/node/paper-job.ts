import { referenceEngine } from "../engine/index.ts";
import { doWork, type Json, type JsonObject, type Paper, papers, type Study, workFor } from "../papers/index.ts";
import { loadDataset } from "./datasets.ts";
import { nativeEngine } from "./native-engine.ts";
import { taskStore } from "./task-store.ts";
import type { WorkerModule } from "./worker-pool.ts";

/** What all units of work of a paper have in common. */
export interface PaperSetup {
  readonly paper: string;
  readonly engine: "cpu" | "webgpu" | "reference";
  /** Where the results are kept, and the version of the code that they are of. */
  readonly folder: string;
  readonly version: string;
  readonly dataDir: string | undefined;
}

export interface PaperJob {
  readonly study: string;
  readonly parameters: JsonObject;
}

/** The result, or the task whose result is needed first. */
export type PaperAnswer = { readonly result: Json } | { readonly needs: JsonObject };

class NotYet extends Error {
  readonly task: JsonObject;
  constructor(task: JsonObject) {
    super("internal: a result that another task builds on is not there yet");
    this.task = task;
  }
}

const open: WorkerModule<PaperSetup, PaperJob, PaperAnswer> = async (setup) => {
  const { folder, version, dataDir } = setup;
  const paper = papers[setup.paper] as Paper;
  const store = taskStore(folder, version);
  const engine =
    setup.engine === "reference" ? referenceEngine() : await nativeEngine({ provider: setup.engine, threads: 1 });
  const dataset = async (name: string) => (await loadDataset(name, dataDir === undefined ? {} : { dataDir })).dataset;
  const read = async (task: JsonObject) => {
    const stored = await store.read(task);
    if (!stored) throw new NotYet(task);
    return stored.result as Json;
  };
  return async ({ study, parameters }, context) => {
    const work = workFor(paper, paper.studies.find(({ name }) => name === study) as Study, parameters);
    try {
      const result = await doWork(paper, work, { engine, dataset, ...context }, read);
      await store.write(work.task, result);
      return { result };
    } catch (error) {
      if (error instanceof NotYet) return { needs: error.task };
      throw error;
    }
  };
};

export default open;
