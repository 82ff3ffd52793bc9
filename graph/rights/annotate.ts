import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';

const EVENT =
  'MATCH (e:PersonaEvent {stream_id: $customer_id, seq: $seq}) RETURN e.type AS type, e.data AS data';

interface EventRef {
  customer_id: string;
  seq: number;
}

/** An event of a customer's stream. */
export async function findEvent(
  reader: Reader,
  { customer_id, seq }: EventRef,
): Promise<{ type: string; data: string } | undefined> {
  const [event] = await reader.read<{ type: string; data: string }>(EVENT, { customer_id, seq });
  return event;
}

export const eventNotFound = ({ customer_id, seq }: EventRef) =>
  new PersonaError('event_not_found', `customer ${customer_id} has no event ${seq}`);

/** The place for which a note is sealed: the event that it is about. */
export const notePlace = (customerId: string, seq: number) =>
  ['Note', `${customerId}:${seq}`, 'text'] as const;

/**
 * Adds a note to any event of the customer's stream, also to a masked one, and also for a suspended customer.
 * @throws PersonaError customer_not_found, event_not_found
 */
export async function annotateEvent(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; seq: number; text: string },
): Promise<{ noted_at: string }> {
  const { customer_id, seq, text } = input;
  return runCommand(graph, header, 'annotateEvent', input, async (tx) => {
    await tx.lockCustomer(customer_id);
    if ((await findEvent(tx, { customer_id, seq })) === undefined) throw eventNotFound({ customer_id, seq });
    const sealed = tx.keyOf(customer_id).seal(text, ...notePlace(customer_id, seq));
    const stream = { stream: 'customer', stream_id: customer_id } as const;
    tx.append({ ...stream, type: 'EventAnnotated', data: { seq, text: sealed } });
    return { noted_at: tx.header.occurredAt };
  });
}
