/** Updates a payment method: requested in the graph, changed at the gateway, recorded as it is there (docs/reference/workflows.md, 'Changes of the wallet'). */

import { ActivityFailure, defineUpdate, log, proxyActivities } from '@temporalio/workflow';
import type { PaymentMethodStatus } from '../domain/payment-method.ts';
import type { MethodUpdateAnswer } from '../domain/ports.ts';
import {
  type MethodReady,
  type MethodUpdated,
  TaskQueue,
  UpdateName,
  type UpdatePaymentMethodInput,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { type Answer, answerByUpdate, refusal, waitAtMost } from './answer.ts';
import type { MethodIds } from './remove-payment-method.ts';
import { show } from './visibility.ts';

export interface MethodUpdateActivities {
  /**
   * Records the request, in one command, and applies what needs no gateway. Also reads the policy of this run.
   * `at_gateway`: the rest has to be changed at the gateway, and is stored in the graph until then.
   */
  requestMethodUpdate(input: UpdatePaymentMethodInput): Promise<{
    ready: MethodReady;
    at_gateway: boolean;
    verify_wait_ms: number;
  }>;
  /** Sets the card's expiry date at the gateway to the one requested in the graph. A refusal deletes the request. */
  updateAtGateway(ids: MethodIds): Promise<MethodUpdateAnswer>;
  /**
   * Reads the method at the gateway, records it as it is there, and signals the customer's open recoveries if it is active.
   * `taken`: the gateway has accepted the change; consent given with it is valid from then on. `removed`: the method no
   * longer belongs to the customer, here or at the gateway.
   */
  recordMethodUpdate(input: { request: UpdatePaymentMethodInput; taken: boolean }): Promise<RecordedUpdate>;
}

export type RecordedUpdate =
  | { result: 'updated'; payment_method_status: PaymentMethodStatus; version: number }
  | { result: 'refused' }
  | { result: 'removed' };

export const methodUpdatedUpdate = defineUpdate<MethodUpdated>(UpdateName.methodReady);

const request = proxyActivities<Pick<MethodUpdateActivities, 'requestMethodUpdate'>>({
  // One transaction of milliseconds and a few signals; anything longer means that the server was lost during it.
  startToCloseTimeout: '20s',
  // The customer waits for seconds; a retry with the same key joins this run.
  scheduleToCloseTimeout: '1d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const gateway = proxyActivities<Pick<MethodUpdateActivities, 'updateAtGateway'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two calls of at most ten seconds, rarely repeated.
  startToCloseTimeout: '45s',
  // The gateway may be unavailable for days: the customer waits at most `verifyWait`, the change keeps waiting.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

const record = proxyActivities<Pick<MethodUpdateActivities, 'recordMethodUpdate'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // One read of at most ten seconds, two transactions and a few signals.
  startToCloseTimeout: '40s',
  // The gateway has changed the card: an outage of the gateway or the graph must not lose that.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

/**
 * Update `methodReady` responds when the change is recorded, or `onboarding.verifyWait` after it was requested, with the
 * method unchanged (`pending`). The gateway is changed before the graph: it decides which dates a card can have, and a
 * charge with a date that it does not know would be declined.
 *
 * @returns the final response
 * @throws ApplicationFailure of the error catalogue; then nothing was written
 */
export function updatePaymentMethod(input: UpdatePaymentMethodInput): Promise<MethodUpdated> {
  return answerByUpdate(methodUpdatedUpdate, async (answer) => {
    const { ready, at_gateway, verify_wait_ms } = await request.requestMethodUpdate(input);
    const { customer_id, payment_method_id } = input;
    const customer = { process: WorkflowName.updatePaymentMethod, customerId: customer_id };
    let updated: MethodUpdated = { ...ready, pending: at_gateway };
    let outcome = 'updated';
    if (at_gateway) {
      show({ ...customer, state: 'verifying' }, `Changing ${payment_method_id} at the gateway`);
      const change = changeCard(input, answer).then((result) => {
        outcome = typeof result === 'string' ? result : 'updated';
        if (typeof result === 'object') updated = { ...ready, ...result, pending: false };
      });
      await waitAtMost(change, verify_wait_ms);
      answer.respond(updated);
      await change;
    }
    answer.respond(updated);
    show({ ...customer, state: 'done', outcome }, `The change of ${payment_method_id} ended: ${outcome}`);
    return updated;
  });
}

type Recorded = Extract<RecordedUpdate, { result: 'updated' }>;

/** @returns what was recorded, or why it was not; a refusal fails the update of a customer who is still waiting */
async function changeCard(
  input: UpdatePaymentMethodInput,
  answer: Answer<MethodUpdated>,
): Promise<Omit<Recorded, 'result'> | 'refused' | 'removed' | 'given_up'> {
  const { customer_id, payment_method_id } = input;
  const refused = () => {
    answer.refuse(
      refusal('payment_method_declined', `The gateway refused the change of ${payment_method_id}`),
    );
    return 'refused' as const;
  };
  try {
    const gatewayAnswer = await gateway.updateAtGateway({ customer_id, payment_method_id });
    if (gatewayAnswer === 'refused') return refused();
    const taken = gatewayAnswer === 'updated';
    const recorded = await record.recordMethodUpdate({ request: input, taken });
    switch (recorded.result) {
      case 'refused':
        return refused();
      case 'removed':
        answer.refuse(refusal('payment_method_not_found', `${payment_method_id} was removed meanwhile`));
        return 'removed';
      case 'updated': {
        const { payment_method_status, version } = recorded;
        return { payment_method_status, version };
      }
    }
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('change of the payment method given up', { payment_method_id, reason: error.cause?.message });
    return 'given_up';
  }
}
