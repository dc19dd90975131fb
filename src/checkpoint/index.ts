export { type ByteSource, blobSource, bytesSource } from "./byte-source.ts";
export { type Checkpoint, type CheckpointFormat, readAll, type TensorEntry } from "./checkpoint.ts";
export { openSafetensors } from "./safetensors-reader.ts";
export { encodeSafetensors, type NamedTensors } from "./safetensors-writer.ts";
