import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { CustomerStatus } from '../../domain/events/customer.ts';
import type { Reader } from '../kernel/reader.ts';
import { withoutNulls } from '../kernel/values.ts';

/** A customer's own properties; times are RFC 3339 in UTC. */
export interface Customer {
  customer_id: string;
  /** Minor units of the reporting currency. */
  ltv_minor: number;
  acquisition_date: string;
  segment: string;
  status: CustomerStatus;
  locale?: string;
  created_at: string;
  updated_at: string;
  version: number;
  changed_seq: number;
}

const CUSTOMER = `
  MATCH (c:Customer {id: $customer_id})
  RETURN c.id AS customer_id, c.ltv_minor AS ltv_minor, c.acquisition_date AS acquisition_date,
    c.segment AS segment, c.status AS status, c.locale AS locale, c.created_at AS created_at,
    c.updated_at AS updated_at, c.version AS version, c.changed_seq AS changed_seq`;

/** @throws PersonaError customer_not_found */
export async function getCustomer(reader: Reader, input: { customer_id: string }): Promise<Customer> {
  const [row] = await reader.read<Customer>(CUSTOMER, input);
  if (row === undefined || isHidden(row.status))
    throw new PersonaError('customer_not_found', `there is no customer ${input.customer_id}`);
  return withoutNulls(row);
}
