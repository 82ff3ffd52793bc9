/** The same items, at most so many a second, also after a slow one. */
export async function* paced<T>(items: AsyncIterable<T>, perSecond: number): AsyncGenerator<T> {
  let next = performance.now();
  for await (const item of items) {
    const wait = next - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    next = performance.now() + 1000 / perSecond;
    yield item;
  }
}
