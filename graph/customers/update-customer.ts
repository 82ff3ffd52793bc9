import type { EventData } from '../../domain/events.ts';
import type { IdentifierDetails } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import { requireVersion } from '../expected-version.ts';
import type { Graph } from '../graph.ts';
import {
  linkIdentifier,
  type NormalisedIdentifier,
  parseIdentifier,
  readIdentifiers,
  unlinkIdentifier,
} from '../identifiers/identifiers.ts';
import { lockIdentities } from '../identity-locks.ts';
import { lockOwner, type Requester } from './lock-owner.ts';

export interface CustomerUpdate {
  customer_id: string;
  /** `null` removes it; absent: unchanged. */
  locale?: string | null;
  /** In upper case. */
  segment?: string;
  /** The complete list: identifiers not in it are removed, new ones are unverified. Absent: unchanged. */
  identifiers?: { type: IdentifierDetails['type']; value: string }[];
  by: Requester;
  /** The profile's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

/**
 * Changes a customer's profile in one command: language, segment, identifiers.
 * @throws PersonaError invalid_argument, customer_not_found, customer_suspended (requested by the customer),
 * stale_version, identifier_belongs_to_other_customer
 */
export async function updateCustomer(
  graph: Graph,
  header: CommandHeader,
  input: CustomerUpdate & { policy: Pick<Policy, 'onboarding'> },
): Promise<{ changed: boolean; version: number }> {
  const { policy, ...body } = input;
  const { customer_id, by, expected_version } = body;
  const identifiers = body.identifiers?.map((entry, index) =>
    parseIdentifier(entry, `identifiers[${index}].value`, { policy, blindIndex: graph.blindIndex }),
  );
  return runCommand(graph, header, 'updateCustomer', body, async (tx) => {
    if (identifiers !== undefined) {
      // Also the existing ones, which may be removed: onboardings decide by them.
      const presentHashes = (await readIdentifiers(tx, customer_id)).map((entry) => entry.value_hash);
      lockIdentities(tx, [...presentHashes, ...identifiers.flatMap(({ hashes }) => hashes)]);
    }
    const customer = await lockOwner(tx, customer_id, by);
    requireVersion(`the profile of customer ${customer_id}`, customer.changed_seq, expected_version);
    const before = customer.version;
    const changes: EventData['CustomerProfileUpdated'] = {};
    if (body.locale !== undefined && body.locale !== (customer.locale ?? null)) changes.locale = body.locale;
    if (body.segment !== undefined && body.segment !== customer.segment) changes.segment = body.segment;
    if (Object.keys(changes).length > 0) {
      tx.append({
        stream: 'customer',
        stream_id: customer_id,
        type: 'CustomerProfileUpdated',
        data: changes,
      });
    }
    if (identifiers !== undefined) await replaceIdentifiers(tx, customer_id, identifiers);
    const version = tx.versionOf(customer_id);
    return { changed: version !== before, version };
  });
}

async function replaceIdentifiers(
  tx: CommandTx,
  customerId: string,
  wanted: readonly NormalisedIdentifier[],
): Promise<void> {
  const existing = await readIdentifiers(tx, customerId);
  const isWanted = (entry: (typeof existing)[number]) =>
    wanted.some(({ type, hashes }) => type === entry.type && hashes.includes(entry.value_hash));
  for (const entry of existing) if (!isWanted(entry)) unlinkIdentifier(tx, customerId, entry.identifier_id);
  const linked = new Set<string | undefined>();
  for (const identifier of wanted) {
    const [hash] = identifier.hashes;
    if (!linked.has(hash)) await linkIdentifier(tx, customerId, identifier, existing);
    linked.add(hash);
  }
}
