import type * as Ort from "onnxruntime-common";
import type { Provider } from "./providers.ts";

/** The part of `onnxruntime-node` and `onnxruntime-web` that an engine needs. */
export interface OrtModule extends Pick<typeof Ort, "Tensor"> {
  readonly InferenceSession: {
    create(model: Uint8Array, options: Ort.InferenceSession.SessionOptions): Promise<OrtSession>;
  };
}

/** The part of an inference session that a program needs. */
export interface OrtSession {
  readonly inputNames: readonly string[];
  run(feeds: OrtTensors, fetches: OrtFetches): Promise<OrtTensors>;
  release(): Promise<void>;
}

export type OrtTensors = Readonly<Record<string, Ort.Tensor>>;

export interface OrtEngineOptions {
  readonly provider: Provider;
  readonly sessionOptions: Omit<Ort.InferenceSession.SessionOptions, "executionProviders">;
  /** Whether `run` fills the outputs it is handed; the browser's leaves its results in WebAssembly memory. */
  readonly writesInPlace: boolean;
}

/** Where results go: tensors to fill (null for one yet to be made), or just their names. */
export type OrtFetches = Readonly<Record<string, Ort.Tensor | null>> | readonly string[];
