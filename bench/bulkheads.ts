/** How long claims and recordings wait for a worker while the receiver of notices never responds. */

import { setTimeout } from 'node:timers/promises';
import { getObligation } from '../graph/recovery/index.ts';
import { signalWithStartRecovery } from '../temporal/workflow-client.ts';
import { addUnverifiedPayers, addPayers, failureOf, type Payer } from './customers.ts';
import { scheduleToStartLatencies } from './executions.ts';
import { type Findings, quantile } from './result.ts';
import { toComparison, runCalls, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const PAYERS = 24;
const IN_FLIGHT = 8;
const REPETITIONS = 3;
/** More than the activities that a worker runs concurrently per queue: each of their notices occupies one. */
const UNANSWERED = 130;
const WARM_UP = 96;
/** By then all of them are being delivered; one try lasts ten seconds. */
const DELIVERY_UNDER_WAY_MS = 3_000;
/** Claims and recordings run within workflow tasks. */
const ACTIVITIES = ['charge'];

export const bulkheadsBenchmark = {
  name: 'bulkheads',
  title: 'Claims and recordings while the receiver of notices does not respond',
  conditions:
    'Schedule-to-start latency, by Temporal’s clock, of workflow tasks, within which recoveries claim and record, and of charges. Persona: while the receiver accepts connections and never responds, ' +
    `with the notices of ${UNANSWERED} other recoveries pending, of which a worker delivers 100 at a time. Bare: the same while it responds. ` +
    `Turns of ${PAYERS} recoveries, ${IN_FLIGHT} in flight`,
  async run({ addresses, graph, temporal, log }: BenchSystem): Promise<Findings> {
    log(`adding ${PAYERS + UNANSWERED} customers…`);
    const payers = await addPayers({ addresses, graph }, PAYERS);
    const unverifiedPayers = await addUnverifiedPayers(graph, UNANSWERED);
    const start = async (payer: Payer): Promise<{ workflowId: string; payment_id: string }> => {
      const failed = failureOf(payer);
      return {
        workflowId: await signalWithStartRecovery(temporal, 'paymentFailed', failed),
        payment_id: failed.payment_id,
      };
    };
    const recover = async (n: number): Promise<string> => {
      const { workflowId, payment_id } = await start(payers[n % PAYERS] as Payer);
      while ((await getObligation(graph, payment_id).catch(() => undefined))?.state !== 'recovered')
        await setTimeout(20);
      return workflowId;
    };
    const measure = async () => {
      const runs: string[] = [];
      await runCalls(PAYERS, IN_FLIGHT, async (n) => void runs.push(await recover(n)));
      const waits = (
        await Promise.all(runs.map((id) => scheduleToStartLatencies(temporal, id, ACTIVITIES)))
      ).flat();
      return { p99: quantile(waits, 0.99) };
    };
    const setMode = async (mode: 'ok' | 'silent') => {
      const response = await fetch(`${addresses.inbox}/_sim/mode`, { method: 'PUT', body: mode });
      if (!response.ok) throw new Error(await response.text());
    };

    await runCalls(WARM_UP, IN_FLIGHT, recover);
    const turns = await sideBySide(
      async () => {
        await setMode('silent');
        await runCalls(UNANSWERED, IN_FLIGHT, (n) => start(unverifiedPayers[n] as Payer));
        await setTimeout(DELIVERY_UNDER_WAY_MS);
        const waits = await measure();
        await setMode('ok');
        return waits;
      },
      measure,
      REPETITIONS,
    );
    return { comparisons: [toComparison('schedule to start, p99', 'ms', 'p99', turns)] };
  },
};
