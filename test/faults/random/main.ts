/** `npm run faults`: a long random run, which prints all that is needed to have it again. */

import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCommand } from '../../../dev/command.ts';
import { startFaultSystem } from '../system.ts';
import { planOf } from './plan.ts';
import { runPlan } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
    obligations: { type: 'string', default: '500' },
    minutes: { type: 'string', default: '10' },
  },
});
const seed = wholeNumber('seed', 0);
const obligations = wholeNumber('obligations', 1);
const minutes = wholeNumber('minutes', 1);

await runCommand(async ({ guard, log }) => {
  const again = `npm run faults -- --seed ${seed} --obligations ${obligations} --minutes ${minutes}`;
  log(again);
  const victims = ['worker', 'api', 'gateway', 'neo4j', 'temporal'] as const;
  const plan = planOf({ seed, obligations, spread: minutes * 60_000, victims });
  const system = await startFaultSystem({ guard, log });
  const { problems, findings } = await runPlan(system, plan, log);
  if (problems.length === 0) {
    log(`${obligations} payments, ${findings.ledger.length} charges, and everything is as it must be.`);
    return 0;
  }
  const file = join(tmpdir(), `persona-faults-${seed}.json`);
  writeFileSync(file, JSON.stringify({ problems, findings, plan }, undefined, 2));
  guard.leave(system.persona.folder);
  log(`${problems.join('\n')}\nAgain: ${again}\nWhat was found: ${file}; logs: ${system.persona.folder}`);
  return 1;
});

function wholeNumber(name: 'seed' | 'obligations' | 'minutes', least: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`--${name}: must be a whole number, ${least} or more`);
  return process.exit(2);
}
