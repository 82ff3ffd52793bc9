/** A payment method that its customer removes: out of the wallet at once, then detached at the gateway (workflows, 3). */

import { ActivityFailure, log, proxyActivities } from '@temporalio/workflow';
import {
  type EditPaymentMethodInput,
  type MethodReady,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { methodReadyUpdate } from './add-payment-method.ts';
import { answerByUpdate } from './answer.ts';
import { show } from './visibility.ts';

export interface MethodIds {
  customer_id: string;
  payment_method_id: string;
}

export interface RemovalActivities {
  /** Takes the method out of the wallet, in one command, and tells the customer's open recoveries. */
  removePaymentMethod(input: EditPaymentMethodInput): Promise<MethodReady>;
  /**
   * Detaches the method at the gateway, if it is this customer's there and was not added again here. Waits for a charge
   * that is under way on it. `kept`: it was added again.
   */
  detachPaymentMethod(ids: MethodIds): Promise<'detached' | 'not_attached' | 'kept'>;
}

const graph = proxyActivities<Pick<RemovalActivities, 'removePaymentMethod'>>({
  // One transaction of milliseconds and a few signals; more than this is a server that went away in the middle.
  startToCloseTimeout: '20s',
  // The customer waits for seconds and tries again under the same key, which joins this run.
  scheduleToCloseTimeout: '1d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const gateway = proxyActivities<Pick<RemovalActivities, 'detachPaymentMethod'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two calls of ten seconds at most.
  startToCloseTimeout: '30s',
  // The customer has been told that it is gone: the gateway's outage, or ours, must not leave the card there.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

/**
 * Update `methodReady` answers once the method has left the wallet: from then on no claim finds it, and nothing that
 * happens at the gateway changes that. Detaching goes on behind the answer, for as long as it takes.
 *
 * @throws ApplicationFailure of the error catalogue; nothing was written then
 */
export function removePaymentMethod(input: EditPaymentMethodInput): Promise<MethodReady> {
  return answerByUpdate(methodReadyUpdate, async (answer) => {
    const ready = await graph.removePaymentMethod(input);
    answer.respond(ready);
    const { customer_id, payment_method_id } = input;
    const customer = { process: WorkflowName.removePaymentMethod, customerId: customer_id };
    show({ ...customer, state: 'detaching' }, `Method ${payment_method_id} has left the wallet`);
    const outcome = await detach({ customer_id, payment_method_id });
    show({ ...customer, state: 'done', outcome }, `Method ${payment_method_id} is removed: ${outcome}`);
    return ready;
  });
}

async function detach(ids: MethodIds): Promise<string> {
  try {
    return await gateway.detachPaymentMethod(ids);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('A removed payment method was never detached at the gateway', {
      payment_method_id: ids.payment_method_id,
      reason: error.cause?.message,
    });
    return 'given_up';
  }
}
