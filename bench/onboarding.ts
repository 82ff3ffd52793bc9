/** Onboarding without a payment method compared with a workflow whose activity does nothing. */

import { randomUUID } from 'node:crypto';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { onboardingWorkflowId } from '../domain/workflow-contracts.ts';
import { onboardCustomer } from '../temporal/workflow-client.ts';
import { newCustomerRequest } from './customers.ts';
import { readTrace } from './executions.ts';
import type { Findings } from './result.ts';
import { toComparison, runCalls, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const BARE_QUEUE = 'bare-onboarding';
const CUSTOMERS = 64;
const IN_FLIGHT = 16;
const ONE_BY_ONE = 12;
const WARM_UP = 600;
const TIMEOUT_MS = 60_000;

export const onboardingBenchmark = {
  name: 'onboarding',
  title: 'Onboarding without a payment method against a bare workflow',
  conditions:
    'From the update-with-start to its result, which is returned when everything is written: a new customer with an e-mail address, ' +
    'a device and an address. Bare: a workflow that completes the same update after one activity, which does nothing and returns ' +
    'a recorded result; same codec, a separate worker. ' +
    `Turns of ${CUSTOMERS} customers, ${IN_FLIGHT} in flight, and of ${ONE_BY_ONE}, one after the other`,
  async run({ temporal, startBare }: BenchSystem): Promise<Findings> {
    const input = () => ({
      caller: 'bench',
      actor: 'bench',
      correlation_id: randomUUID(),
      request: newCustomerRequest(),
    });
    const callOptions = () => ({ deadline: new Date(Date.now() + TIMEOUT_MS) });
    const onboard = async () => {
      const workflowInput = input();
      await onboardCustomer(temporal, workflowInput, callOptions());
      return onboardingWorkflowId(workflowInput.request.transaction_id);
    };
    const first = await onboard();
    await temporal.workflow.getHandle(first).result();
    const { answers } = await readTrace(temporal, first);
    const worker = await startBare('worker', {}, { BARE_QUEUE, BARE_ANSWERS: JSON.stringify(answers) });
    const runBare = async () => {
      const workflowInput = input();
      const { transaction_id } = workflowInput.request;
      const startWorkflowOperation = new WithStartWorkflowOperation('bareOnboarding', {
        workflowId: `bare-onboarding:${transaction_id}`,
        workflowIdConflictPolicy: 'USE_EXISTING',
        taskQueue: BARE_QUEUE,
        args: [workflowInput],
      });
      await temporal.withDeadline(callOptions().deadline, () =>
        temporal.workflow.executeUpdateWithStart('customerReady', {
          updateId: transaction_id,
          startWorkflowOperation,
        }),
      );
    };
    // Until Neo4j's JVM is warm.
    await runCalls(WARM_UP, IN_FLIGHT, onboard);
    const many = await sideBySide(
      () => runCalls(CUSTOMERS, IN_FLIGHT, onboard),
      () => runCalls(CUSTOMERS, IN_FLIGHT, runBare),
    );
    const single = await sideBySide(
      () => runCalls(ONE_BY_ONE, 1, onboard),
      () => runCalls(ONE_BY_ONE, 1, runBare),
    );
    await worker.stop();
    return {
      comparisons: [
        {
          ...toComparison(`${IN_FLIGHT} in flight`, 'customers/s', 'perSecond', many),
          goal: { atLeast: 0.7 },
        },
        { ...toComparison('one by one', 'customers/s', 'perSecond', single), goal: { atLeast: 0.7 } },
        toComparison('one by one, p50', 'ms', 'p50', single),
      ],
    };
  },
};
