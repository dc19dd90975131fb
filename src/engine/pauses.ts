/** Signals and messages are seen only between the turns of the event loop; nobody should wait for them for long. */
const everyMilliseconds = 100;

/** For work that would keep the event loop from turning: a pause until its next turn, or null as long as none is due. */
export function pauses(): () => Promise<void> | null {
  let rested = performance.now();
  return () => {
    if (performance.now() - rested < everyMilliseconds) return null;
    return new Promise((resolve) => {
      setTimeout(() => {
        rested = performance.now();
        resolve();
      });
    });
  };
}
