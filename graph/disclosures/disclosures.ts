/**
 * To whom each customer's data was given. Exempt from the log (docs/reference/graph.md, 'Invariants' 4), and without an
 * edge: one would need the customer's lock, which commands hold.
 */

import type { DataCategory, Disclosed } from '../../domain/disclosures/disclosed.ts';
import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

/** One disclosure of one day. */
export interface DailyDisclosure extends Disclosed {
  readonly customer_id: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
}

/** What one recipient got for one purpose, on all days together. */
export interface DisclosureSummary {
  recipient: string;
  purpose: string;
  categories: DataCategory[];
  /** The number of days. */
  days: number;
  /** `YYYY-MM-DD`, UTC. */
  first_day: string;
  last_day: string;
}

// Of a customer who does not exist, or is being erased, nothing is written.
const RECORD = `
  UNWIND $rows AS row
  MATCH (c:Customer {id: row.customer_id}) WHERE NOT c.status IN ['erasing', 'erased']
  MERGE (d:Disclosure {
    customer_id: row.customer_id, day: row.day, recipient: row.recipient, purpose: row.purpose
  })
  SET d.categories = coalesce(d.categories, []) +
    [category IN row.categories WHERE NOT category IN coalesce(d.categories, [])]`;
const READ = `
  MATCH (c:Customer {id: $customer_id})
  RETURN c.status AS status, COLLECT {
    MATCH (d:Disclosure)
    WHERE d.customer_id = $customer_id AND d.day > '' AND d.recipient IS NOT NULL AND d.purpose IS NOT NULL
    WITH d.recipient AS recipient, d.purpose AS purpose, collect(d.categories) AS lists, count(*) AS days,
      min(d.day) AS first_day, max(d.day) AS last_day
    WITH *, reduce(
      all = [], list IN lists | all + [category IN list WHERE NOT category IN all]
    ) AS categories
    RETURN {
      recipient: recipient, purpose: purpose, categories: categories, days: days,
      first_day: first_day, last_day: last_day
    } ORDER BY last_day DESC, recipient, purpose
  } AS items`;

/**
 * Writes disclosures that may have been written before, in one statement.
 * @throws PersonaError graph_unavailable
 */
export async function recordDisclosures(
  graph: Pick<Graph, 'writeSession'>,
  disclosures: readonly DailyDisclosure[],
): Promise<void> {
  // In one order, so that two processes do not wait for each other's.
  const rows = disclosures.toSorted(
    (a, b) =>
      compare(a.customer_id, b.customer_id) ||
      compare(a.day, b.day) ||
      compare(a.recipient, b.recipient) ||
      compare(a.purpose, b.purpose),
  );
  await runTransaction(graph, async ({ send }) => send(RECORD, { rows }));
}

/**
 * Who was told what about a customer, the latest first.
 * @throws PersonaError customer_not_found, also if the customer is erased; graph_unavailable
 */
export async function getDisclosures(
  reader: Reader,
  { customer_id }: { customer_id: string },
): Promise<DisclosureSummary[]> {
  const [row] = await reader.read<{ status: string; items: DisclosureSummary[] }>(READ, { customer_id });
  if (row === undefined || isHidden(row.status))
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  return row.items.map((item) => ({ ...item, categories: item.categories.toSorted() }));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
