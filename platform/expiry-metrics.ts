import { Counter, type Registry } from 'prom-client';

type Counts = Readonly<Record<'scanned' | 'notified' | 'updated' | 'expired' | 'failed', number>>;

/** What the expiry monitor of this process has seen to. @returns to be told of each part */
export function createExpiryMetrics(registry: Registry): (counts: Counts) => void {
  const cards = new Counter({
    name: 'persona_expiring_cards_total',
    help: 'Cards that the expiry monitor looked at, and what became of those that were due',
    labelNames: ['result'],
    registers: [registry],
  });
  return (counts) => {
    for (const [result, number] of Object.entries(counts)) cards.inc({ result }, number);
  };
}
