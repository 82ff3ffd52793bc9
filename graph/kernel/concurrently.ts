/** Enough to keep Neo4j busy. */
const CONCURRENCY = 4;

/** Processes items, a few at a time. @throws the first failure */
export async function concurrently<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}
