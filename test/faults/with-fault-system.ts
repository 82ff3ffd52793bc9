/** One fault system for all tests of a file. */

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { verifyAll } from '../../graph/replay/verify.ts';
import { type FaultSystem, startFaultSystem } from './system.ts';

/**
 * Starts it before the file's tests and stops it behind them; a test that fails shows the end of its programs' logs. After
 * all others it looks whether the graph is what its log says.
 *
 * @param defineTests defines the tests; is given where the system is found once it runs
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

  test('the graph is what its log says', async () => {
    const differences: unknown[] = [];
    await verifyAll(getSystem().graph, { onDifference: (difference) => differences.push(difference) });
    expect(differences).toEqual([]);
  });
}
