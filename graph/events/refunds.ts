import type { RecordedEvent } from '../../domain/events/event.ts';
import type { RefundEvents } from '../../domain/events/refunds.ts';
import { overpaymentId, refundId } from '../../domain/workflow-contracts.ts';
import { utcTime, type Effects, asList, nullIfEmpty } from './effect.ts';
import { type GraphModel, nodeRef, type Properties } from './model.ts';

// An empty list is stored as no property, because the sweep finds obligations that have one. A refund that is due again
// after a failure is last in the list.
const REFUND_LISTS = `
  MATCH (o:Obligation {payment_id: $data.payment_id})
  WITH o, [key IN coalesce(o.refunds_due, []) WHERE key <> $data.key] AS due,
    [key IN coalesce(o.refunds_failed, []) WHERE key <> $data.key] AS failed`;

const MERGE_REFUND = `
  MERGE (r:Refund {id: $refund_id})
  ON CREATE SET r.refund_ref = $data.refund_ref, r.payment_id = $data.payment_id, r.customer_id = $stream_id, r.key = $data.key`;

// A refund by Persona or at the gateway; after a partial one (`part`) the rest remains due.
const REFUND_SENT = `${REFUND_LISTS}
  SET o.refunds_due = CASE WHEN $data.part THEN o.refunds_due WHEN size(due) > 0 THEN due END,
    o.refunds_failed = CASE WHEN $data.part THEN o.refunds_failed WHEN size(failed) > 0 THEN failed END,
    o.refund_at = CASE WHEN $data.part OR size(due) > 0 THEN o.refund_at END,
    o.notices_due = CASE WHEN $data.notice IS NULL THEN o.notices_due ELSE coalesce(o.notices_due, []) + $data.notice END
  ${MERGE_REFUND}
  SET r.sent_at = datetime($recorded_at), r.notification_id = $data.notice
  WITH r
  MATCH (x:Overpayment {id: $overpayment_id})
  WHERE $data.part IS NULL
  SET x.refunded_by = $data.refund_ref, x.refund_failing_since = null, x.next_refund_at = null`;

const REFUND_FAILED = `${REFUND_LISTS}
  WITH o, datetime($data.retry.next_at) AS next_at, failed,
    CASE WHEN $data.retry.next_at IS NULL THEN due ELSE due + $data.key END AS due
  WITH o, next_at, due,
    CASE WHEN $data.retry IS NULL OR next_at IS NOT NULL THEN failed ELSE failed + $data.key END AS failed
  SET o.refunds_due = CASE WHEN size(due) > 0 THEN due END,
    o.refunds_failed = CASE WHEN size(failed) > 0 THEN failed END,
    o.refund_at = CASE WHEN size(due) > 0 THEN coalesce(next_at, o.refund_at) END
  FOREACH (_ IN CASE WHEN $refund_id IS NULL THEN [] ELSE [1] END |
    ${MERGE_REFUND}
    SET r.failed_at = datetime($recorded_at))
  WITH next_at
  MATCH (x:Overpayment {id: $overpayment_id})
  WHERE $data.retry IS NOT NULL
  SET x.refunded_by = null, x.refund_tries = coalesce($data.n, x.refund_tries), x.refund_failure = $data.reason,
    x.refund_failing_since = datetime($data.retry.since), x.next_refund_at = next_at`;

const REFUND_REQUESTED = `${REFUND_LISTS}
  SET o.refunds_due = due + $data.key, o.refunds_failed = CASE WHEN size(failed) > 0 THEN failed END, o.refund_at = null
  WITH o
  MATCH (x:Overpayment {id: $overpayment_id})
  SET x.refund_owed = true, x.refund_failing_since = null, x.next_refund_at = null`;

export const refundEffects: Effects<RefundEvents> = {
  // A second success by an external payment has no attempt.
  RecoveryOverpaid: {
    cypher: `
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.refunds_due = CASE WHEN $data.refund THEN coalesce(o.refunds_due, []) + $data.key ELSE o.refunds_due END,
        o.refund_at = CASE WHEN $data.refund THEN null ELSE o.refund_at END
      MERGE (x:Overpayment {id: $overpayment_id})
      ON CREATE SET x.payment_id = $data.payment_id, x.customer_id = $stream_id, x.key = $data.key,
        x.first_seq = $seq, x.refund_tries = 0
      SET x.refund_owed = $data.refund
      WITH o
      OPTIONAL MATCH (a:ChargeAttempt {key: $data.key})
      SET a.overpaid = true`,
    derived: refundIds,
    // A second success by an external payment (`settled:…`) has no attempt of Persona's to mark.
    fold(model, { stream_id, seq, data }) {
      const obligation = model.node(nodeRef('Obligation', data.payment_id));
      if (obligation && data.refund) {
        obligation.refunds_due = [...asList(obligation.refunds_due), data.key];
        obligation.refund_at = null;
      }
      const overpayment = nodeRef('Overpayment', overpaymentId(data.payment_id, data.key));
      if (!model.nodes.has(overpayment)) {
        const { payment_id, key } = data;
        const properties = { id: overpaymentId(payment_id, key), payment_id, customer_id: stream_id, key };
        model.createNode(overpayment, { ...properties, first_seq: seq, refund_tries: 0 });
      }
      Object.assign(model.node(overpayment) ?? {}, { refund_owed: data.refund });
      if (data.key.startsWith('settled:')) return;
      const attempt = model.node(nodeRef('ChargeAttempt', data.key));
      if (attempt) attempt.overpaid = true;
    },
  },

  RefundSent: {
    cypher: REFUND_SENT,
    derived: refundIds,
    fold(model, event) {
      const { data } = event;
      const obligation = model.node(nodeRef('Obligation', data.payment_id));
      if (!obligation) return;
      if (!data.part) {
        moveRefund(obligation, data.key, undefined);
        Object.assign(overpaymentOf(model, data), { refunded_by: data.refund_ref, ...DUE_AT_ONCE });
      }
      if (data.notice !== undefined)
        obligation.notices_due = [...asList(obligation.notices_due), data.notice];
      const sent = { sent_at: utcTime(event.recorded_at), notification_id: data.notice };
      Object.assign(refundOf(model, event, data.refund_ref), sent);
    },
  },

  RefundFailed: {
    cypher: REFUND_FAILED,
    derived: refundIds,
    fold(model, event) {
      const { payment_id, key, retry, refund_ref, n, reason } = event.data;
      const obligation = model.node(nodeRef('Obligation', payment_id));
      if (!obligation) return;
      const due = retry !== null && retry.next_at !== null;
      moveRefund(obligation, key, due ? 'due' : retry === null ? undefined : 'failed');
      if (due) obligation.refund_at = utcTime(retry.next_at);
      if (refund_ref !== null)
        Object.assign(refundOf(model, event, refund_ref), { failed_at: utcTime(event.recorded_at) });
      if (retry === null) return;
      Object.assign(overpaymentOf(model, event.data), {
        refunded_by: null,
        ...(n !== null && { refund_tries: n }),
        refund_failure: reason,
        refund_failing_since: utcTime(retry.since),
        next_refund_at: utcTime(retry.next_at),
      });
    },
  },

  RefundRequested: {
    cypher: REFUND_REQUESTED,
    derived: refundIds,
    fold(model, { data }) {
      const obligation = model.node(nodeRef('Obligation', data.payment_id));
      if (!obligation) return;
      moveRefund(obligation, data.key, 'due');
      obligation.refund_at = null;
      Object.assign(overpaymentOf(model, data), { refund_owed: true, ...DUE_AT_ONCE });
    },
  },
};

/** The ids of the nodes that an event about a second success or a refund changes. */
function refundIds({ data }: { data: { payment_id: string; key: string; refund_ref?: string | null } }) {
  const { payment_id, key, refund_ref = null } = data;
  return {
    overpayment_id: overpaymentId(payment_id, key),
    refund_id: refund_ref && refundId(payment_id, refund_ref),
  };
}

const DUE_AT_ONCE = { refund_failing_since: null, next_refund_at: null };

/** A refund by others of an ordinary charge settles nothing: it belongs to no second success. */
function overpaymentOf(model: GraphModel, data: { payment_id: string; key: string }): Properties {
  return model.nodes.get(nodeRef('Overpayment', overpaymentId(data.payment_id, data.key))) ?? {};
}

function refundOf(
  model: GraphModel,
  { stream_id, data }: RecordedEvent<'RefundSent' | 'RefundFailed'>,
  refund_ref: string,
): Properties {
  const { payment_id, key } = data;
  const id = refundId(payment_id, refund_ref);
  const ref = nodeRef('Refund', id);
  if (!model.nodes.has(ref))
    model.createNode(ref, { id, refund_ref, payment_id, customer_id: stream_id, key });
  return model.node(ref) ?? {};
}

/**
 * A refund is in the list of those that Persona tries, in the list of those that wait for an operator, or in neither.
 */
function moveRefund(
  obligation: Record<string, unknown>,
  key: string,
  into: 'due' | 'failed' | undefined,
): void {
  const withoutKey = (list: unknown) => asList(list).filter((entry) => entry !== key);
  const due = [...withoutKey(obligation.refunds_due), ...(into === 'due' ? [key] : [])];
  const failed = [...withoutKey(obligation.refunds_failed), ...(into === 'failed' ? [key] : [])];
  obligation.refunds_due = nullIfEmpty(due);
  obligation.refunds_failed = nullIfEmpty(failed);
  if (due.length === 0) obligation.refund_at = null;
}
