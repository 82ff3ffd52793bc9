/** Removes a payment method: from the wallet immediately, then detached at the gateway (docs/reference/workflows.md, 'Changes of the wallet'). */

import { ActivityFailure, log, proxyActivities } from '@temporalio/workflow';
import {
  type ChangePaymentMethodInput,
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
  /** Removes the method from the wallet, in one command, and signals the customer's open recoveries. */
  removePaymentMethod(input: ChangePaymentMethodInput): Promise<MethodReady>;
  /**
   * Detaches the method at the gateway, if it belongs to this customer there and was not added again here. Waits for a
   * charge of it that is in progress. `kept`: it was added again.
   */
  detachPaymentMethod(ids: MethodIds): Promise<'detached' | 'not_attached' | 'kept'>;
}

const graph = proxyActivities<Pick<RemovalActivities, 'removePaymentMethod'>>({
  // One transaction of milliseconds and a few signals; anything longer means that the server was lost during it.
  startToCloseTimeout: '20s',
  // The customer waits for seconds; a retry with the same key joins this run.
  scheduleToCloseTimeout: '1d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const gateway = proxyActivities<Pick<RemovalActivities, 'detachPaymentMethod'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two calls of at most ten seconds.
  startToCloseTimeout: '30s',
  // The customer has been informed of the removal: no outage may leave the card attached at the gateway.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

/**
 * Update `methodReady` responds once the method has left the wallet: from then on no claim finds it, whatever happens at
 * the gateway. Detaching continues in the background for as long as it takes.
 *
 * @throws ApplicationFailure of the error catalogue; then nothing was written
 */
export function removePaymentMethod(input: ChangePaymentMethodInput): Promise<MethodReady> {
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
    log.error('detaching a removed payment method given up', {
      payment_method_id: ids.payment_method_id,
      reason: error.cause?.message,
    });
    return 'given_up';
  }
}
