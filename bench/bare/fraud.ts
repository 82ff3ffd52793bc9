/**
 * Writes what an outcome of a fraud case leaves in the graph with minimal Cypher: one statement in an auto-commit
 * transaction that reads nothing first, decides nothing and is not idempotent; and the notice of a suspension.
 */

import { randomUUID } from 'node:crypto';
import type { Driver } from 'neo4j-driver';
import { signature } from '../../adapters/webhook/notifier.ts';
import type { FraudOutcomeReport } from '../../domain/fraud/messages.ts';
import { toParameters } from '../../graph/values.ts';

/** The report that the bare workflow receives: the same as Persona's, with every optional field. */
export type BareReport = Required<FraudOutcomeReport>;

const EVENTS = `
  UNWIND $events AS event
  CREATE (e:PersonaEvent {
    id: event.id, stream: event.stream, stream_id: event.stream_id,
    seq: CASE event.stream WHEN 'device' THEN d.version ELSE seq + event.n END,
    type: event.type, schema_version: 1, occurred_at: at, recorded_at: at, source: 'bare', actor: 'bare',
    correlation_id: $case_id, causation_id: event.causation_id, data: event.data
  })`;

// For a failed challenge, which marks the card failed, and for confirmed fraud, which also suspends the customer.
const OUTCOME = `
  MATCH (c:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: $payment_method_id})
  MATCH (d:Device {id: $device_id})
  WITH c, h, p, d, datetime($at) AS at, c.version AS seq, d.version + 1 AS device_seq
  SET d.trust_score = $score, d.trust_observed_at = at, d.version = device_seq, d.changed_seq = device_seq,
    d.updated_at = at,
    p.status = $method_status, p.status_seq = seq + 1, p.changed_seq = seq + 2, p.updated_at = at,
    h.is_default = false, c.version = seq + $own
  FOREACH (_ IN CASE WHEN $suspends THEN [1] ELSE [] END |
    SET c.status = 'suspended', c.status_seq = seq + 3, c.changed_seq = seq + 3, c.updated_at = at)
  CREATE (:FraudCase {
    case_id: $case_id, customer_id: c.id, applied: $applied, outcome: $outcome, reason: $reason,
    last_occurred_at: at, state: 'settled', notice_due: $notice, notice_at: CASE WHEN $suspends THEN at END
  })
  CREATE (:CommandReceipt {caller: 'bare', key: $key, body_hash: $hash, result: $result, at: at})
  WITH d, seq, at
  ${EVENTS}`;

const NOTICE = `
  MATCH (c:Customer {id: $customer_id})
  MATCH (f:FraudCase {case_id: $case_id})
  WITH c, f, null AS d, datetime($at) AS at, c.version AS seq
  SET c.version = seq + 1, f.notice_due = null
  CREATE (:Notice {
    notification_id: $notification_id, customer_id: c.id, case_id: f.case_id, template: 'account_suspended',
    channel: 'email', state: 'sent', ended_at: at
  })
  CREATE (:CommandReceipt {caller: 'bare', key: $key, body_hash: $hash, result: $result, at: at})
  WITH d, seq, at
  ${EVENTS}`;

/** Of the same length as a command's keyed hash. */
const HASH = `1:${'0'.repeat(64)}`;

/** The writes of two activities. @param notify the receiver of notices, as configured for Persona's worker */
export function fraudWrites(driver: Driver, notify: { url: string; secret: string }) {
  async function write(cypher: string, parameters: Record<string, unknown>): Promise<void> {
    const session = driver.session({ database: process.env.NEO4J_DATABASE });
    try {
      const all = { ...parameters, hash: HASH, at: new Date().toISOString() };
      await session.run(cypher, toParameters(all) as object);
    } finally {
      await session.close();
    }
  }
  return {
    async applyOutcome(report: BareReport): Promise<void> {
      const { case_id, customer_id, device_id, payment_method_id, outcome, new_trust_score: score } = report;
      const { reason, event_id } = report;
      const suspends = outcome === 'confirmed_fraud';
      const method_status = suspends ? 'compromised' : 'failed';
      const notice = suspends ? noticeIdOf(case_id) : null;
      const applied = {
        devices: [{ device_id, trust_score: 0.9, seq: 2 }],
        payment_methods: [{ payment_method_id, status: 'active', seq: 9 }],
        customer: suspends ? { status: 'active', seq: 11 } : null,
      };
      const why = `fraud case ${case_id}`;
      const trustChange = { old_trust_score: 0.9, new_trust_score: score, observed_at: report.occurred_at };
      const old_status = 'active';
      const own: [string, object][] = [
        [
          'PaymentMethodStatusChanged',
          { payment_method_id, old_status, new_status: method_status, reason: why },
        ],
        [
          'DefaultPaymentMethodChanged',
          { payment_method_id: null, previous_payment_method_id: payment_method_id, reason: why },
        ],
        ...(suspends
          ? [
              ['CustomerStatusChanged', { old_status, new_status: 'suspended', reason: why }] as [
                string,
                object,
              ],
            ]
          : []),
        ['FraudOutcomeApplied', { case_id, outcome, reason, device_id, payment_method_id, applied, notice }],
      ];
      const sharers = { customer_ids: [customer_id], linked_customers: 1 };
      const about = { causation_id: event_id };
      await write(OUTCOME, {
        ...{
          case_id,
          customer_id,
          device_id,
          payment_method_id,
          score,
          outcome,
          reason,
          suspends,
          method_status,
        },
        ...{ notice, own: own.length, applied: JSON.stringify(applied), key: `outcome:${event_id}` },
        result: JSON.stringify({ result: { applied: true, customer_status: 'active', recoveries: [] } }),
        events: [
          eventOf('device', device_id, 0, 'DeviceTrustScoreUpdated', { ...trustChange, ...sharers }, about),
          ...own.map(([type, data], n) => eventOf('customer', customer_id, n + 1, type, data, about)),
        ],
      });
    },

    async deliverNotice({ case_id, customer_id }: BareReport): Promise<void> {
      const notification_id = noticeIdOf(case_id);
      await send({ notification_id, customer_id });
      const data = {
        notification_id,
        template: 'account_suspended',
        payment_id: null,
        case_id,
        channel: 'email',
      };
      await write(NOTICE, {
        ...{ case_id, customer_id, notification_id, key: `notice:${notification_id}:end` },
        result: JSON.stringify({ result: 'delivered' }),
        events: [eventOf('customer', customer_id, 1, 'NoticeSent', data)],
      });
    },
  };

  async function send(ids: { notification_id: string; customer_id: string }): Promise<void> {
    const body = JSON.stringify({ ...NOTICE_BODY, ...ids, created_at: new Date().toISOString() });
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'idempotency-key': ids.notification_id,
      'persona-signature': signature(body, notify.secret, Math.floor(Date.now() / 1000)),
    };
    const response = await fetch(notify.url, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`the receiver of notices returned ${response.status}`);
    await response.body?.cancel();
  }
}

const noticeIdOf = (case_id: string) => `fraud:${case_id}:account_suspended:1`;

const NOTICE_BODY = {
  ...{ channel: 'email', to: 'bare@shop.example', template: 'account_suspended', locale: 'en-US' },
  subject: 'Your account is on hold',
  text: 'We have put your account on hold, because something about it looked unusual.'.repeat(4),
  html: '<p>We have put your account on hold, because something about it looked unusual.</p>'.repeat(8),
};

function eventOf(
  stream: 'customer' | 'device',
  stream_id: string,
  n: number,
  type: string,
  data: object,
  { causation_id = null }: { causation_id?: string | null } = {},
) {
  return { id: randomUUID(), stream, stream_id, n, type, causation_id, data: JSON.stringify(data) };
}
