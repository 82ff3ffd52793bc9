import type { RecordedEvent } from '../../../domain/events.ts';
import { isRefundNotice, overpaymentId, refundId } from '../../../domain/workflow-contracts.ts';
import type { RecoveryEvents } from '../../../domain/recovery/events.ts';
import { noticeState } from '../../../domain/notices/state.ts';
import { type GraphModel, nodeRef, type Properties } from '../model.ts';
import { type Folds, latest, utcTime } from './fold.ts';

export const recoveryFolds: Folds<keyof RecoveryEvents> = {
  RecoveryOpened(model, { stream_id, seq, data }) {
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

  // Its payment at the gateway was cancelled when it was closed: the next attempt creates a new one.
  RecoveryReopened(model, { seq, data }) {
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

  ChargeClaimed(model, { stream_id, data }) {
    const { claimed_at, claim_deadline, ...rest } = data;
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

  // Reported attempts, and those that a ceiling forbids, arrive already resolved; all others were claimed before.
  RecoveryAttempted(model, { stream_id, seq, data }) {
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

  // A closed obligation whose unresolved charge needs an operator stays closed.
  RecoveryNeedsReview(model, { seq, data }) {
    const obligation = model.node(nodeRef('Obligation', data.payment_id));
    if (!obligation) return;
    obligation.changed_seq = seq;
    if (!obligation.closed_at) Object.assign(obligation, { state: 'needs_review', rule: data.rule });
  },

  // A settlement may arrive before any failure: then the obligation is created as closed.
  RecoveryClosed(model, { stream_id, seq, data }) {
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

  // A second success by an external payment (`settled:…`) has no attempt of Persona's to mark.
  RecoveryOverpaid(model, { stream_id, seq, data }) {
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

  RefundSent(model, event) {
    const { data } = event;
    const obligation = model.node(nodeRef('Obligation', data.payment_id));
    if (!obligation) return;
    if (!data.part) {
      moveRefund(obligation, data.key, undefined);
      Object.assign(overpaymentOf(model, data), { refunded_by: data.refund_ref, ...DUE_AT_ONCE });
    }
    if (data.notice !== undefined) obligation.notices_due = [...asList(obligation.notices_due), data.notice];
    const sent = { sent_at: utcTime(event.recorded_at), notification_id: data.notice };
    Object.assign(refundOf(model, event, data.refund_ref), sent);
  },
  RefundFailed(model, event) {
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
  RefundRequested(model, { data }) {
    const obligation = model.node(nodeRef('Obligation', data.payment_id));
    if (!obligation) return;
    moveRefund(obligation, data.key, 'due');
    obligation.refund_at = null;
    Object.assign(overpaymentOf(model, data), { refund_owed: true, ...DUE_AT_ONCE });
  },

  NoticeSent: applyNoticeEnd,
  NoticeFailed: applyNoticeEnd,
};

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

/** The notice is no longer due. */
function applyNoticeEnd(model: GraphModel, event: RecordedEvent<'NoticeSent' | 'NoticeFailed'>): void {
  const { stream_id, recorded_at, data } = event;
  const notice = nodeRef('Notice', data.notification_id);
  if (!model.nodes.has(notice)) model.createNode(notice, {});
  const { reason: failure, ...noticeData } = { reason: undefined, ...data };
  const ended = { state: noticeState(failure), ended_at: utcTime(recorded_at) };
  Object.assign(model.node(notice) ?? {}, { ...noticeData, customer_id: stream_id, failure, ...ended });
  for (const ref of [
    nodeRef('FraudCase', data.case_id ?? ''),
    nodeRef('PaymentMethod', data.payment_method_id ?? ''),
  ]) {
    const node = model.nodes.get(ref);
    if (node?.notice_due === data.notification_id) node.notice_due = null;
  }
  if (data.payment_id === null) return;
  const obligation = model.node(nodeRef('Obligation', data.payment_id));
  if (!obligation) return;
  obligation.notices_due = nullIfEmpty(
    asList(obligation.notices_due).filter((id) => id !== data.notification_id),
  );
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** An empty list is stored as an absent property. */
function nullIfEmpty(list: unknown[]): unknown[] | null {
  return list.length > 0 ? list : null;
}

/** The card behind a method at that time; the attempt keeps it whatever becomes of the method. */
function cardFingerprintOf(model: GraphModel, paymentMethodId: string): unknown {
  return model.node(nodeRef('PaymentMethod', paymentMethodId))?.instrument_fingerprint ?? null;
}
