import { norm } from "../../tensor/index.ts";

/** Over so many steps the loss must fall by this share, unless the parameters hardly grow. */
const steps = 250;
const leastFall = 1e-3;
const mostGrowth = 1.25;
/** As long as they are not this many times what they were in the beginning, growing may be all that a search is about. */
const leastNorm = 4;

/**
 * Asked at every step, tells whether a search is in a channel: its parameters grow and grow, and the loss hardly falls any
 * more. It tends to a limit that no finite parameters have, as where the outgoing weights of two units grow while their
 * incoming ones come together, and would take all steps that it is given.
 */
export function channelWatch(start: Float64Array): (point: Float64Array, loss: number) => boolean {
  const first = norm(start);
  let done = 0;
  let before = { norm: first, loss: Number.POSITIVE_INFINITY };
  return (point, loss) => {
    if (done++ % steps > 0) return false;
    const now = { norm: norm(point), loss };
    const isGrown = now.norm > mostGrowth * before.norm && now.norm > leastNorm * first;
    const isLevel = now.loss > (1 - leastFall) * before.loss;
    before = now;
    return isGrown && isLevel;
  };
}
