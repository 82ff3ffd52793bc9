import { v7 as uuidv7 } from 'uuid';
import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { isErasedId } from '../erasure/erased-ids.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';

export interface NewCustomer {
  /** An unused UUID; absent: a new one is generated. */
  customer_id?: string;
  /** In upper case; default `NEW`. */
  segment?: string;
  locale?: string;
  /** Minor units of the reporting currency, at least 0. */
  ltv_minor?: number;
  gateway_customer_ref?: string;
}

const EXISTS = 'MATCH (c:Customer {id: $customer_id}) RETURN c.id AS id';

/**
 * Creates a customer without identifiers, methods or devices: for an import, or an account that is created manually.
 * Checkout uses `onboard`.
 * @throws PersonaError customer_exists, customer_not_found (the given customer was erased)
 */
export async function createCustomer(
  graph: Graph,
  header: CommandHeader,
  input: NewCustomer,
): Promise<{ customer_id: string; version: number }> {
  return runCommand(graph, header, 'createCustomer', input, async (tx) => {
    const { customer_id = uuidv7(), gateway_customer_ref: reference } = input;
    lockIdentities(tx, [`customer:${customer_id}`]);
    const [known] = await tx.run(EXISTS, { customer_id });
    if (known) throw new PersonaError('customer_exists', `customer ${customer_id} already exists`);
    if (await isErasedId(graph, tx, customer_id))
      throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
    tx.beginStream('customer', customer_id);
    const sealed =
      reference && tx.keyOf(customer_id).seal(reference, 'Customer', customer_id, 'gateway_customer_ref');
    tx.append({
      stream: 'customer',
      stream_id: customer_id,
      type: 'CustomerCreated',
      data: {
        segment: input.segment ?? 'NEW',
        locale: input.locale ?? null,
        ltv_minor: input.ltv_minor ?? 0,
        acquisition_date: tx.header.occurredAt,
        gateway_customer_ref: sealed ?? null,
      },
    });
    return { customer_id, version: tx.versionOf(customer_id) };
  });
}
