import type { RecordedEvent } from '../../domain/events/event.ts';
import type { NoticeEvents } from '../../domain/events/notices.ts';
import { noticeState } from '../../domain/notices/state.ts';
import { utcTime, type Effects, asList, nullIfEmpty } from './effect.ts';
import { type GraphModel, nodeRef } from './model.ts';

// A notice is about a payment, a fraud case or a card; one that is no longer due there changes nothing. If a notice is
// withdrawn while it is being sent, the send keeps its lease.
const NOTICE_DONE = `
  OPTIONAL MATCH (o:Obligation {payment_id: $data.payment_id})
  WHERE $data.notification_id IN o.notices_due
  OPTIONAL MATCH (f:FraudCase {case_id: $data.case_id})
  WHERE f.notice_due = $data.notification_id
  OPTIONAL MATCH (p:PaymentMethod {id: $data.payment_method_id})
  WHERE p.notice_due = $data.notification_id
  OPTIONAL MATCH (x:Contest {contest_id: $data.contest_id})
  WHERE x.notice_due = $data.notification_id
  WITH o, f, p, x, [id IN o.notices_due WHERE id <> $data.notification_id] AS due
  SET o.notices_due = CASE WHEN size(due) > 0 THEN due END, f.notice_due = null, p.notice_due = null,
    x.notice_due = null
  MERGE (n:Notice {notification_id: $data.notification_id})
  SET n.customer_id = $stream_id, n.template = $data.template, n.payment_id = $data.payment_id,
    n.case_id = $data.case_id, n.contest_id = $data.contest_id, n.payment_method_id = $data.payment_method_id, n.channel = $data.channel,
    n.failure = $failure, n.state = $state, n.ended_at = datetime($recorded_at),
    n.lease_holder = CASE $state WHEN 'withdrawn' THEN n.lease_holder END,
    n.leased_at = CASE $state WHEN 'withdrawn' THEN n.leased_at END`;

export const noticeEffects: Effects<NoticeEvents> = {
  NoticeSent: {
    cypher: NOTICE_DONE,
    derived: () => ({ failure: null, state: noticeState(undefined) }),
    fold: applyNoticeEnd,
  },

  NoticeFailed: {
    cypher: NOTICE_DONE,
    derived: ({ data: { reason } }) => ({ failure: reason, state: noticeState(reason) }),
    fold: applyNoticeEnd,
  },
};

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
    nodeRef('Contest', data.contest_id ?? ''),
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
