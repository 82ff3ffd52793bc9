/** A stored node or edge as an export gives it out. */

import { type PaymentMethodStatus, statusShownToCustomer } from '../payment-method.ts';
import { type Fields, NODE_FIELDS } from './fields.ts';

type Stored = Readonly<Record<string, unknown>>;
/** Opens a value that was sealed for a field of the node. */
type Open = (sealed: string, field: string) => string;

/** What has no value is left out. @param open absent: nothing in it is sealed */
export function shownFields(
  fields: Fields,
  stored: Stored,
  open: Open = (sealed) => sealed,
): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [field, kind] of Object.entries(fields)) {
    const value = stored[field] ?? null;
    if (value === null) continue;
    if (kind === 'sealed') shown[field] = open(value as string, field);
    else if (kind === 'payment_method_status')
      shown[field] = statusShownToCustomer(value as PaymentMethodStatus);
    else shown[field] = value;
  }
  return shown;
}

/** The id of a fraud case's notice contains the case's own. */
export function shownNotice(notice: Stored): Record<string, unknown> {
  const { notification_id: _, ...ofCase } = NODE_FIELDS.Notice;
  return shownFields((notice.case_id ?? null) === null ? NODE_FIELDS.Notice : ofCase, notice);
}
