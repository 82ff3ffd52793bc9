/** How a process has answered reads of contexts so far, from its metrics. */

export type CacheReads = Readonly<Record<string, number>>;

const LINE = /^persona_context_cache_total\{result="(\w+)"\} (\d+)/gm;

/** @param metrics the page in Prometheus' format @returns the number of reads by result */
export function readsIn(metrics: string): CacheReads {
  const found = [...metrics.matchAll(LINE)].map(([, result, count]) => [result, Number(count)] as const);
  return Object.fromEntries(found);
}

/** The reads of several processes since an earlier reading of each, by result. */
export function readsSince(before: readonly CacheReads[], after: readonly CacheReads[]): CacheReads {
  const sum: Record<string, number> = {};
  for (const [index, reads] of after.entries())
    for (const [result, count] of Object.entries(reads))
      sum[result] = (sum[result] ?? 0) + count - (before[index]?.[result] ?? 0);
  return sum;
}

/** The share of the reads with these results, in percent. */
export function shareOf(reads: CacheReads, results: readonly string[]): number {
  const all = Object.values(reads).reduce((sum, count) => sum + count, 0);
  return (results.reduce((sum, result) => sum + (reads[result] ?? 0), 0) * 100) / all;
}
