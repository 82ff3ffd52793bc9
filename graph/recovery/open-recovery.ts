import { attemptKey } from '../../domain/workflow-contracts.ts';
import { begin } from '../../domain/recovery/begin.ts';
import type { Claim, Opening, RecoverySnapshot } from '../../domain/recovery/claims.ts';
import { isStop } from '../../domain/recovery/cascade.ts';
import { decide } from '../../domain/recovery/decide.ts';
import { SETTLEMENT_MISMATCH } from '../../domain/recovery/settlement.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { runReportCommand } from './accepted-reports.ts';
import { claimUnderLock } from './claim-attempt.ts';
import { endOtherRecoveries } from './end-other-recoveries.ts';
import {
  isContradicted,
  loadOpeningContext,
  type OpenRecoveryInput,
  advancePaymentRef,
  type OpeningContext,
  type ReportRelevance,
  relevanceOf,
} from './opening-context.ts';
import type { ObligationWithAttempts } from './read-obligation.ts';
import {
  type AttemptNode,
  closedObligation,
  failureFromAttempt,
  isClosed,
  stoppingDecline,
} from './records.ts';
import {
  type FailedObligation,
  hasFailure,
  resumedSnapshot,
  snapshotOf,
  takenOverSnapshot,
} from './snapshot.ts';
import { failureFromReport, writeReport } from './write-report.ts';

export interface OpenedRecovery {
  opening: Opening;
  /** The customer's other recoveries that the failure ends. */
  endedRecoveries: string[];
  /**
   * The payment that closed the obligation in advance, when its amount was not known. Nothing was written: the caller
   * has to query the gateway about it and call again with the evidence.
   */
  unconfirmed?: string;
}

/**
 * Records a reported failure, and opens, reopens or leaves unchanged its obligation (docs/reference/workflows.md, 'First decision'). A
 * duplicate changes nothing; of an older or stale failure only its permanent consequences apply; a closed obligation returns
 * how it ended. One that was closed in advance, by a payment that cannot have settled what the failure says is owed,
 * goes to review.
 */
export function openRecovery(
  graph: Graph,
  header: CommandHeader,
  input: OpenRecoveryInput,
): Promise<OpenedRecovery> {
  const { failure } = input;
  // A run may receive the report it started with again and then does not claim: the body is the report alone, so that
  // both are the same command.
  const report = { kind: 'payment_failed', message: failure } as const;
  const isRecorded = ({ unconfirmed }: OpenedRecovery) => unconfirmed === undefined;
  const command = { name: 'openRecovery', body: { failure }, report, isRecorded };
  return runReportCommand(graph, header, command, async (tx): Promise<OpenedRecovery> => {
    const context = await loadOpeningContext(tx, input);
    if ('result' in context) return { opening: context, endedRecoveries: [] };
    const relevance = relevanceOf(context);
    const unconfirmed =
      relevance === 'all' && input.evidence === undefined ? advancePaymentRef(context) : undefined;
    if (unconfirmed !== undefined) return { opening: ignore(tx), endedRecoveries: [], unconfirmed };
    const opening = await decideOpening(context, relevance);
    const { payment_id, customer_id, payment_method_id } = input.failure;
    const ids = { payment_id, customer_id, payment_method_id };
    return {
      opening,
      endedRecoveries: relevance === 'none' ? [] : await endOtherRecoveries(tx, context.decision, ids),
    };
  });
}

async function decideOpening(context: OpeningContext, relevance: ReportRelevance): Promise<Opening> {
  const { tx, known, decision } = context;
  if (!known) {
    if (relevance === 'all') return openOrReopen(context, 'opened');
    if (relevance === 'none') return ignore(tx);
    writeReport(context, relevance);
    return { result: 'ignored' };
  }
  if (relevance === 'none') return leaveUnchanged(context, known);
  if (!isClosed(known.obligation)) {
    // An older report changes the course of the recovery only if it ends it.
    return relevance === 'all' || isStop(decision.class)
      ? recordNewFailure(context, known, relevance)
      : recordLateFailure(context, known);
  }
  const mayReopen = known.obligation.state === 'exhausted' || known.obligation.state === 'cancelled';
  if (relevance === 'all' && (mayReopen || isContradicted(context))) return openOrReopen(context, 'reopened');
  // There is nothing left to recover, but what the report says about its method still applies.
  writeReport(context, relevance);
  return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
}

/** Nothing was written, so there is no receipt: the same report is evaluated again. */
function ignore(tx: CommandTx): Opening {
  tx.discardReceipt();
  return { result: 'ignored' };
}

async function openOrReopen(context: OpeningContext, result: 'opened' | 'reopened'): Promise<Opening> {
  const { tx, input, customer, attempts, known } = context;
  const { policy, now } = input;
  const obligation = newObligation(context);
  const { payment_id, failed_payment_method_id, rule, last_failure_at, opened_at, closes_at } = obligation;
  const contradicted = isContradicted(context);
  const { amount, currency, kind, description = null, reported_ref = null, failed_was_default } = obligation;
  const common = {
    payment_id,
    failed_payment_method_id,
    rule,
    last_failure_at,
    opened_at,
    closes_at,
    failed_was_default,
    reported_ref,
  };
  const owed = { amount, currency, kind, description };
  const stream = { stream: 'customer', stream_id: customer.id } as const;
  if (result === 'opened') tx.append({ ...stream, type: 'RecoveryOpened', data: { ...common, ...owed } });
  else {
    // Retention may have removed it.
    const lacksDescription = known?.obligation.description === undefined && description !== null;
    tx.append({
      ...stream,
      type: 'RecoveryReopened',
      data: contradicted ? { ...common, ...owed } : { ...common, ...(lacksDescription && { description }) },
    });
  }
  writeReport(context, 'all');
  // A STOP of this payment may have arrived before the report that opens it, too old to open it by itself.
  const stopped = stoppingDecline(attempts);
  const failure = stopped ? failureFromAttempt(stopped) : failureFromReport(context);
  if (contradicted) {
    const review = { payment_id, rule: SETTLEMENT_MISMATCH };
    tx.append({ ...stream, type: 'RecoveryNeedsReview', data: review });
    Object.assign(obligation, { state: 'needs_review', rule: SETTLEMENT_MISMATCH });
  }
  const recovery = await snapshotOf(tx, { obligation, attempts, failure }, policy, now);
  const first = input.claim_first ? await claimFirst(context, obligation, attempts, recovery) : undefined;
  return { result, recovery, ...(first ? { first } : {}) };
}

function newObligation({ tx, input, customer, method, decision, known }: OpeningContext) {
  const { failure, policy, now } = input;
  return {
    payment_id: failure.payment_id,
    customer_id: customer.id,
    failed_payment_method_id: method.payment_method_id,
    amount: failure.amount,
    currency: failure.currency,
    kind: known?.obligation.kind ?? failure.kind,
    ...(failure.description === undefined ? {} : { description: failure.description }),
    ...(failure.gateway_payment_ref === undefined ? {} : { reported_ref: failure.gateway_payment_ref }),
    state: 'open',
    rule: decision.rule,
    last_failure_at: failure.occurred_at,
    opened_at: new Date(now).toISOString(),
    closes_at: new Date(now + policy.recovery.window).toISOString(),
    failed_was_default: method.is_default,
    changed_seq: tx.versionOf(customer.id),
  } satisfies FailedObligation;
}

async function recordNewFailure(
  context: OpeningContext,
  { obligation, attempts }: ObligationWithAttempts,
  relevance: ReportRelevance,
): Promise<Opening> {
  const { tx, input } = context;
  if (!hasFailure(obligation))
    throw new Error(`obligation ${obligation.payment_id} is open without a failure`);
  writeReport(context, relevance);
  // An earlier STOP that has not been acted on yet decides, also for a run that starts with this report.
  const stopped = isStop(context.decision.class) ? undefined : stoppingDecline(attempts);
  const failure = stopped ? failureFromAttempt(stopped) : failureFromReport(context);
  const found = { obligation, attempts, failure };
  return { result: 'noted', recovery: await takenOverSnapshot(tx, found, input.policy, input.now) };
}

/** Recorded for its permanent consequences only; the recovery continues unchanged. */
async function recordLateFailure(context: OpeningContext, known: ObligationWithAttempts): Promise<Opening> {
  const { tx, input } = context;
  writeReport(context, 'lesson');
  return { result: 'unchanged', recovery: await resumedSnapshot(tx, known, input.policy, input.now) };
}

/** The current state, for a run that finds an obligation that another run has left. */
async function leaveUnchanged(
  { tx, input }: OpeningContext,
  known: ObligationWithAttempts,
): Promise<Opening> {
  tx.discardReceipt();
  if (isClosed(known.obligation)) {
    return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
  }
  return { result: 'unchanged', recovery: await resumedSnapshot(tx, known, input.policy, input.now) };
}

/** The claim that the recovery's own rules decide on first; deciding it here saves a round trip through Temporal. */
async function claimFirst(
  { tx, input, customer, wallet }: OpeningContext,
  obligation: FailedObligation,
  attempts: readonly AttemptNode[],
  recovery: RecoverySnapshot,
): Promise<{ payment_method_id: string; claim: Claim } | undefined> {
  const { policy, now } = input;
  const step = decide(begin(recovery), now);
  if (step.do !== 'claim') return undefined;
  const { payment_id } = obligation;
  const { payment_method_id } = step.candidate;
  const key = attemptKey(payment_id, payment_method_id, step.n);
  const claimInput = { payment_id, payment_method_id, key, n: step.n, policy, now };
  const answer = await claimUnderLock(tx, {
    ...claimInput,
    obligation,
    attempts,
    customer,
    wallet: wallet.methods,
  });
  return { payment_method_id, claim: answer };
}
