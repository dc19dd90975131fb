import { nativeEngine } from "../src/node/index.ts";
import { observeLaws } from "./engine-laws.ts";
import { runMatrix } from "./engine-matrix.ts";

await using engine = await nativeEngine({ provider: "webgpu", threads: 2 });
const matrix = await runMatrix(engine, "float32");
process.stdout.write(JSON.stringify({ matrix, laws: await observeLaws(engine) }));
