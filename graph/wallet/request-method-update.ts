import { type ChangePlan, type MethodChange, planChange } from '../../domain/method-change.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import { lockOwner, type Requester } from '../customers/lock-owner.ts';
import { requireVersion } from '../expected-version.ts';
import type { Graph } from '../graph.ts';
import { openWallet } from './wallet.ts';

export interface MethodUpdateRequest {
  customer_id: string;
  payment_method_id: string;
  change: MethodChange;
  by: Requester;
  /** The method's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

export interface RequestedUpdate {
  plan: ChangePlan;
  payment_method_status: PaymentMethodStatus;
  /** The customer's. */
  version: number;
}

/**
 * Accepts a change of a method: consent is written immediately, unless it is given together with an expiry that the
 * gateway has to accept first. The requested expiry is stored in the graph, so that of two requests the later one wins,
 * one based on an older version is refused, and one whose run is lost is completed nevertheless. The card's own details
 * follow from what the gateway has afterwards.
 *
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own request), payment_method_not_found,
 *   stale_version, illegal_transition, invalid_argument
 */
export async function requestMethodUpdate(
  graph: Graph,
  header: CommandHeader,
  input: MethodUpdateRequest,
): Promise<RequestedUpdate> {
  const { customer_id, payment_method_id, change, by, expected_version } = input;
  return runCommand(graph, header, 'requestMethodUpdate', input, async (tx) => {
    const [, wallet] = await Promise.all([lockOwner(tx, customer_id, by), openWallet(tx, customer_id)]);
    const method = wallet.find(payment_method_id);
    requireVersion(`payment method ${payment_method_id}`, method.changed_seq, expected_version);
    const plan = planChange(method, change, { source: by, now: Date.parse(tx.recordedAt) });
    if (plan.consent_now !== undefined)
      wallet.setConsent(payment_method_id, plan.consent_now, by, tx.header.occurredAt);
    if (plan.expiry !== undefined)
      wallet.requestExpiry(payment_method_id, {
        ...{ expiry: plan.expiry, at: tx.recordedAt },
        ...(plan.consent_afterwards && { consent_by: by }),
      });
    return { plan, payment_method_status: method.status, version: tx.versionOf(customer_id) };
  });
}
