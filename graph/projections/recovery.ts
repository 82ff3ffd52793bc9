import { noticeState } from '../../domain/notices/state.ts';
import { overpaymentId, refundId } from '../../domain/workflow-contracts.ts';
import type { RecoveryEvents } from '../../domain/recovery/events.ts';
import type { Projections } from './projection.ts';

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

// A notice is about a payment, a fraud case or a card; one that is no longer due there changes nothing. If a notice is
// withdrawn while it is being sent, the send keeps its lease.
const NOTICE_DONE = `
  OPTIONAL MATCH (o:Obligation {payment_id: $data.payment_id})
  WHERE $data.notification_id IN o.notices_due
  OPTIONAL MATCH (f:FraudCase {case_id: $data.case_id})
  WHERE f.notice_due = $data.notification_id
  OPTIONAL MATCH (p:PaymentMethod {id: $data.payment_method_id})
  WHERE p.notice_due = $data.notification_id
  WITH o, f, p, [id IN o.notices_due WHERE id <> $data.notification_id] AS due
  SET o.notices_due = CASE WHEN size(due) > 0 THEN due END, f.notice_due = null, p.notice_due = null
  MERGE (n:Notice {notification_id: $data.notification_id})
  SET n.customer_id = $stream_id, n.template = $data.template, n.payment_id = $data.payment_id,
    n.case_id = $data.case_id, n.payment_method_id = $data.payment_method_id, n.channel = $data.channel,
    n.failure = $failure, n.state = $state, n.ended_at = datetime($recorded_at),
    n.lease_holder = CASE $state WHEN 'withdrawn' THEN n.lease_holder END,
    n.leased_at = CASE $state WHEN 'withdrawn' THEN n.leased_at END`;

export const recoveryProjections: Projections<keyof RecoveryEvents> = {
  RecoveryOpened: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      CREATE (c)-[:OWES]->(:Obligation {
        payment_id: $data.payment_id, customer_id: $stream_id,
        failed_payment_method_id: $data.failed_payment_method_id, amount: $data.amount, currency: $data.currency,
        kind: $data.kind, description: $data.description, state: 'open', rule: $data.rule,
        last_failure_at: datetime($data.last_failure_at), opened_at: datetime($data.opened_at),
        closes_at: datetime($data.closes_at), failed_was_default: $data.failed_was_default,
        reported_ref: $data.reported_ref, changed_seq: $seq})`,
  },

  // The payment at the gateway was cancelled when the obligation was closed: the next attempt creates a new one. The
  // amount is set if a settlement closed the obligation before any failure was reported.
  RecoveryReopened: {
    cypher: `
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.failed_payment_method_id = $data.failed_payment_method_id, o.state = 'open', o.rule = $data.rule,
        o.gateway_ref = null, o.paused = null, o.consent_revoked = null, o.notices_due = null,
        o.fraud_known = null, o.collect_again = null, o.clock_stopped_at = null,
        o.settled_ref = null, o.last_failure_at = datetime($data.last_failure_at),
        o.opened_at = datetime($data.opened_at), o.closes_at = datetime($data.closes_at), o.closed_at = null,
        o.failed_was_default = $data.failed_was_default, o.reported_ref = $data.reported_ref,
        o.amount = coalesce($data.amount, o.amount), o.currency = coalesce($data.currency, o.currency),
        o.kind = coalesce($data.kind, o.kind), o.description = coalesce($data.description, o.description),
        o.changed_seq = $seq`,
  },

  ChargeClaimed: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      CREATE (:ChargeAttempt {
        key: $data.key, n: $data.n, source: 'recovery', payment_id: $data.payment_id, customer_id: $stream_id,
        payment_method_id: $data.payment_method_id, instrument_fingerprint: p.instrument_fingerprint,
        network: $data.network, amount: $data.amount, currency: $data.currency, state: 'in_flight',
        overpaid: false, claimed_at: datetime($data.claimed_at),
        claim_deadline: datetime($data.claim_deadline)})`,
  },

  // A reported failure, and an attempt that a ceiling forbids, are already resolved; for others the claim exists.
  RecoveryAttempted: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MERGE (a:ChargeAttempt {key: $data.key})
      ON CREATE SET a.source = $data.source, a.n = $data.n, a.payment_id = $data.payment_id, a.customer_id = $stream_id,
        a.payment_method_id = $data.payment_method_id, a.instrument_fingerprint = p.instrument_fingerprint,
        a.network = $data.network, a.amount = $data.amount, a.currency = $data.currency, a.overpaid = false,
        a.claimed_at = datetime($data.attempted_at)
      SET a.state = $data.state, a.class = $data.class, a.rule = $data.rule, a.code = $data.code,
        a.card_dead = $data.card_dead, a.gateway_ref = $data.gateway_ref,
        a.resolved_at = datetime($data.resolved_at)
      WITH a
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.gateway_ref = coalesce($data.payment_ref, o.gateway_ref), o.changed_seq = $seq,
        o.last_failure_at = CASE
          WHEN $data.source = 'reported' AND datetime($data.attempted_at) > o.last_failure_at
          THEN datetime($data.attempted_at) ELSE o.last_failure_at END`,
  },

  // A closed obligation with an unresolved charge that an operator must resolve remains closed.
  RecoveryNeedsReview: {
    cypher: `
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.state = CASE WHEN o.closed_at IS NULL THEN 'needs_review' ELSE o.state END,
        o.rule = CASE WHEN o.closed_at IS NULL THEN $data.rule ELSE o.rule END, o.changed_seq = $seq`,
  },

  // MERGE, because a settlement may arrive before any failure, and then creates the obligation as closed. Due notices
  // about an earlier end of the recovery are dropped, because they are outdated.
  RecoveryClosed: {
    cypher: `
      MATCH (c:Customer {id: $stream_id})
      MERGE (o:Obligation {payment_id: $data.payment_id})
      ON CREATE SET o.customer_id = $stream_id, o.opened_at = datetime($data.closed_at)
      WITH c, o, [id IN coalesce(o.notices_due, []) WHERE id CONTAINS ':refund_issued:'] + coalesce($data.notice, []) AS due
      SET o.state = $data.state, o.rule = $data.rule, o.closed_at = datetime($data.closed_at),
        o.settled_ref = $data.payment_ref, o.changed_seq = $seq,
        o.notices_due = CASE WHEN size(due) > 0 THEN due END
      MERGE (c)-[:OWES]->(o)`,
  },

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
  },

  RefundSent: { cypher: REFUND_SENT, derived: refundIds },
  RefundFailed: { cypher: REFUND_FAILED, derived: refundIds },
  RefundRequested: { cypher: REFUND_REQUESTED, derived: refundIds },

  NoticeSent: { cypher: NOTICE_DONE, derived: () => ({ failure: null, state: noticeState(undefined) }) },
  NoticeFailed: {
    cypher: NOTICE_DONE,
    derived: ({ data: { reason } }) => ({ failure: reason, state: noticeState(reason) }),
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
