/**
 * The processes that watch, and those that customers start, with real servers and `kill -9`: each is stopped at exact
 * requests, something is killed there and started again, and each comes to its right end, once.
 *
 * After a kill an activity is tried again when its time, or its heartbeat's, is over: up to a minute.
 */

import { expect, test, vi } from 'vitest';
import { startForFile } from './of-file.ts';
import { verifyAll } from '../../graph/replay/verify.ts';
import { stopScan } from './processes/expiring-cards.ts';
import { stopFraudCases } from './processes/fraud-cases.ts';
import { BEFORE_CORRECTION, COMPARING, CORRECTED, stopReconciliation } from './processes/reconciliation.ts';
import { stopWalletChanges } from './processes/wallet-changes.ts';
import type { FaultSystem } from './system.ts';

const LIMIT = { timeout: 150_000, interval: 2_000 };
const TEST_LIMIT = 300_000;
const POINTS = 4 + 7 + 6 + 2;

let system: FaultSystem;

startForFile((started) => {
  system = started;
});

const KILLS = [
  {
    killed: 'the worker',
    process: () => system.program('worker'),
    reconciling: [COMPARING, BEFORE_CORRECTION],
  },
  { killed: 'Neo4j', process: () => system.neo4j, reconciling: [COMPARING, CORRECTED] },
  { killed: 'Temporal', process: () => system.temporal, reconciling: [BEFORE_CORRECTION, CORRECTED] },
];

test.each(KILLS)(
  '$killed is killed at every point at once',
  { timeout: TEST_LIMIT },
  async ({ process, reconciling }) => {
    // First: it would compare the others' wallets too, and wait for their locks on its few slots.
    const stopped = await stopReconciliation(system, reconciling);
    stopped.push(
      ...(await Promise.all([stopScan(system), stopFraudCases(system), stopWalletChanges(system)])).flat(),
    );
    expect(stopped).toHaveLength(POINTS);
    await process().kill();
    for (const { release } of stopped) release();
    await process().restart();
    for (const { expectEnd } of stopped) {
      const end = async () => {
        // A notice that was decided on, and whose sending never began, is the sweep's.
        await system.sweep();
        await expectEnd();
      };
      await vi.waitFor(end, LIMIT);
    }
  },
);

test('the graph is what its log says', async () => {
  const differences: unknown[] = [];
  await verifyAll(system.graph, { onDifference: (difference) => differences.push(difference) });
  expect(differences).toEqual([]);
});
