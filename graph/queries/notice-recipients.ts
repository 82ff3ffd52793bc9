import type { CustomerStatus } from '../../domain/events/customer.ts';
import type { IdentifierDetails } from '../../domain/onboarding/types.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';

export interface NoticeRecipient {
  to: string;
  channel: 'email' | 'sms';
}

/** Where to send notices to a customer, and in which language. */
export interface NoticeRecipients {
  status: CustomerStatus;
  locale?: string;
  /** The newest verified e-mail address, else the newest unverified one; without one, the phone number by this rule. */
  usual?: NoticeRecipient;
  /** The same with verified identifiers only: for notices that a stranger must not read. */
  verified?: NoticeRecipient;
}

const RECIPIENTS = `
  MATCH (c:Customer {id: $id}) WHERE c.status <> 'erased'
  WITH c, COLLECT {
    MATCH (c)-[h:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier) WHERE h.contested_seq IS NULL
    RETURN i {.id, .type, .value, .is_verified}
    ORDER BY i.type, i.is_verified DESC, h.linked_at DESC, i.id DESC
  } AS identifiers
  RETURN c.status AS status, c.locale AS locale, head(identifiers) AS usual,
    head([one IN identifiers WHERE one.is_verified]) AS verified`;

interface IdentifierRow {
  id: string;
  type: IdentifierDetails['type'];
  value: string;
}

interface RecipientsRow {
  status: CustomerStatus;
  locale: string | null;
  usual: IdentifierRow | null;
  verified: IdentifierRow | null;
}

/** `undefined`: the customer does not exist, or was erased. */
export async function getNoticeRecipients(
  graph: Graph,
  input: { customer_id: string },
): Promise<NoticeRecipients | undefined> {
  const owner = { label: 'CustomerKey', id: input.customer_id } as const;
  const { row, key } = await readWithOpenKey<RecipientsRow>(graph, owner, { cypher: RECIPIENTS });
  if (row === undefined || key === undefined) return undefined;
  return {
    status: row.status,
    ...(row.locale && { locale: row.locale }),
    ...(row.usual && { usual: recipientOf(row.usual, key) }),
    ...(row.verified && { verified: recipientOf(row.verified, key) }),
  };
}

function recipientOf({ id, type, value }: IdentifierRow, key: DataKey): NoticeRecipient {
  return {
    to: key.open(value, 'DigitalIdentifier', id, 'value'),
    channel: type === 'email' ? 'email' : 'sms',
  };
}
