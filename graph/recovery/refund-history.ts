/** An obligation's second successes and its refunds at the gateway. */

import type { Reader } from '../graph.ts';
import type { ObligationNode } from './records.ts';

/** The state of a second success's refunds. */
export interface RefundStatus {
  /** Whether Persona has to refund it: by policy, or because an operator requested it. */
  owed: boolean;
  /** The refund that settled it, unless that has failed since. */
  refunded_by?: string;
  /** How many of Persona's own refunds have failed. */
  tries: number;
  /** Why the last one failed. */
  reason?: string;
  /** As in `RefundRetry`, since it was last accepted or requested. */
  failing_since?: string;
  /** As in `RefundRetry`; absent: it may be tried now. */
  next_at?: string | null;
}

export interface RefundHistory {
  /** By key as in `RecoveryOverpaid`, in the order in which they became known. */
  statuses: ReadonlyMap<string, RefundStatus>;
  /** Refunds that were sent, by Persona or others, each with the id of its notice, if there is one. */
  sent: ReadonlyMap<string, string | undefined>;
  /** Refunds that failed. */
  failed: ReadonlySet<string>;
}

const READ = `
  RETURN
    COLLECT { MATCH (x:Overpayment {payment_id: $payment_id}) RETURN properties(x) ORDER BY x.first_seq } AS overpayments,
    COLLECT { MATCH (r:Refund {payment_id: $payment_id}) RETURN properties(r) } AS refunds`;

/** Absent properties are omitted. */
interface OverpaymentNode {
  key: string;
  refund_owed: boolean;
  refunded_by?: string;
  refund_tries: number;
  refund_failure?: string;
  refund_failing_since?: string;
  next_refund_at?: string;
}

interface RefundNode {
  refund_ref: string;
  sent_at?: string;
  failed_at?: string;
  notification_id?: string;
}

export async function readRefundHistory(
  reader: Reader,
  { payment_id }: Pick<ObligationNode, 'payment_id'>,
): Promise<RefundHistory> {
  const [row] = await reader.read<{ overpayments: OverpaymentNode[]; refunds: RefundNode[] }>(READ, {
    payment_id,
  });
  const { overpayments = [], refunds = [] } = row ?? {};
  const sent = refunds.filter(({ sent_at }) => sent_at !== undefined);
  const failed = refunds.filter(({ failed_at }) => failed_at !== undefined);
  return {
    statuses: new Map(overpayments.map((node) => [node.key, statusOf(node)])),
    sent: new Map(sent.map(({ refund_ref, notification_id }) => [refund_ref, notification_id])),
    failed: new Set(failed.map(({ refund_ref }) => refund_ref)),
  };
}

function statusOf(node: OverpaymentNode): RefundStatus {
  const { refunded_by, refund_failure, refund_failing_since: failing_since, next_refund_at = null } = node;
  return {
    owed: node.refund_owed,
    tries: node.refund_tries,
    ...(refunded_by !== undefined && { refunded_by }),
    ...(refund_failure !== undefined && { reason: refund_failure }),
    ...(failing_since !== undefined && { failing_since, next_at: next_refund_at }),
  };
}
