/** Applies messages to a running recovery; an invalid message is logged and ignored. */

import { log } from '@temporalio/workflow';
import { RESOLVE_UNKNOWN, type RecoverySignalName } from '../../domain/workflow-contracts.ts';
import { begin } from '../../domain/recovery/begin.ts';
import { evolve } from '../../domain/recovery/evolve.ts';
import { validatePaymentFailed, validatePaymentSettled } from '../../domain/recovery/payment-failed.ts';
import { isExternalPayment, type PaymentSettled } from '../../domain/recovery/messages.ts';
import { type Fact, type RecoveryState, unresolvedCharge } from '../../domain/recovery/state.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import { applyFact } from './apply-fact.ts';
import { graph, openings, openSettled, readings } from './activities.ts';
import type { Message, ReceivedSignal, Recovering, ResolutionRequest } from './run.ts';
import { resolveCharge } from './steps.ts';

/** @returns the state after the message */
export async function receive(run: Recovering, message: Message): Promise<RecoveryState> {
  if (message.signal === RESOLVE_UNKNOWN) return applyResolution(run, message);
  if (message.signal === 'paymentFailed') return handleRepeatedFailure(run.state, message.payload);
  const fact = await factOf(run.state, { signal: message.signal, payload: message.payload });
  return fact ? applyFact(run.state, fact) : run.state;
}

/**
 * A settlement may be about the unresolved charge itself. That charge is therefore read at the gateway before the
 * settlement is applied, so that the only payment is not taken for a second success and refunded. Nothing is charged.
 */
export async function resolveBeforeSettlement(
  current: RecoveryState,
  message: Message,
): Promise<RecoveryState> {
  const unresolved = unresolvedCharge(current);
  const settles =
    message.signal === 'paymentSettled' ||
    (message.signal === 'chargeResult' && isExternalPayment(message.payload));
  if (!settles || !unresolved || current.phase.name === 'closed') return current;
  const { key } = unresolved;
  const found = await resolveCharge(key, current.obligation.policy, { only_read: true });
  const known = found.result === 'approved' || found.result === 'declined' || found.result === 'not_sent';
  return known ? evolve(current, { fact: 'charge_resolved', key, found, at: Date.now() }) : current;
}

async function factOf(
  current: RecoveryState,
  {
    signal,
    payload,
  }: { signal: Exclude<RecoverySignalName, 'paymentFailed'>; payload: ReceivedSignal['payload'] },
): Promise<Fact | undefined> {
  switch (signal) {
    case 'claimFreed':
      return { fact: 'claim_freed' };
    case 'fraudKnown':
      return { fact: 'fraud_known' };
    case 'consentRevoked':
      return { fact: 'consent_revoked' };
    case 'chargeResult':
      return isExternalPayment(payload)
        ? handleExternalPayment(current, payload)
        : { fact: 'charge_reported', at: Date.now(), ...keyOf(payload) };
    case 'paymentAuthenticated': {
      const read = await readings.readPayment({ payment_id: current.obligation.payment_id });
      return { fact: 'authenticated', ...read, at: Date.now() };
    }
    case 'customerStatusChanged': {
      const { status } = payload;
      if (typeof status !== 'string') return logIgnored(signal, ['status: is required']);
      return { fact: 'customer_status', status, at: Date.now() };
    }
    case 'paymentMethodAdded':
    case 'paymentMethodUpdated': {
      const { payment_method_id, event_id } = payload;
      if (typeof payment_method_id !== 'string')
        return logIgnored(signal, ['payment_method_id: is required']);
      const eventId = typeof event_id === 'string' ? { event_id } : {};
      return { fact: 'method_added', payment_method_id, ...eventId };
    }
    case 'pause':
    case 'resume':
    case 'retryNow':
    case 'cancel':
      return factOfOperatorRequest(current, signal, payload);
    case 'paymentSettled':
      return handleSettlement(current, payload);
  }
}

/** The attempt that a charge result is about. */
function keyOf({ attempt_key }: ReceivedSignal['payload']): { key?: string } {
  return typeof attempt_key === 'string' ? { key: attempt_key } : {};
}

/** The customer paid by the original link, or another system has charged: confirmed at the gateway like a settlement. */
async function handleExternalPayment(
  current: RecoveryState,
  { event_id, gateway_ref, occurred_at }: ReceivedSignal['payload'],
): Promise<Fact | undefined> {
  const { payment_id, customer_id, policy } = current.obligation;
  const settlement = {
    event_id: typeof event_id === 'string' ? event_id : `chargeResult:${String(gateway_ref)}`,
    payment_id,
    customer_id,
    settled_at: typeof occurred_at === 'string' ? occurred_at : new Date(Date.now()).toISOString(),
    gateway_payment_ref: String(gateway_ref),
  };
  const opening = await openSettled({ settlement, policy, only_confirmed: true });
  const paid = paidAfterClosing(current, opening);
  if (paid) return paid;
  // Not confirmed: it may be about one of Persona's own charges.
  if (!('recovery' in opening)) return { fact: 'charge_reported', at: Date.now() };
  const fact = settlementFact(opening, settlement);
  return fact?.fact === 'settled' ? { ...fact, rule: 'gateway_payment_succeeded' } : fact;
}

async function handleSettlement(current: RecoveryState, payload: unknown): Promise<Fact | undefined> {
  const checked = validatePaymentSettled(payload);
  if ('problems' in checked) return logIgnored('paymentSettled', checked.problems);
  const { obligation, phase } = current;
  if (checked.message.customer_id !== obligation.customer_id) {
    return logIgnored('paymentSettled', ['customer_id: must be the customer who owes this payment']);
  }
  const settlement = checked.message;
  if (phase.name !== 'closed' && settlement.gateway_payment_ref === undefined) return settledFact(settlement);
  // Whether the obligation is already paid, or was paid by its own payment, only the graph knows.
  const opening = await openSettled({ settlement, policy: obligation.policy });
  if ('recovery' in opening) return settlementFact(opening, settlement);
  return phase.name === 'closed' ? paidAfterClosing(current, opening) : settledFact(settlement);
}

/** The obligation was given up, and is now recorded as paid elsewhere. */
function paidAfterClosing({ phase }: RecoveryState, opening: Opening): Fact | undefined {
  if (phase.name !== 'closed' || opening.result !== 'closed') return undefined;
  if (opening.obligation.outcome === phase.ending.outcome) return undefined;
  return { fact: 'closed', obligation: opening.obligation, payment_open: false };
}

function settledFact({ gateway_payment_ref }: PaymentSettled): Fact {
  return {
    fact: 'settled',
    ...(gateway_payment_ref === undefined ? {} : { payment_ref: gateway_payment_ref }),
  };
}

/** The fact that a settlement leads to: the end, a review, a second success, or an update of Persona's own charge. */
export function settlementFact(
  opening: Extract<Opening, { recovery: object }>,
  settlement: PaymentSettled,
): Fact {
  if (opening.review) return { fact: 'settlement_in_review', rule: opening.review, at: Date.now() };
  if (opening.own) return { fact: 'charge_reported', at: Date.now() };
  const { recovery, second } = opening;
  if (second === undefined) return settledFact(settlement);
  const { state: outcome, rule } = recovery;
  if (outcome === 'open' || outcome === 'needs_review')
    throw new Error('a second success of an open obligation');
  return { fact: 'second_success', key: second, ending: { outcome, rule } };
}

/** A failure may reopen an obligation that this run has just closed: the run then starts over with it. */
async function handleRepeatedFailure(current: RecoveryState, payload: unknown): Promise<RecoveryState> {
  const checked = validatePaymentFailed(payload);
  if ('problems' in checked) {
    logIgnored('paymentFailed', checked.problems);
    return current;
  }
  if (checked.message.payment_id !== current.obligation.payment_id) {
    logIgnored('paymentFailed', ['payment_id: must be the payment of this workflow']);
    return current;
  }
  const opening = await openings.openRecovery({ failure: checked.message, claim_first: false });
  if (opening.result === 'noted') return evolve(current, { fact: 'noted', recovery: opening.recovery });
  if (opening.result === 'reopened') return begin(opening.recovery);
  log.info(`further paymentFailed has no effect: ${opening.result}`);
  return current;
}

/** Executes an operator request. Its reason is in the history alone, encrypted; ceilings, consent and claims still apply. */
async function factOfOperatorRequest(
  state: RecoveryState,
  action: 'pause' | 'resume' | 'retryNow' | 'cancel',
  request: { actor?: unknown; reason?: unknown; rule?: unknown },
): Promise<Fact | undefined> {
  const { phase, review } = state;
  const { payment_id, policy } = state.obligation;
  log.info(`operator request: ${action}`, { actor: text(request.actor) });
  switch (action) {
    case 'pause':
      await graph.pauseRecovery({ payment_id, paused: true });
      return { fact: 'paused' };
    case 'resume':
      await graph.pauseRecovery({ payment_id, paused: false });
      return { fact: 'resumed' };
    case 'cancel':
      return { fact: 'cancelled' };
    case 'retryNow': {
      const rule = typeof request.rule === 'string' ? request.rule : undefined;
      if (phase.name !== 'open') {
        const matchesReview = phase.cancelling && (rule === undefined || rule === review?.rule);
        return matchesReview ? { fact: 'retry_now', alternatives: [], at: Date.now() } : undefined;
      }
      if (unresolvedCharge(state)) return undefined;
      const { alternatives } = await graph.endReview({
        payment_id,
        policy,
        ...(rule !== undefined && { rule }),
      });
      return alternatives && { fact: 'retry_now', alternatives, at: Date.now() };
    }
  }
}

/**
 * Applies an operator's resolution of an unresolved charge; refused if the gateway's records contradict it. The response
 * waits until the resolution is recorded, so that it shows the new state.
 */
async function applyResolution(
  { state, pendingAnswers }: Recovering,
  { payload, answer }: ResolutionRequest,
): Promise<RecoveryState> {
  const { attempt_key: key, result } = payload;
  if (unresolvedCharge(state)?.key !== key) {
    answer.done = { refused: `attempt ${key} is not the unresolved attempt` };
    return state;
  }
  // Read only: an operator who resolves it as declined must not cause the charge.
  const found = await resolveCharge(key, state.obligation.policy, { only_read: true });
  const byGateway: Fact = { fact: 'charge_resolved', key, found, at: Date.now() };
  // After a reversal, the gateway's records do not decide whether the obligation counts as paid.
  const isReversed = found.result === 'approved' && found.reversal !== undefined;
  const isConclusive = found.result === 'declined' || (found.result === 'approved' && !isReversed);
  const gatewayResult = isConclusive ? found.result : undefined;
  const resultIfNeverSent = found.result === 'not_sent' ? 'declined' : undefined;
  if ((gatewayResult ?? resultIfNeverSent ?? result) !== result) {
    answer.done = {
      refused: `the gateway reports that attempt ${key} was ${gatewayResult ?? 'never charged'}`,
    };
    return evolve(state, byGateway);
  }
  pendingAnswers.push(answer);
  if (gatewayResult || resultIfNeverSent) return evolve(state, byGateway);
  const known = isReversed ? evolve(state, byGateway) : state;
  return evolve(known, { fact: 'resolved_by_operator', key, result });
}

function logIgnored(signal: string, problems: readonly unknown[]): undefined {
  log.warn(`invalid ${signal} ignored`, { problems });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'not given';
}
