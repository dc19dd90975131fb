/** What a generator returns, whatever it yields. */
export async function resultOf<R>(generator: AsyncGenerator<unknown, R>): Promise<R> {
  for (;;) {
    const next = await generator.next();
    if (next.done) return next.value;
  }
}
