import type { ErasureEvents } from '../../domain/events/erasure.ts';
import { erasedAttemptKey, refundId } from '../../domain/workflow-contracts.ts';
import { type Effects, utcTime } from './effect.ts';
import { nodeRef } from './model.ts';

// An obligation may exist as the erased customer's: everything about it is replaced.
const CUSTOMER_ERASED = `
  MERGE (c:Customer {id: $stream_id})
  ON CREATE SET c.status = 'erased', c.created_at = datetime($recorded_at)
  SET c.version = $seq, c.changed_seq = $seq, c.updated_at = datetime($recorded_at)
  WITH c
  CALL (c) {
    UNWIND $data.remains.obligations AS one
    MERGE (o:Obligation {payment_id: one.payment_id})
    SET o = {
      payment_id: one.payment_id, customer_id: $stream_id, amount: one.amount, currency: one.currency,
      state: one.state, rule: 'erased', gateway_ref: one.gateway_ref, settled_ref: one.settled_ref,
      opened_at: datetime(one.opened_at), closed_at: datetime(one.closed_at), changed_seq: $seq
    }
    MERGE (c)-[:OWES]->(o)
  }
  CALL () {
    UNWIND $attempts AS one
    CREATE (:ChargeAttempt {
      key: one.key, n: one.n, source: one.source, payment_id: one.payment_id, customer_id: $stream_id,
      amount: one.amount, currency: one.currency, state: one.state, class: one.class, gateway_ref: one.gateway_ref,
      overpaid: one.overpaid, claimed_at: datetime(one.claimed_at), resolved_at: datetime(one.resolved_at)
    })
  }
  CALL () {
    UNWIND $refunds AS one
    MERGE (r:Refund {id: one.id})
    SET r = {
      id: one.id, refund_ref: one.refund_ref, payment_id: one.payment_id, customer_id: $stream_id, key: one.key,
      sent_at: datetime(one.sent_at), failed_at: datetime(one.failed_at)
    }
  }`;

export const erasureEffects: Effects<ErasureEvents> = {
  ErasureAnnounced: {
    cypher: 'MATCH (c:Customer {id: $stream_id}) SET c.updated_at = datetime($recorded_at)',
    fold(model, { stream_id, recorded_at }) {
      const customer = model.node(nodeRef('Customer', stream_id));
      if (customer) customer.updated_at = utcTime(recorded_at);
    },
  },

  CustomerErased: {
    cypher: CUSTOMER_ERASED,
    derived: ({ data: { remains } }) => ({
      attempts: remains.attempts.map((one) => ({ ...one, key: erasedAttemptKey(one.payment_id, one.n) })),
      refunds: remains.refunds.map(({ n, ...one }) => ({
        ...one,
        id: refundId(one.payment_id, one.refund_ref),
        key: erasedAttemptKey(one.payment_id, n),
      })),
    }),
    fold(model, { stream_id, seq, recorded_at, data: { remains } }) {
      const customer = nodeRef('Customer', stream_id);
      const at = utcTime(recorded_at);
      if (!model.nodes.has(customer))
        model.createNode(customer, { id: stream_id, status: 'erased', created_at: at });
      Object.assign(model.node(customer) ?? {}, { changed_seq: seq, updated_at: at });
      for (const { opened_at, closed_at, ...one } of remains.obligations) {
        const obligation = nodeRef('Obligation', one.payment_id);
        model.createNode(obligation, {
          ...{ ...one, customer_id: stream_id, rule: 'erased', changed_seq: seq },
          ...{ opened_at: utcTime(opened_at), closed_at: utcTime(closed_at) },
        });
        model.createEdge(customer, 'OWES', obligation);
      }
      for (const { claimed_at, resolved_at, ...one } of remains.attempts) {
        const key = erasedAttemptKey(one.payment_id, one.n);
        model.createNode(nodeRef('ChargeAttempt', key), {
          ...{ ...one, key, customer_id: stream_id },
          ...{ claimed_at: utcTime(claimed_at), resolved_at: utcTime(resolved_at) },
        });
      }
      for (const { n, sent_at, failed_at, ...one } of remains.refunds) {
        const id = refundId(one.payment_id, one.refund_ref);
        model.createNode(nodeRef('Refund', id), {
          ...{ ...one, id, key: erasedAttemptKey(one.payment_id, n), customer_id: stream_id },
          ...{ sent_at: utcTime(sent_at), failed_at: utcTime(failed_at) },
        });
      }
    },
  },
};
