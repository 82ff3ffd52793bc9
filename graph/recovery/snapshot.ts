import type { Policy } from '../../domain/policy.ts';
import type { Opening, RecoverySnapshot, ReportedFailure } from '../../domain/recovery/claims.ts';
import type { Reader } from '../graph.ts';
import { getAlternativePaymentMethods } from '../queries/alternative-payment-methods.ts';
import { notifiedOfFailureAt } from './notices.ts';
import { findObligation, type ObligationWithAttempts } from './read-obligation.ts';
import {
  type AttemptNode,
  closedObligation,
  newestReport,
  type ObligationNode,
  ownAttempts,
  failureFromAttempt,
  stoppingDecline,
} from './records.ts';

/** An obligation with a known failure: one known only from a settlement lacks these properties. */
export type FailedObligation = ObligationNode &
  Required<Pick<ObligationNode, 'failed_payment_method_id' | 'amount' | 'currency' | 'kind' | 'closes_at'>>;

/** Everything that a run needs to continue from here. @param now epoch milliseconds */
export async function snapshotOf(
  reader: Reader,
  source: { obligation: FailedObligation; attempts: readonly AttemptNode[]; failure: ReportedFailure },
  policy: Policy,
  now: number,
): Promise<RecoverySnapshot> {
  const { obligation, attempts, failure } = source;
  const alternatives = await getAlternativePaymentMethods(reader, {
    customer_id: obligation.customer_id,
    failed_payment_method_id: obligation.failed_payment_method_id,
    policy,
    now,
  });
  return {
    payment_id: obligation.payment_id,
    customer_id: obligation.customer_id,
    kind: obligation.kind,
    amount: obligation.amount,
    currency: obligation.currency,
    state: obligation.state,
    rule: obligation.rule,
    failed_payment_method_id: obligation.failed_payment_method_id,
    failure,
    // Once the obligation has a payment at the gateway, it has either adopted the reported one or replaced it.
    ...(obligation.reported_ref && !obligation.gateway_ref
      ? { gateway_payment_ref: obligation.reported_ref }
      : {}),
    ...(obligation.reported_ref && obligation.gateway_ref ? { looked_up: true as const } : {}),
    alternatives,
    attempts: ownAttempts(attempts),
    opened_at: Date.parse(obligation.opened_at),
    closes_at: Date.parse(obligation.closes_at),
    ...(obligation.clock_stopped_at ? { clock_stopped_at: Date.parse(obligation.clock_stopped_at) } : {}),
    read_at: now,
    ...(obligation.refunds_due && isDue(obligation, now) ? { refunds_due: obligation.refunds_due } : {}),
    ...(obligation.paused ? { paused: true } : {}),
    ...(obligation.consent_revoked ? { consent_revoked: true } : {}),
    ...(obligation.fraud_known ? { fraud_known: true } : {}),
    policy: policy.recovery,
  };
}

/** A refund that failed waits for its next date, when the sweep finds it. */
function isDue({ refund_at }: ObligationNode, now: number): boolean {
  return refund_at === undefined || Date.parse(refund_at) <= now;
}

/**
 * The same for an obligation that another run has left: the decline that ends it decides, else the newest report.
 * Chimera has already been notified of it.
 */
export async function resumedSnapshot(
  reader: Reader,
  { obligation, attempts }: ObligationWithAttempts,
  policy: Policy,
  now: number,
): Promise<RecoverySnapshot> {
  const deciding = stoppingDecline(attempts) ?? newestReport(attempts);
  if (!deciding || !hasFailure(obligation))
    throw new Error(`obligation ${obligation.payment_id} is open without a failure`);
  return takenOverSnapshot(
    reader,
    { obligation, attempts, failure: failureFromAttempt(deciding) },
    policy,
    now,
  );
}

/** The same if another run may have notified the customer of the failure already. */
export async function takenOverSnapshot(
  ...[reader, source, policy, now]: Parameters<typeof snapshotOf>
): Promise<RecoverySnapshot> {
  const [snapshot, notified_at] = await Promise.all([
    snapshotOf(reader, source, policy, now),
    notifiedOfFailureAt(reader, source.obligation),
  ]);
  return { ...snapshot, ...(notified_at === undefined ? {} : { notified_at }) };
}

/**
 * A payment as found by a run that starts without a new failure: resumed after its run was lost, or started by a late
 * gateway update.
 *
 * @param input.now epoch milliseconds
 */
export async function resumeRecovery(
  reader: Reader,
  input: { payment_id: string; policy: Policy; now: number },
): Promise<Opening> {
  const found = await findObligation(reader, input.payment_id);
  if (!found) return { result: 'ignored' };
  if (!hasFailure(found.obligation)) {
    return { result: 'closed', obligation: closedObligation(found.obligation, found.attempts) };
  }
  return { result: 'unchanged', recovery: await resumedSnapshot(reader, found, input.policy, input.now) };
}

export function hasFailure(obligation: ObligationNode): obligation is FailedObligation {
  return obligation.failed_payment_method_id !== undefined && obligation.amount !== undefined;
}
