import type { CardNoticeTemplate } from '../../domain/ports.ts';
import type { Reader } from '../graph.ts';

/** A notice about a card that its customer has not got yet. */
export interface CardNoticeDue {
  notification_id: string;
  customer_id: string;
  payment_method_id: string;
  template: CardNoticeTemplate;
}

// By the notice, whose id begins with the card's: one index gives the due ones and their order. Of an erased customer there
// is nobody to write to.
const CARD_NOTICES_DUE = `
  MATCH (p:PaymentMethod)
  USING INDEX SEEK p:PaymentMethod(notice_due)
  WHERE p.notice_due > $after
  MATCH (p)<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  WHERE c.status <> 'erased'
  RETURN p.notice_due AS notification_id, c.id AS customer_id, p.id AS payment_method_id
  ORDER BY notification_id LIMIT $limit`;

function templateOf(notificationId: string): CardNoticeTemplate {
  return notificationId.includes(':card_expired:') ? 'card_expired' : 'card_expiring';
}

/**
 * What customers are still to hear of cards whose month ends. A page, in the order of the notifications' ids.
 *
 * @param input.after the last one of the page before, or empty
 */
export async function findCardNoticesDue(
  reader: Reader,
  { after, limit }: { after: string; limit: number },
): Promise<CardNoticeDue[]> {
  const rows = await reader.read<Omit<CardNoticeDue, 'template'>>(CARD_NOTICES_DUE, { after, limit });
  return rows.map((row) => ({ ...row, template: templateOf(row.notification_id) }));
}
