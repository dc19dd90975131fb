type Numbers = Float32Array | Float64Array;

/** Changes values in place by their gradient. */
export type Update = (values: Numbers, gradient: Numbers, learningRate: number) => void;

const [FIRST, SECOND, EPSILON] = [0.9, 0.999, 1e-8] as const;

/** Adam (Kingma 2015, arXiv 1412.6980) for one array of so many numbers. */
export function adam(size: number): Update {
  const [first, second] = [new Float64Array(size), new Float64Array(size)];
  let steps = 0;
  return (values, gradient, learningRate) => {
    steps++;
    const [once, twice] = [1 / (1 - FIRST ** steps), 1 / (1 - SECOND ** steps)];
    for (let i = 0; i < size; i++) {
      const slope = gradient[i] as number;
      const mean = FIRST * (first[i] as number) + (1 - FIRST) * slope;
      const square = SECOND * (second[i] as number) + (1 - SECOND) * slope * slope;
      first[i] = mean;
      second[i] = square;
      values[i] = (values[i] as number) - (learningRate * mean * once) / (Math.sqrt(square * twice) + EPSILON);
    }
  };
}
