/** Some dozens of random payments, with kills: a short form of `npm run faults`, whose seed repeats it. */

import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { startForFile } from './of-file.ts';
import { planOf } from './random/plan.ts';
import { runPlan } from './random/run.ts';
import type { FaultSystem } from './system.ts';

const seed = Number(process.env.PERSONA_FAULTS_SEED ?? randomInt(2 ** 32));
/** It takes about one minute; what cannot come to rest says what it is after seven. */
const LIMIT_MS = 10 * 60_000;
const SIZE = { obligations: 40, spread: 15_000, victims: ['worker', 'api', 'gateway'] } as const;

let system: FaultSystem;

startForFile((started) => {
  system = started;
});

test(
  `whatever dies by chance, nobody is charged twice or wrongly (PERSONA_FAULTS_SEED=${seed})`,
  async ({ onTestFailed }) => {
    const lines: string[] = [];
    onTestFailed(() => console.log(`PERSONA_FAULTS_SEED=${seed}\n${lines.join('\n')}`));
    const { problems, findings } = await runPlan(system, planOf({ seed, ...SIZE }), (line) =>
      lines.push(line),
    );
    expect(problems).toEqual([]);
    // That there was something to be checked.
    expect(findings.ledger.length).toBeGreaterThan(SIZE.obligations / 4);
  },
  LIMIT_MS,
);

test('the same seed plans the same', () => {
  expect(planOf({ seed, ...SIZE })).toEqual(planOf({ seed, ...SIZE }));
  expect(planOf({ seed: seed + 1, ...SIZE })).not.toEqual(planOf({ seed, ...SIZE }));
});
