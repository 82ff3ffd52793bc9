/** Cached reads and recoveries while another task queue is flooded, compared with the same without the flood. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { GetCustomerContextRequest, PersonaAgentService } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { followGateway, signalWithStartRecovery } from '../temporal/workflow-client.ts';
import { addPayers, failureOf, type Payer } from './customers.ts';
import { scheduleToStartLatencies } from './executions.ts';
import { openGrpcCaller } from './grpc-caller.ts';
import { type Findings, quantile } from './result.ts';
import { runCalls, sideBySide, toComparison } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const TASKS = Number(process.env.BENCH_FLOOD_TASKS || 2_000);
const STARTS_IN_FLIGHT = 64;
const PAYERS = 24;
const RECOVERIES_IN_FLIGHT = 4;
const REPETITIONS = 5;
const WARM_UP = 96;
/** Callers of contexts, each of which sends a request at this interval: far below what the process can answer. */
const READERS = 8;
const READ_INTERVAL_MS = 40;

export const neighbourBenchmark = {
  name: 'neighbour',
  title: 'Cached contexts and recoveries while another task queue is flooded',
  conditions:
    `"Persona": while ${TASKS} gateway updates are waiting on the queue for maintenance, on the same worker, whose objects the gateway does not know; ` +
    'those left at the end of a turn are terminated. "Bare": the same without them. ' +
    `Turns of ${PAYERS} recoveries, ${RECOVERIES_IN_FLIGHT} in flight, and as long as they last of ${(READERS * 1_000) / READ_INTERVAL_MS} cached contexts a second. ` +
    'Schedule to start: by Temporal’s clock, of the recoveries’ workflow tasks and charges',
  async run({ addresses, graph, temporal, log }: BenchSystem): Promise<Findings> {
    log(`adding ${PAYERS} customers…`);
    const payers = await addPayers({ addresses, graph }, PAYERS);
    const caller = openGrpcCaller(addresses.grpc, PersonaAgentService.getCustomerContext.path);
    const recover = async (n: number): Promise<string> => {
      const workflowId = await signalWithStartRecovery(
        temporal,
        'paymentFailed',
        failureOf(payers[n % PAYERS] as Payer),
      );
      await temporal.workflow.getHandle(workflowId).result();
      return workflowId;
    };
    const measure = async () => {
      const end = new AbortController();
      const reads = readAtIntervals(end.signal, (n) => {
        const { customer_id } = payers[n % PAYERS] as Payer;
        const request = { customer_id, transaction_id: '', min_version: 0n };
        const consistency = Consistency.CONSISTENCY_EVENTUAL;
        return caller.call(GetCustomerContextRequest.encode({ ...request, consistency }).finish());
      });
      const runs: string[] = [];
      const recoveries = await runCalls(
        PAYERS,
        RECOVERIES_IN_FLIGHT,
        async (n) => void runs.push(await recover(n)),
      );
      end.abort();
      const durations = await reads;
      const waits = await Promise.all(runs.map((id) => scheduleToStartLatencies(temporal, id, ['charge'])));
      return {
        waitP50: quantile(waits.flat(), 0.5),
        waitP99: quantile(waits.flat(), 0.99),
        readP50: quantile(durations, 0.5),
        readP99: quantile(durations, 0.99),
        recoveriesPerSecond: recoveries.perSecond,
      };
    };

    const left: number[] = [];
    await runCalls(WARM_UP, RECOVERIES_IN_FLIGHT * 4, recover);
    const turns = await sideBySide(
      async () => {
        const flood = await startFlood(temporal);
        const measured = await measure();
        left.push(await flood.end());
        return measured;
      },
      measure,
      REPETITIONS,
    );
    caller.close();
    log(`tasks left at the end of each flooded turn: ${left.join(', ')}`);
    return {
      comparisons: [
        toComparison('cached context, p50', 'ms', 'readP50', turns),
        toComparison('cached context, p99', 'ms', 'readP99', turns),
        toComparison('recoveries, schedule to start, p50', 'ms', 'waitP50', turns),
        toComparison('recoveries, schedule to start, p99', 'ms', 'waitP99', turns),
        toComparison('recoveries', '1/s', 'recoveriesPerSecond', turns),
      ],
      tables: [
        {
          head: ['of the gateway updates', 'at least', 'at most'],
          rows: [
            ['still waiting when the recoveries of a turn had ended', Math.min(...left), Math.max(...left)],
          ],
        },
      ],
    };
  },
};

/** Calls at fixed intervals until the end, a few callers side by side. @returns the durations in milliseconds */
async function readAtIntervals(end: AbortSignal, call: (n: number) => Promise<unknown>): Promise<number[]> {
  const durations: number[] = [];
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: READERS }, async (_, reader) => {
      const offset = (reader * READ_INTERVAL_MS) / READERS;
      for (let n = 0; !end.aborted; n += 1) {
        const dueAt = startedAt + offset + n * READ_INTERVAL_MS;
        await setTimeout(Math.max(0, dueAt - performance.now()));
        await call(n * READERS + reader);
        // From when it was due: a request that is late because of the one before has waited as well.
        durations.push(performance.now() - dueAt);
      }
    }),
  );
  return durations;
}

/** Starts the executions. @returns once all are started; `end` terminates those left and says how many there were */
async function startFlood(temporal: Client): Promise<{ end(): Promise<number> }> {
  const name = `bench-${randomUUID()}`;
  const workflowIdOf = (n: number) => `gateway-dispute:${name}-${n}`;
  await runCalls(TASKS, STARTS_IN_FLIGHT, (n) =>
    followGateway(
      temporal,
      undefined,
      {
        event_id: `${name}-${n}`,
        changed: 'dispute',
        dispute_ref: `${name}-${n}`,
        charge_ref: `${name}-${n}`,
      },
      TaskQueue.maintenance,
    ),
  );
  return {
    async end() {
      let left = 0;
      await runCalls(TASKS, STARTS_IN_FLIGHT, async (n) => {
        const terminated = temporal.workflow.getHandle(workflowIdOf(n)).terminate('the turn has ended');
        left += await terminated.then(
          () => 1,
          () => 0,
        );
      });
      return left;
    },
  };
}
