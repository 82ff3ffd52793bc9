/** `npm run faults`: a long random run, which prints the command that repeats it. */

import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runDevCommand } from '../../../dev/run-dev-command.ts';
import { startFaultSystem } from '../system.ts';
import { type ObservedState, isPersonaCharge } from './observed-state.ts';
import { createPlan } from './plan.ts';
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

await runDevCommand(async ({ guard, log }) => {
  const rerunCommand = `npm run faults -- --seed ${seed} --obligations ${obligations} --minutes ${minutes}`;
  log(rerunCommand);
  const victims = ['worker', 'api', 'gateway', 'neo4j', 'temporal'] as const;
  const plan = createPlan({ seed, obligationCount: obligations, spreadMs: minutes * 60_000, victims });
  const system = await startFaultSystem({ guard, log });
  const { problems, observed } = await runPlan(system, plan, log);
  if (problems.length === 0) {
    const personaCharges = observed.ledger.filter(isPersonaCharge).length;
    const externalCharges = observed.ledger.length - personaCharges;
    const kills = plan.actions.filter((action) => action.do === 'kill').length;
    log(`events: ${JSON.stringify(countsOf(observed))}`);
    log(
      `${obligations} payments, ${personaCharges} charges, ${externalCharges} external charges, ${kills} kills, no problems found.`,
    );
    return 0;
  }
  const file = join(tmpdir(), `persona-faults-${seed}.json`);
  writeFileSync(file, JSON.stringify({ problems, observed, plan }, undefined, 2));
  guard.leave(system.persona.folder);
  log(
    `${problems.join('\n')}\nRepeat with: ${rerunCommand}\nObserved state: ${file}; logs: ${system.persona.folder}`,
  );
  return 1;
});

/** The outcomes of the obligations, and the number of external changes. */
function countsOf({ obligations: ended, events }: ObservedState): Record<string, number> {
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
  console.error(`--${name} must be an integer of at least ${least}`);
  return process.exit(2);
}
