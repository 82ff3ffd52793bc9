/** A recovery that succeeds with the first candidate compared with a workflow whose activities do nothing. */

import { signalWithStartRecovery } from '../temporal/workflow-client.ts';
import { addPayers, failureOf, type Payer } from './customers.ts';
import { readTrace } from './executions.ts';
import { createProcessorMeter } from './processor-time.ts';
import type { Findings } from './result.ts';
import { toComparison, runCalls, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const BARE_QUEUE = 'bare-recovery';
const PAYERS = 48;
const IN_FLIGHT = 16;
const ONE_BY_ONE = 12;
const WARM_UP = 400;
/** The cost of a recovery on the first alternative may not grow beyond this. */
const LIMITS = { activities: 4, events: 22 };

export const recoveryBenchmark = {
  name: 'recovery',
  title: 'Recovery with the first candidate against a bare workflow',
  conditions:
    'From the signal that starts it to its result. Bare: a workflow that receives the same signal and runs four ordinary activities ' +
    'over as many task queues, which do nothing and return recorded results; same codec, a separate worker. Persona runs two of its ' +
    'four within workflow tasks. ' +
    `Turns of ${PAYERS} recoveries, ${IN_FLIGHT} in flight, and of ${ONE_BY_ONE}, one after the other`,
  async run({ addresses, graph, temporal, startBare, log }: BenchSystem): Promise<Findings> {
    log(`adding ${PAYERS} customers…`);
    const payers = await addPayers({ addresses, graph }, PAYERS);
    const failureOfPayer = (n: number) => failureOf(payers[n % payers.length] as Payer);
    const recover = async (n: number): Promise<string> => {
      const failed = failureOfPayer(n);
      const workflowId = await signalWithStartRecovery(temporal, 'paymentFailed', failed);
      const result = await temporal.workflow.getHandle(workflowId).result();
      if (result.outcome !== 'recovered' || result.attempts !== 1)
        throw new Error(
          `unexpected result of the recovery of ${failed.payment_id}: ${JSON.stringify(result)}`,
        );
      return workflowId;
    };
    const { events, answers } = await readTrace(temporal, await recover(0));
    const worker = await startBare('worker', {}, { BARE_QUEUE, BARE_ANSWERS: JSON.stringify(answers) });
    const runBare = async (n: number) => {
      const failed = failureOfPayer(n);
      const handle = await temporal.workflow.signalWithStart('bareRecovery', {
        workflowId: `bare-recovery:${failed.payment_id}`,
        taskQueue: BARE_QUEUE,
        args: [{ payment_id: failed.payment_id }],
        signal: 'paymentFailed',
        signalArgs: [failed],
      });
      await handle.result();
    };
    // Neo4j's JVM is warm after some hundreds of recoveries; until then it takes three times as long.
    await runCalls(WARM_UP, IN_FLIGHT, recover);
    const processors = createProcessorMeter({
      ...addresses.pids,
      'bare worker': worker.pid,
      'this benchmark': process.pid,
    });
    const many = await sideBySide(
      () => processors.measure('persona', PAYERS, () => runCalls(PAYERS, IN_FLIGHT, recover)),
      () => processors.measure('bare', PAYERS, () => runCalls(PAYERS, IN_FLIGHT, runBare)),
    );
    const single = await sideBySide(
      () => runCalls(ONE_BY_ONE, 1, recover),
      () => runCalls(ONE_BY_ONE, 1, runBare),
    );
    await worker.stop();
    const activities = Object.keys(answers).length;
    return {
      comparisons: [
        {
          ...toComparison(`${IN_FLIGHT} in flight`, 'recoveries/s', 'perSecond', many),
          goal: { atLeast: 1 },
        },
        { ...toComparison('one by one', 'recoveries/s', 'perSecond', single), goal: { atLeast: 1 } },
        toComparison('one by one, p50', 'ms', 'p50', single),
      ],
      counts: [
        { what: 'activities', value: activities, atMost: LIMITS.activities },
        { what: 'history events', value: events, atMost: LIMITS.events },
      ],
      tables: [processors.table('processor time of one recovery (ms)')],
    };
  },
};
