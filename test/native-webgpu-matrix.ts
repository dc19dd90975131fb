import { nativeEngine } from "../src/node/index.ts";
import { runMatrix } from "./engine-matrix.ts";

const engine = await nativeEngine({ provider: "webgpu" });
process.stdout.write(JSON.stringify(await runMatrix(engine, "float32")));
await engine[Symbol.asyncDispose]();
