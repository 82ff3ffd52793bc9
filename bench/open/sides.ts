/** Waiting recoveries, Persona's and bare ones: how they are opened, queried and signalled to charge. */

import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { QueryName, recoveryWorkflowId, SearchAttribute } from '../../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { signalWithStartRecovery } from '../../temporal/workflow-client.ts';
import { timeToCharge } from '../executions.ts';
import { heapOf, type Inspectable } from '../heap.ts';
import { memoryOf } from '../memory.ts';
import { type Load, runCalls } from '../side-by-side.ts';
import type { Servers } from '../system.ts';

const IN_FLIGHT = 32;
const POLL_MS = 250;
const TIMEOUT_MS = 15 * 60_000;
const RETRY = 'retryNow';

/** Memory of a worker, including its workflow cache, in KB. */
export interface WorkerMemory {
  /** In use in the heaps after a garbage collection. */
  heap: number;
  /** NaN if the system is not Linux. */
  resident: number;
}

export interface Side {
  /** Opens a recovery for each failure, and returns when all of them are waiting. @returns recoveries per second */
  open(failures: readonly PaymentFailed[]): Promise<{ perSecond: number }>;
  /** Queries the status of the recoveries of these payments, one after the other. */
  queryStatus(payments: readonly string[]): Promise<Load>;
  /** Signals a recovery to retry. @returns milliseconds until its charge started */
  charge(paymentId: string): Promise<number>;
  measureMemory(): Promise<WorkerMemory>;
}

interface SideOptions {
  worker: Inspectable;
  workflowId(paymentId: string): string;
  start(failure: PaymentFailed): Promise<unknown>;
  /** The number of recoveries that have started waiting so far. */
  countWaiting(): Promise<number>;
}

const NOTICES = `
  MATCH (r:CommandReceipt {caller: 'notices'}) WHERE r.key ENDS WITH ':no_alternative:1:end' RETURN count(r) AS notified`;

/** Persona's recoveries are waiting once their customers have been notified. */
export function personaSide({ graph, temporal }: Servers, worker: Inspectable): Side {
  return side(temporal, {
    worker,
    workflowId: recoveryWorkflowId,
    start: (failure) => signalWithStartRecovery(temporal, 'paymentFailed', failure),
    async countWaiting() {
      const [row] = await graph.read<{ notified: number }>(NOTICES);
      return row?.notified ?? 0;
    },
  });
}

export function bareSide(temporal: Client, queue: string, worker: Inspectable): Side {
  const workflowId = (paymentId: string) => `bare-${recoveryWorkflowId(paymentId)}`;
  return side(temporal, {
    worker,
    workflowId,
    start: (failure) =>
      temporal.workflow.signalWithStart('bareWaiting', {
        workflowId: workflowId(failure.payment_id),
        taskQueue: queue,
        args: [{ payment_id: failure.payment_id }],
        signal: 'paymentFailed',
        signalArgs: [failure],
      }),
    async countWaiting() {
      const { count } = await temporal.workflow.count(
        `WorkflowType = 'bareWaiting' AND ${SearchAttribute.state} = 'waiting'`,
      );
      return count;
    },
  });
}

function side(temporal: Client, { worker, workflowId, start, countWaiting }: SideOptions): Side {
  const handleOf = (paymentId: string) => temporal.workflow.getHandle(workflowId(paymentId));
  return {
    async open(failures) {
      const before = await countWaiting();
      const startedAt = performance.now();
      await runCalls(failures.length, IN_FLIGHT, (n) => start(failures[n] as PaymentFailed));
      for (let found = before; found < before + failures.length; found = await countWaiting()) {
        if (performance.now() > startedAt + TIMEOUT_MS)
          throw new Error(`only ${found - before} of ${failures.length} recoveries are waiting`);
        await setTimeout(POLL_MS);
      }
      return { perSecond: (failures.length * 1_000) / (performance.now() - startedAt) };
    },
    queryStatus: (payments) =>
      runCalls(payments.length, 1, (n) => handleOf(payments[n] as string).query(QueryName.status)),
    async charge(paymentId) {
      const handle = handleOf(paymentId);
      await handle.signal(RETRY, { actor: 'bench', reason: 'measured' });
      const result = (await handle.result()) as { outcome: string };
      if (result.outcome !== 'recovered')
        throw new Error(`unexpected result of the recovery of ${paymentId}: ${JSON.stringify(result)}`);
      return timeToCharge(temporal, handle.workflowId, RETRY);
    },
    async measureMemory() {
      const heap = await heapOf(worker);
      return { heap: heap * 1_000, resident: (memoryOf(worker.pid)?.now ?? Number.NaN) * 1_000 };
    },
  };
}
