/** Attaches a new method to the gateway's customer, and records the result. Each step may run twice and acts once. */

import { createHash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { AttachAnswer, PaymentGateway } from '../domain/ports.ts';
import {
  type CommandHeader,
  type Graph,
  getGatewayCustomer,
  getPaymentMethodToken,
  isCustomer,
  recordVerification,
  type VerifiedPaymentMethod,
} from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { MethodIds } from '../workflows/remove-payment-method.ts';
import type { AttachedTo } from '../workflows/verify-method.ts';
import { gatewayCall } from './gateway-faults.ts';
import { activityIdempotencyKey } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';

interface VerificationDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  signalRecoveries: SignalRecoveries;
  header: CommandHeader;
  /** The event id of the signals to recoveries. */
  event_id: string;
}

/**
 * Attaches a method to the gateway's customer that the graph has. If checkout gave a wrong reference (unknown, or another
 * customer's), Persona creates a new customer: a card must neither be attached to another customer nor stay unattached.
 */
export async function attach(
  { graph, gateway }: Pick<VerificationDependencies, 'graph' | 'gateway'>,
  {
    customer_id,
    knownCustomerRef,
    token,
    key,
  }: { customer_id: string; knownCustomerRef?: string; token: string; key: string },
): Promise<AttachAnswer & AttachedTo> {
  const owner = knownCustomerRef === undefined ? undefined : await gateway.ownerOf(knownCustomerRef);
  const isOtherCustomer = owner !== undefined && owner !== customer_id && (await isCustomer(graph, owner));
  if (knownCustomerRef !== undefined && !isOtherCustomer) {
    const answer = await gateway.attachPaymentMethod({
      ...{ customer_id, token, key },
      gateway_customer_ref: knownCustomerRef,
    });
    if (answer.result !== 'no_customer') return { ...answer, gateway_customer_ref: knownCustomerRef };
  }
  const created = await gateway.createCustomer({
    customer_id,
    key: creationKey(customer_id, knownCustomerRef),
  });
  const answer = await gateway.attachPaymentMethod({ customer_id, token, ...created, key: `${key}:created` });
  if (answer.result === 'no_customer')
    throw new PersonaError(
      'gateway_unavailable',
      'the payment gateway does not find the customer that it has just created',
    );
  return { ...answer, ...created, ...(knownCustomerRef !== undefined && { instead_of: knownCustomerRef }) };
}

/** The same key for methods that are attached concurrently, so that they share one customer. */
function creationKey(customer_id: string, instead_of: string | undefined): string {
  if (instead_of === undefined) return `customer:${customer_id}`;
  return `customer:${customer_id}:${createHash('sha256').update(instead_of).digest('hex').slice(0, 16)}`;
}

/** Records the gateway's result for a new method, and signals open recoveries if the method has become active. */
export async function recordVerificationAndSignal(
  { graph, signalRecoveries, header, event_id }: Omit<VerificationDependencies, 'gateway'>,
  { customer_id, payment_method_id, attachment }: MethodIds & { attachment: AttachAnswer & AttachedTo },
): Promise<VerifiedPaymentMethod> {
  const { gateway_customer_ref, instead_of, ...answer } = attachment;
  const verified = await recordVerification(graph, header, {
    ...{ customer_id, payment_method_id, gateway_customer_ref, instead_of, answer },
  });
  // After the commit: a crash in between repeats the activity, and a repeated signal is harmless.
  if (verified.payment_method_status === 'active') {
    const openPaymentIds = await getOpenObligations(graph, customer_id);
    await signalRecoveries(openPaymentIds, 'paymentMethodAdded', { event_id, payment_method_id });
  }
  return verified;
}

/** Verifies a method whose own run was lost, with the token in the graph. Safe to run concurrently with that run. */
export async function completeLostVerification(
  dependencies: VerificationDependencies,
  ids: MethodIds,
): Promise<VerifiedPaymentMethod> {
  const { graph, gateway } = dependencies;
  const { customer_id, payment_method_id } = ids;
  const [customer, token] = await Promise.all([
    getGatewayCustomer(graph, { customer_id }),
    getPaymentMethodToken(graph, ids),
  ]);
  const { gateway_customer_ref: knownCustomerRef } = customer;
  // Attaching is idempotent; the same key would only replay an error of the first attempt for a day.
  const key = `${activityIdempotencyKey('attach')}:${payment_method_id}:${activityInfo().attempt}`;
  const attachment = await gatewayCall(
    attach(
      { graph, gateway },
      {
        customer_id,
        token: token.reveal(),
        key,
        ...(knownCustomerRef !== undefined && { knownCustomerRef }),
      },
    ),
  );
  return recordVerificationAndSignal(dependencies, { ...ids, attachment });
}
