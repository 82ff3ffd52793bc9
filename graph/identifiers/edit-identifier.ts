import type { IdentifierDetails } from '../../domain/onboarding/types.ts';
import type { Policy } from '../../domain/policy.ts';
import { lockOwner, type Requester } from '../customers/lock-owner.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import { requireVersion } from '../kernel/expected-version.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import {
  linkIdentifier,
  lockIdentifier,
  markVerified,
  parseIdentifier,
  readIdentifiers,
  requireIdentifier,
  requireUncontested,
  type StoredIdentifier,
  unlinkIdentifier,
} from './identifiers.ts';

interface IdentifierRef {
  customer_id: string;
  identifier_id: string;
  by: Requester;
  /** The profile's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

/** `changed` is false if there was nothing to change and no event was written. `version` is the customer's. */
interface EditedIdentifier {
  changed: boolean;
  version: number;
}

/**
 * Links an e-mail address or a phone number to a customer, unverified. One that the customer already has does not
 * change.
 * @throws PersonaError invalid_argument (malformed, or a blocked value), customer_not_found, customer_suspended,
 * identifier_belongs_to_other_customer
 */
export async function addDigitalIdentifier(
  graph: Graph,
  header: CommandHeader,
  input: {
    customer_id: string;
    type: IdentifierDetails['type'];
    value: string;
    by: Requester;
    policy: Pick<Policy, 'onboarding'>;
  },
): Promise<{ identifier_id: string; added: boolean; version: number }> {
  const { policy, ...body } = input;
  const { customer_id, by } = body;
  const identifier = parseIdentifier(body, 'value', { policy, blindIndex: graph.blindIndex });
  return runCommand(graph, header, 'addDigitalIdentifier', body, async (tx) => {
    lockIdentities(tx, identifier.hashes);
    const [, existing] = await Promise.all([
      lockOwner(tx, customer_id, by),
      readIdentifiers(tx, customer_id),
    ]);
    const linked = await linkIdentifier(tx, customer_id, identifier, existing);
    return { ...linked, version: tx.versionOf(customer_id) };
  });
}

/**
 * Marks an identifier as verified by its customer. Everything that was onboarded through it becomes proven.
 * @param input.evidence - what shows it, such as the code that came back; recorded in the event, encrypted
 * @throws PersonaError customer_not_found, customer_suspended (requested by the customer), identifier_not_found,
 * stale_version
 */
export async function verifyDigitalIdentifier(
  graph: Graph,
  header: CommandHeader,
  input: IdentifierRef & { evidence?: string },
): Promise<EditedIdentifier> {
  const { customer_id, identifier_id, evidence } = input;
  return edit(graph, header, 'verifyDigitalIdentifier', input, async (tx, identifier) => {
    requireUncontested(identifier);
    if (!identifier.is_verified) await markVerified(tx, customer_id, identifier_id, evidence);
  });
}

/**
 * Removes an identifier from its customer, for example when a number has a new owner. Others may then add it.
 * @throws PersonaError customer_not_found, customer_suspended, identifier_not_found, stale_version
 */
export async function removeDigitalIdentifier(
  graph: Graph,
  header: CommandHeader,
  input: IdentifierRef,
): Promise<EditedIdentifier> {
  return edit(graph, header, 'removeDigitalIdentifier', input, async (tx) =>
    unlinkIdentifier(tx, input.customer_id, input.identifier_id),
  );
}

async function edit(
  graph: Graph,
  header: CommandHeader,
  name: string,
  input: IdentifierRef,
  change: (tx: CommandTx, identifier: StoredIdentifier) => Promise<void>,
): Promise<EditedIdentifier> {
  const { customer_id, identifier_id, by, expected_version } = input;
  return runCommand(graph, header, name, input, async (tx) => {
    await lockIdentifier(tx, identifier_id);
    const [customer, existing] = await Promise.all([
      lockOwner(tx, customer_id, by),
      readIdentifiers(tx, customer_id),
    ]);
    requireVersion(`the profile of customer ${customer_id}`, customer.changed_seq, expected_version);
    const before = customer.version;
    await change(tx, requireIdentifier(existing, customer_id, identifier_id));
    const version = tx.versionOf(customer_id);
    return { changed: version !== before, version };
  });
}
