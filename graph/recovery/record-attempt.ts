import type { DeclineCodes } from '../../domain/decline/codes.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import type { CancelledPayment, ChargeAnswer } from '../../domain/ports.ts';
import type { RecordedAttempt } from '../../domain/recovery/claims.ts';
import type { RecoveryEvents } from '../../domain/events/recovery.ts';
import {
  type AttemptState,
  isReviewOfAttempt,
  NOT_SENT,
  PAID_BY_ANOTHER_METHOD,
  PAYMENT_REVERSED,
  PAYMENT_CANCELLED,
  PAYMENT_WITHDRAWN,
} from '../../domain/recovery/status.ts';
import { mayBeDefault } from '../../domain/wallet.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import { openWallet, type Wallet } from '../wallet/wallet.ts';
import { applyDecline, classifyAnswer, type FailureDecision, declineDetails } from './apply-decline.ts';
import { unblockedBy } from './blocked-by.ts';
import { liftReview, allowCollectingAgain } from './close-recovery.ts';
import { endOtherRecoveries } from './end-other-recoveries.ts';
import { lockOwner, type ObligationWithAttempts, requireObligation } from './read-obligation.ts';
import {
  type AttemptNode,
  attemptStatus,
  failureClass,
  isClosed,
  noticeId,
  type ObligationNode,
  UNRESOLVED,
} from './records.ts';

export interface RecordAttemptInput {
  payment_id: string;
  key: string;
  answer: ChargeAnswer;
  policy: Policy;
  /** Epoch milliseconds. */
  now: number;
}

interface AttemptContext {
  tx: CommandTx;
  input: RecordAttemptInput;
  obligation: ObligationNode;
  attempts: readonly AttemptNode[];
  attempt: AttemptNode;
  wallet: Wallet;
  /** The method without an attempt with which the customer paid the attempt's payment; `null`: unknown to Persona. */
  paidWith?: string | null;
  /** Whether the customer has chosen a default since the obligation was opened. */
  defaultChosenSince: boolean;
}

const STATES: Readonly<Record<ChargeAnswer['result'], AttemptState>> = {
  approved: 'approved',
  declined: 'declined',
  pending: 'pending',
  unknown: 'unknown',
  not_sent: 'void',
};

/**
 * Records the outcome of a claimed attempt with everything that follows from it: the obligation paid, the default
 * swapped, the method's status. An outcome is never refused; a certain one never becomes uncertain again.
 * @returns the attempt, the open obligations that waited for it, and the other recoveries that it ends
 * @throws PersonaError recovery_not_found
 */
export async function recordAttempt(
  graph: Graph,
  header: CommandHeader,
  input: RecordAttemptInput,
): Promise<{ recorded: RecordedAttempt; unblocked: string[]; endedRecoveries: string[] }> {
  const { payment_id, key, answer } = input;
  // Further details of the same result, such as a later refund, do not make it a different command.
  const body = { payment_id, key, result: answer.result };
  return runCommand(graph, header, 'recordAttempt', body, async (tx) => {
    const customer = await lockOwner(tx, payment_id);
    const [locked, wallet, unblocked] = await Promise.all([
      requireObligation(tx, payment_id),
      openWallet(tx, customer.id),
      unblockedBy(tx, { key, resolved: isResolved(STATES[answer.result]) }),
    ]);
    const defaultChosenSince = hasChosenDefaultSince(customer, locked.obligation);
    const context = { tx, input, wallet, ...locked, attempt: attemptOf(locked, key), defaultChosenSince };
    const resolvedContext = await attributeSuccess(context);
    const endedRecoveries =
      answer.result === 'declined' ? await endOthersByDecline(resolvedContext, answer.codes) : [];
    return { recorded: recordOutcome(resolvedContext), unblocked, endedRecoveries };
  });
}

function attemptOf({ attempts }: ObligationWithAttempts, key: string): AttemptNode {
  const attempt = attempts.find((one) => one.key === key);
  if (attempt) return attempt;
  throw new PersonaError('recovery_not_found', `there is no attempt with the key ${key}`);
}

function hasChosenDefaultSince(
  { default_chosen_at: chosen }: CustomerNode,
  { opened_at }: ObligationNode,
): boolean {
  return chosen !== undefined && Date.parse(chosen) >= Date.parse(opened_at);
}

/**
 * The payment may have succeeded through another attempt, and this one never charged: an attempt whose success is
 * recorded with the same charge (an earlier attempt with the same method finds it as well), or one with another method.
 */
async function attributeSuccess(context: AttemptContext): Promise<AttemptContext> {
  const { tx, input, attempts } = context;
  const { answer } = input;
  if (answer.result !== 'approved') return context;
  const { charge_ref, charged_token } = answer;
  const known = attempts.find(
    ({ state, gateway_ref }) =>
      state === 'approved' && gateway_ref !== undefined && gateway_ref === charge_ref,
  );
  if (known) return attributeTo(context, known);
  if (charged_token === undefined) return context;
  const row = await findMethodOfToken(tx, charged_token);
  const chargedAttempt = attempts.findLast(
    (one) => one.payment_method_id === row?.id && one.source === 'recovery',
  );
  return chargedAttempt ? attributeTo(context, chargedAttempt) : { ...context, paidWith: row?.id ?? null };
}

function attributeTo(context: AttemptContext, chargedAttempt: AttemptNode): AttemptContext {
  const { attempt } = context;
  if (chargedAttempt.key === attempt.key) return context;
  // An attempt's final outcome stays in the card's history.
  if (!isFinal(attempt)) append(context, 'void', undefined, 'paid_by_another_attempt');
  return { ...context, attempt: chargedAttempt };
}

const METHOD_OF_TOKEN = `
  UNWIND $hashes AS hash
  MATCH (p:PaymentMethod {token_hash: hash})
  RETURN p.id AS id LIMIT 1`;

/** For an instant of a rotation a token is found under neither key: its lock ends that. */
async function findMethodOfToken(tx: CommandTx, token: string): Promise<{ id: string } | undefined> {
  const hashes = tx.graph.blindIndex.hashes('token', token);
  const [row] = await tx.run<{ id: string }>(METHOD_OF_TOKEN, { hashes });
  if (row !== undefined || hashes.length < 2) return row;
  lockIdentities(tx, hashes);
  const [again] = await tx.run<{ id: string }>(METHOD_OF_TOKEN, { hashes });
  return again;
}

function recordOutcome(context: AttemptContext): RecordedAttempt {
  const { tx, input, attempt, obligation, attempts } = context;
  const { answer } = input;
  const state = STATES[answer.result];
  if (attempt.state === 'approved' || (isFinal(attempt) && state !== 'approved')) {
    const { overpaid } = attempt;
    return {
      attempt: attemptStatus(attempt),
      obligation_state: obligation.state,
      overpaid,
      notify_chimera: false,
    };
  }
  const decision = answer.result === 'declined' ? decisionOf(context, answer.codes) : undefined;
  if (decision?.class === 'UNKNOWN') return recordUnresolved(context, decision);
  const event =
    context.paidWith === undefined
      ? append(context, state, decision)
      : append(context, state, decision, PAID_BY_ANOTHER_METHOD);
  const overpaid = state === 'approved' && recordSuccess(context);
  if (decision) {
    applyDecline(
      context.wallet,
      attempt.payment_method_id,
      decision,
      event.resolved_at ?? event.attempted_at,
    );
  }
  const otherUnresolved = attempts.filter((one) => one.key !== attempt.key && UNRESOLVED.includes(one.state));
  const isFullyResolved = (state === 'declined' || state === 'void') && otherUnresolved.length === 0;
  const paymentOver = endsPayment(answer);
  const { rule } = obligation;
  const isReviewOfThis = isReviewOfAttempt(rule) || (paymentOver && rule === PAYMENT_REVERSED);
  const wasInReviewOfThis = obligation.state === 'needs_review' && isReviewOfThis;
  const endsReview = isFullyResolved && wasInReviewOfThis;
  if (endsReview) liftReview(tx, obligation);
  const now: AttemptContext = endsReview
    ? { ...context, obligation: { ...obligation, state: 'open' } }
    : context;
  if (answer.result === 'not_sent' && answer.cancelled) abandonPayment(now, answer.cancelled);
  if (answer.result === 'not_sent' && answer.review) requireReview(now, answer.review);
  if (paymentOver) allowCollectingAgain(tx, obligation);
  if (endsPayment(answer) && answer.gateway_ref) abandonPayment(now, { gateway_ref: answer.gateway_ref });
  return {
    attempt: attemptStatus({ ...attempt, ...withoutNulls(event) }),
    obligation_state: state === 'approved' ? 'recovered' : obligation.state,
    overpaid,
    notify_chimera: decision?.notifyChimera ?? false,
    ...(decision?.notBefore === undefined ? {} : { not_before: decision.notBefore }),
  };
}

/**
 * Declined with a code that does not say whether it was charged: unresolved, like a charge without a response. The
 * command leaves no receipt: an operator's resolution, or a later response of the gateway, is another decline of the
 * same attempt.
 */
function recordUnresolved(context: AttemptContext, decision: FailureDecision): RecordedAttempt {
  const { tx, attempt, obligation } = context;
  tx.discardReceipt();
  const isKnown = attempt.state === 'unknown' && attempt.class === decision.class;
  const event = isKnown ? {} : withoutNulls(append(context, 'unknown', decision));
  return {
    attempt: attemptStatus({ ...attempt, ...event }),
    obligation_state: obligation.state,
    overpaid: false,
    notify_chimera: decision.notifyChimera,
  };
}

/**
 * The obligation's payment was cancelled at the gateway while the obligation was open: nothing can succeed on it any
 * more, and the next attempt creates another. If that was done on purpose, only an operator lets the obligation
 * continue, even if the run is lost.
 */
function abandonPayment(context: AttemptContext, payment: CancelledPayment): void {
  const { tx, obligation } = context;
  // If the obligation has no payment of its own, this attempt has found the payment.
  const { gateway_ref = payment.gateway_ref } = obligation;
  if (isClosed(obligation) || gateway_ref !== payment.gateway_ref) return;
  const { payment_id, customer_id } = obligation;
  const stream = { stream: 'customer', stream_id: customer_id } as const;
  const data = { label: 'Obligation', id: payment_id, property: 'gateway_ref', value: null } as const;
  tx.append({ ...stream, type: 'NodePropertyChanged', data });
  const rule = cancelledPaymentRule(payment);
  if (rule !== PAYMENT_CANCELLED) requireReview(context, rule);
}

/** Only an operator lets the obligation continue, even if the run is lost. */
function requireReview({ tx, obligation }: AttemptContext, rule: string): void {
  if (obligation.state !== 'open') return;
  const { payment_id, customer_id: stream_id } = obligation;
  tx.append({ stream: 'customer', stream_id, type: 'RecoveryNeedsReview', data: { payment_id, rule } });
}

function endOthersByDecline(context: AttemptContext, codes: DeclineCodes): Promise<string[]> {
  const { tx, obligation, attempt } = context;
  const { payment_id, customer_id } = obligation;
  const ids = { payment_id, customer_id, payment_method_id: attempt.payment_method_id };
  return endOtherRecoveries(tx, decisionOf(context, codes), ids);
}

function decisionOf({ wallet, attempt, input }: AttemptContext, codes: DeclineCodes): FailureDecision {
  const method = wallet.methods.find((one) => one.payment_method_id === attempt.payment_method_id);
  if (!method) throw new Error(`attempt ${attempt.key} is on a method that its customer never had`);
  return classifyAnswer(codes, method, input.now);
}

function isResolved(state: AttemptState): boolean {
  return !UNRESOLVED.includes(state);
}

/** The outcome is certain: only a later approval outranks it. */
function isFinal(attempt: AttemptNode): boolean {
  return attempt.state === 'declined' || attempt.state === 'void';
}

function append(
  { tx, input, attempt, obligation }: AttemptContext,
  state: AttemptState,
  decision: FailureDecision | undefined,
  rule = ruleOf(input.answer),
): RecoveryEvents['RecoveryAttempted'] {
  const { answer, now } = input;
  const data: RecoveryEvents['RecoveryAttempted'] = {
    key: attempt.key,
    n: attempt.n ?? null,
    source: 'recovery',
    payment_id: obligation.payment_id,
    payment_method_id: attempt.payment_method_id,
    network: decision?.network ?? attempt.network ?? null,
    amount: attempt.amount,
    currency: attempt.currency,
    state,
    class: decision?.class ?? null,
    rule: decision?.rule ?? rule,
    code: decision?.code ?? null,
    gateway_ref: 'charge_ref' in answer ? (answer.charge_ref ?? null) : null,
    payment_ref: 'gateway_ref' in answer ? (answer.gateway_ref ?? null) : null,
    attempted_at: attempt.claimed_at,
    resolved_at: isResolved(state) ? new Date(now).toISOString() : null,
    ...declineDetails(decision),
  };
  tx.append({ stream: 'customer', stream_id: obligation.customer_id, type: 'RecoveryAttempted', data });
  return data;
}

/** The payment succeeded and was reversed, and an operator counts it as declined. */
function endsPayment(answer: ChargeAnswer): answer is Extract<ChargeAnswer, { result: 'declined' }> {
  return answer.result === 'declined' && answer.payment_over === true;
}

function ruleOf(answer: ChargeAnswer): string {
  switch (answer.result) {
    case 'approved':
      return 'approved';
    case 'pending':
      return 'pending';
    case 'not_sent':
      if (answer.review) return answer.review;
      return answer.cancelled ? cancelledPaymentRule(answer.cancelled) : NOT_SENT;
    default:
      return 'outcome_unknown';
  }
}

function cancelledPaymentRule({ because, reversal }: CancelledPayment): string {
  if (reversal !== undefined) return PAYMENT_REVERSED;
  return because === undefined ? PAYMENT_CANCELLED : PAYMENT_WITHDRAWN;
}

/** @returns whether it was a second success */
function recordSuccess(context: AttemptContext): boolean {
  const { tx, input, obligation, attempts, attempt, wallet, paidWith = attempt.payment_method_id } = context;
  const at = new Date(input.now).toISOString();
  const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
  const payingMethod = wallet.methods.find((one) => one.payment_method_id === paidWith);
  if (payingMethod?.removed_at === null) wallet.recordUse(payingMethod.payment_method_id, { at });
  if (wasPaidBefore(context)) {
    const { key, amount, currency } = attempt;
    const { payment_id } = obligation;
    const refund = input.policy.recovery.refundDuplicate;
    tx.append({ ...stream, type: 'RecoveryOverpaid', data: { payment_id, key, amount, currency, refund } });
    return true;
  }
  const byAttempt = paidWith === attempt.payment_method_id;
  if (byAttempt && input.policy.recovery.swapDefault && becomesDefault(context)) {
    wallet.makeDefault(attempt.payment_method_id, 'recovery');
  }
  tx.append({
    ...stream,
    type: 'RecoveryClosed',
    data: {
      payment_id: obligation.payment_id,
      state: 'recovered',
      rule: 'approved',
      class: failureClass(attempts),
      payment_method_id: payingMethod?.payment_method_id ?? null,
      closed_at: at,
      payment_ref: null,
      notice: noticeId(obligation, 'recovered'),
    },
  });
  return false;
}

/** A settlement that named the payment on which this attempt was made was about this success. */
function wasPaidBefore({ input, obligation, attempts, attempt }: AttemptContext): boolean {
  if (attempts.some((other) => other.key !== attempt.key && other.state === 'approved')) return true;
  if (obligation.state === 'recovered') return true;
  const charged = 'gateway_ref' in input.answer ? input.answer.gateway_ref : undefined;
  const own = charged ?? obligation.gateway_ref;
  return obligation.state === 'paid_elsewhere' && (own === undefined || own !== obligation.settled_ref);
}

/**
 * Only if the failed method is the default, or was until this failure and the customer has chosen none since; and only
 * if the charged method may be the default: a bank debit takes days, in which the method may have been removed.
 */
function becomesDefault({ obligation, wallet, defaultChosenSince, attempt }: AttemptContext): boolean {
  const charged = wallet.methods.find((one) => one.payment_method_id === attempt.payment_method_id);
  if (!charged || charged.removed_at !== null || !mayBeDefault(charged)) return false;
  if (wallet.defaultId === null || wallet.defaultId === obligation.failed_payment_method_id) return true;
  return obligation.failed_was_default === true && !defaultChosenSince;
}

function withoutNulls<T extends object>(data: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
