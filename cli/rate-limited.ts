/** The same items, at most so many a second, also after a slow one. */
export async function* rateLimited<T>(items: AsyncIterable<T>, perSecond: number): AsyncGenerator<T> {
  let nextAt = performance.now();
  for await (const item of items) {
    const wait = nextAt - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    nextAt = performance.now() + 1000 / perSecond;
    yield item;
  }
}
