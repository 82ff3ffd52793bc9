/** The activities of updating and removing a payment method. Each may run twice and acts once. */

import { activityInfo } from '@temporalio/activity';
import type { Policy } from '../domain/policy.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import { type ChangePaymentMethodInput, WorkflowName, workflowCaller } from '../domain/workflow-contracts.ts';
import {
  type CommandHeader,
  type Graph,
  type MethodUpdateRequest,
  removePaymentMethod,
  requestHash,
  requestMethodUpdate,
} from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { MethodIds, RemovalActivities } from '../workflows/remove-payment-method.ts';
import type { MethodUpdateActivities } from '../workflows/update-payment-method.ts';
import { detachRemovedMethod } from './detach-removed.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';
import { updateExpiryDateAtGateway, recordExpiryDateUpdate } from './expiry-date-update.ts';

export interface MethodChangeDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createMethodChangeActivities({
  graph,
  gateway,
  policy,
  signalRecoveries,
  now,
}: MethodChangeDependencies): MethodUpdateActivities & RemovalActivities {
  /** Call it after the commit: a crash in between repeats the activity, and a repeated signal is harmless. */
  async function signalOpenRecoveries({ customer_id, payment_method_id }: MethodIds): Promise<void> {
    const openPaymentIds = await getOpenObligations(graph, customer_id);
    const event_id = `${workflowIdOf()}:${payment_method_id}`;
    await signalRecoveries(openPaymentIds, 'paymentMethodUpdated', { event_id, payment_method_id });
  }

  /** @param requester absent: the workflow itself */
  function headerNow(command: string, requester?: ChangePaymentMethodInput): CommandHeader {
    return headerOf(activityIdempotencyKey(command), {
      occurredAt: new Date(now()).toISOString(),
      ...(requester && { actor: requester.actor, correlationId: requester.correlation_id }),
    });
  }

  return {
    async requestMethodUpdate(input) {
      const { customer_id, payment_method_id, change, by, expected_version } = input;
      const request: MethodUpdateRequest = { customer_id, payment_method_id, change, by, expected_version };
      const { plan, payment_method_status, version } = await requestMethodUpdate(
        graph,
        requestHeader(input),
        request,
      );
      if (plan.consent_now === true && payment_method_status === 'active') await signalOpenRecoveries(input);
      const request_hash = requestHash(graph, request);
      return {
        ready: { payment_method_id, payment_method_status, version, request_hash },
        at_gateway: plan.expiry !== undefined,
        verify_wait_ms: policy.onboarding.verifyWait,
      };
    },

    updateAtGateway: (ids) =>
      updateExpiryDateAtGateway({ graph, gateway, header: headerNow, signalOpenRecoveries }, ids),

    recordMethodUpdate({ request, taken }) {
      const { customer_id, payment_method_id } = request;
      const header = (command: string) => headerNow(command, request);
      return recordExpiryDateUpdate(
        { graph, gateway, header, signalOpenRecoveries },
        { customer_id, payment_method_id },
        taken,
      );
    },

    async removePaymentMethod(input) {
      const { customer_id, payment_method_id, by, expected_version } = input;
      const request = { customer_id, payment_method_id, by, expected_version };
      const { version } = await removePaymentMethod(graph, requestHeader(input), request);
      await signalOpenRecoveries(input);
      const request_hash = requestHash(graph, request);
      return { payment_method_id, payment_method_status: 'inactive', version, request_hash };
    },

    detachPaymentMethod: (ids) => detachRemovedMethod({ graph, gateway }, ids),
  };
}

/** Adding, changing and removing a method share one scope of idempotency keys, named after `addPaymentMethod`. */
function requestHeader({ occurred_at, actor, correlation_id }: ChangePaymentMethodInput): CommandHeader {
  const header = headerOf(workflowIdOf(), { occurredAt: occurred_at, actor, correlationId: correlation_id });
  return { ...header, caller: workflowCaller(WorkflowName.addPaymentMethod) };
}

function workflowIdOf(): string {
  const { workflowExecution } = activityInfo();
  if (workflowExecution === undefined) throw new Error('this activity must run in a workflow');
  return workflowExecution.workflowId;
}
