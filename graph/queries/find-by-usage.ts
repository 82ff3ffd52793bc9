import type { Policy } from '../../domain/policy.ts';
import { trustQuery, trustParameters } from '../devices/trust-query.ts';
import type { Reader } from '../kernel/reader.ts';

/** The conditions of a search for customers; absent ones do not apply. */
export interface Usage {
  /** They used a method of this brand, in any of its usual spellings. */
  brand?: string;
  /**
   * They used a method on a device from which their own login is proven, and which is trusted by this policy at `now`
   * (epoch milliseconds).
   */
  trusted?: Policy['trust'] & { now: number };
  /** They used a method on a device whose user agent contains this text, ignoring case. */
  user_agent?: string;
  /** They shipped there: as in the address (`NY`), in any of its usual spellings. */
  state?: string;
  /** ISO 3166-1 alpha-2. */
  country?: string;
  /** RFC 3339: they shipped there since then; without a place, they used the method or device since then. */
  since?: string;
}

/** Where a page ended; opaque to callers. */
export interface UsageCursor {
  /** The condition at which the search starts: the same for all pages, or later ones would repeat customers. */
  start: UsageStart;
  /** The spelling that the page ended in. */
  spelling: string;
  /** The last node that was read there. */
  id: string;
}

export interface FoundCustomer {
  customer_id: string;
  segment: string;
  status: string;
}

// The targets of a customer's edges have no label here: with one, the planner would scan that label's index in a small
// graph.

/** The condition that `method`, the target of the edge `held` of `c`, matches the search. */
const isUsed = (held: string, method: string, isTrusted: string) => `
  ${held}.proven AND ($brands IS NULL OR ${method}.brand IN $brands)
  AND ($asks_shipping OR $since IS NULL OR ${held}.last_used >= datetime($since))
  AND (NOT $asks_device OR EXISTS {
    MATCH (${method})-[u:USED_ON]->(d)<-[l:LOGGED_IN_FROM]-(c)
    WHERE l.proven AND ($threshold IS NULL OR ${isTrusted})
      AND ($user_agent IS NULL OR toLower(d.last_seen_user_agent) CONTAINS $user_agent)
      AND ($asks_shipping OR $since IS NULL OR u.last_use >= datetime($since))
  })`;
const isShipped = (shipped: string, address: string) => `
  ${shipped}.proven AND ($country IS NULL OR ${address}.country = $country)
  AND ($since IS NULL OR ${shipped}.last_shipped >= datetime($since))`;
const hasUsed = (isTrusted: string) => `(NOT $asks_use OR EXISTS {
  MATCH (c)-[held:HAS_PAYMENT_METHOD]->(method) WHERE ${isUsed('held', 'method', isTrusted)}
})`;
const HAS_SHIPPED = `(NOT $asks_shipping OR EXISTS {
  MATCH (c)-[shipped:SHIPPED_TO]->(address)
  WHERE ${isShipped('shipped', 'address')} AND ($states IS NULL OR address.state IN $states)
})`;
const CUSTOMER_COLUMNS = 'c.id AS customer_id, c.segment AS segment, c.status AS status';
const IS_CURRENT_CUSTOMER = "c.status IN ['active', 'suspended']";

/**
 * The searches by the condition at which they start, the one with the fewest nodes. Each walks an index in order of
 * ids, stops when the page is full, and counts a customer at its first matching node, so that no page repeats one.
 */
const SEARCHES = {
  // One of about fifty: the most selective condition if there is a place.
  state: trustQuery(
    (isTrusted) => `
    MATCH (a:Address)
    USING INDEX SEEK a:Address(state, id)
    WHERE a.state = $spelling AND a.id > $after
    MATCH (a)<-[s:SHIPPED_TO]-(c:Customer)
    WHERE ${isShipped('s', 'a')} AND ${IS_CURRENT_CUSTOMER}
      AND NOT EXISTS {
        MATCH (c)-[t:SHIPPED_TO]->(b)
        WHERE b.id < a.id AND b.state IN $states AND ${isShipped('t', 'b')}
      }
      AND ${hasUsed(isTrusted)}
    RETURN a.id AS place, ${CUSTOMER_COLUMNS} ORDER BY a.state, a.id LIMIT $limit`,
  ),
  brand: trustQuery(
    (isTrusted) => `
    MATCH (p:PaymentMethod)
    USING INDEX SEEK p:PaymentMethod(brand, id)
    WHERE p.brand = $spelling AND p.id > $after
    MATCH (p)<-[h:HAS_PAYMENT_METHOD]-(c:Customer)
    WHERE ${isUsed('h', 'p', isTrusted)} AND ${IS_CURRENT_CUSTOMER}
      AND NOT EXISTS {
        MATCH (c)-[g:HAS_PAYMENT_METHOD]->(q)
        WHERE q.id < p.id AND q.brand IN $brands AND ${isUsed('g', 'q', isTrusted)}
      }
      AND ${HAS_SHIPPED}
    RETURN p.id AS place, ${CUSTOMER_COLUMNS} ORDER BY p.brand, p.id LIMIT $limit`,
  ),
  // A user agent or a trust score matches many devices, and a country most addresses: checked customer by customer.
  customer: trustQuery(
    (isTrusted) => `
    MATCH (c:Customer)
    WHERE c.id > $after AND ${IS_CURRENT_CUSTOMER} AND ${HAS_SHIPPED} AND ${hasUsed(isTrusted)}
    RETURN c.id AS place, ${CUSTOMER_COLUMNS} ORDER BY c.id LIMIT $limit`,
  ),
} as const;

type UsageStart = keyof typeof SEARCHES;

export function isUsageStart(start: string | undefined): start is UsageStart {
  return start !== undefined && Object.hasOwn(SEARCHES, start);
}

/** Up to this number, all methods of a brand are read within milliseconds. */
const COUNT_LIMIT = 1_000;

// Read from the indexes alone, and only up to the limit.
const COUNT = `
  CALL () {
    MATCH (p:PaymentMethod)
    USING INDEX SEEK p:PaymentMethod(brand, id)
    WHERE p.brand IN $brands AND p.id > ''
    WITH p LIMIT $few RETURN count(p) AS methods
  }
  CALL () {
    MATCH (a:Address)
    USING INDEX SEEK a:Address(state, id)
    WHERE a.state IN $states AND a.id > ''
    WITH a LIMIT $few RETURN count(a) AS addresses
  }
  RETURN methods, addresses`;

/**
 * The customers who match all given conditions; every condition is optional (docs/reference/graph.md,
 * 'Queries').
 * @param input.after where the previous page ended
 * @returns at most `limit` customers, in no particular order; `next`: there may be more
 */
export async function findCustomersByUsage(
  reader: Reader,
  input: { usage: Usage; limit: number; after?: UsageCursor },
): Promise<{ customers: FoundCustomer[]; next?: UsageCursor }> {
  const { usage, limit, after } = input;
  const parameters = parametersOf(usage);
  const start = after?.start ?? (await chooseStart(reader, usage));
  const spellings = start === 'customer' ? [''] : spellingsOf(usage[start] ?? '');
  const first = after === undefined ? 0 : spellings.indexOf(after.spelling);
  const customers: FoundCustomer[] = [];
  for (const [index, spelling] of spellings.entries()) {
    if (index < first) continue;
    const id = index === first ? (after?.id ?? '') : '';
    const wanted = limit - customers.length;
    const rows = await reader.read<FoundCustomer & { place: string }>(SEARCHES[start](usage.trusted ?? {}), {
      ...parameters,
      spelling,
      after: id,
      limit: wanted,
    });
    customers.push(...rows.map(({ place: _, ...customer }) => customer));
    const last = rows.at(-1);
    if (rows.length === wanted && last !== undefined)
      return { customers, next: { start, spelling, id: last.place } };
  }
  return { customers };
}

/** Starts at the state, one of about fifty, or at the brand if it is rare. */
async function chooseStart(reader: Reader, { state, brand }: Usage): Promise<UsageStart> {
  if (state === undefined) return brand === undefined ? 'customer' : 'brand';
  if (brand === undefined) return 'state';
  const [found] = await reader.read<{ methods: number; addresses: number }>(COUNT, {
    brands: spellingsOf(brand),
    states: spellingsOf(state),
    few: COUNT_LIMIT,
  });
  return found !== undefined && found.methods < found.addresses ? 'brand' : 'state';
}

/** An index finds a text only in its exact spelling; these are the usual ones. */
function spellingsOf(text: string): string[] {
  const lower = text.toLowerCase();
  const capital = lower.charAt(0).toUpperCase() + lower.slice(1);
  const capitals = lower.replaceAll(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase());
  return [...new Set([text, lower, text.toUpperCase(), capital, capitals])];
}

function parametersOf(usage: Usage): Record<string, unknown> {
  const { brand, trusted, user_agent, state, country, since } = usage;
  const asksDevice = trusted !== undefined || user_agent !== undefined;
  const asksShipping = state !== undefined || country !== undefined;
  return {
    brands: brand && spellingsOf(brand),
    states: state && spellingsOf(state),
    threshold: trusted?.threshold,
    ...(trusted && trustParameters(trusted, trusted.now)),
    user_agent: user_agent?.toLowerCase(),
    country,
    since,
    asks_device: asksDevice,
    asks_shipping: asksShipping,
    asks_use: brand !== undefined || asksDevice || (since !== undefined && !asksShipping),
  };
}
