/** Proves that nothing in the graph belongs to a customer whose erasure is in the journal: by the hash of every stored id. */

import type { ErasureJournal } from '../../domain/ports.ts';
import type { Graph } from '../kernel/graph.ts';
import { findErasedIds, requireErasedIds } from './erased-ids.ts';
import { readJournal } from './read-journal.ts';

/** Where a customer's id is stored; the first statement of a page lists ids after the last one. */
const PLACES = {
  Customer: 'MATCH (n:Customer) WHERE n.id > $after RETURN n.id AS id ORDER BY id LIMIT $limit',
  PersonaEvent:
    'MATCH (n:PersonaEvent) WHERE n.stream_id > $after AND n.seq > 0 WITH DISTINCT n.stream_id AS id RETURN id ORDER BY id LIMIT $limit',
  CommandReceipt:
    'MATCH (n:CommandReceipt) WHERE n.stream_id > $after WITH DISTINCT n.stream_id AS id RETURN id ORDER BY id LIMIT $limit',
  AcceptedReport:
    'MATCH (n:AcceptedReport) WHERE n.customer_id > $after WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  ChargeAttempt:
    'MATCH (n:ChargeAttempt) WHERE n.customer_id > $after WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  FraudCase:
    'MATCH (n:FraudCase) WHERE n.customer_id > $after WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  Notice:
    'MATCH (n:Notice) WHERE n.customer_id > $after WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  Contest:
    'MATCH (n:Contest) WHERE n.customer_id > $after AND n.state IS NOT NULL WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  Disclosure:
    "MATCH (n:Disclosure) WHERE n.customer_id > $after AND n.day > '' AND n.recipient IS NOT NULL AND n.purpose IS NOT NULL WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit",
  Note: 'MATCH (n:Note) WHERE n.customer_id > $after AND n.about_seq > 0 WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  Overpayment:
    'MATCH (n:Overpayment) WHERE n.customer_id > $after AND n.key IS NOT NULL WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  Refund:
    'MATCH (n:Refund) WHERE n.customer_id > $after WITH DISTINCT n.customer_id AS id RETURN id ORDER BY id LIMIT $limit',
  // The customer's own requests.
  'CommandReceipt.caller': `
    MATCH (n:CommandReceipt) WHERE n.caller > 'customer:' + $after AND n.caller < 'customer;' AND n.key >= ''
    WITH DISTINCT substring(n.caller, 9) AS id RETURN id ORDER BY id LIMIT $limit`,
  // An erased device's id is known as a hash, too.
  Device: 'MATCH (n:Device) WHERE n.id > $after RETURN n.id AS id ORDER BY id LIMIT $limit',
  Erasure:
    'MATCH (n:Erasure) WHERE n.customer_id > $after RETURN n.customer_id AS id ORDER BY id LIMIT $limit',
} as const;
/** Keys may be outside of the graph. */
const KEYS = ['CustomerKey', 'DeviceKey'] as const;
type Place = keyof typeof PLACES | (typeof KEYS)[number] | 'Temporal';

const STATES = `
  UNWIND $ids AS id
  OPTIONAL MATCH (e:Erasure {id: id})
  RETURN id, e.state AS state`;

const PAGE = 5_000;

export interface ErasureProof {
  /** Erasures in the journal that were not taken back. */
  erasures: number;
  running: number;
  /** Ids that were looked at. */
  ids: number;
  /** What still belongs to a customer whose erasure is done, or unknown to the graph. */
  found: { erasure_id?: string; where: Place }[];
  /** Erasures of which the graph knows nothing: it has not been started since it was restored. */
  unapplied: string[];
  /** Erasures that were taken back, and the journal does not say so. */
  not_taken_back: string[];
  unreadable: number;
}

/**
 * @param listExecutions the ids that executions in Temporal name, possibly repeated
 * @throws PersonaError erasure_not_configured, journal_unavailable, graph_unavailable, temporal_unavailable
 */
export async function verifyErasures(
  graph: Graph,
  journal: ErasureJournal,
  listExecutions: () => AsyncIterable<string>,
): Promise<ErasureProof> {
  const index = requireErasedIds(graph);
  const { erasures, unreadable } = await readJournal(journal);
  const states = await graph.read<{ id: string; state: string | null }>(STATES, {
    ids: [...erasures.keys()],
  });
  const idsIn = (wanted: string | null) => states.filter(({ state }) => state === wanted).map(({ id }) => id);
  const [running, takenBack] = [new Set(idsIn('running')), new Set(idsIn('cancelled'))];
  const current = [...erasures].filter(([id]) => !takenBack.has(id));
  const byHash = new Map(current.map(([id, { hash }]) => [hash, id]));
  const proof: ErasureProof = {
    ...{ erasures: byHash.size, running: running.size, ids: 0, found: [], unreadable },
    ...{ unapplied: idsIn(null), not_taken_back: [...takenBack] },
  };
  const compare = async (ids: readonly string[], where: Place) => {
    proof.ids += ids.length;
    // Devices are not in the journal.
    const erased = await findErasedIds(graph, ids);
    for (const id of ids) {
      const hash = index.hashes('erased', id).find((one) => byHash.has(one));
      const erasure_id = hash === undefined ? undefined : byHash.get(hash);
      if (erasure_id !== undefined && running.has(erasure_id)) continue;
      if (erasure_id !== undefined || (erased.has(id) && running.size === 0))
        proof.found.push({ ...(erasure_id !== undefined && { erasure_id }), where });
    }
  };
  const comparePages = async (
    where: Place,
    readPage: (after: string) => Promise<readonly { id: string }[]>,
  ) => {
    for (let after = ''; ; ) {
      const page = await readPage(after);
      await compare(
        page.map(({ id }) => id),
        where,
      );
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
  };
  for (const [where, cypher] of Object.entries(PLACES))
    await comparePages(where as Place, (after) => graph.read(cypher, { after, limit: PAGE }));
  for (const label of KEYS)
    await comparePages(label, (after) => graph.keyStore.list(graph, label, { after, limit: PAGE }));
  const named = new Set<string>();
  for await (const id of listExecutions()) named.add(id);
  const all = [...named];
  for (let from = 0; from < all.length; from += PAGE) await compare(all.slice(from, from + PAGE), 'Temporal');
  return proof;
}
