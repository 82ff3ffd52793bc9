/** Contests that no operator has decided yet. */

import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * @param countOverdue called for each scrape
 * @returns to be called for each contest of which operators are reminded
 */
export function createContestMetrics(registry: Registry, countOverdue: () => Promise<number>): () => void {
  new Gauge({
    name: 'persona_contests_overdue',
    help: 'Contests without a decision for longer than privacy.deadline: alert PersonaContestOverdue',
    registers: [registry],
    async collect() {
      const overdue = await countOverdue().catch(() => undefined);
      // Absent while the graph is away: an old value would look like a current one.
      if (overdue === undefined) this.remove();
      else this.set(overdue);
    },
  });
  const reminders = new Counter({
    name: 'persona_contest_reminders_total',
    help: 'Contests without a decision after privacy.contestReminder',
    registers: [registry],
  });
  return () => reminders.inc();
}
