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
import { PAYMENT_CAME_BACK } from '../../domain/recovery/status.ts';
import type { CommandHeader } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
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
 * What a settlement means to a run that knows nothing of the payment yet: an unknown one is closed in advance, one that
 * was given up is closed anew as paid elsewhere, one that is paid says how it ended, an open one is handed over as it
 * stands (`unchanged`), to be closed by its run, unless it is the obligation's own payment that the settlement names
 * (`own`): then the run asks the gateway about it. One that names a payment which cannot have settled the obligation, or
 * which came back, hands it to a person (`review`). One that crosses our own success, or another settlement, is a second
 * one, written down with the later of the two; only what the gateway confirms is refunded.
 *
 * @param input.evidence what the gateway says of the payment that the settlement names
 * @param input.rule the rule that an obligation is closed by
 * @param input.first_unpaid the gateway says that the payment which paid the obligation before holds no money
 */
export function openFromSettlement(
  graph: Graph,
  header: CommandHeader,
  input: SettlementInput,
): Promise<Opening> {
  const { settlement, policy, now, rule = 'settled', first_unpaid = false } = input;
  const report = { kind: 'payment_settled', message: settlement } as const;
  const command = { name: 'openSettled', body: { settlement }, report, isRecorded };
  return runReportCommand(graph, header, command, async (tx): Promise<Opening> => {
    const refused = await lockOrRefuse(tx, settlement.customer_id);
    if (refused) return refused;
    const known = await findObligation(tx, settlement.payment_id);
    const evidence = await evidenceUnderLock(tx, input);
    const contradicted = evidence === 'of_another' || evidence === 'not_paid';
    if (!known) {
      if (contradicted) return refuseSettlement(tx, evidence);
      return closeAsPaidElsewhere(tx, settlement, evidence === 'came_back' ? PAYMENT_CAME_BACK : rule);
    }
    if (known.obligation.customer_id !== settlement.customer_id) {
      tx.discardReceipt();
      const problems = [{ field: 'customer_id', message: 'is not the customer who owes this payment' }];
      return { result: 'refused', type: 'obligation_mismatch', problems };
    }
    const own = isOwnPayment(known, settlement);
    const isPaid = !contradicted && evidence !== 'came_back';
    if (!isPaid && !own && !isClosed(known.obligation)) {
      const reviewRule = contradicted ? SETTLEMENT_MISMATCH : PAYMENT_CAME_BACK;
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

/** What was read at the gateway, unless the payment is another obligation's, which the graph alone may know. */
async function evidenceUnderLock(tx: CommandTx, input: SettlementInput): Promise<SettlementEvidence> {
  const { settlement, evidence = 'word' } = input;
  const { customer_id, payment_id, gateway_payment_ref: gateway_ref } = settlement;
  if (gateway_ref === undefined) return evidence;
  return (await belongsToOtherObligation(tx, { customer_id, payment_id, gateway_ref }))
    ? 'of_another'
    : evidence;
}

/** Nothing is charged and nothing is refunded until a person has looked; also if this run is lost now. */
async function holdForReview(
  tx: CommandTx,
  { obligation, attempts }: ObligationWithAttempts,
  { rule, policy, now }: { rule: string; policy: Policy; now: number },
): Promise<Opening> {
  const { payment_id, customer_id, state } = obligation;
  const isHeldAlready = state === 'needs_review' && outranksSettlementReview(obligation.rule);
  if (isHeldAlready) tx.discardReceipt();
  else {
    // Another reason may pass, or be mended for many at once; this one only a person resolves.
    const data = { payment_id, rule };
    tx.append({ stream: 'customer', stream_id: customer_id, type: 'RecoveryNeedsReview', data });
  }
  const reviewed = { ...obligation, state: 'needs_review', rule } as const;
  const updated = { attempts, obligation: isHeldAlready ? obligation : reviewed };
  return { result: 'unchanged', recovery: await resumedSnapshot(tx, updated, policy, now), review: rule };
}

/** Of a payment that Persona does not know, nothing is closed on the strength of one that cannot have paid it. */
function refuseSettlement(tx: CommandTx, evidence: 'of_another' | 'not_paid'): Opening {
  tx.discardReceipt();
  const message =
    evidence === 'of_another'
      ? 'must be a payment of this customer and of this obligation'
      : 'must be a payment that has succeeded';
  const problems = [{ field: 'gateway_payment_ref', message }];
  return { result: 'refused', type: 'obligation_mismatch', problems };
}

/** An open obligation is closed by its run: until then the settlement stands nowhere else than in its report. */
function isRecorded(opening: Opening): boolean {
  if (!('recovery' in opening) || opening.review !== undefined) return true;
  const { state } = opening.recovery;
  return state !== 'open' && state !== 'needs_review';
}

/** Of the payment that our attempts were made on: without any, nobody can take it for a second success. */
function isOwnPayment({ obligation, attempts }: ObligationWithAttempts, settlement: PaymentSettled): boolean {
  return (
    settlement.gateway_payment_ref !== undefined &&
    settlement.gateway_payment_ref === obligation.gateway_ref &&
    attempts.some(({ source }) => source === 'recovery')
  );
}

/** May the settlement speak of another payment than the one that paid the obligation? */
function namesOtherPayment(
  { obligation, attempts }: ObligationWithAttempts,
  { gateway_payment_ref: namedRef }: PaymentSettled,
): boolean {
  const { state, gateway_ref } = obligation;
  if (namedRef === undefined) return false;
  // An attempt's success is recorded as that attempt's; an adopted payment that no attempt was made on has none.
  if (namedRef === gateway_ref && attempts.some(({ source }) => source === 'recovery')) return false;
  // Some name the charge instead of its payment.
  if (attempts.some((attempt) => attempt.gateway_ref === namedRef)) return false;
  if (state === 'recovered') return true;
  const externalPayment =
    state === 'paid_elsewhere' && hasFailure(obligation) ? externalPaymentRef(obligation) : undefined;
  return externalPayment !== undefined && namedRef !== externalPayment;
}

/** The payment that others were paid by, where anybody has said which. */
function externalPaymentRef({ settled_ref, rule, gateway_ref }: ObligationNode): string | undefined {
  return settled_ref ?? (rule === 'gateway_payment_succeeded' ? gateway_ref : undefined);
}

const KNOWN_OVERPAYMENT = `
  MATCH (x:Overpayment {customer_id: $customer_id, key: $key})
  RETURN x.id AS id LIMIT 1`;

/** It was paid, and somebody was paid once more: by another payment, as the settlement names it. */
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
 * The later of the two is the one too many: theirs, or, where they were paid first, our own. What only the reporter says
 * is for people to look at: a charge of ours that has succeeded is never refunded for it.
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

/** Closed unpaid: a newer failure would open it again. */
function isGivenUp({ state }: ObligationNode): boolean {
  return state === 'exhausted' || state === 'cancelled' || state === 'stopped';
}

/**
 * In advance, or after it was given up. Closed in any case: what was paid once and came back must not be collected by a
 * late report without a person.
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
