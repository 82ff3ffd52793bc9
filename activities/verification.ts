/** How a new method comes to the gateway's customer, and what it says is written down. Each may run twice and act once. */

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
  /** Of the news for recoveries. */
  event_id: string;
}

/**
 * Attaches a method to whom the graph knows as the customer. A reference that checkout named wrongly is replaced by a
 * customer of our own making: a card must not stand with a stranger, nor wait for nobody.
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
    const answer = await gateway.attachPaymentMethod({ token, gateway_customer_ref: knownCustomerRef, key });
    if (answer.result !== 'no_customer') return { ...answer, gateway_customer_ref: knownCustomerRef };
  }
  const created = await gateway.createCustomer({
    customer_id,
    key: creationKey(customer_id, knownCustomerRef),
  });
  const answer = await gateway.attachPaymentMethod({ token, ...created, key: `${key}:created` });
  if (answer.result === 'no_customer')
    throw new PersonaError(
      'gateway_unavailable',
      'the payment gateway does not know whom it has just created',
    );
  return { ...answer, ...created, ...(knownCustomerRef !== undefined && { instead_of: knownCustomerRef }) };
}

/** Methods that are attached at the same time meet at one customer. */
function creationKey(customer_id: string, instead_of: string | undefined): string {
  if (instead_of === undefined) return `customer:${customer_id}`;
  return `customer:${customer_id}:${createHash('sha256').update(instead_of).digest('hex').slice(0, 16)}`;
}

/** Writes down what the gateway said of a new method, and signals the open recoveries of one that has become active. */
export async function recordVerificationAndSignal(
  { graph, signalRecoveries, header, event_id }: Omit<VerificationDependencies, 'gateway'>,
  { customer_id, payment_method_id, attachment }: MethodIds & { attachment: AttachAnswer & AttachedTo },
): Promise<VerifiedPaymentMethod> {
  const { gateway_customer_ref, instead_of, ...answer } = attachment;
  const verified = await recordVerification(graph, header, {
    ...{ customer_id, payment_method_id, gateway_customer_ref, instead_of, answer },
  });
  // After the commit: a crash in between repeats the activity, and a signal too many does no harm.
  if (verified.payment_method_status === 'active') {
    const openPaymentIds = await getOpenObligations(graph, customer_id);
    await signalRecoveries(openPaymentIds, 'paymentMethodAdded', { event_id, payment_method_id });
  }
  return verified;
}

/** Verifies a method whose own run was lost, with the token that the graph has. It may run beside that run. */
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
  // Attaching twice is attaching once; the same key would only replay a fault of the first try for a day.
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
