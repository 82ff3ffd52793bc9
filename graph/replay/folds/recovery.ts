import type { RecoveryEvents } from '../../../domain/recovery/events.ts';
import { type GraphModel, nodeRef } from '../model.ts';
import { type Folds, later, moment } from './fold.ts';

export const recoveryFolds: Folds<keyof RecoveryEvents> = {
  RecoveryOpened(model, { stream_id, seq, data }) {
    const { payment_id, last_failure_at, opened_at, closes_at, ...rest } = data;
    const obligation = nodeRef('Obligation', payment_id);
    model.createNode(obligation, {
      payment_id,
      customer_id: stream_id,
      state: 'open',
      ...rest,
      last_failure_at: moment(last_failure_at),
      opened_at: moment(opened_at),
      closes_at: moment(closes_at),
      changed_seq: seq,
    });
    model.createEdge(nodeRef('Customer', stream_id), 'OWES', obligation);
  },

  // Its payment at the gateway was cancelled when it was closed: the next attempt makes a new one.
  RecoveryReopened(model, { seq, data }) {
    const { payment_id, last_failure_at, opened_at, closes_at, ...rest } = data;
    Object.assign(model.node(nodeRef('Obligation', payment_id)) ?? {}, rest, {
      state: 'open',
      gateway_ref: null,
      paused: null,
      consent_revoked: null,
      last_failure_at: moment(last_failure_at),
      opened_at: moment(opened_at),
      closes_at: moment(closes_at),
      closed_at: null,
      changed_seq: seq,
    });
  },

  ChargeClaimed(model, { stream_id, data }) {
    const { claimed_at, claim_deadline, ...rest } = data;
    model.createNode(nodeRef('ChargeAttempt', data.key), {
      ...rest,
      source: 'recovery',
      customer_id: stream_id,
      instrument_fingerprint: plasticOf(model, data.payment_method_id),
      state: 'in_flight',
      overpaid: false,
      claimed_at: moment(claimed_at),
      claim_deadline: moment(claim_deadline),
    });
  },

  // What others report, and what a ceiling forbids, arrives already resolved; any other was claimed before.
  RecoveryAttempted(model, { stream_id, seq, data }) {
    const ref = nodeRef('ChargeAttempt', data.key);
    const attempted = moment(data.attempted_at);
    const { payment_id, payment_method_id } = data;
    if (!model.nodes.has(ref) && (data.source === 'reported' || data.state === 'void')) {
      const { key, n, source, network, amount, currency } = data;
      model.createNode(ref, {
        ...{ key, n, source, payment_id, payment_method_id, network, amount, currency },
        customer_id: stream_id,
        instrument_fingerprint: plasticOf(model, payment_method_id),
        overpaid: false,
        claimed_at: attempted,
      });
    }
    const { state, class: declineClass, rule, code, gateway_ref } = data;
    Object.assign(model.node(ref) ?? {}, {
      ...{ state, class: declineClass, rule, code, gateway_ref },
      resolved_at: moment(data.resolved_at),
    });
    const obligation = model.node(nodeRef('Obligation', payment_id));
    if (!obligation) return;
    if (data.payment_ref !== null) obligation.gateway_ref = data.payment_ref;
    obligation.changed_seq = seq;
    if (data.source === 'reported' && obligation.last_failure_at)
      obligation.last_failure_at = later(obligation.last_failure_at, attempted);
  },

  // Closed, with a charge in doubt that a person must decide about: it stays closed.
  RecoveryNeedsReview(model, { seq, data }) {
    const obligation = model.node(nodeRef('Obligation', data.payment_id));
    if (!obligation) return;
    obligation.changed_seq = seq;
    if (!obligation.closed_at) Object.assign(obligation, { state: 'needs_review', rule: data.rule });
  },

  // A settlement may come before any failure: then the closed obligation is the first that is known of it.
  RecoveryClosed(model, { stream_id, seq, data }) {
    const obligation = nodeRef('Obligation', data.payment_id);
    const closed_at = moment(data.closed_at);
    if (!model.nodes.has(obligation)) {
      const { payment_id } = data;
      model.createNode(obligation, { payment_id, customer_id: stream_id, opened_at: closed_at });
      model.createEdge(nodeRef('Customer', stream_id), 'OWES', obligation);
    }
    const { state, rule, payment_ref: settled_ref } = data;
    Object.assign(model.node(obligation) ?? {}, { state, rule, closed_at, settled_ref, changed_seq: seq });
  },

  // A second success that others brought about (`settled:…`) is no attempt of ours, and stands in the log alone.
  RecoveryOverpaid(model, { data }) {
    const obligation = model.node(nodeRef('Obligation', data.payment_id));
    if (obligation && data.refund) obligation.refunds_due = [...refundsDue(obligation), data.key];
    if (data.key.startsWith('settled:')) return;
    const attempt = model.node(nodeRef('ChargeAttempt', data.key));
    if (attempt) attempt.overpaid = true;
  },

  RefundSent: refundDone,
  RefundFailed: refundDone,

  // What was sent stands in the log alone.
  NoticeSent() {},
  NoticeFailed() {},
};

function refundDone(model: GraphModel, { data }: { data: { payment_id: string; key: string } }): void {
  const obligation = model.node(nodeRef('Obligation', data.payment_id));
  if (!obligation) return;
  const due = refundsDue(obligation).filter((key) => key !== data.key);
  obligation.refunds_due = due.length > 0 ? due : null;
}

function refundsDue({ refunds_due = [] }: { refunds_due?: unknown }): unknown[] {
  return Array.isArray(refunds_due) ? refunds_due : [];
}

/** The plastic behind a method at that moment; the attempt keeps it whatever becomes of the method. */
function plasticOf(model: GraphModel, paymentMethodId: string): unknown {
  return model.node(nodeRef('PaymentMethod', paymentMethodId))?.instrument_fingerprint ?? null;
}
