import type { Evidence, Findings, Json, JsonObject, Lab, Paper, Scope, Study } from "./paper.ts";

/** A unit of work of a paper. Its task names the paper and the study, so that it can stand alone in a store. */
export interface Work {
  readonly study: Study;
  readonly task: JsonObject;
  readonly parameters: JsonObject;
}

/** Everything that has to be done for a paper, each piece after those that it builds on. */
export function workOf(paper: Paper, scope: Scope): readonly Work[] {
  return paper.studies.flatMap((study) => study.tasks(scope).map((parameters) => workFor(paper, study, parameters)));
}

/** A unit of work from its parameters. */
export function workFor(paper: Paper, study: Study, parameters: JsonObject): Work {
  return { study, parameters, task: taskOf(paper, study, parameters) };
}

function taskOf({ name }: Paper, study: Study, parameters: JsonObject): JsonObject {
  return { kind: "reproduction", paper: name, study: study.name, parameters };
}

/** Does a unit of work; `read` gives the result of an earlier task. */
export async function doWork(
  paper: Paper,
  work: Work,
  lab: Lab,
  read: (task: JsonObject) => Promise<Json>,
): Promise<Json> {
  const { study, parameters } = work;
  const result = await study.run(parameters, lab, (earlier) => read(taskOf(paper, study, earlier)));
  // The same numbers as will be read back from a file.
  return JSON.parse(JSON.stringify(result));
}

/** A unit of work with its result, or the reason why there is none. */
export type Done = Work & ({ readonly result: Json } | { readonly missing: string });

/** What all studies of a paper conclude. */
export async function conclude(paper: Paper, done: readonly Done[], scope: Scope): Promise<Findings> {
  const found = await Promise.all(paper.studies.map((study) => study.conclude(evidenceFor(study, done, scope))));
  return { claims: found.flatMap(({ claims }) => claims), figures: found.flatMap(({ figures }) => figures) };
}

function evidenceFor(study: Study, done: readonly Done[], scope: Scope): Evidence<JsonObject, Json> {
  const own = done.filter((each) => each.study === study);
  const missing = own.find((each) => "missing" in each);
  return {
    ...scope,
    outcomes: own.flatMap((each) => ("result" in each ? [{ task: each.parameters, result: each.result }] : [])),
    missing: missing && "missing" in missing ? missing.missing : null,
  };
}
