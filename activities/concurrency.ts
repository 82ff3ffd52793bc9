/** Enough to keep the servers busy without affecting other requests. */
const CONCURRENCY = 4;

/** Processes a few items concurrently; throws the first failure. */
export async function forEachConcurrently<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}
