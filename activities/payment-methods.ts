/** The side effects of a new payment method. Each may run twice and act once. */

import { createHash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { AttachAnswer, PaymentGateway } from '../domain/ports.ts';
import {
  addPaymentMethod,
  type Graph,
  getGatewayCustomer,
  isCustomer,
  readWallet,
  recordVerification,
} from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { PaymentMethodActivities } from '../workflows/add-payment-method.ts';
import type {
  AttachedTo,
  GatewayMethodActivities,
  VerificationActivities,
} from '../workflows/verify-method.ts';
import { worthRepeating } from './gateway-faults.ts';
import { headerOf } from './header.ts';
import type { TellRecoveries } from './recovery.ts';

export interface PaymentMethodDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  tellRecoveries: TellRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createPaymentMethodActivities(
  deps: PaymentMethodDependencies,
): PaymentMethodActivities & GatewayMethodActivities & VerificationActivities {
  const { graph, policy, tellRecoveries, now } = deps;
  return {
    async addPaymentMethod({ customer_id, method, added_by, actor, correlation_id, occurred_at }) {
      const { workflowId } = execution();
      const header = headerOf(workflowId, { occurredAt: occurred_at, actor, correlationId: correlation_id });
      const { payment_method_id, payment_method_status, version, request_hash } = await addPaymentMethod(
        graph,
        header,
        { customer_id, method, added_by },
      );
      const ready = { payment_method_id, payment_method_status, version, request_hash };
      return { ready, verify_wait_ms: policy.onboarding.verifyWait };
    },

    async attachPaymentMethod({ customer_id, payment_method_id, token }) {
      const [customer, wallet] = await Promise.all([
        getGatewayCustomer(graph, { customer_id }),
        readWallet(graph, customer_id),
      ]);
      const method = wallet.find((known) => known.payment_method_id === payment_method_id);
      if (method?.status !== 'unverified') {
        const payment_method_status = method?.status ?? 'inactive';
        // As of when it was settled: what has happened to the customer since is no part of a repeated answer.
        const version = method?.changed_seq ?? customer.version;
        return { result: 'settled', payment_method_status, version };
      }
      const { runId } = execution();
      const { attempt } = activityInfo();
      try {
        return await attach(deps, {
          customer_id,
          known: customer.gateway_customer_ref,
          token,
          // Attaching twice is attaching once; the same key would only replay a fault of the first try for a day.
          key: `attach:${runId}:${payment_method_id}:${attempt}`,
        });
      } catch (error) {
        throw worthRepeating(error);
      }
    },

    async recordVerification({ method, attachment }) {
      const { customer_id, payment_method_id, actor, correlation_id } = method;
      const { gateway_customer_ref, instead_of, ...answer } = attachment;
      const { workflowId, runId } = execution();
      const header = headerOf(`verify:${runId}:${payment_method_id}`, {
        occurredAt: new Date(now()).toISOString(),
        actor,
        correlationId: correlation_id,
      });
      const { payment_method_status, version, refused } = await recordVerification(graph, header, {
        customer_id,
        payment_method_id,
        gateway_customer_ref,
        instead_of,
        answer,
      });
      // After the commit: a crash in between repeats the activity, and a signal too many does no harm.
      if (payment_method_status === 'active') {
        const owed = await getOpenObligations(graph, customer_id);
        const event_id = `${workflowId}:${payment_method_id}`;
        await tellRecoveries(owed, 'paymentMethodAdded', { event_id, payment_method_id });
      }
      return { payment_method_status, version, ...(refused && { refused }) };
    },
  };
}

/**
 * Attaches a method to whom the graph knows as the customer. A reference that checkout named wrongly is replaced by a
 * customer of our own making: a card must not stand with a stranger, nor wait for nobody.
 */
async function attach(
  { graph, gateway }: Pick<PaymentMethodDependencies, 'graph' | 'gateway'>,
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

function execution(): { workflowId: string; runId: string } {
  const { workflowExecution } = activityInfo();
  if (workflowExecution === undefined) throw new Error('This activity belongs to a workflow');
  return workflowExecution;
}
