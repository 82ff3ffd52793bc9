/** Messages about a customer who is erased, or being erased: they are dropped and counted, and start nothing. */

import { PersonaError } from '../domain/errors.ts';
import { findErasureOf } from '../graph/erasure/index.ts';
import type { Graph } from '../graph/index.ts';

/** Where a message came in. */
export type Entrance = 'api' | 'kafka' | 'webhook' | 'signal';

/** Whether a message was refused because its customer is erased, or being erased. @throws as `namesErased` */
export async function isAboutErased(graph: Graph, error: unknown, input: unknown): Promise<boolean> {
  return error instanceof PersonaError && REFUSALS.has(error.type) && (await namesErased(graph, input));
}

/**
 * Whether a message names a customer who is erased, or being erased, also if it is invalid or stale.
 * @param input the message, with its `customer_id`
 * @throws PersonaError graph_unavailable
 */
export async function namesErased(graph: Graph, input: unknown): Promise<boolean> {
  const customer_id: unknown = Reflect.get(Object(input), 'customer_id');
  if (typeof customer_id !== 'string') return false;
  // A UUID in capitals is the same; the graph has ids as Persona writes them.
  return (await findErasureOf(graph, customer_id.toLowerCase())) !== undefined;
}

/** How a message is refused that names an unknown customer, or what belonged to them. */
const REFUSALS: ReadonlySet<string> = new Set([
  ...['customer_not_found', 'device_not_found', 'payment_method_not_found', 'recovery_not_found'],
  ...['fraud_case_not_found', 'obligation_mismatch'],
]);
