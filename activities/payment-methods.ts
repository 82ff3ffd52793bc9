/** The activities of adding a payment method. Each may run twice and acts once. */

import { activityInfo } from '@temporalio/activity';
import type { Policy } from '../domain/policy.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import { addPaymentMethod, type Graph, getGatewayCustomer, readWallet } from '../graph/index.ts';
import type { PaymentMethodActivities } from '../workflows/add-payment-method.ts';
import type { GatewayMethodActivities, VerificationActivities } from '../workflows/verify-method.ts';
import { asRetryable } from './gateway-faults.ts';
import { headerOf } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';
import { attach, recordVerificationAndSignal } from './verification.ts';

export interface PaymentMethodDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createPaymentMethodActivities(
  dependencies: PaymentMethodDependencies,
): PaymentMethodActivities & GatewayMethodActivities & VerificationActivities {
  const { graph, policy, signalRecoveries, now } = dependencies;
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
        // As of when it was settled: later changes of the customer are not part of a repeated result.
        const version = method?.changed_seq ?? customer.version;
        return { result: 'settled', payment_method_status, version };
      }
      const { runId } = execution();
      const { attempt } = activityInfo();
      try {
        return await attach(dependencies, {
          customer_id,
          knownCustomerRef: customer.gateway_customer_ref,
          token,
          // Attaching is idempotent; the same key would only replay an error of the first attempt for a day.
          key: `attach:${runId}:${payment_method_id}:${attempt}`,
        });
      } catch (error) {
        throw asRetryable(error);
      }
    },

    async recordVerification({ method, attachment }) {
      const { customer_id, payment_method_id, actor, correlation_id } = method;
      const { workflowId, runId } = execution();
      const header = headerOf(`verify:${runId}:${payment_method_id}`, {
        occurredAt: new Date(now()).toISOString(),
        actor,
        correlationId: correlation_id,
      });
      const event_id = `${workflowId}:${payment_method_id}`;
      const { payment_method_status, version, refused } = await recordVerificationAndSignal(
        { graph, signalRecoveries, header, event_id },
        { customer_id, payment_method_id, attachment },
      );
      return { payment_method_status, version, ...(refused && { refused }) };
    },
  };
}

function execution(): { workflowId: string; runId: string } {
  const { workflowExecution } = activityInfo();
  if (workflowExecution === undefined) throw new Error('this activity must run in a workflow');
  return workflowExecution;
}
