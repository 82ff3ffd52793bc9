/**
 * What the graph holds of a person, page by page: no transaction outlives a page, however slowly the pages are taken.
 * Properties are as stored; `domain/export` decides which are given out.
 */

import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Unseal } from '../../domain/timeline-data.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';
import type { Reader } from '../kernel/reader.ts';
import type { ObligationWithAttempts } from '../recovery/read-obligation.ts';

type Properties = Record<string, unknown>;
/** A node with its edge from the customer. */
export interface StoredPart {
  node: Properties;
  edge: Properties;
}

/** With its uses, also on devices that the customer is no longer linked to. */
export type StoredMethod = StoredPart & { uses: (Properties & { device_id: string })[] };

export type StoredObligation = ObligationWithAttempts & Record<'overpayments' | 'refunds', Properties[]>;

/** At most half a megabyte. */
const PAGE = 500;
/** Each has attempts, overpayments and refunds. */
const OBLIGATIONS_PAGE = 100;

const READ_PROFILE = 'MATCH (c:Customer {id: $id}) RETURN c.status AS status, properties(c) AS customer';
const READ_VERSION = 'MATCH (c:Customer {id: $id}) RETURN c.status AS status, c.version AS version';

// The nodes have no label here: with one, the search could begin at all customers' nodes of that label.
const partsBy = (edge: string) => `
  MATCH (c)-[edge:${edge}]->(node) WHERE node.id > $after
  WITH edge, node ORDER BY node.id LIMIT $limit
  RETURN {after: node.id, node: properties(node), edge: properties(edge)}`;
const SUGGESTIONS = `
  MATCH (c)-[edge:POSSIBLY_SAME_AS]-(other) WHERE other.id > $after
  WITH edge, other ORDER BY other.id LIMIT $limit
  RETURN {after: other.id, edge: properties(edge)}`;
const METHODS = `
  MATCH (c)-[edge:HAS_PAYMENT_METHOD]->(node) WHERE node.id > $after
  WITH edge, node ORDER BY node.id LIMIT $limit
  RETURN {after: node.id, node: properties(node), edge: properties(edge), uses: COLLECT {
    MATCH (node)-[use:USED_ON]->(d) RETURN use {.*, device_id: d.id} ORDER BY d.id
  }}`;
// Another customer's payment may have been reported by mistake under the same id.
const OBLIGATIONS = `
  MATCH (c)-[:OWES]->(o) WHERE o.payment_id > $after
  WITH o ORDER BY o.payment_id LIMIT $limit
  RETURN {
    after: o.payment_id, obligation: properties(o),
    attempts: COLLECT {
      MATCH (a:ChargeAttempt {payment_id: o.payment_id}) WHERE a.customer_id = $id
      RETURN properties(a) ORDER BY a.claimed_at, a.key
    },
    overpayments: COLLECT {
      MATCH (x:Overpayment {payment_id: o.payment_id}) WHERE x.customer_id = $id RETURN properties(x) ORDER BY x.id
    },
    refunds: COLLECT {
      MATCH (r:Refund {payment_id: o.payment_id}) WHERE r.customer_id = $id RETURN properties(r) ORDER BY r.id
    }
  }`;
// Of failures that were too old to open an obligation.
const OTHER_ATTEMPTS = `
  MATCH (a:ChargeAttempt {customer_id: $id}) USING INDEX a:ChargeAttempt(customer_id, state)
  WHERE a.state IS NOT NULL AND a.key > $after
    AND NOT EXISTS { MATCH (o:Obligation {payment_id: a.payment_id}) WHERE o.customer_id = $id }
  WITH a ORDER BY a.key LIMIT $limit
  RETURN {after: a.key, node: properties(a)}`;
const NOTICES = `
  MATCH (n:Notice {customer_id: $id}) USING INDEX n:Notice(customer_id, state)
  WHERE n.state IS NOT NULL AND n.notification_id > $after
  WITH n ORDER BY n.notification_id LIMIT $limit
  RETURN {after: n.notification_id, node: properties(n)}`;
const CONTESTS = `
  MATCH (x:Contest {customer_id: $id}) USING INDEX x:Contest(customer_id, state)
  WHERE x.state IS NOT NULL AND x.contest_id > $after
  WITH x ORDER BY x.contest_id LIMIT $limit
  RETURN {after: x.contest_id, node: properties(x)}`;
const NOTES = `
  MATCH (n:Note {customer_id: $id}) USING INDEX n:Note(customer_id, about_seq)
  WHERE n.about_seq IS NOT NULL AND n.note_id > $after
  WITH n ORDER BY n.note_id LIMIT $limit
  RETURN {after: n.note_id, node: properties(n)}`;

/**
 * A customer's own node, and what opens the values that are sealed for them.
 * @throws PersonaError customer_not_found, also if the customer is erased or hidden; graph_unavailable
 */
export async function readExportProfile(
  graph: Graph,
  { customer_id: id }: { customer_id: string },
): Promise<{ customer: Properties; unseal: Unseal }> {
  const owner = { label: 'CustomerKey', id } as const;
  const read = { cypher: READ_PROFILE };
  const { row, key } = await readWithOpenKey<{ status: string; customer: Properties }>(graph, owner, read);
  if (row === undefined || isHidden(row.status) || key === undefined) throw unknownCustomer(id);
  return { customer: row.customer, unseal: (...sealed) => key.open(...sealed) };
}

/** @throws PersonaError customer_not_found, also if the customer is erased or hidden; graph_unavailable */
export async function readExportVersion(
  reader: Reader,
  { customer_id: id }: { customer_id: string },
): Promise<number> {
  const [row] = await reader.read<{ status: string; version: number }>(READ_VERSION, { id });
  if (row === undefined || isHidden(row.status)) throw unknownCustomer(id);
  return row.version;
}

function unknownCustomer(id: string): PersonaError {
  return new PersonaError('customer_not_found', `there is no customer ${id}`);
}

function pagesOf<Row extends object>(rows: string, limit = PAGE) {
  const cypher = `
    MATCH (c:Customer {id: $id})
    RETURN c.status AS status, COLLECT { ${rows} } AS page`;
  /**
   * The parts, in the order of their ids.
   * @throws PersonaError customer_not_found, also if the customer was erased or hidden meanwhile; graph_unavailable
   */
  return async function* (
    reader: Reader,
    { customer_id: id }: { customer_id: string },
  ): AsyncGenerator<Row[]> {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const parameters: Record<string, unknown> = { id, after, limit };
      const [found]: { status: string; page: (Row & { after: string })[] }[] = await reader.read(
        cypher,
        parameters,
      );
      if (found === undefined || isHidden(found.status)) throw unknownCustomer(id);
      const { page } = found;
      if (page.length > 0) yield page;
      after = page.length === limit ? page.at(-1)?.after : undefined;
    }
  };
}

export const exportedIdentifiers = pagesOf<StoredPart>(partsBy('HAS_DIGITAL_IDENTIFIER'));
export const exportedAddresses = pagesOf<StoredPart>(partsBy('SHIPPED_TO'));
export const exportedBehavioralProfiles = pagesOf<StoredPart>(partsBy('HAS_BEHAVIORAL_PROFILE'));
/** Also removed ones. */
export const exportedMethods = pagesOf<StoredMethod>(METHODS);
/** Without the other customer. */
export const exportedSuggestions = pagesOf<{ edge: Properties }>(SUGGESTIONS);
export const exportedDevices = pagesOf<StoredPart>(partsBy('LOGGED_IN_FROM'));
export const exportedObligations = pagesOf<StoredObligation>(OBLIGATIONS, OBLIGATIONS_PAGE);
/** Of no obligation. */
export const exportedAttempts = pagesOf<{ node: Properties }>(OTHER_ATTEMPTS);
export const exportedNotices = pagesOf<{ node: Properties }>(NOTICES);
export const exportedContests = pagesOf<{ node: Properties }>(CONTESTS);
export const exportedNotes = pagesOf<{ node: Properties }>(NOTES);
