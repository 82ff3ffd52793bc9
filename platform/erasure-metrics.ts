/** Erasures that take longer than the law allows, and messages about erased customers. */

import { Counter, Gauge, type Registry } from 'prom-client';

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

/** @returns counts a message about a customer who is erased, or being erased, by where it came in */
export function createLateMessageCounter(registry: Registry): (entrance: string) => void {
  const counter = new Counter({
    name: 'persona_erased_messages_total',
    help: 'Messages about customers who are erased, or being erased, that were dropped or refused',
    labelNames: ['entrance'],
    registers: [registry],
  });
  return (entrance) => counter.inc({ entrance });
}
