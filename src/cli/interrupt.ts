/** A signal that the first Ctrl-C (or a polite kill) raises; the second one ends the process as usual. */
export function interruptSignal(): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.once("SIGINT", abort).once("SIGTERM", abort);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off("SIGINT", abort).off("SIGTERM", abort);
    },
  };
}
