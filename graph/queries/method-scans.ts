/** Payment methods of all customers, page after page, in the order of an index: a million of them take bounded memory. */

import type { CustomerStatus } from '../../domain/events.ts';
import { horizon } from '../../domain/expiry/calendar.ts';
import { type ExpiryScan, coveringNoticeKeys, recentUseSince } from '../../domain/expiry/candidates.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { Reader } from '../graph.ts';

export interface ScannedMethod {
  payment_method_id: string;
  customer_id: string;
  status: PaymentMethodStatus;
  /** `YYYY-MM-DD`; null for what does not expire. */
  expires_on: string | null;
  is_default: boolean;
  use_count: number;
  /** RFC 3339 in UTC. */
  last_used: string;
}

const METHOD_COLUMNS = `
  p.id AS payment_method_id, c.id AS customer_id, p.status AS status, p.expires_on AS expires_on,
  h.is_default AS is_default, h.use_count AS use_count, h.last_used AS last_used`;

// In the order of ids, which is an index's: about every second method is a default, so nothing is sorted or wasted.
const DEFAULTS = `
  MATCH (p:PaymentMethod) WHERE p.id > $after
  MATCH (p)<-[h:HAS_PAYMENT_METHOD {is_default: true}]-(c:Customer)
  RETURN ${METHOD_COLUMNS} ORDER BY p.id LIMIT $limit`;

/**
 * Every customer's default method.
 * @param input.after the last id of the page before
 */
export async function getAllDefaultPaymentMethods(
  reader: Reader,
  input: { limit: number; after?: string },
): Promise<ScannedMethod[]> {
  return reader.read<ScannedMethod>(DEFAULTS, { limit: input.limit, after: input.after ?? '' });
}

/** An active card whose last day has come near, or is over. */
export interface ExpiringCard {
  payment_method_id: string;
  /** `YYYY-MM-DD`. */
  expires_on: string;
  /** `null`: nobody has it any more. */
  customer_id: string | null;
  customer_status: CustomerStatus | null;
  /** Is it the default, or used often and lately, and proven to be the customer's? */
  qualifies: boolean | null;
  /** As `noticeKey` gives it. */
  noticed: string | null;
}

/** Where a page of the scan ends. */
export interface ExpiryCursor {
  expires_on: string;
  payment_method_id: string;
}

// Cards end on one day of each month. Equal on two keys and after a place on the third, a page begins where the last one
// ended; over all days at once it would walk again through each of a month's cards that are done.
const NEXT_DAY = `
  MATCH (p:PaymentMethod)
  USING INDEX SEEK p:PaymentMethod(status, expires_on, id)
  WHERE p.status = 'active' AND p.expires_on > date($after) AND p.expires_on <= date($to) AND p.id >= ''
  RETURN p.expires_on AS day ORDER BY p.status, p.expires_on LIMIT 1`;

// Cut before anything else is read: a page costs a page, however few of its cards matter. Of a card whose notice was
// decided on nothing more is read.
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
  /** The last id; `null`: there was none. */
  last: string | null;
  cards: Omit<ExpiringCard, 'expires_on'>[];
}

/** Before the first day of any card. */
const FIRST_DAY = '0001-01-01';

/**
 * The active cards that are near their end, those that end first first, but for those of which the notice of their stage
 * was decided on.
 * @param input.after where the page before ended
 * @returns `scanned`: how many the page has with those; `next`: where it ends; absent: there are no more
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
