/** `npm run faults`: a long random run, which prints all that is needed to have it again. */

import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCommand } from '../../../dev/command.ts';
import { startFaultSystem } from '../system.ts';
import { type Findings, isOwn } from './found.ts';
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
    const own = findings.ledger.filter(isOwn).length;
    const others = findings.ledger.length - own;
    const kills = plan.deeds.filter((deed) => deed.do === 'kill').length;
    log(`what happened: ${JSON.stringify(countsOf(findings))}`);
    log(
      `${obligations} payments, ${own} charges, ${others} of others, ${kills} kills, and everything is as it must be.`,
    );
    return 0;
  }
  const file = join(tmpdir(), `persona-faults-${seed}.json`);
  writeFileSync(file, JSON.stringify({ problems, findings, plan }, undefined, 2));
  guard.leave(system.persona.folder);
  log(`${problems.join('\n')}\nAgain: ${again}\nWhat was found: ${file}; logs: ${system.persona.folder}`);
  return 1;
});

/** How the obligations ended, and how often others had a part in it. */
function countsOf({ obligations: ended, events }: Findings): Record<string, number> {
  const listed = [
    'RecoveryOverpaid',
    'RefundSent',
    'PaymentMethodDisputed',
    'PaymentMethodRemoved',
    'PaymentMethodUpdated',
  ];
  const counts: Record<string, number> = {};
  for (const what of [
    ...ended.map(({ state, rule }) => `${state} (${rule})`),
    ...events.map(({ type }) => type).filter((type) => listed.includes(type)),
  ])
    counts[what] = (counts[what] ?? 0) + 1;
  return counts;
}

function wholeNumber(name: 'seed' | 'obligations' | 'minutes', least: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`--${name}: must be a whole number, ${least} or more`);
  return process.exit(2);
}
