/** Scans of all customers' payment methods, by page and in index order: a million of them take bounded memory. */

import type { CustomerStatus } from '../../domain/events.ts';
import { horizon } from '../../domain/expiry/calendar.ts';
import { type ExpiryScan, coveringNoticeKeys, recentUseSince } from '../../domain/expiry/candidates.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { Reader } from '../graph.ts';

export interface ScannedMethod {
  payment_method_id: string;
  customer_id: string;
  status: PaymentMethodStatus;
  /** `YYYY-MM-DD`; null if the method does not expire. */
  expires_on: string | null;
  is_default: boolean;
  use_count: number;
  /** RFC 3339 in UTC. */
  last_used: string;
}

const METHOD_COLUMNS = `
  p.id AS payment_method_id, c.id AS customer_id, p.status AS status, p.expires_on AS expires_on,
  h.is_default AS is_default, h.use_count AS use_count, h.last_used AS last_used`;

// In order of ids, which is index order, so nothing is sorted. About every second method is a default: few are skipped.
const DEFAULTS = `
  MATCH (p:PaymentMethod) WHERE p.id > $after
  MATCH (p)<-[h:HAS_PAYMENT_METHOD {is_default: true}]-(c:Customer)
  RETURN ${METHOD_COLUMNS} ORDER BY p.id LIMIT $limit`;

/**
 * Every customer's default method.
 * @param input.after the last id of the previous page
 */
export async function getAllDefaultPaymentMethods(
  reader: Reader,
  input: { limit: number; after?: string },
): Promise<ScannedMethod[]> {
  return reader.read<ScannedMethod>(DEFAULTS, { limit: input.limit, after: input.after ?? '' });
}

/** An active card whose last day is near or over. */
export interface ExpiringCard {
  payment_method_id: string;
  /** `YYYY-MM-DD`. */
  expires_on: string;
  /** `null`: it belongs to no customer any more. */
  customer_id: string | null;
  customer_status: CustomerStatus | null;
  /** Whether it is proven, and the default or used often and recently. */
  qualifies: boolean | null;
  /** As returned by `noticeKey`. */
  noticed: string | null;
}

/** Where a page of the scan ends. */
export interface ExpiryCursor {
  expires_on: string;
  payment_method_id: string;
}

// Cards expire on one day of each month. With equality on two keys and a range on the third, a page starts where the
// previous one ended; over all days together it would walk again through all cards of the month that are done.
const NEXT_DAY = `
  MATCH (p:PaymentMethod)
  USING INDEX SEEK p:PaymentMethod(status, expires_on, id)
  WHERE p.status = 'active' AND p.expires_on > date($after) AND p.expires_on <= date($to) AND p.id >= ''
  RETURN p.expires_on AS day ORDER BY p.status, p.expires_on LIMIT 1`;

// Limited before anything else is read: a page costs the same, however few of its cards qualify. Nothing more is read
// of a card whose notice was already decided.
const EXPIRING = `
  MATCH (p:PaymentMethod)
  USING INDEX SEEK p:PaymentMethod(status, expires_on, id)
  WHERE p.status = 'active' AND p.expires_on = date($day) AND p.id > $after
  WITH p ORDER BY p.status, p.expires_on, p.id LIMIT $limit
  WITH count(p) AS scanned, max(p.id) AS last,
    collect(CASE WHEN p.expiry_noticed IN $noticed THEN null ELSE p END) AS candidates
  RETURN scanned, last, COLLECT {
    UNWIND candidates AS p
    OPTIONAL MATCH (p)<-[h:HAS_PAYMENT_METHOD]-(c:Customer)
    RETURN {
      payment_method_id: p.id, customer_id: c.id, customer_status: c.status, noticed: p.expiry_noticed,
      qualifies: h.proven AND (h.is_default OR (h.use_count >= $frequent_use_count AND h.last_used >= datetime($used_since)))
    }
  } AS cards`;

interface Page {
  scanned: number;
  /** The last id; `null`: the page is empty. */
  last: string | null;
  cards: Omit<ExpiringCard, 'expires_on'>[];
}

/** Before the last day of any card. */
const FIRST_DAY = '0001-01-01';

/**
 * The active cards that expire soon, in order of their last day, without those whose notice for their stage was already
 * decided.
 * @param input.after where the previous page ended
 * @returns `scanned`: the number of cards including those; `next`: where the page ends, absent if there are no more
 */
export async function getExpiringPaymentMethods(
  reader: Reader,
  { scan, limit, after: cursor }: { scan: ExpiryScan; limit: number; after?: ExpiryCursor },
): Promise<{ cards: ExpiringCard[]; scanned: number; next?: ExpiryCursor }> {
  const { frequent_use_count } = scan;
  const to = horizon(scan.now, scan.stages);
  const used_since = recentUseSince(scan);
  let day = cursor?.expires_on ?? (await nextExpiryDay(reader, FIRST_DAY, to));
  let after = cursor?.payment_method_id ?? '';
  while (day !== undefined && day <= to) {
    const expires_on = day;
    const noticed = coveringNoticeKeys(expires_on, scan);
    const page = { day, after, limit, frequent_use_count, used_since, noticed };
    const [row] = await reader.read<Page>(EXPIRING, page);
    if (row?.last) {
      const { scanned, last: payment_method_id } = row;
      const cards = row.cards.map((card) => ({ ...card, expires_on }));
      return { cards, scanned, next: { expires_on, payment_method_id } };
    }
    day = await nextExpiryDay(reader, day, to);
    after = '';
  }
  return { cards: [], scanned: 0 };
}

async function nextExpiryDay(reader: Reader, after: string, to: string): Promise<string | undefined> {
  const [row] = await reader.read<{ day: string }>(NEXT_DAY, { after, to });
  return row?.day;
}
