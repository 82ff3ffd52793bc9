/** A minimal loop that reads the same cards, reads the same ones at the gateway, and writes the same to the graph. */

import { randomUUID } from 'node:crypto';
import type { Graph } from '../../graph/index.ts';
import { toParameters } from '../../graph/values.ts';
import { runCalls } from '../side-by-side.ts';

const PAGE = 1_000;
const CONCURRENCY = 8;

const BARE_PAGE = `
  MATCH (p:PaymentMethod)
  USING INDEX p:PaymentMethod(status, expires_on, id)
  WHERE p.status = 'active' AND p.expires_on = date($day) AND p.id > $after
  WITH p ORDER BY p.status, p.expires_on, p.id LIMIT $limit
  MATCH (p)<-[h:HAS_PAYMENT_METHOD]-(c:Customer)
  RETURN p.id AS id, c.id AS customer_id, c.status AS customer_status, p.expiry_noticed AS noticed, h.is_default AS is_default`;

const BARE_NOTICE = `
  MATCH (c:Customer {id: $customer_id})
  MATCH (p:PaymentMethod {id: $id})
  SET c.version = c.version + 1, p.expiry_noticed = $noticed, p.notice_due = $notice
  CREATE (:PersonaEvent {
    id: $event_id, stream: 'customer', stream_id: c.id, seq: c.version, type: 'ExpiryNoticeDue', schema_version: 1,
    occurred_at: datetime($at), recorded_at: datetime($at), source: 'bare', actor: 'bare', correlation_id: 'bare',
    data: $data
  })
  CREATE (:CommandReceipt {caller: 'bare', key: $key, body_hash: $hash, result: $result, at: datetime($at)})`;

/** Of the same length as a command's keyed hash. */
const HASH = `1:${'0'.repeat(64)}`;

interface Row {
  id: string;
  customer_id: string;
  customer_status: string;
  noticed: string | null;
  is_default: boolean;
}

/** A scan of cards that all expire on the same day. */
export interface BareScan {
  graph: Graph;
  gateway: string;
  /** The last day of validity, `YYYY-MM-DD`. */
  day: string;
  /** The mark of a card whose notice has been decided. */
  noticed: string;
  /** The gateway's tokens of the due cards, by card id. */
  tokens: ReadonlyMap<string, string>;
}

/** @returns the number of cards scanned, and of those that were due */
export async function scanBare(scan: BareScan): Promise<{ scanned: number; notified: number }> {
  const { graph, day, noticed } = scan;
  let [scanned, notified, after] = [0, 0, ''];
  for (;;) {
    const session = graph.writeSession();
    const { records } = await session.run(BARE_PAGE, toParameters({ day, after, limit: PAGE }) as object);
    const page = records.map((record) => record.toObject() as unknown as Row);
    await session.close();
    const last = page.at(-1);
    if (last === undefined) return { scanned, notified };
    const due = page.filter(
      (row) => row.noticed !== noticed && row.is_default && row.customer_status === 'active',
    );
    if (due.length > 0) await runCalls(due.length, CONCURRENCY, (n) => notice(scan, due[n] as Row));
    scanned += page.length;
    notified += due.length;
    after = last.id;
  }
}

async function notice({ graph, gateway, day, noticed, tokens }: BareScan, row: Row): Promise<void> {
  const { id, customer_id } = row;
  const headers = { authorization: 'Bearer sk_test_bench' };
  const response = await fetch(`${gateway}/v1/payment_methods/${tokens.get(id)}`, { headers });
  const found = (await response.json()) as { id?: string };
  if (found.id === undefined) throw new Error(`card ${id} is unknown at the gateway`);
  const due = `expiry:${id}:${noticed}`;
  const session = graph.writeSession();
  try {
    await session.run(BARE_NOTICE, {
      ...{ id, customer_id, noticed, notice: due, event_id: randomUUID(), at: new Date().toISOString() },
      ...{ key: `${due}:${randomUUID()}`, hash: HASH },
      data: JSON.stringify({ payment_method_id: id, expires_on: day, stage: 'notice_30', notice: due }),
      result: JSON.stringify({ result: { result: 'notified', concerns_recoveries: false, notice: due } }),
    });
  } finally {
    await session.close();
  }
}
