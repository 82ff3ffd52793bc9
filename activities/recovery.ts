/** The activities of a recovery. Each may run twice and acts once: the graph deduplicates by its idempotency keys. */

import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { Policy, RecoveryPolicy } from '../domain/policy.ts';
import type { GatewayPayment, PaymentGateway } from '../domain/ports.ts';
import type { RecoverySignalName, RecoverySignals } from '../domain/workflow-contracts.ts';
import type { PaymentFailed, PaymentSettled } from '../domain/recovery/messages.ts';
import { evidenceOf, type ExpectedPayment, type SettlementEvidence } from '../domain/recovery/settlement.ts';
import type { Ending } from '../domain/recovery/state.ts';
import { findErasureOf } from '../graph/erasure/index.ts';
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

/** Signals open recoveries; ignores those that are not running. */
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
  /** Called for each message about a customer who is erased, or being erased. */
  onErased?: () => void;
}

export function createRecoveryActivities(dependencies: RecoveryDependencies): RecoveryActivities {
  const { graph, gateway, policy, signalRecoveries, now } = dependencies;

  const withRecoveryPolicy = (recovery: RecoveryPolicy): Policy => ({ ...policy, recovery });

  /** Counts a refused report about a customer who is erased, or being erased. */
  async function withGoneCustomer<T extends object>(
    refused: T,
    customer_id: string,
  ): Promise<T & { customer_gone?: true }> {
    if ((await findErasureOf(graph, customer_id)) === undefined) return refused;
    dependencies.onErased?.();
    return { ...refused, customer_gone: true };
  }

  /**
   * Compares the payment that a settlement names at the gateway. `first_unpaid`: the payment that had paid the obligation
   * before did not succeed or was reversed, so that there is no second success.
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
    const first_unpaid = first !== undefined && (first.state !== 'succeeded' || first.reversal !== undefined);
    return { evidence, first_unpaid };
  }

  /** Compares the payment that closed the obligation before its failure was reported. */
  function evidenceOfEarlySettlement(
    failure: PaymentFailed,
    settled_ref: string,
  ): Promise<SettlementEvidence> {
    const { payment_id, customer_id, amount, currency, occurred_at: opened_at } = failure;
    return compareAtGateway(settled_ref, customer_id, { payment_id, amount, currency, opened_at });
  }

  /** Compares the current state of a payment at the gateway with the obligation. */
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
      // With the run's id, a retry of this activity finds its first claim, and another run starts afresh. A message that a
      // run receives later has another key than the one that it started with.
      const kind = claim_first ? 'open' : 'heard';
      const key = `${kind}:${activityInfo().workflowExecution?.runId}:${failure.event_id}`;
      const header = headerOf(key, { occurredAt: failure.occurred_at, causationId: failure.event_id });
      const input = { failure, policy, now: now(), claim_first };
      const open = (evidence?: SettlementEvidence) =>
        openRecovery(graph, header, { ...input, ...(evidence && { evidence }) }).catch(asRefusedOpening);
      const first = await open();
      // A workflow task must not wait for the gateway: an ordinary activity calls it.
      if (first.unconfirmed && activityInfo().isLocal)
        throw ApplicationFailure.retryable('opening requires a gateway call', 'NotLocal');
      const { opening, endedRecoveries: others } = first.unconfirmed
        ? await open(await evidenceOfEarlySettlement(failure, first.unconfirmed))
        : first;
      await signalRecoveries(others, 'consentRevoked', { event_id: failure.event_id });
      return opening.result === 'refused' ? withGoneCustomer(opening, failure.customer_id) : opening;
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
      const state = payment?.reversal ? 'reversed' : (payment?.state ?? 'none');
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
      if (payment.reversal) return { payment: 'reversed' };
      // A payment belongs to one obligation only, even if it has succeeded.
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
      // After the commit: a crash in between repeats the activity, and a repeated signal is harmless.
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
        // The rules retry this: an activity that waited here would block the run's signals.
        if (read === 'unknown') return { result: 'not_cancelled', payment: read };
        if (read?.reversal === undefined) return { result: payment };
        // It can no longer succeed. Cancelling and stopping are decisions that close the obligation nevertheless.
        if (ending.outcome === 'exhausted') return { result: payment, reversed: true };
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

/** The command itself refuses a settlement of an unknown customer. */
function ignoreUnknownCustomer(error: unknown): Record<string, never> {
  if (error instanceof PersonaError && error.type === 'customer_not_found') return {};
  throw error;
}

/** A reused event id with another body is refused without failing the activity, so that the run continues. */
function asRefusedOpening(error: unknown): OpenedRecovery {
  if (!(error instanceof PersonaError) || error.type !== 'idempotency_key_reused') throw error;
  const problems = [{ field: 'event_id', message: 'was already used for another report' }];
  return { opening: { result: 'refused', type: error.type, problems }, endedRecoveries: [] };
}

/**
 * Whether the obligation counts as paid elsewhere although its own payment has succeeded. A settlement that names no
 * payment is about that payment: no other system collects what Persona recovers.
 */
function isPaidExternally({ outcome, rule, payment_ref }: Ending): boolean {
  return outcome === 'paid_elsewhere' && (rule !== 'settled' || payment_ref !== undefined);
}

/** One attempt only: the run processes no signals while it waits. */
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

/** Whether amount, currency and customer of a payment are the obligation's. */
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
