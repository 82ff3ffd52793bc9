/** The side effects of changing and removing a payment method. Each may run twice and act once. */

import { activityInfo } from '@temporalio/activity';
import { expiryOf } from '../domain/method-change.ts';
import type { Policy } from '../domain/policy.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import { type EditPaymentMethodInput, WorkflowName, workflowCaller } from '../domain/processes.ts';
import {
  type CommandHeader,
  followPaymentMethod,
  type Graph,
  getGatewayCustomer,
  getPaymentMethodToken,
  type MethodUpdateRequest,
  readWallet,
  removePaymentMethod,
  requestHash,
  requestMethodUpdate,
  setOffSessionConsent,
  type WalletMethod,
} from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { MethodIds, RemovalActivities } from '../workflows/remove-payment-method.ts';
import type { MethodUpdateActivities } from '../workflows/update-payment-method.ts';
import { detachRemoved } from './detach-removed.ts';
import { asked } from './gateway-faults.ts';
import { headerOf, onceInActivity } from './header.ts';
import type { TellRecoveries } from './recovery.ts';

export interface MethodChangeDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  tellRecoveries: TellRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createMethodChangeActivities({
  graph,
  gateway,
  policy,
  tellRecoveries,
  now,
}: MethodChangeDependencies): MethodUpdateActivities & RemovalActivities {
  /** After the commit: a crash in between repeats the activity, and a signal too many does no harm. */
  async function tell({ customer_id, payment_method_id }: MethodIds): Promise<void> {
    const owed = await getOpenObligations(graph, customer_id);
    const event_id = `${workflowIdOf()}:${payment_method_id}`;
    await tellRecoveries(owed, 'paymentMethodUpdated', { event_id, payment_method_id });
  }

  async function find({ customer_id, payment_method_id }: MethodIds): Promise<WalletMethod | undefined> {
    const wallet = await readWallet(graph, customer_id);
    return wallet.find((one) => one.payment_method_id === payment_method_id);
  }

  /** What the gateway has of a method, and whom it is to be attached to there. */
  async function look(ids: MethodIds) {
    const [owner, token] = await Promise.all([
      getGatewayCustomer(graph, ids),
      getPaymentMethodToken(graph, ids),
    ]);
    return { owner, token, found: await asked(gateway.getPaymentMethod(token.reveal())) };
  }

  function headerNow(command: string, { actor, correlation_id }: EditPaymentMethodInput): CommandHeader {
    return headerOf(onceInActivity(command), {
      occurredAt: new Date(now()).toISOString(),
      ...{ actor, correlationId: correlation_id },
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
      if (plan.consent_now === true && payment_method_status === 'active') await tell(input);
      const request_hash = requestHash(graph, request);
      return {
        ready: { payment_method_id, payment_method_status, version, request_hash },
        at_gateway: plan.expiry !== undefined,
        gives_consent: plan.consent_afterwards === true,
        verify_wait_ms: policy.onboarding.verifyWait,
      };
    },

    async updateAtGateway(ids) {
      for (;;) {
        const wanted = wantedOf(await find(ids));
        if (wanted === undefined) return 'not_attached';
        const { owner, token, found } = await look(ids);
        const holder = found?.gateway_customer_ref;
        if (holder === undefined || holder !== owner.gateway_customer_ref) return 'not_attached';
        const change = { token: token.reveal(), ...expiryOf(wanted) };
        const answer = await asked(gateway.updatePaymentMethod(change));
        // Of two requests that overtook one another on their way, the later one is to be there last.
        const now_wanted = wantedOf(await find(ids));
        if (now_wanted === undefined || now_wanted === wanted) return answer;
      }
    },

    async recordMethodUpdate({ request, taken, gives_consent }) {
      const { customer_id, payment_method_id, by } = request;
      const ids = { customer_id, payment_method_id };
      if ((await find(ids))?.removed_at !== null) return { result: 'removed' };
      const { found } = await look(ids);
      // Also what a key of another account would say of every method: no reason to take it away.
      if (found === undefined) return { result: 'refused' };
      const followed = await followPaymentMethod(graph, headerNow('update', request), { ...ids, found });
      if (followed.change === 'removed' || followed.payment_method_status === undefined) {
        await tell(ids);
        return { result: 'removed' };
      }
      if (!taken) return { result: 'refused' };
      if (gives_consent)
        await setOffSessionConsent(graph, headerNow('consent', request), {
          ...{ ...ids, off_session_consent: true, source: by },
        });
      const { payment_method_status } = followed;
      if (payment_method_status === 'active') await tell(ids);
      const { version } = await getGatewayCustomer(graph, ids);
      return { result: 'updated', payment_method_status, version };
    },

    async removePaymentMethod(input) {
      const { customer_id, payment_method_id, by, expected_version } = input;
      const request = { customer_id, payment_method_id, by, expected_version };
      const { version } = await removePaymentMethod(graph, requestHeader(input), request);
      await tell(input);
      const request_hash = requestHash(graph, request);
      return { payment_method_id, payment_method_status: 'inactive', version, request_hash };
    },

    detachPaymentMethod: (ids) => detachRemoved({ graph, gateway }, ids),
  };
}

/** The keys of a customer's requests about methods are of one kind, whatever is asked for: the first one gave its name. */
function requestHeader({ occurred_at, actor, correlation_id }: EditPaymentMethodInput): CommandHeader {
  const header = headerOf(workflowIdOf(), { occurredAt: occurred_at, actor, correlationId: correlation_id });
  return { ...header, caller: workflowCaller(WorkflowName.addPaymentMethod) };
}

/** `undefined`: the method is gone, or nobody wants another date. */
function wantedOf(method: WalletMethod | undefined): string | undefined {
  return method?.removed_at === null ? (method.expiry_wanted ?? undefined) : undefined;
}

function workflowIdOf(): string {
  const { workflowExecution } = activityInfo();
  if (workflowExecution === undefined) throw new Error('This activity belongs to a workflow');
  return workflowExecution.workflowId;
}
