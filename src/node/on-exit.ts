/** Calls `release` when the process exits, unless disposed before. */
export function onExit(release: () => void): Disposable {
  // Node warns of a leak beyond a fixed number of listeners; each of these is disposed.
  process.setMaxListeners(process.getMaxListeners() + 1);
  process.once("exit", release);
  return {
    [Symbol.dispose]() {
      process.off("exit", release);
      process.setMaxListeners(process.getMaxListeners() - 1);
    },
  };
}
