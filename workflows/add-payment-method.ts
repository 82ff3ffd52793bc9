/** Adds a payment method to a wallet: stored, attached at the gateway, verified (docs/reference/workflows.md, 'Changes of the wallet'). */

import { type ApplicationFailure, defineUpdate, proxyActivities } from '@temporalio/workflow';
import type { MethodRefusal } from '../domain/payment-method.ts';
import {
  type AddPaymentMethodInput,
  type MethodReady,
  UpdateName,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { answerByUpdate, refusal, waitAtMost } from './answer.ts';
import { verifyMethod } from './verify-method.ts';
import { show } from './visibility.ts';

export interface PaymentMethodActivities {
  /** Stores the method as `unverified`, in one command. Also reads the policy of this run. */
  addPaymentMethod(input: AddPaymentMethodInput): Promise<{ ready: MethodReady; verify_wait_ms: number }>;
}

export const methodReadyUpdate = defineUpdate<MethodReady>(UpdateName.methodReady);

const graph = proxyActivities<PaymentMethodActivities>({
  // One transaction of milliseconds; anything longer means that the server was lost during it.
  startToCloseTimeout: '20s',
  // The customer waits for seconds; a retry with the same key joins this run.
  scheduleToCloseTimeout: '1d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/**
 * Update `methodReady` responds when the method is verified, or `onboarding.verifyWait` after it was stored; the rest
 * continues in the background. The graph comes first: it knows whether this customer may add the method and whether the
 * key was used before, so that the gateway is not called in vain.
 *
 * @returns the response, with the method's final status
 * @throws ApplicationFailure of the error catalogue; then nothing was written
 */
export function addPaymentMethod(input: AddPaymentMethodInput): Promise<MethodReady> {
  return answerByUpdate(methodReadyUpdate, async (answer) => {
    const { ready: written, verify_wait_ms } = await graph.addPaymentMethod(input);
    const { payment_method_id } = written;
    const { customer_id, caller, actor, correlation_id, occurred_at } = input;
    const customer = { process: WorkflowName.addPaymentMethod, customerId: customer_id };

    let ready = written;
    if (written.payment_method_status === 'unverified') {
      show({ ...customer, state: 'verifying' }, `Method ${payment_method_id} is stored, not verified yet`);
      const { token } = input.method;
      const verification = verifyMethod({
        ...{ caller, actor, correlation_id, customer_id, payment_method_id, token, occurred_at },
      }).then((verified) => {
        if (verified === undefined) return;
        const { payment_method_status, version, refused } = verified;
        ready = { ...written, payment_method_status, version };
        if (refused) answer.refuse(refusalOf(refused, payment_method_id));
      });
      await waitAtMost(verification, verify_wait_ms);
      answer.respond(ready);
      await verification;
    }
    answer.respond(ready);
    const outcome = ready.payment_method_status;
    show({ ...customer, state: 'done', outcome }, `Method ${payment_method_id} is ${outcome}`);
    return ready;
  });
}

/** Fails the caller's update only: for the process, a decline is a regular result. */
function refusalOf(refused: MethodRefusal, payment_method_id: string): ApplicationFailure {
  return refusal(
    refused,
    refused === 'payment_method_declined'
      ? `The gateway refused the payment method ${payment_method_id}`
      : `The payment method ${payment_method_id} belongs to another customer`,
  );
}
