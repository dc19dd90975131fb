import { brea2019 } from "./brea2019/index.ts";
import { michelucci2022 } from "./michelucci2022/index.ts";
import type { Paper } from "./paper.ts";
import { simsek2021 } from "./simsek2021/index.ts";

export type {
  Claim,
  DataTable,
  Evidence,
  Figure,
  Findings,
  Json,
  JsonObject,
  Lab,
  Origin,
  Outcome,
  Paper,
  Quantity,
  Scope,
  Study,
} from "./paper.ts";
export { conclude, type Done, doWork, type Work, workFor, workOf } from "./plan.ts";
export { figureFolder, type Run, reportPage } from "./report.ts";
export { csv, formatQuantity } from "./table.ts";

/** The papers that can be repeated, by name. */
export const papers: Readonly<Record<string, Paper>> = { brea2019, simsek2021, michelucci2022 };
