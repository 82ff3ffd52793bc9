import type { CardNoticeTemplate } from '../../domain/ports.ts';
import type { Reader } from '../kernel/reader.ts';

/** A notice about a card that has not been sent to its customer yet. */
export interface CardNoticeDue {
  notification_id: string;
  customer_id: string;
  payment_method_id: string;
  template: CardNoticeTemplate;
}

// By the notice, whose id starts with the card's id: one index yields the due ones in order. An erased customer cannot
// be notified.
const CARD_NOTICES_DUE = `
  MATCH (p:PaymentMethod)
  USING INDEX SEEK p:PaymentMethod(notice_due)
  WHERE p.notice_due > $after
  MATCH (p)<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  WHERE NOT c.status IN ['erasing', 'erased']
  RETURN p.notice_due AS notification_id, c.id AS customer_id, p.id AS payment_method_id
  ORDER BY notification_id LIMIT $limit`;

function templateOf(notificationId: string): CardNoticeTemplate {
  return notificationId.includes(':card_expired:') ? 'card_expired' : 'card_expiring';
}

/**
 * Due notices about expiring cards: one page, ordered by notification id.
 *
 * @param input.after the last one of the previous page, or empty
 */
export async function findCardNoticesDue(
  reader: Reader,
  { after, limit }: { after: string; limit: number },
): Promise<CardNoticeDue[]> {
  const rows = await reader.read<Omit<CardNoticeDue, 'template'>>(CARD_NOTICES_DUE, { after, limit });
  return rows.map((row) => ({ ...row, template: templateOf(row.notification_id) }));
}
