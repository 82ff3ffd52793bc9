/** The side effects of a recovery. Each may run twice and act once: the graph remembers by the keys it is given. */

import { activityInfo } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { Policy, RecoveryPolicy } from '../domain/policy.ts';
import type { GatewayPayment, PaymentGateway, RefundAnswer } from '../domain/ports.ts';
import { type RecoverySignalName, type RecoverySignals, settledPaymentKey } from '../domain/processes.ts';
import type { Opening } from '../domain/recovery/claims.ts';
import type { PaymentSettled } from '../domain/recovery/messages.ts';
import type { Ending } from '../domain/recovery/state.ts';
import { alternativesOf, type Graph } from '../graph/index.ts';
import {
  adoptGatewayPayment,
  claimAttempt,
  closeRecovery,
  crosses,
  endReview,
  findObligation,
  flagForReview,
  getObligation,
  getRecovery,
  keepClock,
  openRecovery,
  openSettled,
  recordAttempt,
  recordRefund,
  rereadRecovery,
  resumeRecovery,
  setRecoveryPaused,
} from '../graph/recovery/index.ts';
import type { RecoveryActivities } from '../workflows/recover-payment.ts';
import { headerOf, onceInActivity } from './header.ts';

/** Tells recoveries that are open; where none runs, nobody needs to know. */
export type TellRecoveries = <Name extends RecoverySignalName>(
  paymentIds: readonly string[],
  signal: Name,
  payload: RecoverySignals[Name],
) => Promise<void>;

/** How the key of a success that others brought about begins. */
const SETTLED = settledPaymentKey('');

export interface RecoveryDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  tellRecoveries: TellRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createRecoveryActivities(deps: RecoveryDependencies): RecoveryActivities {
  const { graph, gateway, policy, tellRecoveries, now } = deps;

  const under = (recovery: RecoveryPolicy): Policy => ({ ...policy, recovery });

  /** The gateway knows that nothing was paid with the payment that a settlement names, or with the one that others named before. */
  async function isDisproven(settlement: PaymentSettled): Promise<boolean> {
    const { payment_id, gateway_payment_ref } = settlement;
    const known = await findObligation(graph, payment_id);
    if (!gateway_payment_ref || !known || !crosses(known, settlement)) return false;
    const refs = [gateway_payment_ref, ...(known.settled_ref ? [known.settled_ref] : [])];
    const payments = await Promise.all(refs.map((ref) => gateway.readPayment(ref)));
    return payments.some((payment) => payment !== undefined && payment.state !== 'succeeded');
  }

  /** The charge behind a payment that others collected for an obligation, if it is at our gateway, and this customer's. */
  async function chargeOfOthers(paymentId: string, gatewayRef: string): Promise<string | undefined> {
    const obligation = await getObligation(graph, paymentId);
    const payment = await gateway.readPayment(gatewayRef);
    return payment?.state === 'succeeded' && isOf(obligation, payment) ? payment.charge_ref : undefined;
  }

  return {
    async openRecovery({ failure, claim_first }) {
      // The run's id makes a retry of this activity find its own first claim, and another run start afresh.
      // What a run hears later is another question than what it began with.
      const kind = claim_first ? 'open' : 'heard';
      const key = `${kind}:${activityInfo().workflowExecution?.runId}:${failure.event_id}`;
      const header = headerOf(key, { occurredAt: failure.occurred_at, causationId: failure.event_id });
      const asked = { failure, policy, now: now(), claim_first };
      const { opening, others } = await openRecovery(graph, header, asked).catch(refusedReuse);
      await tellRecoveries(others, 'consentRevoked', { event_id: failure.event_id });
      return opening;
    },

    async openSettled({ settlement, policy: kept = policy.recovery }) {
      const key = `settle:${activityInfo().workflowExecution?.runId}:${settlement.event_id}`;
      const header = headerOf(key, { occurredAt: settlement.settled_at, causationId: settlement.event_id });
      const disproven = await isDisproven(settlement);
      return openSettled(graph, header, { settlement, policy: under(kept), now: now(), disproven });
    },

    resumeRecovery: ({ payment_id }) => resumeRecovery(graph, { payment_id, policy, now: now() }),

    rereadRecovery: ({ payment_id, policy: kept }) =>
      rereadRecovery(graph, { payment_id, policy: under(kept), now: now() }),

    async readPayment({ payment_id }) {
      const { gateway_ref } = await getObligation(graph, payment_id);
      const payment = gateway_ref ? await gateway.readPayment(gateway_ref) : undefined;
      return { payment: payment?.state ?? 'none' };
    },

    async endReview({ payment_id, policy: kept }) {
      const {
        state,
        changed_seq,
        failed_payment_method_id = '',
        customer_id,
      } = await getObligation(graph, payment_id);
      if (state === 'needs_review') {
        await endReview(graph, headerOf(`end-review:${payment_id}:${changed_seq}`, at(now())), {
          payment_id,
        });
      }
      const asked = { customer_id, failed_payment_method_id, policy: under(kept), now: now() };
      return { alternatives: await alternativesOf(graph, asked) };
    },

    async refundCharge({ payment_id, key }) {
      const charge_ref = key.startsWith(SETTLED)
        ? await chargeOfOthers(payment_id, key.slice(SETTLED.length))
        : (await getRecovery(graph, payment_id))?.attempts.find((one) => one.key === key)?.gateway_ref;
      const answer: RefundAnswer = charge_ref
        ? await gateway.refundCharge({ charge_ref, key: `refund:${key}`, payment_id, attempt_key: key })
        : { result: 'refused', reason: 'no charge of this payment is at our gateway' };
      const { refund_ref } = answer;
      const result =
        answer.result === 'refused'
          ? { refused: answer.reason, ...(refund_ref && { refund_ref }) }
          : { refund_ref: answer.refund_ref };
      return recordRefund(graph, headerOf(`refund:${key}`, at(now())), { payment_id, key, result });
    },

    async pauseRecovery({ payment_id, paused }) {
      const header = headerOf(onceInActivity('pause'), at(now()));
      await setRecoveryPaused(graph, header, { payment_id, paused });
    },

    async keepClock(clock) {
      await keepClock(graph, headerOf(onceInActivity('clock'), at(now())), clock);
    },

    async cancelPayment({ payment_id }) {
      const { gateway_ref } = await getObligation(graph, payment_id);
      return { result: gateway_ref ? await cancel(gateway, payment_id, gateway_ref) : 'cancelled' };
    },

    async lookUpPayment({ payment_id, gateway_payment_ref }) {
      const obligation = await getObligation(graph, payment_id);
      const payment = await gateway.readPayment(gateway_payment_ref);
      if (!payment || !isOf(obligation, payment)) return { payment: 'not_ours' };
      if (payment.state === 'processing' || payment.state === 'cancelled') return { payment: payment.state };
      // Also one that succeeded is one obligation's alone.
      const header = headerOf(`adopt:${payment_id}:${gateway_payment_ref}`, at(now()));
      const ours = await adoptGatewayPayment(graph, header, { payment_id, gateway_ref: gateway_payment_ref });
      if (!ours) return { payment: 'not_ours' };
      return { payment: payment.state === 'succeeded' ? 'succeeded' : 'adopted' };
    },

    async claimAttempt({ policy: kept, ...asked }) {
      const header = headerOf(asked.key, at(now()));
      return claimAttempt(graph, header, { ...asked, policy: under(kept), now: now() });
    },

    async recordAttempt({ payment_id, key, answer, policy: kept }) {
      const header = headerOf(`record:${key}:${answer.result}`, at(now()));
      const { recorded, others, ended } = await recordAttempt(graph, header, {
        payment_id,
        key,
        answer,
        policy: under(kept),
        now: now(),
      });
      // After the commit: a crash in between repeats the activity, and a signal too many does no harm.
      await tellRecoveries(ended, 'consentRevoked', { event_id: key });
      await tellRecoveries(others, 'claimFreed', {});
      return recorded;
    },

    async flagForReview({ payment_id, rule }) {
      const header = headerOf(onceInActivity('review'), at(now()));
      await flagForReview(graph, header, { payment_id, rule });
    },

    async closeRecovery({ payment_id, ending, keep_payment, notice }) {
      const { gateway_ref, opened_at } = await getObligation(graph, payment_id);
      let paidToo = false;
      if (gateway_ref && !keep_payment && ending.outcome !== 'recovered') {
        const cancelled = await cancel(gateway, payment_id, gateway_ref);
        if (cancelled === 'already_succeeded' && !isOfOthers(ending)) return { result: 'already_succeeded' };
        paidToo = cancelled === 'already_succeeded' && ending.payment_ref !== undefined;
        paidToo &&= ending.payment_ref !== gateway_ref;
      }
      const header = headerOf(`close:${payment_id}:${opened_at}:${ending.outcome}`, at(now()));
      const closing = await closeRecovery(graph, header, { payment_id, ...ending }, notice);
      return paidToo && closing.result === 'closed' ? { ...closing, paid_too: true } : closing;
    },
  };
}

/** An event's id that came back with another body is no news of that event; the run goes on without it. */
function refusedReuse(error: unknown): { opening: Opening; others: string[] } {
  if (!(error instanceof PersonaError) || error.type !== 'idempotency_key_reused') throw error;
  const problems = [{ field: 'event_id', message: 'was used before for another report' }];
  return { opening: { result: 'refused', type: error.type, problems }, others: [] };
}

/**
 * Does the ending stand although the obligation's own payment has succeeded? A settlement that names no payment speaks of
 * that one: nobody else collects what Persona was asked to recover.
 */
function isOfOthers({ outcome, rule, payment_ref }: Ending): boolean {
  return outcome === 'paid_elsewhere' && (rule !== 'settled' || payment_ref !== undefined);
}

/** @throws PersonaError gateway_unavailable while it is not known: nothing may be closed before nothing can succeed any more */
async function cancel(
  gateway: PaymentGateway,
  paymentId: string,
  gatewayRef: string,
): Promise<'cancelled' | 'already_succeeded'> {
  const cancelled = await gateway.cancelPayment(gatewayRef, `cancel:${gatewayRef}`);
  if (cancelled !== 'unknown') return cancelled;
  throw new PersonaError(
    'gateway_unavailable',
    `Whether payment ${gatewayRef} of obligation ${paymentId} is cancelled is not known; it stays open until it is`,
  );
}

function isOf(
  obligation: { amount?: number; currency?: string; gateway_customer_ref?: string },
  payment: GatewayPayment,
): boolean {
  return (
    payment.amount === obligation.amount &&
    payment.currency.toUpperCase() === obligation.currency &&
    payment.gateway_customer_ref === obligation.gateway_customer_ref
  );
}

function at(now: number): { occurredAt: string } {
  return { occurredAt: new Date(now).toISOString() };
}
