import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { settledPaymentKey } from '../../domain/workflow-contracts.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentSettled } from '../../domain/recovery/messages.ts';
import {
  outranksSettlementReview,
  SETTLEMENT_MISMATCH,
  type SettlementEvidence,
} from '../../domain/recovery/settlement.ts';
import { PAYMENT_REVERSED } from '../../domain/recovery/status.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { runReportCommand } from './accepted-reports.ts';
import { belongsToOtherObligation } from './close-recovery.ts';
import { findObligation, type ObligationWithAttempts } from './read-obligation.ts';
import { closedObligation, failureClass, isClosed, type ObligationNode } from './records.ts';
import { hasFailure, resumedSnapshot } from './snapshot.ts';

export interface SettlementInput {
  settlement: PaymentSettled;
  policy: Policy;
  /** Epoch milliseconds. */
  now: number;
  rule?: string;
  evidence?: SettlementEvidence;
  first_unpaid?: boolean;
}

/**
 * Applies a settlement for a run that knows nothing of the payment yet:
 * - An unknown payment is closed in advance.
 * - A payment that was given up is closed again, as paid elsewhere.
 * - A paid one returns how it ended.
 * - An open one is returned `unchanged`, to be closed by its run; if the settlement names the obligation's own payment
 *   (`own`), the run queries the gateway about it first.
 * - An open one whose settlement names a payment that cannot have settled it, or that was reversed, goes to `review`.
 * - A settlement of a payment that was paid already, by Persona or by another settlement, is a second success, recorded
 *   for the later of the two; only what the gateway confirms is refunded.
 *
 * @param input.evidence what the gateway reports about the payment that the settlement names
 * @param input.rule the rule under which an obligation is closed
 * @param input.first_unpaid the gateway reports that the payment which first paid the obligation holds no money
 */
export function openFromSettlement(
  graph: Graph,
  header: CommandHeader,
  input: SettlementInput,
): Promise<Opening> {
  const { settlement, policy, now, rule = 'settled', first_unpaid = false } = input;
  const report = { kind: 'payment_settled', message: settlement } as const;
  const command = { name: 'openFromSettlement', body: { settlement }, report, isRecorded };
  return runReportCommand(graph, header, command, async (tx): Promise<Opening> => {
    const refused = await lockOrRefuse(tx, settlement.customer_id);
    if (refused) return refused;
    const known = await findObligation(tx, settlement.payment_id);
    const evidence = await evidenceUnderLock(tx, input);
    const contradicted = evidence === 'of_another' || evidence === 'not_paid';
    if (!known) {
      if (contradicted) return refuseSettlement(tx, evidence);
      return closeAsPaidElsewhere(tx, settlement, evidence === 'reversed' ? PAYMENT_REVERSED : rule);
    }
    if (known.obligation.customer_id !== settlement.customer_id) {
      tx.discardReceipt();
      const problems = [{ field: 'customer_id', message: 'must be the customer who owes this payment' }];
      return { result: 'refused', type: 'obligation_mismatch', problems };
    }
    const own = isOwnPayment(known, settlement);
    const isPaid = !contradicted && evidence !== 'reversed';
    if (!isPaid && !own && !isClosed(known.obligation)) {
      const reviewRule = contradicted ? SETTLEMENT_MISMATCH : PAYMENT_REVERSED;
      return holdForReview(tx, known, { rule: reviewRule, policy, now });
    }
    if (isPaid && !first_unpaid && (await isSecondSuccess(tx, known, settlement))) {
      return recordOverpayment(tx, known, { settlement, policy, now, confirmed: evidence === 'paid' });
    }
    if (isPaid && isGivenUp(known.obligation)) return closeAsPaidElsewhere(tx, settlement, rule, known);
    tx.discardReceipt();
    if (isClosed(known.obligation)) {
      return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
    }
    const recovery = await resumedSnapshot(tx, known, policy, now);
    return { result: 'unchanged', recovery, ...(own ? { own: true } : {}) };
  });
}

/** The evidence read at the gateway, unless the payment is another obligation's, which only the graph may know. */
async function evidenceUnderLock(tx: CommandTx, input: SettlementInput): Promise<SettlementEvidence> {
  const { settlement, evidence = 'word' } = input;
  const { customer_id, payment_id, gateway_payment_ref: gateway_ref } = settlement;
  if (gateway_ref === undefined) return evidence;
  return (await belongsToOtherObligation(tx, { customer_id, payment_id, gateway_ref }))
    ? 'of_another'
    : evidence;
}

/** Nothing is charged or refunded until an operator has reviewed it, even if this run is lost now. */
async function holdForReview(
  tx: CommandTx,
  { obligation, attempts }: ObligationWithAttempts,
  { rule, policy, now }: { rule: string; policy: Policy; now: number },
): Promise<Opening> {
  const { payment_id, customer_id, state } = obligation;
  const isHeldAlready = state === 'needs_review' && outranksSettlementReview(obligation.rule);
  if (isHeldAlready) tx.discardReceipt();
  else {
    // Other reasons may pass, or be fixed for many obligations together; this one only an operator resolves.
    const data = { payment_id, rule };
    tx.append({ stream: 'customer', stream_id: customer_id, type: 'RecoveryNeedsReview', data });
  }
  const reviewed = { ...obligation, state: 'needs_review', rule } as const;
  const updated = { attempts, obligation: isHeldAlready ? obligation : reviewed };
  return { result: 'unchanged', recovery: await resumedSnapshot(tx, updated, policy, now), review: rule };
}

/** A payment unknown to Persona is not closed on the strength of a gateway payment that cannot have paid it. */
function refuseSettlement(tx: CommandTx, evidence: 'of_another' | 'not_paid'): Opening {
  tx.discardReceipt();
  const message =
    evidence === 'of_another'
      ? 'must be a payment of this customer for this obligation'
      : 'must be a successful payment';
  const problems = [{ field: 'gateway_payment_ref', message }];
  return { result: 'refused', type: 'obligation_mismatch', problems };
}

/** An open obligation is closed by its run: until then only the report holds the settlement. */
function isRecorded(opening: Opening): boolean {
  if (!('recovery' in opening) || opening.review !== undefined) return true;
  const { state } = opening.recovery;
  return state !== 'open' && state !== 'needs_review';
}

/** Whether it names the payment of Persona's attempts; without attempts it cannot be mistaken for a second success. */
function isOwnPayment({ obligation, attempts }: ObligationWithAttempts, settlement: PaymentSettled): boolean {
  return (
    settlement.gateway_payment_ref !== undefined &&
    settlement.gateway_payment_ref === obligation.gateway_ref &&
    attempts.some(({ source }) => source === 'recovery')
  );
}

/** Whether the settlement may be about a payment other than the one that paid the obligation. */
function namesOtherPayment(
  { obligation, attempts }: ObligationWithAttempts,
  { gateway_payment_ref: namedRef }: PaymentSettled,
): boolean {
  const { state, gateway_ref } = obligation;
  if (namedRef === undefined) return false;
  // The success of an attempt is recorded with the attempt; an adopted payment without attempts has no such record.
  if (namedRef === gateway_ref && attempts.some(({ source }) => source === 'recovery')) return false;
  // Some systems name the charge instead of its payment.
  if (attempts.some((attempt) => attempt.gateway_ref === namedRef)) return false;
  if (state === 'recovered') return true;
  const externalPayment =
    state === 'paid_elsewhere' && hasFailure(obligation) ? externalPaymentRef(obligation) : undefined;
  return externalPayment !== undefined && namedRef !== externalPayment;
}

/** The external payment that paid the obligation, if it is known. */
function externalPaymentRef({ settled_ref, rule, gateway_ref }: ObligationNode): string | undefined {
  return settled_ref ?? (rule === 'gateway_payment_succeeded' ? gateway_ref : undefined);
}

const KNOWN_OVERPAYMENT = `
  MATCH (x:Overpayment {customer_id: $customer_id, key: $key})
  RETURN x.id AS id LIMIT 1`;

/** Whether it was paid already and the settlement names another payment, not yet recorded as a second success. */
async function isSecondSuccess(
  tx: CommandTx,
  known: ObligationWithAttempts,
  settlement: PaymentSettled,
): Promise<boolean> {
  if (!namesOtherPayment(known, settlement)) return false;
  const { customer_id } = known.obligation;
  const key = settledPaymentKey(settlement.gateway_payment_ref ?? '');
  return (await tx.run(KNOWN_OVERPAYMENT, { customer_id, key })).length === 0;
}

/**
 * The later of the two is the second success: the external payment, or Persona's charge if the external payment was
 * first. A payment that only the reporter asserts is left to operators: Persona's successful charge is never refunded
 * because of it.
 */
async function recordOverpayment(
  tx: CommandTx,
  known: ObligationWithAttempts,
  second: { settlement: PaymentSettled; policy: Policy; now: number; confirmed: boolean },
): Promise<Opening> {
  const { obligation, attempts } = known;
  const { settlement, policy, now, confirmed } = second;
  const { payment_id, amount = 0, currency = '' } = obligation;
  const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
  const own = attempts.find(({ state, overpaid: second }) => state === 'approved' && !second);
  const lateOwnAttempt =
    confirmed && own && Date.parse(own.resolved_at ?? own.claimed_at) > Date.parse(settlement.settled_at)
      ? own
      : undefined;
  const key = lateOwnAttempt?.key ?? settledPaymentKey(settlement.gateway_payment_ref ?? '');
  const refund = confirmed && policy.recovery.refundDuplicate;
  tx.append({ ...stream, type: 'RecoveryOverpaid', data: { payment_id, key, amount, currency, refund } });
  const corrected = lateOwnAttempt ? ({ state: 'paid_elsewhere', rule: 'settled' } as const) : undefined;
  if (corrected) {
    const data = {
      payment_id,
      ...corrected,
      class: failureClass(attempts),
      payment_method_id: null,
      closed_at: settlement.settled_at,
      payment_ref: settlement.gateway_payment_ref ?? null,
    };
    tx.append({ ...stream, type: 'RecoveryClosed', data });
  }
  const updated = { attempts, obligation: { ...obligation, ...corrected } };
  const recovery = await resumedSnapshot(tx, updated, policy, now);
  return { result: 'unchanged', recovery, ...(confirmed ? { second: key } : {}) };
}

async function lockOrRefuse(tx: CommandTx, customerId: string): Promise<Opening | undefined> {
  try {
    await tx.lockCustomer(customerId);
    return undefined;
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
    tx.discardReceipt();
    const problems = [{ field: 'customer_id', message: 'must be a known customer' }];
    return { result: 'refused', type: 'customer_not_found', problems };
  }
}

/** Closed unpaid. */
function isGivenUp({ state }: ObligationNode): boolean {
  return state === 'exhausted' || state === 'cancelled' || state === 'stopped';
}

/**
 * In advance, or after it was given up. It is closed in any case: a payment that was made and reversed must not be
 * collected again because of a late report, without an operator.
 */
function closeAsPaidElsewhere(
  tx: CommandTx,
  settlement: PaymentSettled,
  rule: string,
  known?: ObligationWithAttempts,
): Opening {
  const { payment_id, customer_id, settled_at } = settlement;
  tx.append({
    stream: 'customer',
    stream_id: customer_id,
    type: 'RecoveryClosed',
    data: {
      payment_id,
      state: 'paid_elsewhere',
      rule,
      class: known ? failureClass(known.attempts) : null,
      payment_method_id: null,
      closed_at: settled_at,
      payment_ref: settlement.gateway_payment_ref ?? null,
    },
  });
  const obligation = known
    ? closedObligation({ ...known.obligation, state: 'paid_elsewhere', rule }, known.attempts)
    : { payment_id, customer_id, outcome: 'paid_elsewhere' as const, rule, attempts: [] };
  return { result: 'closed', obligation };
}
