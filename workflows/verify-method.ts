/** The second half of every new payment method: at the gateway, then as the gateway has it in the graph. */

import { ActivityFailure, log, proxyActivities } from '@temporalio/workflow';
import type { MethodRefusal, PaymentMethodStatus } from '../domain/payment-method.ts';
import type { AttachAnswer } from '../domain/ports.ts';
import { type Requester, TaskQueue } from '../domain/workflow-contracts.ts';

/** A method of a customer that the gateway is to attach. */
export interface NewMethod extends Requester {
  customer_id: string;
  payment_method_id: string;
  token: string;
  /** RFC 3339: when the method was added. */
  occurred_at: string;
}

export type Attachment =
  /** Nothing to do: it waits for no verification (a repeat of an old request finds it active, removed, …). */
  | { result: 'settled'; payment_method_status: PaymentMethodStatus; version: number }
  | (AttachAnswer & AttachedTo);

/** Who the customer is at the gateway. */
export interface AttachedTo {
  gateway_customer_ref: string;
  /** What the graph had, and the gateway knows nobody by, or another customer of ours. */
  instead_of?: string;
}

export interface Verified {
  payment_method_status: PaymentMethodStatus;
  /** The customer's version. */
  version: number;
  /** Why the customer cannot have it. */
  refused?: MethodRefusal;
}

export interface GatewayMethodActivities {
  /**
   * Makes the customer known at the gateway if it is not, or if it was named wrongly, attaches the method to it and reads
   * it back.
   */
  attachPaymentMethod(input: NewMethod): Promise<Attachment>;
}

export interface VerificationActivities {
  /**
   * Writes reference, status, the gateway's details and token, and the default in one command, then tells the customer's open
   * recoveries of a method that has become active.
   */
  recordVerification(input: {
    method: NewMethod;
    attachment: Exclude<Attachment, { result: 'settled' }>;
  }): Promise<Verified>;
}

const gateway = proxyActivities<GatewayMethodActivities>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two or three calls of seconds each; the adapter's own timeouts are shorter.
  startToCloseTimeout: '30s',
  // The gateway may be away for days: the customer waits `verifyWait` at most, the method waits on.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

const graph = proxyActivities<VerificationActivities>({
  // One transaction of milliseconds and a few signals.
  startToCloseTimeout: '20s',
  // The gateway has the method: what it said must not be lost to an outage of the graph.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/**
 * Brings a method from `unverified` to what the gateway says of it. A gateway that nobody can reach for a week leaves
 * it `unverified`: unusable, and visibly so.
 *
 * @returns `undefined` if it was given up
 */
export async function verifyMethod(method: NewMethod): Promise<Verified | undefined> {
  try {
    const attachment = await gateway.attachPaymentMethod(method);
    if (attachment.result === 'settled') {
      const { payment_method_status, version } = attachment;
      return {
        payment_method_status,
        version,
        ...(payment_method_status === 'failed' && { refused: 'payment_method_declined' }),
      };
    }
    return await graph.recordVerification({ method, attachment });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('The payment method was never verified', {
      payment_method_id: method.payment_method_id,
      reason: error.cause?.message,
    });
    return undefined;
  }
}
