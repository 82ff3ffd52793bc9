/** The side effects of a recovery. Each may run twice and act once: the graph remembers by the keys it is given. */

import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { Policy, RecoveryPolicy } from '../domain/policy.ts';
import type { GatewayPayment, PaymentGateway } from '../domain/ports.ts';
import type { RecoverySignalName, RecoverySignals } from '../domain/workflow-contracts.ts';
import type { PaymentFailed, PaymentSettled } from '../domain/recovery/messages.ts';
import { evidenceOf, type ExpectedPayment, type SettlementEvidence } from '../domain/recovery/settlement.ts';
import type { Ending } from '../domain/recovery/state.ts';
import { getAlternativePaymentMethods, type Graph, getGatewayCustomer } from '../graph/index.ts';
import {
  adoptGatewayPayment,
  claimAttempt,
  clearReports,
  closeRecovery,
  endReview,
  findObligation,
  flagForReview,
  getObligation,
  storeClock,
  type OpenedRecovery,
  openRecovery,
  openFromSettlement,
  recordAttempt,
  refreshRecovery,
  resumeRecovery,
  setRecoveryPaused,
} from '../graph/recovery/index.ts';
import type { RecoveryActivities } from '../workflows/recover-payment.ts';
import { retryWhileMisconfigured } from './gateway-faults.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';

/** Tells recoveries that are open; where none runs, nobody needs to know. */
export type SignalRecoveries = <Name extends RecoverySignalName>(
  paymentIds: readonly string[],
  signal: Name,
  payload: RecoverySignals[Name],
) => Promise<void>;

export interface RecoveryDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createRecoveryActivities(dependencies: RecoveryDependencies): RecoveryActivities {
  const { graph, gateway, policy, signalRecoveries, now } = dependencies;

  const withRecoveryPolicy = (recovery: RecoveryPolicy): Policy => ({ ...policy, recovery });

  /**
   * What the gateway says of the payment that a settlement names, and whether the one that had paid the obligation before
   * it holds no money: then there is no second success.
   */
  async function readEvidence({
    payment_id,
    customer_id,
    gateway_payment_ref,
  }: PaymentSettled): Promise<{ evidence: SettlementEvidence; first_unpaid: boolean }> {
    if (gateway_payment_ref === undefined) return { evidence: 'word', first_unpaid: false };
    const known = await findObligation(graph, payment_id);
    const first_ref = known?.state === 'recovered' ? known.gateway_ref : known?.settled_ref;
    const [evidence, first] = await Promise.all([
      compareAtGateway(gateway_payment_ref, customer_id, { ...known, payment_id }),
      first_ref === undefined || first_ref === gateway_payment_ref
        ? undefined
        : gateway.readPayment(first_ref),
    ]);
    const first_unpaid =
      first !== undefined && (first.state !== 'succeeded' || first.came_back !== undefined);
    return { evidence, first_unpaid };
  }

  /** Of the payment that closed the obligation before its failure said what is owed. */
  function evidenceOfEarlySettlement(
    failure: PaymentFailed,
    settled_ref: string,
  ): Promise<SettlementEvidence> {
    const { payment_id, customer_id, amount, currency, occurred_at: opened_at } = failure;
    return compareAtGateway(settled_ref, customer_id, { payment_id, amount, currency, opened_at });
  }

  /** Compares a payment as the gateway has it now with what the customer owes. */
  async function compareAtGateway(
    gateway_ref: string,
    customer_id: string,
    obligation: ExpectedPayment,
  ): Promise<SettlementEvidence> {
    const [payment, customer] = await Promise.all([
      gateway.readPayment(gateway_ref),
      getGatewayCustomer(graph, { customer_id }).catch(ignoreUnknownCustomer),
    ]);
    return evidenceOf(payment, { ...obligation, ...customer });
  }

  return retryWhileMisconfigured({
    async openRecovery({ failure, claim_first }) {
      // The run's id makes a retry of this activity find its own first claim, and another run start afresh.
      // What a run hears later is another question than what it began with.
      const kind = claim_first ? 'open' : 'heard';
      const key = `${kind}:${activityInfo().workflowExecution?.runId}:${failure.event_id}`;
      const header = headerOf(key, { occurredAt: failure.occurred_at, causationId: failure.event_id });
      const input = { failure, policy, now: now(), claim_first };
      const open = (evidence?: SettlementEvidence) =>
        openRecovery(graph, header, { ...input, ...(evidence && { evidence }) }).catch(asRefusedOpening);
      const first = await open();
      // A workflow's task must not wait for the gateway: an activity of its own asks.
      if (first.unconfirmed && activityInfo().isLocal)
        throw ApplicationFailure.retryable('the gateway has to be asked', 'NotLocal');
      const { opening, endedRecoveries: others } = first.unconfirmed
        ? await open(await evidenceOfEarlySettlement(failure, first.unconfirmed))
        : first;
      await signalRecoveries(others, 'consentRevoked', { event_id: failure.event_id });
      return opening;
    },

    async openSettled({ settlement, policy: recoveryPolicy = policy.recovery, only_confirmed = false }) {
      const key = `settle:${activityInfo().workflowExecution?.runId}:${settlement.event_id}`;
      const header = headerOf(key, { occurredAt: settlement.settled_at, causationId: settlement.event_id });
      const read = await readEvidence(settlement);
      if (only_confirmed && read.evidence !== 'paid') return { result: 'ignored' };
      const rule = only_confirmed ? 'gateway_payment_succeeded' : 'settled';
      return openFromSettlement(graph, header, {
        settlement,
        policy: withRecoveryPolicy(recoveryPolicy),
        now: now(),
        rule,
        ...read,
      });
    },

    resumeRecovery: ({ payment_id }) => resumeRecovery(graph, { payment_id, policy, now: now() }),

    refreshRecovery: ({ payment_id, policy: recoveryPolicy }) =>
      refreshRecovery(graph, { payment_id, policy: withRecoveryPolicy(recoveryPolicy), now: now() }),

    async readPayment({ payment_id }) {
      const { gateway_ref } = await getObligation(graph, payment_id);
      const payment = gateway_ref ? await gateway.readPayment(gateway_ref) : undefined;
      const state = payment?.came_back ? 'came_back' : (payment?.state ?? 'none');
      return { payment: state, ...(gateway_ref && { gateway_ref }) };
    },

    async endReview({ payment_id, rule: expectedRule, policy: recoveryPolicy }) {
      const {
        state,
        rule,
        changed_seq,
        failed_payment_method_id = '',
        customer_id,
      } = await getObligation(graph, payment_id);
      if (expectedRule !== undefined && (state !== 'needs_review' || rule !== expectedRule)) return {};
      if (state === 'needs_review') {
        await endReview(graph, headerOf(`end-review:${payment_id}:${changed_seq}`, occurredAt(now())), {
          payment_id,
        });
      }
      const input = {
        customer_id,
        failed_payment_method_id,
        policy: withRecoveryPolicy(recoveryPolicy),
        now: now(),
      };
      return { alternatives: await getAlternativePaymentMethods(graph, input) };
    },

    async clearReports(cleared) {
      await clearReports(
        graph,
        headerOf(activityIdempotencyKey('clear-reports'), occurredAt(now())),
        cleared,
      );
    },

    async pauseRecovery({ payment_id, paused }) {
      const header = headerOf(activityIdempotencyKey('pause'), occurredAt(now()));
      await setRecoveryPaused(graph, header, { payment_id, paused });
    },

    async storeClock(clock) {
      await storeClock(graph, headerOf(activityIdempotencyKey('clock'), occurredAt(now())), clock);
    },

    async cancelPayment({ payment_id }) {
      const { gateway_ref } = await getObligation(graph, payment_id);
      return { result: gateway_ref ? await cancel(gateway, gateway_ref) : 'cancelled' };
    },

    async lookUpPayment({ payment_id, gateway_payment_ref }) {
      const obligation = await getObligation(graph, payment_id);
      const payment = await gateway.readPayment(gateway_payment_ref);
      if (!payment || !matchesObligation(obligation, payment)) return { payment: 'not_ours' };
      if (payment.state === 'processing' || payment.state === 'cancelled') return { payment: payment.state };
      if (payment.came_back) return { payment: 'came_back' };
      // Also one that succeeded is one obligation's alone.
      const header = headerOf(`adopt:${payment_id}:${gateway_payment_ref}`, occurredAt(now()));
      const isAdopted = await adoptGatewayPayment(graph, header, {
        payment_id,
        gateway_ref: gateway_payment_ref,
      });
      if (!isAdopted) return { payment: 'not_ours' };
      return { payment: payment.state === 'succeeded' ? 'succeeded' : 'adopted' };
    },

    async claimAttempt({ policy: recoveryPolicy, ...input }) {
      const header = headerOf(input.key, occurredAt(now()));
      return claimAttempt(graph, header, {
        ...input,
        policy: withRecoveryPolicy(recoveryPolicy),
        now: now(),
      });
    },

    async recordAttempt({ payment_id, key, answer, policy: recoveryPolicy }) {
      const header = headerOf(`record:${key}:${answer.result}`, occurredAt(now()));
      const {
        recorded,
        unblocked: others,
        endedRecoveries: ended,
      } = await recordAttempt(graph, header, {
        payment_id,
        key,
        answer,
        policy: withRecoveryPolicy(recoveryPolicy),
        now: now(),
      });
      // After the commit: a crash in between repeats the activity, and a signal too many does no harm.
      await signalRecoveries(ended, 'consentRevoked', { event_id: key });
      await signalRecoveries(others, 'claimFreed', {});
      return recorded;
    },

    async flagForReview({ payment_id, rule }) {
      const header = headerOf(activityIdempotencyKey('review'), occurredAt(now()));
      await flagForReview(graph, header, { payment_id, rule });
    },

    async closeRecovery({ payment_id, ending, keep_payment, notice }) {
      const { gateway_ref, opened_at } = await getObligation(graph, payment_id);
      const cancels = gateway_ref !== undefined && !keep_payment && ending.outcome !== 'recovered';
      const payment = cancels ? await cancel(gateway, gateway_ref) : 'cancelled';
      if (cancels && payment !== 'cancelled' && !isPaidExternally(ending)) {
        if (payment !== 'already_succeeded') return { result: 'not_cancelled', payment };
        const read = await gateway.readPayment(gateway_ref).catch(() => 'unknown' as const);
        // The rules ask again: an activity that waited here would keep the run from every signal.
        if (read === 'unknown') return { result: 'not_cancelled', payment: read };
        if (read?.came_back === undefined) return { result: payment };
        // Nothing can succeed on it any more. To cancel or stop is a decision; the end of the window is none.
        if (ending.outcome === 'exhausted') return { result: payment, came_back: true };
      }
      const header = headerOf(`close:${payment_id}:${opened_at}:${ending.outcome}`, occurredAt(now()));
      const closing = await closeRecovery(graph, header, { payment_id, ...ending }, notice);
      const isOtherPayment = ending.payment_ref !== undefined && ending.payment_ref !== gateway_ref;
      if (closing.result !== 'closed' || !isOtherPayment || payment === 'cancelled') return closing;
      return payment === 'already_succeeded'
        ? { ...closing, paid_too: true }
        : { ...closing, uncancelled: true };
    },
  } satisfies RecoveryActivities);
}

/** Whoever settles the payment of an unknown customer is refused by the command. */
function ignoreUnknownCustomer(error: unknown): Record<string, never> {
  if (error instanceof PersonaError && error.type === 'customer_not_found') return {};
  throw error;
}

/** An event's id that came back with another body is no news of that event; the run goes on without it. */
function asRefusedOpening(error: unknown): OpenedRecovery {
  if (!(error instanceof PersonaError) || error.type !== 'idempotency_key_reused') throw error;
  const problems = [{ field: 'event_id', message: 'was used before for another report' }];
  return { opening: { result: 'refused', type: error.type, problems }, endedRecoveries: [] };
}

/**
 * Does the ending stand although the obligation's own payment has succeeded? A settlement that names no payment speaks of
 * that one: nobody else collects what Persona was asked to recover.
 */
function isPaidExternally({ outcome, rule, payment_ref }: Ending): boolean {
  return outcome === 'paid_elsewhere' && (rule !== 'settled' || payment_ref !== undefined);
}

/** One try, whatever comes of it: the run that waits for it receives no signal meanwhile. */
async function cancel(
  gateway: PaymentGateway,
  gatewayRef: string,
): Promise<'cancelled' | 'already_succeeded' | 'processing' | 'unknown'> {
  const cancelled = await gateway.cancelPayment(gatewayRef);
  if (cancelled !== 'unknown') return cancelled;
  try {
    return (await gateway.readPayment(gatewayRef))?.state === 'processing' ? 'processing' : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Is the payment what the obligation is about? */
export function matchesObligation(
  obligation: { amount?: number; currency?: string; gateway_customer_ref?: string },
  payment: GatewayPayment,
): boolean {
  return (
    payment.amount === obligation.amount &&
    payment.currency.toUpperCase() === obligation.currency &&
    payment.gateway_customer_ref === obligation.gateway_customer_ref
  );
}

function occurredAt(now: number): { occurredAt: string } {
  return { occurredAt: new Date(now).toISOString() };
}
