import { v7 as uuidv7 } from 'uuid';
import { isBlocked } from '../../domain/blocked-values.ts';
import { validationError, PersonaError } from '../../domain/errors.ts';
import { normaliseIdentifier } from '../../domain/identity.ts';
import type { IdentifierDetails } from '../../domain/onboarding/types.ts';
import type { Policy } from '../../domain/policy.ts';
import type { BlindIndex } from '../../security/blind-index.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import type { Reader } from '../kernel/reader.ts';
import { openWallet } from '../wallet/wallet.ts';

/** An identifier in the normalised form in which it is compared. */
export interface NormalisedIdentifier {
  type: IdentifierDetails['type'];
  value: string;
  hashes: string[];
}

/** An identifier as stored in the graph: the value is encrypted. */
export interface StoredIdentifier {
  identifier_id: string;
  type: IdentifierDetails['type'];
  value: string;
  value_hash: string;
  is_verified: boolean;
  /** Its customer contests it. */
  is_contested: boolean;
  linked_at: string;
}

/**
 * @param field the field's name in the error
 * @throws PersonaError invalid_argument, also for a placeholder or blocked value
 */
export function parseIdentifier(
  { type, value }: Pick<IdentifierDetails, 'type' | 'value'>,
  field: string,
  { policy, blindIndex }: { policy: Pick<Policy, 'onboarding'>; blindIndex: BlindIndex },
): NormalisedIdentifier {
  const normalised = normaliseIdentifier(type, value, policy.onboarding.phoneRegion);
  if (!normalised.ok) throw validationError([{ field, message: normalised.problem }]);
  if (isBlocked(type, normalised.value, policy.onboarding.blockedValues))
    throw validationError([{ field, message: 'must not be a placeholder or blocked value' }]);
  return { type, value: normalised.value, hashes: blindIndex.hashes(type, normalised.value) };
}

const READ_IDENTIFIERS = `
  MATCH (:Customer {id: $customer_id})-[h:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier)
  RETURN i.id AS identifier_id, i.type AS type, i.value AS value, i.value_hash AS value_hash,
    i.is_verified AS is_verified, h.contested_seq IS NOT NULL AS is_contested, h.linked_at AS linked_at
  ORDER BY linked_at, identifier_id`;

/** A customer's identifiers, oldest first. */
export async function readIdentifiers(reader: Reader, customerId: string): Promise<StoredIdentifier[]> {
  return reader.read<StoredIdentifier>(READ_IDENTIFIERS, { customer_id: customerId });
}

const HOLDER = `
  UNWIND $hashes AS value_hash
  MATCH (i:DigitalIdentifier {type: $type, value_hash: value_hash})<-[:HAS_DIGITAL_IDENTIFIER]-(c:Customer)
  RETURN c.id AS customer_id LIMIT 1`;

/**
 * Links an identifier to a locked customer, under the lock of its hashes.
 * @returns its id; the existing one if the customer already has it
 * @throws PersonaError identifier_belongs_to_other_customer
 */
export async function linkIdentifier(
  tx: CommandTx,
  customerId: string,
  { type, value, hashes }: NormalisedIdentifier,
  existing: readonly StoredIdentifier[],
): Promise<{ identifier_id: string; added: boolean }> {
  const known = existing.find(
    (candidate) => candidate.type === type && hashes.includes(candidate.value_hash),
  );
  if (known !== undefined) return { identifier_id: known.identifier_id, added: false };
  const [holder] = await tx.run<{ customer_id: string }>(HOLDER, { type, hashes });
  if (holder !== undefined) {
    throw new PersonaError(
      'identifier_belongs_to_other_customer',
      `this ${type === 'email' ? 'e-mail address' : 'phone number'} belongs to another customer`,
    );
  }
  const identifier_id = uuidv7();
  const sealed = tx.keyOf(customerId).seal(value, 'DigitalIdentifier', identifier_id, 'value');
  tx.append({
    stream: 'customer',
    stream_id: customerId,
    type: 'DigitalIdentifierAdded',
    data: { identifier_id, type, value: sealed, is_verified: false },
  });
  return { identifier_id, added: true };
}

/** @throws PersonaError identifier_not_found */
export function requireIdentifier(
  existing: readonly StoredIdentifier[],
  customerId: string,
  identifierId: string,
): StoredIdentifier {
  const found = existing.find((candidate) => candidate.identifier_id === identifierId);
  if (found) return found;
  throw new PersonaError(
    'identifier_not_found',
    `customer ${customerId} has no digital identifier ${identifierId}`,
  );
}

/** @throws PersonaError illegal_transition: whether it is verified waits for the decision on its contest */
export function requireUncontested({ identifier_id, is_contested }: StoredIdentifier): void {
  if (is_contested)
    throw new PersonaError(
      'illegal_transition',
      `identifier ${identifier_id} is contested, and not decided yet`,
    );
}

const HASHES_OF = `
  MATCH (i:DigitalIdentifier {id: $identifier_id})
  RETURN i.value_hash AS value_hash`;

/**
 * The first lock of a command that verifies or removes an identifier. An onboarding with that identifier decides by it
 * before it locks the customer: without this lock it could rely on an identifier that has been removed.
 */
export async function lockIdentifier(tx: CommandTx, identifierId: string): Promise<void> {
  const rows = await tx.run<{ value_hash: string }>(HASHES_OF, { identifier_id: identifierId });
  lockIdentities(
    tx,
    rows.map((row) => row.value_hash),
  );
}

/**
 * What was onboarded through the unverified identifier becomes proven, and may become the default.
 * @param evidence recorded in the event, encrypted
 */
export async function markVerified(
  tx: CommandTx,
  customerId: string,
  identifierId: string,
  evidence?: string,
): Promise<void> {
  const wallet = await openWallet(tx, customerId);
  const sealed =
    evidence === undefined
      ? undefined
      : tx.keyOf(customerId).seal(evidence, 'DigitalIdentifier', identifierId, 'evidence');
  tx.append({
    stream: 'customer',
    stream_id: customerId,
    type: 'DigitalIdentifierVerified',
    data: { identifier_id: identifierId, ...(sealed !== undefined && { evidence: sealed }) },
  });
  wallet.onIdentifierVerified(identifierId);
}

export function unlinkIdentifier(tx: CommandTx, customerId: string, identifierId: string): void {
  tx.append({
    stream: 'customer',
    stream_id: customerId,
    type: 'DigitalIdentifierRemoved',
    data: { identifier_id: identifierId },
  });
}
