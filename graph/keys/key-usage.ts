/** How many stored keys, hashes and receipts still need each key of `PERSONA_KEYS` and `PERSONA_BLIND_KEYS`. */

import type { Reader } from '../kernel/reader.ts';
import { HASHED_LABELS } from './hashed-values.ts';

/** What needs a key. */
export interface KeyUses {
  /** The number of nodes by label. */
  readonly nodes: Partial<Record<string, number>>;
  /** When the newest receipt with a hash under a blind key was written, RFC 3339: a receipt cannot be hashed anew. */
  readonly newest_receipt?: string;
}

/** By the key's id; a key that nothing needs is absent. */
export type KeyUsage = ReadonlyMap<string, KeyUses>;

/** Nodes per statement: each takes some tens of milliseconds, so commands are not delayed. */
const BATCH = 10_000;

interface Batch {
  counts: Count[];
  /** The last node's id; null: there was none. */
  last: string | null;
}

const countCypher = (label: string, id: string, key: string) => `
  MATCH (n:${label}) WHERE n.${id} > $after
  WITH n ORDER BY n.${id} LIMIT $limit
  WITH collect({id: n.${id}, key_id: ${key}}) AS rows
  RETURN last(rows).id AS last, COLLECT {
    UNWIND rows AS row
    WITH row.key_id AS key_id, count(*) AS count WHERE key_id IS NOT NULL
    RETURN {key_id: key_id, count: count}
  } AS counts`;
const keyOfHash = (property: string) => `split(n.${property}, ':')[0]`;

const DATA_KEYS = [
  { name: 'CustomerKey', cypher: countCypher('CustomerKey', 'customer_id', 'n.key_id') },
  { name: 'DeviceKey', cypher: countCypher('DeviceKey', 'device_id', 'n.key_id') },
];
const HASHES = HASHED_LABELS.map(({ label, property }) => ({
  name: label,
  cypher: countCypher(label, 'id', keyOfHash(property)),
}));

interface ReceiptBatch {
  counts: Count[];
  /** The last receipt's identity; null: there was none. */
  caller: string | null;
  key: string | null;
}

// In the order of the index on caller and key: the rest of one caller's receipts, or those of the callers after it.
const countReceiptsCypher = (where: string) => `
  MATCH (r:CommandReceipt) USING INDEX r:CommandReceipt(caller, key)
  WHERE ${where}
  WITH r ORDER BY r.caller, r.key LIMIT $limit
  WITH collect({caller: r.caller, key: r.key, key_id: split(r.body_hash, ':')[0], at: r.at}) AS rows
  WITH rows, last(rows) AS end
  RETURN end.caller AS caller, end.key AS key, COLLECT {
    UNWIND rows AS row
    WITH row.key_id AS key_id, count(*) AS count, max(row.at) AS newest WHERE key_id IS NOT NULL
    RETURN {key_id: key_id, count: count, newest: newest}
  } AS counts`;
const SAME_CALLER = countReceiptsCypher('r.caller = $caller AND r.key > $key');
const NEXT_CALLERS = countReceiptsCypher("r.caller > $caller AND r.key > ''");

/**
 * The use of `PERSONA_KEYS` by stored data keys, read in batches. Commands continue meanwhile.
 * @throws PersonaError graph_unavailable
 */
export async function getDataKeyUsage(graph: Reader): Promise<KeyUsage> {
  const usage = new Map<string, KeyUses>();
  for (const { name, cypher } of DATA_KEYS) await countNodes(graph, cypher, add(usage, name));
  return usage;
}

/**
 * The use of `PERSONA_BLIND_KEYS` by stored hashes, read in batches. Commands continue meanwhile.
 * @throws PersonaError graph_unavailable
 */
export async function getBlindKeyUsage(graph: Reader): Promise<KeyUsage> {
  const usage = new Map<string, KeyUses>();
  for (const { name, cypher } of HASHES) await countNodes(graph, cypher, add(usage, name));
  await countReceipts(graph, add(usage, 'CommandReceipt'));
  return usage;
}

interface Count {
  key_id: string;
  count: number;
  newest?: string;
}

function add(usage: Map<string, KeyUses>, name: string): (row: Count) => void {
  return ({ key_id, count, newest = '' }) => {
    const { nodes = {}, newest_receipt = '' } = usage.get(key_id) ?? {};
    const latest = newest > newest_receipt ? newest : newest_receipt;
    usage.set(key_id, {
      nodes: { ...nodes, [name]: (nodes[name] ?? 0) + count },
      ...(latest !== '' && { newest_receipt: latest }),
    });
  };
}

async function countNodes(graph: Reader, cypher: string, count: (row: Count) => void): Promise<void> {
  for (let after: string | null = ''; after !== null; ) {
    const [batch]: Batch[] = await graph.read<Batch>(cypher, { after, limit: BATCH });
    batch?.counts.forEach(count);
    after = batch?.last ?? null;
  }
}

async function countReceipts(graph: Reader, count: (row: Count) => void): Promise<void> {
  for (let caller = '', key = ''; ; ) {
    const page = { caller, key, limit: BATCH };
    const [rest] = await graph.read<ReceiptBatch>(SAME_CALLER, page);
    const [batch] = rest?.key == null ? await graph.read<ReceiptBatch>(NEXT_CALLERS, page) : [rest];
    if (batch?.caller == null || batch.key === null) return;
    batch.counts.forEach(count);
    ({ caller, key } = { caller: batch.caller, key: batch.key });
  }
}
