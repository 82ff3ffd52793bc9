import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { lockObligation } from './read.ts';
import { noticeId } from './records.ts';

export interface RefundEnd {
  payment_id: string;
  /** As in `RecoveryOverpaid`. */
  key: string;
  result: { refund_ref: string } | { refused: string };
}

/**
 * Writes down that a second success was given back, or that it could not be. Where nothing is due any more, nothing is
 * written. The customer is to hear of what was given back.
 * @throws PersonaError recovery_not_found
 */
export function recordRefund(graph: Graph, header: CommandHeader, end: RefundEnd): Promise<void> {
  return runCommand(graph, header, 'recordRefund', end, async (tx) => {
    const { payment_id, key, result } = end;
    const { obligation } = await lockObligation(tx, payment_id);
    if (!obligation.refunds_due?.includes(key)) return;
    const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
    if ('refused' in result) {
      tx.append({ ...stream, type: 'RefundFailed', data: { payment_id, key, reason: result.refused } });
      return;
    }
    const notice = noticeId(obligation, 'refund_issued', key);
    const data = { payment_id, key, refund_ref: result.refund_ref, notice };
    tx.append({ ...stream, type: 'RefundSent', data });
  });
}
