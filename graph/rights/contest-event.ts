import { contestId, isContestable, linkOf } from '../../domain/contests.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { ContestedLink } from '../../domain/events/rights.ts';
import { AddressBook, readAddresses } from '../addresses/addresses.ts';
import { lockIdentifier } from '../identifiers/identifiers.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { openWallet } from '../wallet/wallet.ts';
import { eventNotFound, findEvent } from './annotate.ts';
import { readContest } from './contests.ts';

const LINKED: Readonly<Record<ContestedLink['type'], string>> = {
  LOGGED_IN_FROM:
    'MATCH (:Customer {id: $customer_id})-[e:LOGGED_IN_FROM]->(:Device {id: $id}) RETURN count(e) > 0 AS is_linked',
  SHIPPED_TO:
    'MATCH (:Customer {id: $customer_id})-[e:SHIPPED_TO]->(:Address {id: $id}) RETURN count(e) > 0 AS is_linked',
  HAS_DIGITAL_IDENTIFIER: `
    MATCH (:Customer {id: $customer_id})-[e:HAS_DIGITAL_IDENTIFIER]->(:DigitalIdentifier {id: $id})
    RETURN count(e) > 0 AS is_linked`,
  HAS_PAYMENT_METHOD: `
    MATCH (:Customer {id: $customer_id})-[e:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $id})
    RETURN count(e) > 0 AS is_linked`,
};

/**
 * Contests an event of the customer's stream. What the event linked to the customer counts as unproven until the
 * decision; a contested default is replaced in the same transaction. Also for a suspended customer.
 * @throws PersonaError customer_not_found, event_not_found, event_not_contestable, contest_exists
 */
export async function contestEvent(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; seq: number; reason: string },
): Promise<{ contest_id: string }> {
  const { customer_id, seq, reason } = input;
  return runCommand(graph, header, 'contestEvent', input, async (tx) => {
    const event = await findEvent(tx, { customer_id, seq });
    const link = event && linkOf(event.type, JSON.parse(event.data));
    // As for a removal: an onboarding decides by an identifier before it locks the customer.
    if (link?.type === 'HAS_DIGITAL_IDENTIFIER') await lockIdentifier(tx, link.id);
    await tx.lockCustomer(customer_id);
    if (event === undefined) throw eventNotFound({ customer_id, seq });
    if (!isContestable(event.type))
      throw new PersonaError('event_not_contestable', `event ${seq} states no fact about the customer`);
    await refuseRepetition(tx, input);
    const contest_id = contestId(customer_id, seq);
    const restricts = link && (await isLinked(tx, customer_id, link)) ? link : null;
    const sealed = tx.keyOf(customer_id).seal(reason, 'Contest', contest_id, 'reason');
    const data = { seq, reason: sealed, restricts };
    tx.append({ stream: 'customer', stream_id: customer_id, type: 'EventContested', data });
    await repairDefaults(tx, { customer_id, link: restricts, reason: 'contested' });
    return { contest_id };
  });
}

async function refuseRepetition(
  tx: CommandTx,
  { customer_id, seq, reason }: { customer_id: string; seq: number; reason: string },
): Promise<void> {
  const known = await readContest(tx, { customer_id, seq });
  if (known === undefined) return;
  if (known.state === 'open')
    throw new PersonaError('contest_exists', `event ${seq} is contested already, and not decided yet`);
  if (tx.keyOf(customer_id).open(known.reason, 'Contest', known.contest_id, 'reason') === reason)
    throw new PersonaError('contest_exists', `event ${seq} was contested for this reason, and decided`);
}

async function isLinked(tx: CommandTx, customer_id: string, { type, id }: ContestedLink): Promise<boolean> {
  const [row] = await tx.read<{ is_linked: boolean }>(LINKED[type], { customer_id, id });
  return row?.is_linked === true;
}

/**
 * Restores the rules of the default method or address after an edge has become proven or unproven.
 * @param change.reason of a new default
 */
export async function repairDefaults(
  tx: CommandTx,
  change: { customer_id: string; link: ContestedLink | null; reason: string },
): Promise<void> {
  const { customer_id, link, reason } = change;
  if (link?.type === 'HAS_PAYMENT_METHOD') (await openWallet(tx, customer_id)).ensureDefault(reason);
  if (link?.type === 'SHIPPED_TO')
    new AddressBook(tx, customer_id, await readAddresses(tx, customer_id)).repairDefaults();
}
