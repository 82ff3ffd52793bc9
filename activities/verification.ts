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
  type Verified,
} from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { MethodIds } from '../workflows/remove-payment-method.ts';
import type { AttachedTo } from '../workflows/verify-method.ts';
import { asked } from './gateway-faults.ts';
import { onceInActivity } from './header.ts';
import type { TellRecoveries } from './recovery.ts';

interface VerificationDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  tellRecoveries: TellRecoveries;
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
  { customer_id, known, token, key }: { customer_id: string; known?: string; token: string; key: string },
): Promise<AttachAnswer & AttachedTo> {
  const owner = known === undefined ? undefined : await gateway.ownerOf(known);
  const isStranger = owner !== undefined && owner !== customer_id && (await isCustomer(graph, owner));
  if (known !== undefined && !isStranger) {
    const answer = await gateway.attachPaymentMethod({ token, gateway_customer_ref: known, key });
    if (answer.result !== 'no_customer') return { ...answer, gateway_customer_ref: known };
  }
  const created = await gateway.createCustomer({ customer_id, key: creationKey(customer_id, known) });
  const answer = await gateway.attachPaymentMethod({ token, ...created, key: `${key}:created` });
  if (answer.result === 'no_customer')
    throw new PersonaError(
      'gateway_unavailable',
      'the payment gateway does not know whom it has just created',
    );
  return { ...answer, ...created, ...(known !== undefined && { instead_of: known }) };
}

/** Methods that are attached at the same time meet at one customer. */
function creationKey(customer_id: string, instead_of: string | undefined): string {
  if (instead_of === undefined) return `customer:${customer_id}`;
  return `customer:${customer_id}:${createHash('sha256').update(instead_of).digest('hex').slice(0, 16)}`;
}

/** Writes down what the gateway said of a new method, and signals the open recoveries of one that has become active. */
export async function writeVerification(
  { graph, tellRecoveries, header, event_id }: Omit<VerificationDependencies, 'gateway'>,
  { customer_id, payment_method_id, attachment }: MethodIds & { attachment: AttachAnswer & AttachedTo },
): Promise<Verified> {
  const { gateway_customer_ref, instead_of, ...answer } = attachment;
  const verified = await recordVerification(graph, header, {
    ...{ customer_id, payment_method_id, gateway_customer_ref, instead_of, answer },
  });
  // After the commit: a crash in between repeats the activity, and a signal too many does no harm.
  if (verified.payment_method_status === 'active') {
    const owed = await getOpenObligations(graph, customer_id);
    await tellRecoveries(owed, 'paymentMethodAdded', { event_id, payment_method_id });
  }
  return verified;
}

/** Verifies a method whose own run was lost, with the token that the graph has. It may run beside that run. */
export async function verifyLeft(deps: VerificationDependencies, ids: MethodIds): Promise<Verified> {
  const { graph, gateway } = deps;
  const { customer_id, payment_method_id } = ids;
  const [customer, token] = await Promise.all([
    getGatewayCustomer(graph, { customer_id }),
    getPaymentMethodToken(graph, ids),
  ]);
  const { gateway_customer_ref: known } = customer;
  // Attaching twice is attaching once; the same key would only replay a fault of the first try for a day.
  const key = `${onceInActivity('attach')}:${payment_method_id}:${activityInfo().attempt}`;
  const attachment = await asked(
    attach(
      { graph, gateway },
      { customer_id, token: token.reveal(), key, ...(known !== undefined && { known }) },
    ),
  );
  return writeVerification(deps, { ...ids, attachment });
}
