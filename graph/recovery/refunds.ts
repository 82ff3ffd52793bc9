import type { EventData } from '../../domain/events.ts';
import type { GatewayRefund } from '../../domain/ports.ts';
import { settledPaymentKey } from '../../domain/processes.ts';
import { upcast } from '../../domain/upcast.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { lockObligation, type ObligationWithAttempts } from './read.ts';
import { noticeId, type ObligationNode } from './records.ts';

export interface RefundEnd {
  payment_id: string;
  /** As in `RecoveryOverpaid`. */
  key: string;
  result: { refund_ref: string } | { refused: string; refund_ref?: string };
}

/**
 * Writes down that a second success was given back, or that it could not be. Where nothing is due any more, nothing is
 * written. The customer is to hear of what was given back.
 * @returns whether it stands: the gateway may have told by now that the refund failed later
 * @throws PersonaError recovery_not_found
 */
export function recordRefund(
  graph: Graph,
  header: CommandHeader,
  end: RefundEnd,
): Promise<{ refunded: boolean }> {
  return runCommand(graph, header, 'recordRefund', end, async (tx) => {
    const { payment_id, key, result } = end;
    const { obligation } = await lockObligation(tx, payment_id);
    const { refund_ref = null } = result;
    if (!obligation.refunds_due?.includes(key)) {
      const { failed } = await recordedRefunds(tx, obligation);
      return { refunded: !('refused' in result) && !(refund_ref !== null && failed.has(refund_ref)) };
    }
    const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
    if ('refused' in result) {
      const data = { payment_id, key, reason: result.refused, refund_ref };
      tx.append({ ...stream, type: 'RefundFailed', data });
      return { refunded: false };
    }
    const notice = noticeId(obligation, 'refund_issued', key);
    const data = { payment_id, key, refund_ref: result.refund_ref, by_others: null, notice };
    tx.append({ ...stream, type: 'RefundSent', data });
    return { refunded: true };
  });
}

/**
 * Writes down what the gateway has read of a payment's refunds by now, each once: what others gave back, and what
 * failed, whoever sent it. A refund that Persona is about to give itself is left to that, unless it has failed already.
 *
 * @param input.gateway_ref - the payment
 * @param input.refunds - the oldest first; no part of what a repeat is compared by
 * @returns how many were written down
 * @throws PersonaError recovery_not_found
 */
export function followRefunds(
  graph: Graph,
  header: CommandHeader,
  input: { payment_id: string; gateway_ref: string; refunds: readonly GatewayRefund[] },
): Promise<{ by_others: number; failed: number }> {
  const { payment_id, gateway_ref, refunds } = input;
  const body = { payment_id, gateway_ref };
  return runCommand(graph, header, 'followRefunds', body, async (tx) => {
    const known = await lockObligation(tx, payment_id);
    const { obligation } = known;
    const recorded = await recordedRefunds(tx, obligation);
    const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
    const written = { by_others: 0, failed: 0 };
    for (const refund of refunds) {
      const { refund_ref, amount, currency, state, reason = 'failed', attempt_key } = refund;
      const key = keyOf(known, refund, gateway_ref);
      const due = obligation.refunds_due?.includes(key) ?? false;
      if (state === 'failed') {
        if (recorded.failed.has(refund_ref) || (due && attempt_key !== key)) continue;
        const data = { payment_id, key, reason, refund_ref };
        tx.append({ ...stream, type: 'RefundFailed', data });
        withdrawNotice(tx, obligation, recorded.sent.get(refund_ref));
        written.failed += 1;
      } else {
        if (recorded.sent.has(refund_ref) || due) continue;
        const data = { payment_id, key, refund_ref, by_others: { amount, currency } };
        tx.append({ ...stream, type: 'RefundSent', data });
        written.by_others += 1;
      }
    }
    return written;
  });
}

/** Nobody is told any more of a refund that has failed. @param notice - id of the one about it, if there is one */
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
      reason: 'the refund has failed',
    },
  });
}

/** Which success was given back: as Persona's own refund names it, else the attempt of the charge or of the payment. */
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

// The index is on (stream_id, seq) and is used only where both are asked for.
const RECORDED = `
  MATCH (e:PersonaEvent {stream_id: $customer_id})
  WHERE e.seq > 0 AND e.type IN ['RefundSent', 'RefundFailed'] AND e.data CONTAINS $payment
  RETURN e.type AS type, e.schema_version AS version, e.data AS data`;

/** The refunds of an obligation that the log speaks of; of one that was sent, the notice about it, if there is one. */
async function recordedRefunds(
  tx: CommandTx,
  { customer_id, payment_id }: ObligationNode,
): Promise<{ sent: Map<string, string | undefined>; failed: Set<string> }> {
  const payment = `"payment_id":${JSON.stringify(payment_id)}`;
  const rows = await tx.run<{ type: 'RefundSent' | 'RefundFailed'; version: number; data: string }>(
    RECORDED,
    { customer_id, payment },
  );
  const recorded = { sent: new Map<string, string | undefined>(), failed: new Set<string>() };
  for (const { type, version, data } of rows) {
    const event = upcast(type, version, JSON.parse(data)) as EventData[typeof type];
    if (type === 'RefundFailed') recorded.failed.add(event.refund_ref ?? '');
    else recorded.sent.set(event.refund_ref ?? '', 'notice' in event ? event.notice : undefined);
  }
  return recorded;
}
