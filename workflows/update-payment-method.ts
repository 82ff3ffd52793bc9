/** A change of a customer's payment method: taken on, changed at the gateway, written as the gateway has it (workflows, 3). */

import { ActivityFailure, defineUpdate, log, proxyActivities } from '@temporalio/workflow';
import type { PaymentMethodStatus } from '../domain/payment-method.ts';
import type { MethodChangeAnswer } from '../domain/ports.ts';
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
   * Takes the change on, in one command, with what of it needs no gateway. Also reads the policy of this run.
   * `at_gateway`: the gateway is to be asked for the rest, which stands in the graph until it is settled.
   */
  requestMethodUpdate(input: UpdatePaymentMethodInput): Promise<{
    ready: MethodReady;
    at_gateway: boolean;
    verify_wait_ms: number;
  }>;
  /** Gives the card the date at the gateway that the graph says is wanted now. Refused, it is wanted no more. */
  updateAtGateway(ids: MethodIds): Promise<MethodChangeAnswer>;
  /**
   * Reads the method at the gateway, writes it down as it is there, and tells the customer's open recoveries of an active
   * one. `taken`: the gateway took the change; consent that came with it counts from then on. `removed`: it is the customer's no more, here or there.
   */
  recordMethodUpdate(input: { request: UpdatePaymentMethodInput; taken: boolean }): Promise<RecordedUpdate>;
}

export type RecordedUpdate =
  | { result: 'updated'; payment_method_status: PaymentMethodStatus; version: number }
  | { result: 'refused' }
  | { result: 'removed' };

export const methodUpdatedUpdate = defineUpdate<MethodUpdated>(UpdateName.methodReady);

const request = proxyActivities<Pick<MethodUpdateActivities, 'requestMethodUpdate'>>({
  // One transaction of milliseconds and a few signals; more than this is a server that went away in the middle.
  startToCloseTimeout: '20s',
  // The customer waits for seconds and tries again under the same key, which joins this run.
  scheduleToCloseTimeout: '1d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const gateway = proxyActivities<Pick<MethodUpdateActivities, 'updateAtGateway'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two calls of ten seconds at most, seldom twice.
  startToCloseTimeout: '45s',
  // The gateway may be away for days: the customer waits `verifyWait` at most, the change waits on.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

const record = proxyActivities<Pick<MethodUpdateActivities, 'recordMethodUpdate'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // One reading of ten seconds at most, two transactions and a few signals.
  startToCloseTimeout: '40s',
  // The gateway has changed the card: that must not be lost to an outage of either.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

/**
 * Update `methodReady` answers when the change is written, or `onboarding.verifyWait` after it was taken on, with the
 * method as it was (`pending`). The gateway is asked before the graph says anything new of the card: it decides which date
 * a card can have, and a charge on a date that it does not know would be declined.
 *
 * @returns the answer, as it is at the end
 * @throws ApplicationFailure of the error catalogue; nothing was written then
 */
export function updatePaymentMethod(input: UpdatePaymentMethodInput): Promise<MethodUpdated> {
  return answerByUpdate(methodUpdatedUpdate, async (answer) => {
    const { ready, at_gateway, verify_wait_ms } = await request.requestMethodUpdate(input);
    const { customer_id, payment_method_id } = input;
    const customer = { process: WorkflowName.updatePaymentMethod, customerId: customer_id };
    let updated: MethodUpdated = { ...ready, pending: at_gateway };
    let outcome = 'updated';
    if (at_gateway) {
      show({ ...customer, state: 'verifying' }, `The gateway is asked to change ${payment_method_id}`);
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

/** @returns what was written, or why it was not; the customer who still waits is told of a refusal */
async function changeCard(
  input: UpdatePaymentMethodInput,
  answer: Answer<MethodUpdated>,
): Promise<Omit<Recorded, 'result'> | 'refused' | 'removed' | 'given_up'> {
  const { customer_id, payment_method_id } = input;
  const refused = () => {
    answer.refuse(refusal('payment_method_declined', `The gateway does not change ${payment_method_id} so`));
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
    log.error('The payment method was never changed', { payment_method_id, reason: error.cause?.message });
    return 'given_up';
  }
}
