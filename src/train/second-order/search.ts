import type { LocalCurvature, Objective } from "./objective.ts";

/** What a search asks to be evaluated; the answer to "slope" has no Hessian worth reading. */
export interface Request {
  readonly kind: "slope" | "curvature" | "gauss-newton";
  readonly point: Float64Array;
}

/** An algorithm for one member: it yields the points it needs, and is resumed with their values. */
export type Search<R> = Generator<Request, R, LocalCurvature>;

/** Runs searches side by side, one per member, evaluating together what they ask for; those that are done drop out. */
export async function runTogether<R>(
  objective: Objective,
  searches: readonly Search<R>[],
  signal?: AbortSignal,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const pending = new Map<number, Request>();
  const advance = (member: number, answer?: LocalCurvature) => {
    const next = (searches[member] as Search<R>).next(answer as LocalCurvature);
    if (next.done) {
      results.set(member, next.value);
      pending.delete(member);
    } else pending.set(member, next.value);
  };
  for (const member of searches.keys()) advance(member);
  while (pending.size > 0) {
    signal?.throwIfAborted();
    for (const kind of ["slope", "curvature", "gauss-newton"] as const) {
      const asking = [...pending].filter(([, request]) => request.kind === kind);
      if (asking.length === 0) continue;
      const members = asking.map(([member]) => member);
      const answers = await evaluate(objective, kind, { points: asking.map(([, { point }]) => point), members });
      for (const [i, member] of members.entries()) advance(member, answers[i]);
    }
  }
  return Array.from(searches, (_, member) => results.get(member) as R);
}

const noHessian = new Float64Array(0);

async function evaluate(
  objective: Objective,
  kind: Request["kind"],
  { points, members }: { readonly points: readonly Float64Array[]; readonly members: readonly number[] },
): Promise<readonly LocalCurvature[]> {
  if (kind === "curvature") return objective.curvatures(points, members);
  if (kind === "slope") {
    return (await objective.slopes(points, members)).map((slope) => ({ ...slope, hessian: noHessian }));
  }
  if (!objective.gaussNewton) throw new Error("internal: asked an objective for a Gauss-Newton matrix that it lacks");
  return objective.gaussNewton(points, members);
}
