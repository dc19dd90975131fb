import type { UnknownFields } from "./proto.ts";

/** Stretches of unknown bytes as a flat list of triples: field number in front of it, start, end. */
export type UnknownSpans = number[];

/** Notes that the bytes from `start` to `end`, behind field `after`, are unknown. */
export function noteUnknown(spans: UnknownSpans, after: number, [start, end]: readonly [number, number]): void {
  const last = spans.length;
  if (last > 0 && spans[last - 3] === after && spans[last - 1] === start) spans[last - 1] = end;
  else spans.push(after, start, end);
}

/** The unknown bytes, gathered by the field they stood behind. */
export function gatherUnknown(bytes: Uint8Array<ArrayBuffer>, spans: UnknownSpans): readonly UnknownFields[] {
  const anchors = new Set(spans.filter((_, i) => i % 3 === 0));
  return [...anchors].map((after) => ({ after, bytes: gather(bytes, spans, after) }));
}

function gather(bytes: Uint8Array<ArrayBuffer>, spans: UnknownSpans, after: number): Uint8Array<ArrayBuffer> {
  if (spans.length === 3) return bytes.subarray(spans[1], spans[2]);
  let size = 0;
  const gathered = new Uint8Array(spanBytes(spans, after));
  for (let i = 0; i < spans.length; i += 3) {
    if (spans[i] !== after) continue;
    gathered.set(bytes.subarray(spans[i + 1], spans[i + 2]), size);
    size += (spans[i + 2] as number) - (spans[i + 1] as number);
  }
  return gathered;
}

function spanBytes(spans: UnknownSpans, after: number): number {
  let size = 0;
  for (let i = 0; i < spans.length; i += 3) {
    if (spans[i] === after) size += (spans[i + 2] as number) - (spans[i + 1] as number);
  }
  return size;
}
