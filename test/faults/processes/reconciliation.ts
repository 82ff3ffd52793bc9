/** The reconciliation, stopped while it compares a wallet and while a finding is corrected. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { customerWithScriptedCards } from '../customer-fixtures.ts';
import type { StopCondition } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';
import { eventsOf, COMMIT_MOMENTS, type StoppedProcess, stopProcessAt } from './stopped-process.ts';

/** Given a customer and their card. */
type StopForCard = (customer: string, card: string) => StopCondition;

export interface ReconciliationPoint {
  at: string;
  stop: StopForCard;
}

export const COMPARING: ReconciliationPoint = {
  at: 'reconciliation: while a wallet is compared',
  stop: (customer) => ({ requests: [['p.token_hash AS token_hash', customer]], hold: 'answer' }),
};
export const [BEFORE_CORRECTION, CORRECTED] = COMMIT_MOMENTS.map(({ name, stopAt }) => ({
  at: `reconciliation: ${name} a detached card is removed from the wallet`,
  stop: (_: string, card: string) => stopAt('PaymentMethodRemoved', card),
})) as [ReconciliationPoint, ReconciliationPoint];

/**
 * Each customer's card was detached without an event.
 * @param points at most two: the reconciliation's slots in one worker
 */
export async function stopReconciliation(
  system: FaultSystem,
  points: readonly ReconciliationPoint[],
): Promise<StoppedProcess[]> {
  const customers = await Promise.all(
    points.map(async () => {
      const customer = await customerWithScriptedCards(system, [{}]);
      await system.inspector.detachSilently(customer.cards[0]?.token ?? '');
      return customer;
    }),
  );
  let run: Promise<void> | undefined;
  const begin = async () => {
    run ??= system.agents.reconcile(randomUUID());
    await run;
  };
  // All stops are set before the one run starts.
  return Promise.all(
    points.map(({ at, stop }, index) => {
      const { id, cards } = customers[index] ?? expect.fail();
      return stopProcessAt(system, {
        ...{ at, stop: stop(id, cards[0]?.id ?? ''), begin },
        async expectEnd() {
          expect(await system.inspector.wallet(id), at).toMatchObject([{ status: 'inactive' }]);
          expect(await eventsOf(system, id, 'PaymentMethodRemoved'), at).toHaveLength(1);
        },
      });
    }),
  );
}
