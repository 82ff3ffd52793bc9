/** Ten thousand waiting recoveries on one worker. */

import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { MAX_CACHED_WORKFLOWS } from '../../temporal/worker.ts';
import { addSingleCardPayers, addUnverifiedPayers, failureOf } from '../customers.ts';
import { readTrace } from '../executions.ts';
import { type Comparison, type Findings, quantile } from '../result.ts';
import { toComparison, sideBySide } from '../side-by-side.ts';
import type { BenchSystem } from '../system.ts';
import { bareSide, type WorkerMemory, personaSide, type Side } from './sides.ts';
import { inSteps } from './steps.ts';

const BARE_QUEUE = 'bare-open';
const WARM = 50;
/** Few enough for the worker's cache. */
const FEW = 450;
const MANY = 10_000;
/** Steps from `FEW` to `MANY`, after one that is not measured. */
const STEPS = 7;
const TURNS = 7;
const QUESTIONS = 200;
const CHARGES = 8;

type Sides<T> = Record<'persona' | 'bare', T>;

export const openRecoveriesBenchmark = {
  name: 'open-recoveries',
  title: `${MANY} open recoveries on one worker against bare waiting workflows`,
  conditions:
    'Recoveries after insufficient funds whose customers have no other card: they notify the customer and wait. Bare: workflows ' +
    'that receive the same signal, run two activities that do nothing and return recorded results, and wait for a timer or a ' +
    'signal; same codec, a separate worker. Opened: from the first signal until all are waiting, in steps. ' +
    `Memory: the worker's growth from ${WARM} to ${FEW} of them, for each, after a garbage collection. ` +
    `Status: turns of ${QUESTIONS} queries of random ones, one after the other. Charge: from the arrival of \`retryNow\` to the start of the ` +
    `charge, by Temporal's clock, turns of ${CHARGES}. A worker caches ${MAX_CACHED_WORKFLOWS} workflows: all of ${FEW}, one in ` +
    `${MANY / MAX_CACHED_WORKFLOWS} of ${MANY}; the others are replayed from their histories`,
  async run(system: BenchSystem): Promise<Findings> {
    const { graph, temporal, worker, startBare, log } = system;
    log(`adding ${MANY} customers…`);
    // The cards that are charged must be known at the gateway.
    const charges = 2 * CHARGES * (TURNS + 1);
    const payers = await addSingleCardPayers(system, charges + 1);
    const unverifiedPayers = await addUnverifiedPayers(graph, MANY - charges);
    const [first, ...failures] = [...payers, ...unverifiedPayers].map(failureOf);
    if (first === undefined) throw new Error('no customer was added');

    const persona = personaSide(system, worker);
    await persona.open([first]);
    await persona.charge(first.payment_id);
    const { answers } = await readTrace(temporal, `recovery:${first.payment_id}`);
    const bareWorker = await startBare('worker', {}, { BARE_QUEUE, BARE_ANSWERS: JSON.stringify(answers) });
    const sides = { persona, bare: bareSide(temporal, BARE_QUEUE, bareWorker) };

    await openOnBoth(sides, failures.slice(0, WARM));
    const warm = await measureBoth(sides);
    await openOnBoth(sides, failures.slice(WARM, FEW));
    const memory = perRecovery(warm, await measureBoth(sides), FEW - WARM);
    log(`${FEW} open`);
    const chargeable = failures.slice(0, charges).map(({ payment_id }) => payment_id);
    const few = await measure(sides, {
      open: failures.slice(charges, FEW),
      charged: chargeable.slice(0, charges / 2),
    });

    const steps = inSteps(failures.slice(FEW), STEPS + 1);
    const opened = await sideBySide(
      (step) => persona.open(steps[step] ?? []),
      (step) => sides.bare.open(steps[step] ?? []),
      STEPS,
    );
    log(`${MANY} open`);
    const many = await measure(sides, {
      open: failures.slice(charges),
      charged: chargeable.slice(charges / 2),
    });
    await bareWorker.stop();
    return {
      comparisons: [
        toComparison('opened', 'recoveries/s', 'perSecond', opened),
        ...memory,
        ...figures(`${FEW} open`, few),
        ...figures(`${MANY} open`, many),
      ],
    };
  },
};

async function openOnBoth(sides: Sides<Side>, failures: readonly PaymentFailed[]): Promise<void> {
  await sides.persona.open(failures);
  await sides.bare.open(failures);
}

async function measureBoth({ persona, bare }: Sides<Side>): Promise<Sides<WorkerMemory>> {
  return { persona: await persona.measureMemory(), bare: await bare.measureMemory() };
}

function perRecovery(before: Sides<WorkerMemory>, after: Sides<WorkerMemory>, count: number): Comparison[] {
  const growthOf = (side: keyof Sides<WorkerMemory>, what: keyof WorkerMemory) => [
    (after[side][what] - before[side][what]) / count,
  ];
  return (['heap', 'resident'] as const).flatMap((what) => {
    const [persona, bare] = [growthOf('persona', what), growthOf('bare', what)];
    const name = what === 'heap' ? 'heap' : 'resident memory';
    const isKnown = !persona.some(Number.isNaN);
    return isKnown ? [{ what: `${name} of a cached recovery`, unit: 'KB', persona, bare }] : [];
  });
}

interface Turn {
  p50: number;
  p99: number;
  charge: number;
}

/** @param payments every turn uses other payments of `charged` */
async function measure(
  sides: Sides<Side>,
  { open, charged }: { open: readonly PaymentFailed[]; charged: readonly string[] },
): Promise<Sides<Turn[]>> {
  const turnOf = (side: Side) => async (turn: number) => {
    const paymentIds = Array.from({ length: QUESTIONS }, () => randomItem(open).payment_id);
    const { p50, p99 } = await side.queryStatus(paymentIds);
    const durations: number[] = [];
    for (const paymentId of charged.slice(turn * CHARGES, (turn + 1) * CHARGES))
      durations.push(await side.charge(paymentId));
    return { p50, p99, charge: quantile(durations, 0.5) };
  };
  return sideBySide(turnOf(sides.persona), turnOf(sides.bare), TURNS);
}

function figures(where: string, measured: Sides<Turn[]>): Comparison[] {
  return [
    toComparison(`${where}: status, p50`, 'ms', 'p50', measured),
    toComparison(`${where}: status, p99`, 'ms', 'p99', measured),
    toComparison(`${where}: \`retryNow\` to the charge, p50`, 'ms', 'charge', measured),
  ];
}

function randomItem<T>(all: readonly T[]): T {
  return all[Math.floor(Math.random() * all.length)] as T;
}
