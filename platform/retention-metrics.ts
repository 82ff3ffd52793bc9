/** What retention removes, and when it last went through everything. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { RetentionCounts } from '../domain/retention.ts';

/**
 * @param lastSuccess called for each scrape: epoch milliseconds, or `undefined` before the first complete run
 * @returns to be called with what was removed
 */
export function createRetentionMetrics(
  registry: Registry,
  lastSuccess: () => Promise<number | undefined>,
): (counts: RetentionCounts) => void {
  const removed = new Counter({
    name: 'persona_retention_removed_total',
    help: 'What retention has removed in this process, by policy',
    labelNames: ['policy'],
    registers: [registry],
  });
  new Gauge({
    name: 'persona_retention_last_success_timestamp_seconds',
    help: 'When retention last went through everything: alert PersonaRetentionOverdue',
    registers: [registry],
    async collect() {
      const at = await lastSuccess().catch(() => undefined);
      // Absent while the graph is away: an old value would look like a current one.
      if (at === undefined) this.remove();
      else this.set(at / 1_000);
    },
  });
  return (counts) => {
    for (const [policy, count] of Object.entries(counts)) removed.inc({ policy }, count);
  };
}
