import { Counter, type Registry } from 'prom-client';

type Counts = Readonly<Record<'scanned' | 'notified' | 'updated' | 'expired' | 'failed', number>>;

/** Counts the cards that the expiry monitor of this process handles. @returns to be called with each part's counts */
export function createExpiryMetrics(registry: Registry): (counts: Counts) => void {
  const cards = new Counter({
    name: 'persona_expiring_cards_total',
    help: 'Cards scanned by the expiry monitor, and the results of those that were due',
    labelNames: ['result'],
    registers: [registry],
  });
  return (counts) => {
    for (const [result, number] of Object.entries(counts)) cards.inc({ result }, number);
  };
}
