/** Enough to keep servers busy, and few enough that others hardly notice. */
const CONCURRENCY = 4;

/** Works on a few items at a time; the first failure is thrown. */
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
