/**
 * Forgets a customer in bounded transactions, each of which may be repeated (docs/decisions/35-erasure.md). The first one
 * destroys the data key; from then on nothing leads back, and everything else only tidies up.
 */

import { randomUUID } from 'node:crypto';
import type { ErasureWait } from '../../domain/erasure/steps.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader, Sender } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { addErasedId } from './erased-ids.ts';
import { leaveDevices } from './leave-devices.ts';
import { moveRemains } from './move-remains.ts';
import { renameInSuggestions } from './rename-in-suggestions.ts';
import { findUnsettled } from './unsettled.ts';

/** The nodes of one transaction. */
const BATCH = 1_000;

const LOCK = `
  MATCH (c:Customer {id: $customer_id})
  SET c.locked = true
  REMOVE c.locked
  RETURN c.status AS status`;
// Without a relay nothing is published.
const IS_UNPUBLISHED = `
  MATCH (r:Relay {id: 'events'}) WHERE r.drains_since IS NOT NULL
  RETURN EXISTS { MATCH (e:Unpublished {stream_id: $customer_id}) WHERE e.seq > 0 } AS found`;
const PSEUDONYM = 'MATCH (e:Erasure {id: $erasure_id}) RETURN e.pseudonym AS pseudonym';
const BEGIN = `
  MATCH (e:Erasure {id: $erasure_id})
  SET e.pseudonym = $pseudonym
  WITH e
  MATCH (c:Customer {id: $customer_id})
  SET c.status = 'erased'`;

/** What a customer owns, and every other node that names the customer. A payment's nodes are replaced before. */
const DELETIONS = [
  `MATCH (:Customer {id: $customer_id})-[:HAS_PAYMENT_METHOD|HAS_DIGITAL_IDENTIFIER|SHIPPED_TO|HAS_BEHAVIORAL_PROFILE]->(n)
   WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted`,
  'MATCH (n:Notice {customer_id: $customer_id}) WHERE n.state IS NOT NULL WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted',
  'MATCH (n:FraudCase {customer_id: $customer_id}) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted',
  'MATCH (n:Overpayment {customer_id: $customer_id}) WHERE n.key IS NOT NULL WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted',
  'MATCH (n:AcceptedReport {customer_id: $customer_id}) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted',
  'MATCH (n:Note {customer_id: $customer_id}) WHERE n.about_seq > 0 WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted',
  'MATCH (n:Contest {customer_id: $customer_id}) WHERE n.state IS NOT NULL WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted',
  `MATCH (n:Disclosure)
   WHERE n.customer_id = $customer_id AND n.day > '' AND n.recipient IS NOT NULL AND n.purpose IS NOT NULL
   WITH n LIMIT $limit DELETE n RETURN count(*) AS deleted`,
  // The index is on both properties and is used only if the statement names both.
  'MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.seq > 0 WITH e LIMIT $limit DELETE e RETURN count(*) AS deleted',
  // The customer's own requests, and keys that name the customer.
  `MATCH (r:CommandReceipt) WHERE r.caller = 'customer:' + $customer_id AND r.key >= ''
   WITH r LIMIT $limit DELETE r RETURN count(*) AS deleted`,
  // A process's own keys name payment methods; of an onboarding's only the request's key stays.
  `MATCH (r:CommandReceipt {stream_id: $customer_id})
   WHERE r.key CONTAINS $customer_id OR r.caller = 'notices'
     OR (r.caller STARTS WITH 'workflow:'
       AND (r.caller <> 'workflow:onboardCustomer' OR r.key =~ 'verify:[0-9a-f-]{36}:[0-9a-f-]{36}'))
   WITH r LIMIT $limit DELETE r RETURN count(*) AS deleted`,
  // That a key was used stays known, so that no repeat of a request creates the customer again.
  `MATCH (r:CommandReceipt {stream_id: $customer_id})
   WITH r LIMIT $limit REMOVE r.result, r.body_hash, r.stream_id RETURN count(*) AS deleted`,
  'MATCH (c:Customer {id: $customer_id}) WITH c LIMIT $limit DETACH DELETE c RETURN count(*) AS deleted',
] as const;

/**
 * Forgets a customer, whom an erasure has hidden and settled.
 * @param onProgress called after each transaction
 * @returns what forbids it, checked under the customer's lock; empty: nothing is left
 * @throws PersonaError erasure_not_configured, graph_unavailable
 */
export async function forgetCustomer(
  graph: Graph,
  subject: { erasure_id: string; customer_id: string },
  onProgress: () => void,
): Promise<ErasureWait[]> {
  const begun = await begin(graph, subject);
  if (begun.waiting_for.length > 0) return begun.waiting_for;
  const { pseudonym } = begun;
  // Without a pseudonym the customer was gone already.
  if (pseudonym !== undefined) {
    const forgotten = { ...subject, pseudonym };
    await moveRemains(graph, forgotten, onProgress);
    await renameInSuggestions(graph, forgotten, onProgress);
    await leaveDevices(graph, forgotten, onProgress);
  }
  const { customer_id } = subject;
  for (const cypher of DELETIONS) {
    for (let deleted = BATCH; deleted === BATCH; onProgress()) {
      const [row] = await runTransaction(graph, ({ read }) =>
        read<{ deleted: number }>(cypher, { customer_id, limit: BATCH }),
      );
      deleted = row?.deleted ?? 0;
    }
  }
  return [];
}

/** Destroys the data key, unless something forbids it. */
async function begin(
  graph: Graph,
  { erasure_id, customer_id }: { erasure_id: string; customer_id: string },
): Promise<{ waiting_for: ErasureWait[]; pseudonym?: string }> {
  return runTransaction(graph, async (statements: Reader & Sender) => {
    const { read, send } = statements;
    const [customer] = await read<{ status: string }>(LOCK, { customer_id });
    const [row] = await read<{ pseudonym: string | null }>(PSEUDONYM, { erasure_id });
    if (customer === undefined) return { waiting_for: [] };
    if (row?.pseudonym != null) return { waiting_for: [], pseudonym: row.pseudonym };
    const unsettled = await findUnsettled(statements, customer_id);
    const [relay] = await read<{ found: boolean }>(IS_UNPUBLISHED, { customer_id });
    const waiting_for: ErasureWait[] = relay?.found === true ? [...unsettled, 'relay'] : unsettled;
    if (waiting_for.length > 0) return { waiting_for };
    // Random in all its bits: not even its time leads back.
    const pseudonym = randomUUID();
    graph.keyStore.destroy(statements, { label: 'CustomerKey', id: customer_id });
    addErasedId(graph, statements, customer_id, new Date(graph.now()).toISOString());
    send(BEGIN, { erasure_id, customer_id, pseudonym });
    return { waiting_for: [], pseudonym };
  });
}
