/** Erasures that take longer than the law allows. */

import { Gauge, type Registry } from 'prom-client';

/** @param countOverdue called for each scrape */
export function createErasureMetrics(registry: Registry, countOverdue: () => Promise<number>): void {
  new Gauge({
    name: 'persona_erasures_overdue',
    help: 'Erasures that run for longer than privacy.deadline: alert PersonaErasureOverdue',
    registers: [registry],
    async collect() {
      const overdue = await countOverdue().catch(() => undefined);
      // Absent while the graph is away: an old value would look like a current one.
      if (overdue === undefined) this.remove();
      else this.set(overdue);
    },
  });
}
