/** Yields the same items at most `perSecond` times a second; a slow item is not caught up with. */
export async function* rateLimited<T>(items: AsyncIterable<T>, perSecond: number): AsyncGenerator<T> {
  let nextAt = performance.now();
  for await (const item of items) {
    const wait = nextAt - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    nextAt = performance.now() + 1000 / perSecond;
    yield item;
  }
}
