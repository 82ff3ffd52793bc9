import type { RecoveryEvents } from '../../domain/events/recovery.ts';
import { isRefundNotice } from '../../domain/workflow-contracts.ts';
import { latest, utcTime, type Effects, asList, nullIfEmpty } from './effect.ts';
import { type GraphModel, nodeRef, splitRef } from './model.ts';

export const recoveryEffects: Effects<RecoveryEvents> = {
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
    fold(model, { stream_id, seq, data }) {
      const { payment_id, last_failure_at, opened_at, closes_at, ...rest } = data;
      const obligation = nodeRef('Obligation', payment_id);
      model.createNode(obligation, {
        payment_id,
        customer_id: stream_id,
        state: 'open',
        ...rest,
        last_failure_at: utcTime(last_failure_at),
        opened_at: utcTime(opened_at),
        closes_at: utcTime(closes_at),
        changed_seq: seq,
      });
      model.createEdge(nodeRef('Customer', stream_id), 'OWES', obligation);
    },
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
    // Its payment at the gateway was cancelled when it was closed: the next attempt creates a new one.
    fold(model, { seq, data }) {
      const { payment_id, last_failure_at, opened_at, closes_at, ...rest } = data;
      Object.assign(model.node(nodeRef('Obligation', payment_id)) ?? {}, rest, {
        state: 'open',
        gateway_ref: null,
        settled_ref: null,
        paused: null,
        consent_revoked: null,
        fraud_known: null,
        collect_again: null,
        notices_due: null,
        clock_stopped_at: null,
        last_failure_at: utcTime(last_failure_at),
        opened_at: utcTime(opened_at),
        closes_at: utcTime(closes_at),
        closed_at: null,
        changed_seq: seq,
      });
    },
  },

  ChargeClaimed: {
    cypher: `
      MATCH (p:PaymentMethod {id: $data.payment_method_id})
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.changed_seq = $seq
      CREATE (:ChargeAttempt {
        key: $data.key, n: $data.n, source: 'recovery', payment_id: $data.payment_id, customer_id: $stream_id,
        payment_method_id: $data.payment_method_id, instrument_fingerprint: p.instrument_fingerprint,
        network: $data.network, amount: $data.amount, currency: $data.currency, state: 'in_flight',
        overpaid: false, claimed_at: datetime($data.claimed_at),
        claim_deadline: datetime($data.claim_deadline)})`,
    fold(model, { stream_id, seq, data }) {
      const { claimed_at, claim_deadline, ...rest } = data;
      const obligation = model.node(nodeRef('Obligation', data.payment_id));
      if (obligation) obligation.changed_seq = seq;
      model.createNode(nodeRef('ChargeAttempt', data.key), {
        ...rest,
        source: 'recovery',
        customer_id: stream_id,
        instrument_fingerprint: cardFingerprintOf(model, data.payment_method_id),
        state: 'in_flight',
        overpaid: false,
        claimed_at: utcTime(claimed_at),
        claim_deadline: utcTime(claim_deadline),
      });
    },
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
    // Reported attempts, and those that a ceiling forbids, arrive already resolved; all others were claimed before.
    fold(model, { stream_id, seq, data }) {
      const ref = nodeRef('ChargeAttempt', data.key);
      const attempted = utcTime(data.attempted_at);
      const { payment_id, payment_method_id } = data;
      if (!model.nodes.has(ref) && (data.source === 'reported' || data.state === 'void')) {
        const { key, n, source, network, amount, currency } = data;
        model.createNode(ref, {
          ...{ key, n, source, payment_id, payment_method_id, network, amount, currency },
          customer_id: stream_id,
          instrument_fingerprint: cardFingerprintOf(model, payment_method_id),
          overpaid: false,
          claimed_at: attempted,
        });
      }
      const { state, class: declineClass, rule, code, card_dead, gateway_ref } = data;
      Object.assign(model.node(ref) ?? {}, {
        ...{ state, class: declineClass, rule, code, card_dead, gateway_ref },
        resolved_at: utcTime(data.resolved_at),
      });
      const obligationRef = nodeRef('Obligation', payment_id);
      // A report too old to open an obligation is stored for its permanent effects.
      if (data.source === 'reported' && !model.nodes.has(obligationRef)) return;
      const obligation = model.node(obligationRef);
      if (!obligation) return;
      if (data.payment_ref !== null) obligation.gateway_ref = data.payment_ref;
      obligation.changed_seq = seq;
      if (data.source === 'reported' && obligation.last_failure_at)
        obligation.last_failure_at = latest(obligation.last_failure_at, attempted);
    },
  },

  // A closed obligation with an unresolved charge that an operator must resolve remains closed.
  RecoveryNeedsReview: {
    cypher: `
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.state = CASE WHEN o.closed_at IS NULL THEN 'needs_review' ELSE o.state END,
        o.rule = CASE WHEN o.closed_at IS NULL THEN $data.rule ELSE o.rule END, o.changed_seq = $seq`,
    // A closed obligation whose unresolved charge needs an operator stays closed.
    fold(model, { seq, data }) {
      const obligation = model.node(nodeRef('Obligation', data.payment_id));
      if (!obligation) return;
      obligation.changed_seq = seq;
      if (!obligation.closed_at) Object.assign(obligation, { state: 'needs_review', rule: data.rule });
    },
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
    // A settlement may arrive before any failure: then the obligation is created as closed.
    fold(model, { stream_id, seq, data }) {
      const obligation = nodeRef('Obligation', data.payment_id);
      const closed_at = utcTime(data.closed_at);
      if (!model.nodes.has(obligation)) {
        const { payment_id } = data;
        model.createNode(obligation, { payment_id, customer_id: stream_id, opened_at: closed_at });
        model.createEdge(nodeRef('Customer', stream_id), 'OWES', obligation);
      }
      const { state, rule, payment_ref: settled_ref, notice } = data;
      const node = model.node(obligation);
      if (!node) return;
      Object.assign(node, { state, rule, closed_at, settled_ref, changed_seq: seq });
      // A notice due about an earlier ending is no longer true.
      const due = asList(node.notices_due).filter((id) => isRefundNotice(String(id)));
      node.notices_due = nullIfEmpty(notice === undefined ? due : [...due, notice]);
    },
  },

  RecoveryForgotten: {
    cypher: `
      MATCH (o:Obligation {payment_id: $data.payment_id})
      SET o.description = null, o.changed_seq = $seq
      WITH DISTINCT o
      MATCH (n:Notice {payment_id: o.payment_id})
      DETACH DELETE n`,
    fold(model, { seq, data: { payment_id } }) {
      const obligation = model.node(nodeRef('Obligation', payment_id));
      if (obligation) Object.assign(obligation, { description: null, changed_seq: seq });
      for (const [ref, node] of model.nodes)
        if (splitRef(ref).label === 'Notice' && node.payment_id === payment_id) model.removeNode(ref);
    },
  },
};

/** The card behind a method at that time; the attempt keeps it whatever becomes of the method. */
function cardFingerprintOf(model: GraphModel, paymentMethodId: string): unknown {
  return model.node(nodeRef('PaymentMethod', paymentMethodId))?.instrument_fingerprint ?? null;
}
