/** Long enough that starting a run costs nothing beside it, short enough for progress and Ctrl-C. */
const shortestRunMilliseconds = 50;
const longestRunMilliseconds = 200;
const mostSteps = 256;

/** How many steps the next run should have, after one of `steps` that took so long. */
export function nextPace(steps: number, milliseconds: number): number {
  if (milliseconds < shortestRunMilliseconds) return Math.min(2 * steps, mostSteps);
  return milliseconds > longestRunMilliseconds ? Math.max(1, Math.floor(steps / 2)) : steps;
}
