/** An obligation's second successes and their refunds, as the event log has them. */

import type { EventData } from '../../domain/events.ts';
import { upcast } from '../../domain/upcast.ts';
import type { Reader } from '../graph.ts';
import type { ObligationNode } from './records.ts';

const TYPES = ['RecoveryOverpaid', 'RefundRequested', 'RefundSent', 'RefundFailed'] as const;

/** A second success, as its refunds stand. */
export interface RefundStanding {
  /** Is it Persona's to give back: by policy, or because a person asked for it? */
  owed: boolean;
  /** The refund that settled it, unless that has failed since. */
  settled_by?: string;
  /** How many of Persona's own refunds have failed. */
  tries: number;
  /** Why the last one failed. */
  reason?: string;
  /** As in `RefundRetry`, since it was last accepted or asked for. */
  failing_since?: string;
  /** As in `RefundRetry`; absent: it may be tried now. */
  next_at?: string | null;
}

export interface RefundLog {
  /** By key as in `RecoveryOverpaid`, in the order in which they became known. */
  standings: ReadonlyMap<string, RefundStanding>;
  /** Refunds that were sent, by whomever, each with the id of the notice about it, if there is one. */
  sent: ReadonlyMap<string, string | undefined>;
  /** Refunds that failed. */
  failed: ReadonlySet<string>;
}

// The index is on (stream_id, seq) and is used only where both are asked for.
const READ = `
  MATCH (e:PersonaEvent {stream_id: $customer_id})
  WHERE e.seq > 0 AND e.type IN $types AND e.data CONTAINS $payment
  RETURN e.type AS type, e.schema_version AS version, e.data AS data ORDER BY e.seq`;

export async function readRefundLog(
  reader: Reader,
  { customer_id, payment_id }: Pick<ObligationNode, 'customer_id' | 'payment_id'>,
): Promise<RefundLog> {
  const payment = `"payment_id":${JSON.stringify(payment_id)}`;
  const rows = await reader.read<{ type: (typeof TYPES)[number]; version: number; data: string }>(READ, {
    ...{ customer_id, payment },
    types: TYPES,
  });
  const standings = new Map<string, RefundStanding>();
  const sent = new Map<string, string | undefined>();
  const failed = new Set<string>();
  for (const { type, version, data } of rows) {
    const event = upcast(type, version, JSON.parse(data));
    const { key } = event as { key: string };
    const before = standings.get(key) ?? { owed: false, tries: 0 };
    const { next_at: _due, failing_since: _since, ...anew } = before;
    switch (type) {
      case 'RecoveryOverpaid':
        standings.set(key, { ...before, owed: (event as unknown as EventData[typeof type]).refund });
        break;
      case 'RefundRequested':
        standings.set(key, { ...anew, owed: true });
        break;
      case 'RefundSent': {
        const { refund_ref, notice, part } = event as unknown as EventData[typeof type];
        sent.set(refund_ref, notice);
        // What others gave back of an ordinary charge settles nothing.
        if (!part && standings.has(key)) standings.set(key, { ...anew, settled_by: refund_ref });
        break;
      }
      case 'RefundFailed': {
        const { refund_ref, n, retry, reason } = event as unknown as EventData[typeof type];
        if (refund_ref !== null) failed.add(refund_ref);
        if (retry === null || !standings.has(key)) break;
        const { settled_by: _not, ...unsettled } = before;
        const tries = n === null ? before.tries : n;
        const { since: failing_since, next_at } = retry;
        standings.set(key, { ...unsettled, tries, reason, failing_since, next_at });
      }
    }
  }
  return { standings, sent, failed };
}
