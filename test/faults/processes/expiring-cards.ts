/** The scan of expiring cards, stopped at several cards, each at a different point. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { today } from '../../../domain/expiry/calendar.ts';
import { TaskQueue, WorkflowName } from '../../../domain/workflow-contracts.ts';
import { customerWithScriptedCards } from '../customer-fixtures.ts';
import type { StopCondition } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';
import {
  eventsOf,
  COMMIT_MOMENTS,
  noticesTo,
  type StoppedProcess,
  stopProcessAt,
} from './stopped-process.ts';

/** Where the scan stops at one card, given its id. */
const POINTS: readonly { at: string; stop: (card: string) => StopCondition }[] = [
  ...COMMIT_MOMENTS.map(({ name, stopAt }) => ({
    at: `scan: ${name} a notice is decided`,
    stop: (card: string) => stopAt('ExpiryNoticeDue', card),
  })),
  {
    at: 'scan: before the notice is delivered',
    stop: (card) => ({ requests: [[`notice:expiry:${card}`]], hold: 'request' }),
  },
  {
    at: 'scan: after the notice is delivered, before that is recorded',
    stop: (card) => ({ requests: [['NoticeSent', `expiry:${card}`]], hold: 'request' }),
  },
];

export async function stopScan(system: FaultSystem): Promise<StoppedProcess[]> {
  const [year, month] = today(Date.now()).split('-').map(Number) as [number, number];
  const customers = await Promise.all(
    POINTS.map(() => customerWithScriptedCards(system, [{ expiry: { month, year } }])),
  );
  let run: Promise<unknown> | undefined;
  const begin = async () => {
    run ??= system.client.workflow.start(WorkflowName.monitorExpiringCards, {
      workflowId: `card-expiry-monitor:${randomUUID()}`,
      taskQueue: TaskQueue.expiry,
    });
    await run;
  };
  // All stops are set before the one scan starts.
  return Promise.all(
    POINTS.map(({ at, stop }, index) => {
      const { id, cards } = customers[index] ?? expect.fail();
      const card = cards[0]?.id ?? '';
      return stopProcessAt(system, {
        ...{ at, stop: stop(card), begin },
        async expectEnd() {
          const due = await eventsOf<{ payment_method_id: string; notice: string }>(
            system,
            id,
            'ExpiryNoticeDue',
          );
          expect(due, at).toMatchObject([{ payment_method_id: card }]);
          expect(await noticesTo(system, id), at).toEqual(due.map(({ notice }) => notice));
          expect(await eventsOf(system, id, 'NoticeSent'), at).toHaveLength(1);
        },
      });
    }),
  );
}
