/** Random payments and random kills as a test; `npm run faults` makes longer runs, and repeats one by its seed. */

import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import type { FaultSystem } from '../system.ts';
import { type PlanOptions, createPlan } from './plan.ts';
import { runPlan } from './run.ts';

const seed = Number(process.env.PERSONA_FAULTS_SEED ?? randomInt(2 ** 32));
/** A run that does not become quiescent reports its problems after seven minutes. */
const QUIESCENCE_LIMIT_MS = 15 * 60_000;

/** Defines the tests. @param getSystem the system, once it is running */
export function testRandomKills(getSystem: () => FaultSystem, size: Omit<PlanOptions, 'seed'>): void {
  test(`under random kills no customer is charged twice or wrongly (PERSONA_FAULTS_SEED=${seed})`, {
    timeout: size.spreadMs + QUIESCENCE_LIMIT_MS,
  }, async ({ onTestFailed }) => {
    const lines: string[] = [];
    onTestFailed(() => console.log(`PERSONA_FAULTS_SEED=${seed}\n${lines.join('\n')}`));
    const { problems, observed } = await runPlan(getSystem(), createPlan({ seed, ...size }), (line) =>
      lines.push(line),
    );
    expect(problems).toEqual([]);
    // So that the checks were not vacuous.
    expect(observed.ledger.length).toBeGreaterThan(size.obligationCount / 4);
  });

  test('the same seed yields the same plan', () => {
    expect(createPlan({ seed, ...size })).toEqual(createPlan({ seed, ...size }));
    expect(createPlan({ seed: seed + 1, ...size })).not.toEqual(createPlan({ seed, ...size }));
  });
}
