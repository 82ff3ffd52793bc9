/** Verifies a new payment method: attaches it at the gateway, then records the gateway's details in the graph. */

import { ActivityFailure, log, proxyActivities } from '@temporalio/workflow';
import type { MethodRefusal, PaymentMethodStatus } from '../domain/payment-method.ts';
import type { AttachAnswer } from '../domain/ports.ts';
import { type Requester, TaskQueue } from '../domain/workflow-contracts.ts';

/** A payment method to be attached at the gateway. */
export interface NewMethod extends Requester {
  customer_id: string;
  payment_method_id: string;
  token: string;
  /** RFC 3339: when the method was added. */
  occurred_at: string;
}

export type Attachment =
  /** Nothing to do: the method needs no verification (a repeat of an old request finds it active, removed, …). */
  | { result: 'settled'; payment_method_status: PaymentMethodStatus; version: number }
  | (AttachAnswer & AttachedTo);

/** The customer at the gateway. */
export interface AttachedTo {
  gateway_customer_ref: string;
  /** The reference that the graph had: unknown at the gateway, or of another customer. */
  instead_of?: string;
}

export interface Verified {
  payment_method_status: PaymentMethodStatus;
  /** The customer's version. */
  version: number;
  /** Why the method was refused. */
  refused?: MethodRefusal;
}

export interface GatewayMethodActivities {
  /**
   * Creates the customer at the gateway, if there is none or its reference is wrong, attaches the method to it and reads
   * it back.
   */
  attachPaymentMethod(input: NewMethod): Promise<Attachment>;
}

export interface VerificationActivities {
  /**
   * Records reference, status, the gateway's details and token, and the default in one command, then signals the
   * customer's open recoveries if the method has become active.
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
  // The gateway may be unavailable for days: the customer waits at most `verifyWait`, the method keeps waiting.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

const graph = proxyActivities<VerificationActivities>({
  // One transaction of milliseconds and a few signals.
  startToCloseTimeout: '20s',
  // The gateway has attached the method: an outage of the graph must not lose its response.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/**
 * Verifies an `unverified` method at the gateway. If the gateway is unavailable for a week, the method stays `unverified`
 * and cannot be charged.
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
    log.error('verification of the payment method given up', {
      payment_method_id: method.payment_method_id,
      reason: error.cause?.message,
    });
    return undefined;
  }
}
