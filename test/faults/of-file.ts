/** One fault system for the tests of a file. */

import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { type FaultSystem, startFaultSystem } from './system.ts';

/** Starts it before the file's tests and stops it behind them; a test that fails shows the end of its programs' logs. */
export function startForFile(onStarted: (system: FaultSystem) => void): void {
  let guard: Guard;
  let system: FaultSystem | undefined;

  beforeAll(async () => {
    guard = startGuard();
    system = await startFaultSystem({ guard, log: () => {} });
    onStarted(system);
  });
  afterAll(async () => {
    await system?.close();
    await guard.stop();
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system?.persona.logTails())));
}
