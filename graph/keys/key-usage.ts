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

/** The rows of a batch: one for each key. */
interface NodeCount extends Count {
  last: string;
}

// Without a list of the nodes: it would be held once for each key, which exceeds the memory of a transaction.
const countCypher = (label: string, id: string, key: string) => `
  MATCH (n:${label}) WHERE n.${id} > $after
  WITH n ORDER BY n.${id} LIMIT $limit
  WITH ${key} AS key_id, count(*) AS count, max(n.${id}) AS last
  RETURN key_id, count, last`;
const keyOfHash = (property: string) => `split(n.${property}, ':')[0]`;

const DATA_KEYS = [
  { name: 'CustomerKey', cypher: countCypher('CustomerKey', 'customer_id', 'n.key_id') },
  { name: 'DeviceKey', cypher: countCypher('DeviceKey', 'device_id', 'n.key_id') },
];
const HASHES = HASHED_LABELS.map(({ label, property }) => ({
  name: label,
  cypher: countCypher(label, 'id', keyOfHash(property)),
}));

/** The rows of a batch: one for each key and caller. */
interface ReceiptCount extends Count {
  caller: string;
  last: string;
}

// In the order of the index on caller and key: the rest of one caller's receipts, or those of the callers after it.
const countReceiptsCypher = (where: string) => `
  MATCH (r:CommandReceipt) USING INDEX r:CommandReceipt(caller, key)
  WHERE ${where}
  WITH r ORDER BY r.caller, r.key LIMIT $limit
  WITH r.caller AS caller, split(r.body_hash, ':')[0] AS key_id, count(*) AS count, max(r.key) AS last,
    max(r.at) AS newest
  RETURN caller, key_id, count, last, newest`;
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
  /** Null: nothing of these nodes is under a key. */
  key_id: string | null;
  count: number;
  newest?: string;
}

function add(usage: Map<string, KeyUses>, name: string): (row: Count) => void {
  return ({ key_id, count, newest = '' }) => {
    if (key_id === null) return;
    const { nodes = {}, newest_receipt = '' } = usage.get(key_id) ?? {};
    const latest = newest > newest_receipt ? newest : newest_receipt;
    usage.set(key_id, {
      nodes: { ...nodes, [name]: (nodes[name] ?? 0) + count },
      ...(latest !== '' && { newest_receipt: latest }),
    });
  };
}

async function countNodes(graph: Reader, cypher: string, count: (row: Count) => void): Promise<void> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const batch: NodeCount[] = await graph.read<NodeCount>(cypher, { after, limit: BATCH });
    batch.forEach(count);
    after = batch
      .map(({ last }) => last)
      .sort(byCodePoint)
      .at(-1);
  }
}

async function countReceipts(graph: Reader, count: (row: Count) => void): Promise<void> {
  for (let caller = '', key = ''; ; ) {
    const page = { caller, key, limit: BATCH };
    const rest = await graph.read<ReceiptCount>(SAME_CALLER, page);
    const batch = rest.length === 0 ? await graph.read<ReceiptCount>(NEXT_CALLERS, page) : rest;
    const end = batch
      .toSorted((a, b) => byCodePoint(a.caller, b.caller) || byCodePoint(a.last, b.last))
      .at(-1);
    if (end === undefined) return;
    batch.forEach(count);
    ({ caller, last: key } = end);
  }
}

/** As Neo4j compares texts. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
