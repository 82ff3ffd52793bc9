/** One fault system for all tests of a file. */

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { verifyAll } from '../../graph/replay/verify.ts';
import { expectEveryEventInKafka } from '../outbox-fixture.ts';
import { type FaultSystem, startFaultSystem } from './system.ts';

/**
 * Starts it before the file's tests and stops it after them; a failing test prints the end of the programs' logs. The
 * last test verifies the graph against its event log.
 *
 * @param defineTests defines the tests; receives a function that returns the running system
 */
export function withFaultSystem(defineTests: (getSystem: () => FaultSystem) => void): void {
  let guard: Guard;
  let system: FaultSystem | undefined;
  const getSystem = () => system ?? expect.fail('the system did not start');

  beforeAll(async () => {
    guard = startGuard();
    system = await startFaultSystem({ guard, log: () => {} });
  });
  afterAll(async () => {
    await system?.close();
    await guard.stop();
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system?.persona.logTails())));

  defineTests(getSystem);

  test('the graph agrees with its event log', async () => {
    const differences: unknown[] = [];
    await verifyAll(getSystem().graph, { onDifference: (difference) => differences.push(difference) });
    expect(differences).toEqual([]);
  });

  test('Kafka has every event of the log, each stream in its order', async () => {
    const { graph, kafka } = getSystem();
    const unpublished = () => graph.read<{ n: number }>('MATCH (e:Unpublished) RETURN count(e) AS n');
    await expect.poll(unpublished, { timeout: 300_000 }).toEqual([{ n: 0 }]);
    await expectEveryEventInKafka(graph, kafka.brokers);
    await expectEveryEventInKafka(graph, kafka.brokers, { isCommittedOnly: true });
  });
}
