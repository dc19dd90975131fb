import type { Tensor } from "../tensor/index.ts";
import type { Normalization } from "./dataset.ts";

/** Mean and population standard deviation of each channel of uint8 images [N, C, ...]. */
export function pixelNormalization(images: Tensor<"uint8">): Normalization {
  const [samples = 0, channels = 0] = images.shape;
  const plane = images.data.length / (samples * channels);
  const moments = Array.from({ length: channels }, (_, channel) =>
    histogramMoments(channelHistogram(images, channel, plane)),
  );
  return { mean: moments.map(({ mean }) => mean), deviation: moments.map(({ deviation }) => deviation || 1) };
}

/** Counting the 256 values keeps the sums exact integers, however many pixels there are. */
function channelHistogram({ data, shape }: Tensor<"uint8">, channel: number, plane: number): Float64Array {
  const counts = new Float64Array(256);
  const stride = plane * (shape[1] as number);
  for (let start = channel * plane; start < data.length; start += stride) {
    for (let i = start; i < start + plane; i++) (counts[data[i] as number] as number)++;
  }
  return counts;
}

function histogramMoments(counts: Float64Array): { mean: number; deviation: number } {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const mean = counts.reduce((sum, count, value) => sum + count * value, 0) / total;
  const variance = counts.reduce((sum, count, value) => sum + count * (value - mean) ** 2, 0) / total;
  return { mean, deviation: Math.sqrt(variance) };
}
