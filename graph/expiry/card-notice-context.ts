import { monthOf } from '../../domain/expiry/calendar.ts';
import type { NoticeMethod } from '../../domain/ports.ts';
import type { Reader } from '../graph.ts';

/** What the text of a card notice needs. */
export interface CardNoticeContext {
  payment_method: NoticeMethod;
  /** `YYYY-MM`. */
  expires: string;
}

// A card that was added again or renewed has another month or another notice; a removed or quarantined one is no longer
// relevant.
const READ_CARD = `
  MATCH (p:PaymentMethod {id: $payment_method_id})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  WHERE p.notice_due = $notification_id AND p.status IN ['active', 'expired'] AND p.removed_at IS NULL
    AND c.status = 'active' AND $notification_id STARTS WITH 'expiry:' + p.id + ':' + substring(toString(p.expires_on), 0, 7)
    AND (p.status = 'expired') = ($notification_id CONTAINS ':card_expired:')
  RETURN p.brand AS brand, p.last_four AS last_four, p.expires_on AS expires_on`;

/** `undefined`: the notice is no longer due, or its content is outdated. */
export async function getCardNoticeContext(
  reader: Reader,
  notice: { payment_method_id: string; notification_id: string },
): Promise<CardNoticeContext | undefined> {
  const [row] = await reader.read<{ brand: string | null; last_four: string | null; expires_on: string }>(
    READ_CARD,
    { payment_method_id: notice.payment_method_id, notification_id: notice.notification_id },
  );
  return (
    row && {
      payment_method: { brand: row.brand ?? 'payment method', last_four: row.last_four ?? '' },
      expires: monthOf(row.expires_on),
    }
  );
}
