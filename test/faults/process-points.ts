/**
 * Scheduled workflows, and those that customers start, with real servers and `kill -9`: each is stopped at exact
 * requests, a server is killed there and restarted, and each workflow reaches its correct result, once.
 *
 * After a kill an activity is retried when its timeout, or its heartbeat's, has passed: up to a minute.
 */

import { expect, test, vi } from 'vitest';
import { EVERY_ERASURE, stopErasures } from './processes/erasures.ts';
import { stopScan } from './processes/expiring-cards.ts';
import { stopFraudCases } from './processes/fraud-cases.ts';
import {
  BEFORE_CORRECTION,
  COMPARING,
  CORRECTED,
  type ReconciliationPoint,
  stopReconciliation,
} from './processes/reconciliation.ts';
import { stopRelay } from './processes/relay.ts';
import { COMMIT_MOMENTS, type StoppedProcess } from './processes/stopped-process.ts';
import { stopWaitingErasures } from './processes/waiting-erasures.ts';
import { stopWalletChanges } from './processes/wallet-changes.ts';
import type { FaultSystem } from './system.ts';

const LIMIT = { timeout: 400_000, interval: 2_000 };
const TEST_LIMIT = 600_000;
const POINT_COUNT = 4 + 7 + 6 + 2 + 1;

type Victim = 'worker' | 'neo4j' | 'temporal';
export const EVERY_VICTIM: readonly Victim[] = ['worker', 'neo4j', 'temporal'];

const RECONCILIATION_POINTS: Record<Victim, readonly ReconciliationPoint[]> = {
  worker: [COMPARING, BEFORE_CORRECTION],
  neo4j: [COMPARING, CORRECTED],
  temporal: [BEFORE_CORRECTION, CORRECTED],
};

/** One point for each: there is one relay. */
const RELAY_POINTS = { worker: 0, neo4j: 1, temporal: 0 } as const;

/**
 * Defines the tests.
 * @param getSystem the system, once it is running
 * @param stopOthers stops further processes together with these
 */
export function testProcessPoints(
  getSystem: () => FaultSystem,
  victims: readonly Victim[],
  stopOthers: (system: FaultSystem) => Promise<StoppedProcess[]> = async () => [],
): void {
  test.each(victims)(
    '%s is killed while every process is stopped at its points',
    { timeout: TEST_LIMIT },
    async (victim) => {
      const system = getSystem();
      // First, since it would also compare the others' wallets, and block its few slots waiting for their locks.
      const stopped = await stopReconciliation(system, RECONCILIATION_POINTS[victim]);
      stopped.push(
        ...(await Promise.all([stopScan(system), stopFraudCases(system), stopWalletChanges(system)])).flat(),
      );
      const others = await stopOthers(system);
      stopped.push(...others);
      // Last, as every other process writes events that it publishes.
      stopped.push(await stopRelay(system, COMMIT_MOMENTS[RELAY_POINTS[victim]] ?? expect.fail()));
      expect(stopped).toHaveLength(POINT_COUNT + others.length);
      await killAndExpectEnds(system, victim, stopped);
    },
  );
}

/** Alone: together with the other processes they would hold all of a worker's connections to Neo4j. */
export function testErasurePoints(getSystem: () => FaultSystem, victims: readonly Victim[]): void {
  test.each(victims)(
    '%s is killed while erasures are stopped at every point',
    { timeout: TEST_LIMIT },
    async (victim) => {
      const system = getSystem();
      const stopped = await stopErasures(system, EVERY_ERASURE);
      // Last: an activity's time limit ends the wait for the onboarding.
      if (victim === 'worker') stopped.push(...(await stopWaitingErasures(system)));
      await killAndExpectEnds(system, victim, stopped);
    },
  );
}

async function killAndExpectEnds(
  system: FaultSystem,
  victim: Victim,
  stopped: readonly StoppedProcess[],
): Promise<void> {
  const killed = victim === 'worker' ? system.program('worker') : system[victim];
  await killed.kill();
  for (const { release } of stopped) release();
  await killed.restart();
  for (const { expectEnd } of stopped) {
    const end = async () => {
      // A notice that was decided on and never started is sent by the sweep.
      await system.sweep();
      await expectEnd();
    };
    await vi.waitFor(end, LIMIT);
  }
}
