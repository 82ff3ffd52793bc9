import type { GatewayRefund } from '../../domain/ports.ts';
import { settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { REFUND_HAS_FAILED, type RefundOutcome, retryOfRefund } from '../../domain/recovery/refunds.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph, Reader } from '../graph.ts';
import { getNoticeResult } from './notices.ts';
import { lockObligation, type ObligationWithAttempts, requireObligation } from './read-obligation.ts';
import { noticeId, type ObligationNode } from './records.ts';
import { type RefundStatus, readRefundHistory } from './refund-history.ts';

/**
 * The second successes of a payment to be refunded now: keys as in `RecoveryOverpaid`.
 * @param input.now epoch milliseconds
 * @throws PersonaError recovery_not_found
 */
export async function getDueRefunds(
  reader: Reader,
  { payment_id, now }: { payment_id: string; now: number },
): Promise<{ customer_id: string; keys: string[] }> {
  const { obligation } = await requireObligation(reader, payment_id);
  const { customer_id, refunds_due = [] } = obligation;
  const { statuses } = await readRefundHistory(reader, obligation);
  return { customer_id, keys: refunds_due.filter((key) => isDue(statuses.get(key), now)) };
}

/** `n`: the number of the refund try that is due. */
export type NextRefund = { n: number } | RefundOutcome;

/**
 * The next try to refund a second success, or the outcome so far. @param input.now epoch milliseconds
 * @throws PersonaError recovery_not_found
 */
export async function getNextRefund(
  reader: Reader,
  { payment_id, key, now }: { payment_id: string; key: string; now: number },
): Promise<NextRefund> {
  const { obligation } = await requireObligation(reader, payment_id);
  const { statuses, sent } = await readRefundHistory(reader, obligation);
  const status = statuses.get(key);
  return isDue(status, now) ? { n: status.tries + 1 } : outcomeOf(status, sent);
}

function isDue(status: RefundStatus | undefined, now: number): status is RefundStatus {
  if (!status?.owed || status.refunded_by !== undefined || status.next_at === null) return false;
  return status.next_at === undefined || Date.parse(status.next_at) <= now;
}

function outcomeOf(
  status: RefundStatus | undefined,
  sent: ReadonlyMap<string, string | undefined>,
): RefundOutcome {
  const { refunded_by, reason = 'no refund is owed', next_at = null } = status ?? {};
  if (refunded_by === undefined) return { refunded: false, reason, next_at };
  return { refunded: true, refund_ref: refunded_by, ...withNotice(sent.get(refunded_by)) };
}

function withNotice(notice: string | undefined): { notice?: string } {
  return notice === undefined ? {} : { notice };
}

/**
 * An operator requests the refund of a payment's remaining second successes, whatever the policy and however often it
 * failed. @returns their keys as in `RecoveryOverpaid`; none: it was paid once, or everything was refunded
 * @throws PersonaError recovery_not_found
 */
export function requestRefunds(
  graph: Graph,
  header: CommandHeader,
  input: { payment_id: string },
): Promise<{ customer_id: string; keys: string[] }> {
  return runCommand(graph, header, 'requestRefunds', input, async (tx) => {
    const { payment_id } = input;
    const { obligation } = await lockObligation(tx, payment_id);
    const { customer_id } = obligation;
    const { statuses } = await readRefundHistory(tx, obligation);
    const remaining = [...statuses].filter(([, { refunded_by }]) => refunded_by === undefined);
    for (const [key] of remaining) {
      const data = { payment_id, key };
      tx.append({ stream: 'customer', stream_id: customer_id, type: 'RefundRequested', data });
    }
    return { customer_id, keys: remaining.map(([key]) => key) };
  });
}

export interface RecordRefundInput {
  payment_id: string;
  /** As in `RecoveryOverpaid`. */
  key: string;
  /** The number of the try. */
  n: number;
  /** `final`: no later try can have another result. */
  result: { refund_ref: string } | { refused: string; refund_ref?: string; final?: true };
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Records that a second success was refunded, or that this try failed; once for each try. A notice about the refund
 * becomes due.
 * @returns the current outcome: a webhook may already have reported that the refund failed later
 * @throws PersonaError recovery_not_found
 */
export function recordRefund(
  graph: Graph,
  header: CommandHeader,
  input: RecordRefundInput,
): Promise<RefundOutcome> {
  const { payment_id, key, n, result, now } = input;
  return runCommand(graph, header, 'recordRefund', { payment_id, key, n }, async (tx) => {
    const { obligation } = await lockObligation(tx, payment_id);
    const { statuses, sent, failed } = await readRefundHistory(tx, obligation);
    const status = statuses.get(key);
    const { refund_ref = null } = result;
    const known = refund_ref !== null && failed.has(refund_ref);
    if (!status?.owed || status.refunded_by !== undefined || known) return outcomeOf(status, sent);
    const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
    if ('refused' in result) {
      if (status.tries >= n) return outcomeOf(status, sent);
      const { refused: reason, final = false } = result;
      const retry = retryOfRefund(now, status.failing_since, { final });
      const data = { payment_id, key, reason, refund_ref, n, retry };
      tx.append({ ...stream, type: 'RefundFailed', data });
      return { refunded: false, reason, next_at: retry.next_at };
    }
    const id = noticeId(obligation, 'refund_issued', key);
    // A refund that failed later may have been announced already: the customer is notified once.
    const announced = await getNoticeResult(tx, id);
    const notice = withNotice(announced ? undefined : id);
    const data = { payment_id, key, refund_ref: result.refund_ref, by_others: null, ...notice };
    tx.append({ ...stream, type: 'RefundSent', data });
    return { refunded: true, refund_ref: result.refund_ref, ...notice };
  });
}

/**
 * Records a payment's refunds as read at the gateway, each once: those sent by others, and those that failed, by any
 * sender. A refund of a second success that Persona is about to refund is left to that process, unless it has
 * failed. One that has failed is due again, unless others have refunded the money meanwhile.
 *
 * @param input.gateway_ref - the payment
 * @param input.refunds - oldest first; like `now` (epoch milliseconds), not part of the body that identifies a repeat
 * @returns how many were recorded
 * @throws PersonaError recovery_not_found
 */
export function followRefunds(
  graph: Graph,
  header: CommandHeader,
  input: { payment_id: string; gateway_ref: string; refunds: readonly GatewayRefund[]; now: number },
): Promise<{ by_others: number; failed: number }> {
  const { payment_id, gateway_ref, refunds, now } = input;
  const body = { payment_id, gateway_ref };
  return runCommand(graph, header, 'followRefunds', body, async (tx) => {
    const known = await lockObligation(tx, payment_id);
    const { obligation } = known;
    const history = await readRefundHistory(tx, obligation);
    const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
    const of = refunds.map((refund) => ({ ...refund, key: keyOf(known, refund, gateway_ref) }));
    const isCovered = (key: string) => refundedAmount(of, key) >= (obligation.amount ?? Infinity);
    const written = { by_others: 0, failed: 0 };
    for (const { refund_ref, amount, currency, state, reason = 'failed', attempt_key, key } of of) {
      const status = history.statuses.get(key);
      const open = status?.owed === true && status.refunded_by === undefined;
      const own = attempt_key === key;
      if (state === 'failed') {
        if (history.failed.has(refund_ref) || (open && !own)) continue;
        const owes = status?.owed === true && !isCovered(key);
        const retry = owes ? retryOfRefund(now, status.failing_since) : null;
        const n = owes && own ? status.tries + 1 : null;
        const data = { payment_id, key, reason, refund_ref, n, retry };
        tx.append({ ...stream, type: 'RefundFailed', data });
        withdrawNotice(tx, obligation, history.sent.get(refund_ref));
        written.failed += 1;
      } else {
        if (history.sent.has(refund_ref) || obligation.refunds_due?.includes(key)) continue;
        const data = { payment_id, key, refund_ref, by_others: { amount, currency } };
        const part = open && !isCovered(key);
        tx.append({ ...stream, type: 'RefundSent', data: { ...data, ...(part && { part }) } });
        written.by_others += 1;
      }
    }
    return written;
  });
}

/** Minor units. */
function refundedAmount(refunds: readonly (GatewayRefund & { key: string })[], of: string): number {
  const status = refunds.filter(({ key, state }) => key === of && state !== 'failed');
  return status.reduce((sum, { amount }) => sum + amount, 0);
}

/** The customer is not notified of a refund that has failed. @param notice - id of the one about it, if there is one */
function withdrawNotice(
  tx: CommandTx,
  { customer_id, payment_id, notices_due = [] }: ObligationNode,
  notice: string | undefined,
): void {
  if (notice === undefined || !notices_due.includes(notice)) return;
  tx.append({
    stream: 'customer',
    stream_id: customer_id,
    type: 'NoticeFailed',
    data: {
      notification_id: notice,
      template: 'refund_issued',
      channel: null,
      payment_id,
      reason: REFUND_HAS_FAILED,
    },
  });
}

/** Which success was refunded: the one that Persona's own refund names, else the attempt of the charge or payment. */
function keyOf(
  { obligation, attempts }: ObligationWithAttempts,
  { charge_ref, attempt_key }: GatewayRefund,
  gatewayRef: string,
): string {
  if (attempt_key !== undefined) return attempt_key;
  const own = attempts.filter(({ source }) => source === 'recovery');
  const charged = own.find(({ gateway_ref }) => gateway_ref !== undefined && gateway_ref === charge_ref);
  const paid = obligation.gateway_ref === gatewayRef && own.find(({ state }) => state === 'approved');
  return (charged || paid || undefined)?.key ?? settledPaymentKey(gatewayRef);
}
